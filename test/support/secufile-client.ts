import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";

/** Parsed JSON as the outside reads it. */
export type Json = ReturnType<typeof JSON.parse>;

export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  /** The body, parsed where it is JSON. */
  readonly body: Json;
  readonly bytes: Buffer;
};

/** What is sent as it is. */
export type RawBody = string | Uint8Array<ArrayBuffer>;

export type CallOptions = {
  readonly body?: unknown;
  /** Sent as it is, instead of `body`; its type is the caller's to say. */
  readonly raw?: RawBody;
  readonly headers?: Readonly<Record<string, string>>;
};

/** What speaks to a server with one token, below `/v1/secufile` unless a path says otherwise. */
export type Client = {
  readonly origin: string;
  readonly token: string;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  post(path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
};

/** `path` is below `/v1/secufile`; one that begins with `/v1/`, `/sign/` or `/.well-known/` is taken as it is. */
export function clientOf(origin: string, token: string): Client {
  async function call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const { body, raw, headers = {} } = options;
    const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const answer = await fetch(`${origin}${/^\/(?:v1|sign|\.well-known)\//.test(path) ? "" : "/v1/secufile"}${path}`, {
      method,
      headers: {
        ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(content === undefined ? {} : { body: content }),
      redirect: "manual",
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const isJson = /[/+]json\b/.test(answer.headers.get("content-type") ?? "") && bytes.length > 0;
    return {
      status: answer.status,
      headers: answer.headers,
      body: isJson ? JSON.parse(bytes.toString()) : null,
      bytes,
    };
  }
  return {
    origin,
    token,
    call,
    get: (path, headers) => call("GET", path, headers === undefined ? {} : { headers }),
    post: (path, body, headers) => call("POST", path, { body, ...(headers === undefined ? {} : { headers }) }),
  };
}

/** Asserts the status and gives the body; a failure shows what the server said instead. */
export function expected(answer: Answer, status: number): Json {
  assert.equal(answer.status, status, answer.bytes.toString("utf8").slice(0, 500));
  return answer.body;
}

/** Asserts a problem (RFC 9457) with this status and code, and gives it. */
export function expectedProblem(answer: Answer, status: number, code: string): Json {
  const problem = expected(answer, status);
  assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
  assert.equal(problem.code, code);
  assert.equal(problem.status, status);
  for (const member of ["type", "title", "detail", "instance", "request_id"])
    assert.equal(typeof problem[member], "string", member);
  return problem;
}

/** A client with a token of its own that holds `scopes`. */
export async function withScopes(
  client: Client,
  scopes: readonly string[],
  order: Readonly<Record<string, unknown>> = {},
): Promise<Client & { readonly tokenId: string }> {
  const made = expected(await client.post("/tokens", { name: "test", scopes, ...order }), 201);
  return { ...clientOf(client.origin, made.token), tokenId: made.token_id };
}

/** Another organisation on the same server, by its operator, with a token of every scope. */
export async function newOrganisation(server: { origin: string; operatorToken: string }): Promise<Client> {
  const operator = clientOf(server.origin, server.operatorToken);
  const tenant = expected(await operator.post("/v1/tenants", { name: "Another organisation" }), 201);
  const made = expected(await operator.post(`/v1/tenants/${tenant.tenant_id}/secufile-tokens`, { name: "first" }), 201);
  return clientOf(server.origin, made.token);
}

/** A document that waits for an upload; answers its id. */
export async function newDocument(client: Client, members: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const order = { filename: "deed.pdf.age", key_wrap: "vault://kms/key/01HX...", ...members };
  return expected(await client.post("/documents", order), 201).document_id;
}

/** A document with this content; answers its id. */
export async function storedDocument(
  client: Client,
  content: Uint8Array<ArrayBuffer>,
  members: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const id = await newDocument(client, members);
  expected(await client.call("PUT", `/documents/${id}/content`, { raw: content }), 200);
  return id;
}

const SETTLE_LIMIT_MS = 20_000;
const FIRST_LOOK_MS = 10;
const MAX_LOOK_MS = 100;

/**
 * Looks until `wanted` gives something other than null; another process's work gives no other sign. What takes longer is
 * looked for less often: each look is work for the server that is waited for.
 */
export async function eventually<T>(what: string, wanted: () => Promise<T | null>): Promise<T> {
  const end = Date.now() + SETTLE_LIMIT_MS;
  for (let pauseMs = FIRST_LOOK_MS; Date.now() < end; pauseMs = Math.min(pauseMs * 1.3, MAX_LOOK_MS)) {
    const found = await wanted();
    if (found !== null) return found;
    await pause(pauseMs);
  }
  throw new Error(`it did not come about: ${what}`);
}

const REVOCATION_LIMIT_MS = 1_000;

/**
 * Asks until the client is refused with 401, and asserts that nothing asked a second after `sinceMs` (of
 * `performance.now()`) was still answered. How long an answer takes does not count: a busy machine is no failure.
 */
export async function refusedFrom(client: Client, sinceMs: number): Promise<void> {
  let lastAnsweredMs = sinceMs;
  await eventually("the token is refused", async () => {
    const askedMs = performance.now();
    const { status } = await client.get("/documents");
    if (status === 401) return true;
    lastAnsweredMs = askedMs;
    return null;
  });
  assert.ok(lastAnsweredMs - sinceMs < REVOCATION_LIMIT_MS, `still answered ${lastAnsweredMs - sinceMs} ms later`);
}

/** The document once it is no longer pending. */
export function settled(client: Client, id: string): Promise<Json> {
  return eventually(`${id} is settled`, async () => {
    const { body } = await client.get(`/documents/${id}`);
    return body.status === "pending" ? null : body;
  });
}

/** By URL; connections stay open for a moment, because tests look in bursts. */
const lookers = new Map<string, pg.Pool>();

/** Runs one statement as the cluster's superuser, who sees behind the tenant wall. */
export async function look(superUrl: string, text: string, values: readonly unknown[] = []): Promise<Json[]> {
  let pool = lookers.get(superUrl);
  if (pool === undefined) {
    pool = new pg.Pool({ connectionString: superUrl, idleTimeoutMillis: 500, allowExitOnIdle: true });
    // The database may be stopped or dropped meanwhile; the pool then forgets the connection.
    pool.on("error", () => undefined);
    lookers.set(superUrl, pool);
  }
  return (await pool.query(text, [...values])).rows;
}

/** Rows of every table of ours, those of the audit log apart: refusals are on record, too. */
export function rowCounts(superUrl: string): Promise<Readonly<Record<string, number>>> {
  return ofEveryTable(superUrl, "count(*)", Number);
}

/**
 * What stands in every table of ours, those of the audit log and of rates apart, as a digest of all rows with all columns
 * but those that a server writes by the clock: when and where a token was last seen, and that its worker lives. Refused
 * requests count for rates as all others do. Waits until no event is on its way.
 */
export async function tableDigests(superUrl: string): Promise<Readonly<Record<string, string>>> {
  await eventually("no event is on its way", async () => {
    const [row] = await look(superUrl, "select count(*)::int as count from platform.event_queue");
    return row.count === 0 ? true : null;
  });
  const row = "(to_jsonb(t) - '{last_used_at,last_used_ip,beat_at}'::text[])::text";
  const digest = `count(*) || '/' || md5(coalesce(string_agg(${row}, ',' order by ${row}), ''))`;
  const digests = Object.entries(await ofEveryTable(superUrl, digest, String));
  return Object.fromEntries(digests.filter(([table]) => !table.startsWith("platform.rate_")));
}

async function ofEveryTable<T>(
  superUrl: string,
  expression: string,
  read: (text: string) => T,
): Promise<Readonly<Record<string, T>>> {
  const rows: { name: string; value: string }[] = await look(
    superUrl,
    `select table_schema || '.' || table_name as name,
            (xpath('/row/c/text()', query_to_xml(format('select %s as c from %I.%I t', $1::text, table_schema, table_name),
              false, true, '')))[1]::text as value
       from information_schema.tables
      where table_type = 'BASE TABLE'
        and table_schema in ('secufile', 'platform')
        and table_name !~ '^(audit_|log_|top_|refusals$)'
      order by 1`,
    [expression],
  );
  return Object.fromEntries(rows.map((row) => [row.name, read(row.value)]));
}
