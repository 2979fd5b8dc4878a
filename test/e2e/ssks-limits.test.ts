import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openMailbox, type Mailbox } from "../support/mailbox.ts";
import { expected, look, type Answer, type Json } from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { newApp, openSession, TEMPLATE } from "../support/ssks-app.ts";
import { frontFrom, newUser, type SsksClient } from "../support/ssks-client.ts";

const [HERE, THERE] = ["127.0.0.1", "127.0.0.2"] as const;
const SESSION = "0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b";
/** Nothing runs out of a bucket while a test runs, however slow the machine is. */
const DAY = 86_400;
const ONCE = { burst: 1, every_seconds: DAY } as const;

type Called = Promise<Answer>;
type Places = { readonly app: SsksClient; readonly other: SsksClient };
/** Two calls that a limit counts, one that it does not, and what is answered where it does not hold them back. */
type Row = {
  readonly limit: string;
  readonly what?: string;
  readonly status: number;
  calls(places: Places): readonly [first: () => Called, second: () => Called, free: () => Called];
};

function send(app: SsksClient, user: object, more: object = {}): Called {
  const order = { ...user, create_user: true, template: TEMPLATE, fake_otp: true, ...more };
  return app.back("/tmr/back/challenge_send/", order);
}

/** A wrong challenge for a session of a user's own. */
async function guess(app: SsksClient, from: string, user = newUser()): Called {
  const { sessionId } = await openSession(app, user);
  const body = { challenge: "bbbbbbbb", auth_factor: user.auth_factor };
  return frontFrom(from, app, { path: "/tmr/front/challenge_validate/", session: sessionId, body });
}

function search(app: SsksClient, from: string, user = newUser().user_id, secret = "wrong"): Called {
  return frontFrom(from, app, { path: "/search/", body: { app_id: app.appId, user_id: user, secret } });
}

function push(app: SsksClient, from: string, user = newUser().user_id): Called {
  const body = { app_id: app.appId, user_id: user, secret: "right", data_b64: "AAEC" };
  return frontFrom(from, app, { path: "/push/", body });
}

/** Somebody with a session that never was. */
function unknownSession(path: string, body?: object): readonly Row[] {
  const call = (app: SsksClient, from: string): Called => frontFrom(from, app, { path, session: SESSION, body });
  const what = `by ${path} with unknown sessions`;
  return [
    {
      limit: "challenges_per_address",
      what,
      status: 404,
      calls: ({ app }) => [() => call(app, HERE), () => call(app, HERE), () => call(app, THERE)],
    },
    {
      limit: "challenges_per_app",
      what,
      status: 404,
      calls: ({ app, other }) => [() => call(app, HERE), () => call(app, THERE), () => call(other, HERE)],
    },
  ];
}

const rows: readonly Row[] = [
  {
    limit: "sends_per_user",
    status: 200,
    calls({ app }) {
      const { user_id } = newUser();
      const again = (): Called => send(app, { ...newUser(), user_id });
      return [again, again, () => send(app, newUser())];
    },
  },
  {
    limit: "sends_per_factor",
    status: 200,
    calls({ app }) {
      const { auth_factor } = newUser();
      const again = (): Called => send(app, { ...newUser(), auth_factor });
      return [again, again, () => send(app, newUser())];
    },
  },
  {
    limit: "sends_per_app",
    status: 200,
    calls: ({ app, other }) => [() => send(app, newUser()), () => send(app, newUser()), () => send(other, newUser())],
  },
  {
    limit: "challenges_per_factor",
    status: 403,
    calls({ app }) {
      const user = newUser();
      return [() => guess(app, HERE, user), () => guess(app, THERE, user), () => guess(app, HERE)];
    },
  },
  {
    limit: "challenges_per_address",
    status: 403,
    calls: ({ app }) => [() => guess(app, HERE), () => guess(app, HERE), () => guess(app, THERE)],
  },
  {
    limit: "challenges_per_app",
    status: 403,
    calls: ({ app, other }) => [() => guess(app, HERE), () => guess(app, THERE), () => guess(other, HERE)],
  },
  {
    limit: "searches_found_per_address",
    status: 200,
    calls: ({ app }) => [() => hit(app, HERE), () => hit(app, HERE), () => hit(app, THERE)],
  },
  ...unknownSession("/tmr/front/challenge_validate/", { challenge: "aaaaaaaa", auth_factor: newUser().auth_factor }),
  ...unknownSession("/tmr/front/push/", { data_b64: "AAEC" }),
  ...unknownSession("/tmr/front/search/"),
  ...unknownSession("/tmr/front/get_factor_token/", { auth_factor_type: "EM", auth_factor_value: "a@example.org" }),
  ...[
    { name: "searches", call: search, status: 404 },
    { name: "pushes", call: push, status: 200 },
  ].flatMap(({ name, call, status }): Row[] => [
    {
      limit: `${name}_per_user_and_address`,
      status,
      calls({ app }) {
        const { user_id } = newUser();
        return [() => call(app, HERE, user_id), () => call(app, HERE, user_id), () => call(app, THERE, user_id)];
      },
    },
    {
      limit: `${name}_per_user`,
      status,
      calls({ app }) {
        const { user_id } = newUser();
        return [() => call(app, HERE, user_id), () => call(app, THERE, user_id), () => call(app, THERE)];
      },
    },
    {
      limit: `${name}_per_address`,
      status,
      calls: ({ app }) => [() => call(app, HERE), () => call(app, HERE), () => call(app, THERE)],
    },
    {
      limit: `${name}_per_app`,
      status,
      calls: ({ app, other }) => [() => call(app, HERE), () => call(app, THERE), () => call(other, HERE)],
    },
  ]),
];

