import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { systemClock } from "./platform/clock/clock.ts";
import type { TokenCheck } from "./platform/credentials/check.ts";
import { administration } from "./platform/administration/product.ts";
import type { Method } from "./platform/http/route.ts";
import { createPeople } from "./platform/sessions/people.ts";
import type { Product, Services } from "./platform/product.ts";
import { secufile } from "./products/secufile/product.ts";
import { rotateEvidenceKey } from "./products/secufile/operations/evidence.ts";
import { secufileRoleScopes, secufileScopes } from "./products/secufile/scopes.ts";
import { ssks } from "./products/ssks/product.ts";
import { ssksRoleScopes, ssksScopes } from "./products/ssks/scopes.ts";
import { openMailbox, type Mailbox } from "../test/support/mailbox.ts";
import { demoTenant, newPerson, signIn, type Person } from "../test/support/people.ts";
import { clientOf, expected, look, withScopes, type Client } from "../test/support/secufile-client.ts";
import { startTestServer } from "../test/support/server.ts";
import { demoSsks } from "../test/support/ssks-client.ts";

/** Only handlers look at what a server is made of, and no request is handled here. */
// oxlint-disable-next-line typescript/no-unsafe-assignment -- a clock is all that is needed, by the line above
const nothing: Services & TokenCheck = Object.assign(Object.create(null), { clock: systemClock });
const products: readonly Product[] = [
  secufile(nothing, nothing),
  ssks(nothing, nothing),
  administration(
    nothing,
    { secufile: secufileScopes, ssks: ssksScopes },
    createPeople(nothing, { secufile: secufileRoleScopes, ssks: ssksRoleScopes }),
    rotateEvidenceKey,
  ),
];

/** One request to one path of one route. */
type Drive = {
  readonly operation: string;
  readonly method: Method;
  readonly path: string;
  readonly client: () => Client;
  readonly body: unknown;
  readonly why: string;
};

/** An id that nothing has. Most routes answer 404 to it, some 422. */
const NOBODY = "01KB2Q6V9XJ4M8T3RZ5C7D1E0F";
const PREFIXES: Readonly<Record<string, string>> = {
  documents: "doc_",
  tokens: "tok_",
  webhooks: "whk_",
  tenants: "ten_",
  members: "mem_",
  sessions: "ses_",
  audit: "aud_",
};

function pathOf(template: string): string {
  return template
    .replace("{member_id}", `mem_${NOBODY}`)
    .replaceAll(/\/([a-z-]+)\/\{[a-z_]+\+?\}/g, (_all, noun: string) => `/${noun}/${PREFIXES[noun] ?? ""}${NOBODY}`)
    .replaceAll(/\{[a-z_]+\+?\}/g, NOBODY);
}

describe("every authenticated request is on record", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let drives: readonly Drive[];
  let mailbox: Mailbox;
  let owner: Person;
  let member: Client;

  before(async () => {
    mailbox = await openMailbox();
    server = await startTestServer(mailbox.env);
    const tenantId = await demoTenant(server.database.superUrl);
    owner = await newPerson(server, mailbox, { tenantId, role: "owner" });
    const full = clientOf(server.origin, server.apiKey);
    const whole = (): Client => full;
    const operator = clientOf(server.origin, server.operatorToken);
    const demo = await demoSsks(server);
    const manager = clientOf(server.origin, demo.token);
    // At the published paths the application's own headers, elsewhere a token.
    const storage: Client = {
      ...manager,
      call: (method, path, options = {}) =>
        path.startsWith("/v1/") ? manager.call(method, path, options) : demo.back(path, options.body ?? {}),
    };
    const narrow = new Map<string, Client>();
    for (const scope of ["documents:read", "webhooks:read"]) narrow.set(scope, await withScopes(full, [scope]));
    drives = products.flatMap((product) =>
      product.routes.flatMap((route) =>
        route.paths.flatMap((template): Drive[] => {
          const to = { operation: `${product.name}.${route.operation}`, method: route.method, path: pathOf(template) };
          const forOperator = route.scopes?.includes("operator") === true;
          const platform = forOperator ? () => operator : () => member;
          const able = { platform, ssks: () => storage }[product.name] ?? whole;
          const other = [...narrow].find(([scope]) => route.scopes?.includes(scope) !== true)?.[1] ?? full;
          const unable = (): Client => other;
          const hasBody = route.body?.kind === "json";
          return [
            {
              ...to,
              client: able,
              body: hasBody ? (route.examples?.request ?? {}) : undefined,
              why: "as it should be",
            },
            ...(hasBody ? [{ ...to, client: able, body: { nonsense: true }, why: "with a wrong body" }] : []),
            ...((route.scopes ?? []).length > 0 && able === whole
              ? [{ ...to, client: unable, body: undefined, why: "without the scope" }]
              : []),
          ];
        }),
      ),
    );
    const isEnd = ({ operation }: Drive): boolean => operation === "platform.logOut";
    drives = [...drives.filter((drive) => !isEnd(drive)), ...drives.filter(isEnd)];
  });
  after(async () => {
    await server.remove();
    await mailbox.close();
  });

  async function rows(): Promise<number> {
    const [row] = await look(
      server.database.superUrl,
      "select count(*)::int as count from platform.audit_events where actor_type in ('token', 'operator', 'member')",
    );
    return row.count;
  }

  /** What left no row although somebody who is known had asked for it. */
  async function escapes(drive: Drive): Promise<string | null> {
    const earlier = await rows();
    const answer = await drive
      .client()
      .call(drive.method, drive.path, drive.body === undefined ? {} : { body: drive.body });
    assert.notEqual(answer.status, 401, `${drive.operation}: ${answer.bytes.toString()}`);
    assert.ok(answer.status < 500, `${drive.operation}: ${answer.bytes.toString()}`);
    return (await rows()) > earlier
      ? null
      : `${drive.operation} ${drive.why} (${drive.method} ${drive.path}): ${answer.status}`;
  }

  async function escaping(): Promise<string[]> {
    const found: string[] = [];
    // One of the routes signs out.
    member = await signIn(server.origin, owner);
    for (const drive of drives) {
      const escape = await escapes(drive);
      if (escape !== null) found.push(escape);
    }
    return found;
  }

  test("every route of every product leaves a row: when it succeeds, when it is refused, when its body is wrong", async () => {
    assert.ok(drives.length > 100, `${drives.length} requests`);
    assert.deepEqual(await escaping(), []);
  });

  test("the check objects when one operation leaves no row", async () => {
    await look(
      server.database.superUrl,
      `
      create function platform.drop_row() returns trigger language plpgsql as $$ begin return null; end $$;
      create trigger seeded_breach before insert on platform.audit_events for each row
        when (new.action = 'secufile.getKey') execute function platform.drop_row()`,
    );
    const found = await escaping();
    await look(
      server.database.superUrl,
      "drop trigger seeded_breach on platform.audit_events; drop function platform.drop_row()",
    );
    assert.ok(found.length > 0);
    for (const escape of found) assert.match(escape, /^secufile\.getKey /);
  });

  test("a path that answers by another method, and one that nobody answers at, name nobody and leave no row", async () => {
    const earlier = await rows();
    const full = clientOf(server.origin, server.apiKey);
    expected(await full.call("PATCH", "/documents"), 405);
    expected(await full.get("/nowhere"), 404);
    assert.equal(await rows(), earlier);
  });
});
