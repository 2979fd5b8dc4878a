import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { systemClock } from "./platform/clock/clock.ts";
import { readConfig } from "./platform/config/config.ts";
import type { Method } from "./platform/http/route.ts";
import { createSmoother } from "./platform/limits/smoothing.ts";
import { networkOf } from "./platform/limits/network.ts";
import { listen, type ServedRoute } from "./platform/server/listen.ts";
import { SERVER_TENANT } from "./platform/keys/keyring.ts";
import { createMetrics } from "./platform/server/metrics.ts";
import type { Services } from "./platform/product.ts";
import { testLog } from "../test/support/database.ts";
import { allProducts } from "../test/support/all-products.ts";
import { startLocalServer, type LocalServer } from "../test/support/local-server.ts";
import { openMailbox, type Mailbox } from "../test/support/mailbox.ts";
import { openVisits, visit, type Visit } from "../test/support/open-visits.ts";
import { demoTenant, newPerson, signIn, type Person } from "../test/support/people.ts";
import {
  clientOf,
  expected,
  look,
  withScopes,
  type Answer,
  type CallOptions,
  type Client,
} from "../test/support/secufile-client.ts";
import { startTestServer } from "../test/support/server.ts";
import { succeed, type Ask, type Asked } from "../test/support/succeeding-calls.ts";
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

