import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { systemClock } from "./platform/clock/clock.ts";
import { readConfig } from "./platform/config/config.ts";
import type { Method } from "./platform/http/route.ts";
import { createSmoother } from "./platform/limits/smoothing.ts";
import { networkOf } from "./platform/limits/network.ts";
import { listen, type ServedRoute } from "./platform/server/listen.ts";
import { createMetrics } from "./platform/server/metrics.ts";
import type { Services } from "./platform/product.ts";
import { testLog } from "../test/support/database.ts";
import { allProducts } from "../test/support/all-products.ts";
import { openMailbox, type Mailbox } from "../test/support/mailbox.ts";
import { openVisits, visit, type Visit } from "../test/support/open-visits.ts";
import { demoTenant, newPerson, signIn, type Person } from "../test/support/people.ts";
import { clientOf, expected, look, withScopes, type Client } from "../test/support/secufile-client.ts";
import { startTestServer } from "../test/support/server.ts";
import { demoSsks } from "../test/support/ssks-client.ts";

/** Every route that a server answers, as its own library knows them. */
async function servedRoutes(): Promise<readonly ServedRoute[]> {
  const config = readConfig({ TABELLION_PORT: "0" });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nobody calls it, and listening asks for no other part
  const services = { config, log: testLog, clock: systemClock } as unknown as Services;
  const server = await listen({
    services,
    products: allProducts,
    metrics: createMetrics(),
    smoother: createSmoother({ clock: systemClock }),
    readiness: { check: async () => ({}) },
    refusals: { note: () => undefined },
  });
  await server.close();
  return server.routes;
}

const KEYS = "public keys, for whoever verifies; the same for all organisations";
const DOCUMENT = "the published document, made of the sources";
const STYLE = "a style sheet of the sources";

/** What leaves no row when it is shown to nobody in particular, and why: nothing of any organisation is in it. */
const PUBLIC: Readonly<Record<string, string>> = {
  "health.live": "says that the process answers",
  "health.ready": "says which part of the server cannot work",
  metrics: "numbers of the whole server, asked for every few seconds by whom the operator let in; refusals are counted",
  "platform.listAccessKeys": KEYS,
  "ssks.listFactorTokenKeys": KEYS,
  "secufile.listSignatureKeys": KEYS,
  "secufile.getSignStyle": STYLE,
  "platform.getPageStyle": STYLE,
  ...Object.fromEntries(
    ["secufile", "ssks", "platform"].flatMap((product) =>
      ["getOpenApiJson", "getOpenApiYaml", "getReference", "getReferenceStyle", "getPostmanCollection"].map(
        (operation) => [`${product}.${operation}`, DOCUMENT] as const,
      ),
    ),
  ),
};

/** Routes of which no request below is known to leave a trace, and that are not listed above. */
function unaccounted(routes: readonly ServedRoute[], driven: ReadonlySet<string>, visited: ReadonlySet<string>) {
  return routes
    .filter(({ operation, isOpen, method }) => {
      // What browsers ask before they call says whether pages may, and nothing else. HEAD is GET without its body.
      if (operation === null) return true;
      if (method === "OPTIONS" && isOpen) return false;
      if (!isOpen) return !driven.has(operation);
      return !visited.has(operation) && !(Object.hasOwn(PUBLIC, operation) && ["GET", "HEAD"].includes(method));
    })
    .map(({ method, path, operation }) => `${method} ${path} (${operation})`);
}

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