/** Stores a slot, which is then found again and again. */
function hit(app: SsksClient, from: string): Called {
  const { user_id } = newUser();
  return push(app, THERE, user_id).then(() => search(app, from, user_id, "right"));
}

/** Asserts what the contract says of too many calls, and gives the seconds to wait. */
function heldBack(answer: Answer): number {
  const body = expected(answer, 429);
  const told = answer.headers.get("retry-after") ?? "";
  assert.match(told, /^[1-9]\d*$/);
  assert.deepEqual(body, { detail: `Request was throttled. Expected available in ${told} seconds.` });
  return Number(told);
}

describe("budgets of SSKS", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let mailbox: Mailbox;
  before(async () => {
    mailbox = await openMailbox();
    server = await startTestServer({ ...mailbox.env, TABELLION_REQUESTS_PER_SECOND: "10000" });
  });
  after(async () => {
    await server.remove();
    await mailbox.close();
  });

  test("each that an application can set is in the table of these tests", async () => {
    const document = (await (await fetch(`${server.origin}/v1/ssks/openapi.json`)).json()) as Json;
    const settable: object = document.components.schemas.CreateAppRequest.properties.limits.properties;
    assert.deepEqual(Object.keys(settable).toSorted(), [...new Set(rows.map(({ limit }) => limit))].toSorted());
  });

  for (const { limit, what, status, calls } of rows) {
    test(`${limit} holds back the second call${what === undefined ? "" : ` ${what}`}, and nobody whom it does not count`, async () => {
      const limits = { [limit]: ONCE };
      const [app, other] = [await newApp(server, { limits }), await newApp(server, { limits })];
      const [first, second, free] = calls({ app, other });
      expected(await first(), status);
      const seconds = heldBack(await second());
      assert.ok(seconds <= DAY && seconds > DAY / 2, `${seconds}`);
      expected(await free(), status);
    });
  }

  test("mails_per_hour holds back what would be sent, and neither a session without a mail nor another application", async () => {
    const [app, other] = [await newApp(server, { mails_per_hour: 1 }), await newApp(server, { mails_per_hour: 1 })];
    const real = { fake_otp: false, force_auth: true };
    const first = newUser();
    expected(await send(app, first, real), 200);
    assert.ok(heldBack(await send(app, newUser(), real)) <= 3_600);
    expected(await send(app, newUser(), { fake_otp: false }), 200);
    expected(await send(other, newUser(), real), 200);
    await mailbox.mailTo(first.auth_factor.value);
  });

  test("a stranger cannot lock the owner out of the search by password", async () => {
    const app = await newApp(server);
    const { user_id: owner } = newUser();
    expected(await push(app, THERE, owner), 200);
    let refused = 0;
    for (; refused < 1_000; refused++) {
      const answer = await search(app, HERE, owner);
      if (answer.status === 429) break;
      expected(answer, 404);
    }
    assert.ok(refused >= 10, `${refused}`);
    heldBack(await search(app, HERE, owner, "right"));
    expected(await search(app, THERE, owner, "right"), 200);
  });

  test("who floods one user's search from nine addresses holds up nobody at a tenth, and from ten those who are new to that user alone", async () => {
    const bursts = { searches_per_user_and_address: 10, searches_per_user: 100, searches_per_address: 100 };
    const slow = Object.entries(bursts).map(([name, burst]) => [name, { burst, every_seconds: DAY }]);
    const app = await newApp(server, { limits: Object.fromEntries(slow) });
    const [{ user_id: owner }, { user_id: neighbour }] = [newUser(), newUser()];
    const flood = async (last: number): Promise<void> => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => search(app, `127.0.1.${last}`, owner)));
      assert.equal(answers.filter(({ status }) => status === 404).length, 10);
    };
    for (const user of [owner, neighbour]) expected(await push(app, THERE, user), 200);
    for (let last = 1; last <= 9; last++) await flood(last);
    expected(await search(app, THERE, owner, "right"), 200);
    await flood(10);
    heldBack(await search(app, HERE, owner, "right"));
    expected(await search(app, HERE, neighbour, "right"), 200);
    // Where the right password was given before, strangers hold nobody up.
    expected(await search(app, THERE, owner, "right"), 200);
  });

  test("where the right password was given before, guesses are as few as ever while strangers flood the user", async () => {
    const [few, one] = [
      { burst: 3, every_seconds: DAY },
      { burst: 1, every_seconds: DAY },
    ];
    const app = await newApp(server, { limits: { searches_per_user_and_address: few, searches_per_user: one } });
    const { user_id: owner } = newUser();
    expected(await push(app, THERE, owner), 200);
    expected(await search(app, THERE, owner, "right"), 200);
    expected(await search(app, HERE, owner), 404);
    heldBack(await search(app, HERE, owner, "right"));
    // Two that are wrong are told nothing, and cost what they would cost otherwise.
    for (const secret of ["wrong", "also wrong"]) heldBack(await search(app, THERE, owner, secret));
    for (let times = 0; times < 3; times++) expected(await search(app, THERE, owner, "right"), 200);
    heldBack(await search(app, THERE, owner, "a third"));
    heldBack(await search(app, THERE, owner, "right"));
    expected(await app.back("/strict/back/identity_delete/", { user_id: owner }), 200);
    const known = "select * from ssks.known_addresses where user_id = $1";
    assert.deepEqual(await look(server.database.superUrl, known, [owner]), []);
  });
});