/** Where the row that tells of a success says what happened by another name than the operation's. */
const OWN_ACTIONS: Readonly<Record<string, string>> = {
  "secufile.putContent": "secufile.storeContent",
  // The operator does for an organisation what its own people could.
  "platform.createSecufileToken": "secufile.createToken",
  "platform.createSsksToken": "ssks.createToken",
  "platform.inviteTenantMember": "platform.inviteMember",
  "platform.withdrawTenantInvitation": "platform.withdrawInvitation",
  "platform.changeTenantMember": "platform.changeMember",
  "platform.removeTenantMember": "platform.removeMember",
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
  readonly options: CallOptions;
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
  /** How each operation is called, and by whom. */
  const calls = new Map<string, Pick<Drive, "method" | "path" | "client">>();
  let receiver: LocalServer;
  let mailbox: Mailbox;
  let owner: Person;
  let member: Client;
  let unknown: readonly Visit[];

  before(async () => {
    mailbox = await openMailbox();
    receiver = await startLocalServer((_request, response) => void response.writeHead(204).end());
    server = await startTestServer({
      ...mailbox.env,
      TABELLION_TRUSTED_PROXIES: "127.0.0.0/8",
      TABELLION_REQUESTS_PER_SECOND: "1000",
    });
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
        path.startsWith("/v1/")
          ? manager.call(method, path, options)
          : demo.back(path, options.body ?? {}, options.headers),
    };
    const narrow = new Map<string, Client>();
    for (const scope of ["documents:read", "webhooks:read"]) narrow.set(scope, await withScopes(full, [scope]));
    drives = allProducts.flatMap((product) =>
      product.routes.flatMap((route) => {
        const operation = `${product.name}.${route.operation}`;
        const forOperator = route.scopes?.includes("operator") === true;
        const platform = forOperator ? () => operator : () => member;
        const client = { platform, ssks: () => storage }[product.name] ?? whole;
        calls.set(operation, { method: route.method, path: route.paths[0], client });
        const other = [...narrow].find(([scope]) => route.scopes?.includes(scope) !== true)?.[1] ?? full;
        const hasBody = route.body?.kind === "json";
        const isScoped = (route.scopes ?? []).length > 0 && client === whole;
        return route.paths.flatMap((template): Drive[] => {
          const to = { operation, method: route.method, path: pathOf(template), client };
          const example = hasBody ? { body: route.examples?.request ?? {} } : {};
          return [
            { ...to, options: example, why: "as the document has it" },
            ...(hasBody ? [{ ...to, options: { body: { nonsense: true } }, why: "with a wrong body" }] : []),
            ...(isScoped ? [{ ...to, client: () => other, options: {}, why: "without the scope" }] : []),
          ];
        });
      }),
    );
    const isEnd = ({ operation }: Drive): boolean => operation === "platform.logOut";
    drives = [...drives.filter((drive) => !isEnd(drive)), ...drives.filter(isEnd)];
  });
  after(async () => {
    await server.remove();
    await Promise.all([mailbox.close(), receiver.close()]);
  });

  async function rows(): Promise<number> {
    const [row] = await look(
      server.database.superUrl,
      "select count(*)::int as count from platform.audit_events where actor_type in ('token', 'operator', 'member')",
    );
    return row.count;
  }

  /** Operations that were answered with a 2xx. */
  const succeeded = new Set<string>();
  let count = 0;

  /** One request, from an address of its own by which its row is known; and what is wrong with that row. */
  async function drove(drive: Drive): Promise<{ answer: Answer; objection: string | null }> {
    const { operation, method, path, options, why } = drive;
    count += 1;
    const address = `198.18.${count >> 8}.${count & 255}`;
    const headers = { ...options.headers, "x-forwarded-for": address };
    const answer = await drive.client().call(method, path, { ...options, headers });
    assert.notEqual(answer.status, 401, `${operation}: ${answer.bytes.toString()}`);
    assert.ok(answer.status < 500, `${operation}: ${answer.bytes.toString()}`);
    if (answer.status < 300) succeeded.add(operation);
    const wrong = await wrongRow({ drive, address, answer });
    return {
      answer,
      objection: wrong === null ? null : `${operation} ${why} (${method} ${path}): ${answer.status}, ${wrong}`,
    };
  }

  /** Looks, as the answer is there, into the log in which the request belongs. */
  async function wrongRow(request: { drive: Drive; address: string; answer: Answer }): Promise<string | null> {
    const { drive, address, answer } = request;
    const newest = await look(
      server.database.superUrl,
      `select action, actor_type, outcome, event::json #>> '{actor,ip}' as ip, event::json #>> '{details,request_id}' as request
         from platform.audit_events where tenant_id = $1 order by id desc limit 20`,
      [wallOf(drive)],
    );
    const own = newest.filter(({ ip }) => ip === address);
    if (own.length === 0) return "no row";
    const outcome = answer.status < 400 ? "success" : [403, 429].includes(answer.status) ? "denied" : "failed";
    const fitting = own.filter((row) => row.action === actionOf(drive, outcome) && row.outcome === outcome);
    if (fitting.length === 0) return `rows ${JSON.stringify(own)} instead of one that says ${outcome}`;
    if (fitting.some(({ actor_type: actor }) => !["token", "operator", "member"].includes(actor)))
      return "of no caller";
    const id = answer.headers.get("x-request-id");
    return fitting.every(({ request: named }) => named === null || named === id) ? null : "the row of another request";
  }

  function actionOf({ operation, path }: Drive, outcome: string): string {
    // Before the route is entered: there is nobody for whom the operator could act.
    const isOfNobody = new RegExp(`^/v1/tenants/ten_${NOBODY}`).test(path);
    if (isOfNobody && operation !== "platform.deleteTenant") return "platform.authenticate";
    return outcome === "success" ? (OWN_ACTIONS[operation] ?? operation) : operation;
  }

  /** The log of the organisation that calls, or that the operator acts for; else the server's own. */
  function wallOf({ path, method, client }: Drive): string {
    if (client().token !== server.operatorToken) return owner.tenantId;
    const [, named, below] = /^\/v1\/tenants\/(ten_[^/]+)(\/.*)?$/.exec(path) ?? [];
    const isShredding = method === "DELETE" && below === undefined;
    return named === undefined || isShredding || named.endsWith(NOBODY) ? SERVER_TENANT : named;
  }

  async function objectionsTo(some: readonly Drive[]): Promise<string[]> {
    const found: string[] = [];
    // One of the routes signs out.
    member = await signIn(server.origin, owner);
    for (const drive of some) {
      const { objection } = await drove(drive);
      if (objection !== null) found.push(objection);
    }
    return found;
  }

  /** What a route is called with when it is to succeed. */
  function callOf(operation: string, { params = {}, query, as, ...options }: Asked): Drive {
    const known = calls.get(operation);
    assert.ok(known !== undefined, operation);
    const filled = known.path.replaceAll(/\{([a-z_]+)\+?\}/g, (_all, name: string) => params[name] ?? `no-${name}`);
    const path = query === undefined ? filled : `${filled}?${query}`;
    return {
      operation,
      method: known.method,
      path,
      client: as === undefined ? known.client : () => as,
      options,
      why: "succeeding",
    };
  }

  /** To rows of calls that succeeded. */
  const objections: string[] = [];
  const ask: Ask = async (operation, asking = {}) => {
    const { answer, objection } = await drove(callOf(operation, asking));
    assert.ok(answer.status >= 200 && answer.status < 300, `${operation}: ${answer.status} ${answer.bytes.toString()}`);
    if (objection !== null) objections.push(objection);
    return answer.body;
  };

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

  test("every operation that asks for a credential succeeds, and its answer comes with the row that tells of it", async () => {
    member = await signIn(server.origin, owner);
    await succeed(ask, { server, mailbox, tenantId: owner.tenantId, receiver });
    assert.deepEqual(objections, []);
    const never = [...calls.keys()].filter((operation) => !succeeded.has(operation));
    assert.deepEqual(never, [], "operations of which no request here succeeds");
  });

  test("so does every path of every route where nothing is there, where its body is wrong, and without the scope", async () => {
    assert.ok(drives.length > 100, `${drives.length} requests`);
    assert.deepEqual(await objectionsTo(drives), []);
  });

  test("the check objects when one operation leaves no row, or that of another operation", async () => {
    const { key_id: id } = await ask("secufile.createKey", { body: { name: "another key" } });
    const some = [
      callOf("secufile.getKey", { params: { id } }),
      ...drives.filter(({ path }) => path.includes("/kms/")),
    ];
    for (const fault of ["return null", "new.action := 'secufile.another'; return new"]) {
      await breach("secufile.getKey", fault);
      const found = await objectionsTo(some);
      await mend();
      assert.equal(found.length, some.filter(({ operation }) => operation === "secufile.getKey").length);
      assert.match(found[0] ?? "", /^secufile\.getKey succeeding .*: 200, /);
      for (const objection of found) assert.match(objection, /^secufile\.getKey /);
    }
  });

  test("a path that answers by another method, and one that nobody answers at, name nobody and leave no row", async () => {
    const earlier = await rows();
    const full = clientOf(server.origin, server.apiKey);
    expected(await full.call("PATCH", "/documents"), 405);
    expected(await full.get("/nowhere"), 404);
    assert.equal(await rows(), earlier);
  });

  /** A seeded breach: what becomes of rows of this action. */
  async function breach(action: string, fault: string): Promise<void> {
    await look(
      server.database.superUrl,
      `
      create function platform.breach() returns trigger language plpgsql as $$ begin ${fault}; end $$;
      create trigger seeded_breach before insert on platform.audit_events for each row
        when (new.action = '${action}') execute function platform.breach()`,
    );
  }

  async function mend(): Promise<void> {
    const text = "drop trigger seeded_breach on platform.audit_events; drop function platform.breach()";
    await look(server.database.superUrl, text);
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

  /** In whose log which address left a row, and how often each network was refused. */
  async function tracesOf(superUrl: string) {
    const seen = await look(
      superUrl,
      "select distinct tenant_id, event::json #>> '{actor,ip}' as ip from platform.audit_events",
    );
    const counts = await look(
      superUrl,
      "select source, sum(count)::int as count from platform.refusals group by source",
    );
    return {
      rows: new Set(seen.map((row) => `${row.tenant_id} ${row.ip}`)),
      counts: new Map(counts.map((row) => [row.source, row.count])),
    };
  }

  /** Each visit comes from a network of its own, by which its traces are known. */
  const addressOf = (series: number, index: number): string => `10.${series}.${index}.7`;

  test("a request of somebody unknown is answered as it should be, and leaves a row where a link, a password or a session is shown, else a count", async () => {
    const { origin, database } = server;
    for (const [index, each] of unknown.entries()) {
      const status = await visit(origin, each, addressOf(1, index));
      assert.equal(status, each.status, `${each.operation}, ${each.why}`);
    }
    const looks = unknown.filter(({ operation }) => operation === "secufile.showSignPage");
    await breach("secufile.showSignPage", "return null");
    for (const [index, each] of looks.entries()) await visit(origin, each, addressOf(2, index));
    const refused = await refusedWithoutCredential();
    // Counts are written at the stop, too.
    await server.stop();
    const traces = await tracesOf(database.superUrl);
    const untraced = (visits: readonly Visit[], series: number): string[] =>
      visits.flatMap(({ operation, why, leaves }, index) => {
        const address = addressOf(series, index);
        const walls =
          leaves === "trace" ? [owner.tenantId, SERVER_TENANT] : [leaves === "row" ? owner.tenantId : SERVER_TENANT];
        const isRow = walls.some((wall) => traces.rows.has(`${wall} ${address}`));
        const isLeft = isRow || (leaves === "trace" && traces.counts.has(networkOf(address)));
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