describe("every request is on record", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let drives: readonly Drive[];
  let mailbox: Mailbox;
  let owner: Person;
  let member: Client;
  let unknown: readonly Visit[];

  before(async () => {
    mailbox = await openMailbox();
    server = await startTestServer({ ...mailbox.env, TABELLION_TRUSTED_PROXIES: "127.0.0.0/8" });
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
    drives = allProducts.flatMap((product) =>
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

  test("every route that the server answers is driven below or is a public document; a new one is not", async () => {
    const routes = await servedRoutes();
    const visits = await openVisits({ server, mailbox, tenantId: owner.tenantId });
    const driven = new Set(drives.map(({ operation }) => operation));
    const visited = new Set(visits.map(({ operation }) => operation));
    assert.ok(routes.length > 200, `${routes.length} routes`);
    assert.deepEqual(unaccounted(routes, driven, visited), []);
    const known = new Set(routes.map(({ operation }) => operation));
    assert.deepEqual(
      Object.keys(PUBLIC).filter((operation) => !known.has(operation)),
      [],
      "listed, but there is no such route",
    );
    const added: readonly ServedRoute[] = [
      { method: "GET", path: "/debug", operation: null, isOpen: true },
      { method: "GET", path: "/v1/new", operation: "secufile.showNew", isOpen: true },
      { method: "POST", path: "/v1/secufile/openapi.json", operation: "secufile.getOpenApiJson", isOpen: true },
      { method: "GET", path: "/v1/newer", operation: "secufile.getNewer", isOpen: false },
    ];
    assert.equal(unaccounted(added, driven, visited).length, added.length);
    unknown = visits;
  });

  test("every route of every product leaves a row: when it succeeds, when it is refused, when its body is wrong", async () => {
    assert.ok(drives.length > 100, `${drives.length} requests`);
    assert.deepEqual(await escaping(), []);
  });

  test("the check objects when one operation leaves no row", async () => {
    await dropRows("secufile.getKey");
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

  /** A seeded breach: rows of this action are not written. */
  async function dropRows(action: string): Promise<void> {
    await look(
      server.database.superUrl,
      `
      create function platform.drop_row() returns trigger language plpgsql as $$ begin return null; end $$;
      create trigger seeded_breach before insert on platform.audit_events for each row
        when (new.action = '${action}') execute function platform.drop_row()`,
    );
  }

  /** Asks every route that wants a credential, with a wrong one; answers how often. */
  async function refusedWithoutCredential(): Promise<number> {
    const asked = new Map(drives.map((drive) => [`${drive.method} ${drive.path}`, drive]));
    for (const { method, path, operation } of asked.values()) {
      const headers = { authorization: "Bearer nonsense", "x-forwarded-for": addressOf(3, 0) };
      const { status } = await fetch(server.origin + path, { method, headers });
      assert.equal(status, 401, `${operation} ${path}`);
    }
    return asked.size;
  }

  /** Addresses that left audit rows, and how often each network was refused. */
  async function tracesOf(superUrl: string) {
    const seen = await look(superUrl, "select distinct event::json #>> '{actor,ip}' as ip from platform.audit_events");
    const counts = await look(
      superUrl,
      "select source, sum(count)::int as count from platform.refusals group by source",
    );
    return {
      rows: new Set(seen.map((row) => row.ip)),
      counts: new Map(counts.map((row) => [row.source, row.count])),
    };
  }

  /** Each visit comes from a network of its own, by which its traces are known. */
  const addressOf = (series: number, index: number): string => `10.${series}.${index}.7`;

  test("so does every request of somebody unknown: a row where a link, a password or a session is shown, else a count", async () => {
    const { origin, database } = server;
    for (const [index, each] of unknown.entries()) {
      const status = await visit(origin, each, addressOf(1, index));
      assert.ok(status < 500, `${each.operation}, ${each.why}: ${status}`);
    }
    const looks = unknown.filter(({ operation }) => operation === "secufile.showSignPage");
    await dropRows("secufile.showSignPage");
    for (const [index, each] of looks.entries()) await visit(origin, each, addressOf(2, index));
    const refused = await refusedWithoutCredential();
    // Counts are written at the stop, too.
    await server.stop();
    const traces = await tracesOf(database.superUrl);
    const untraced = (visits: readonly Visit[], series: number): string[] =>
      visits.flatMap(({ operation, why, leaves }, index) => {
        const address = addressOf(series, index);
        const isLeft = traces.rows.has(address) || (leaves === "trace" && traces.counts.has(networkOf(address)));
        return isLeft ? [] : [`${operation}, ${why}`];
      });
    assert.deepEqual(untraced(unknown, 1), []);
    const links = ["a signer's link", "the envelope's link"];
    assert.deepEqual(
      untraced(looks, 2),
      links.map((why) => `secufile.showSignPage, ${why}`),
      "the check objects",
    );
    assert.equal(traces.counts.get(networkOf(addressOf(3, 0))), refused);
  });
});
