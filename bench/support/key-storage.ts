import { randomBytes, randomUUID } from "node:crypto";
import pg, { type PoolClient } from "pg";
import { createPool, type Pool } from "../../src/platform/db/pool.ts";
import { sql, type Statement } from "../../src/platform/db/sql.ts";
import { newId } from "../../src/platform/ids/ids.ts";
import { testLog, type TestDatabase } from "../../test/support/database.ts";
import { look } from "../../test/support/secufile-client.ts";

const TENANT = "ten_bench";
const APP = "app_bench";

/**
 * Users of an application up to `count`, with an identity, a password that was used at one address, and a session each, as
 * clients would have left them: hashes and ciphertext that nothing opens. Those that are there stay.
 */
export async function fillStorage(database: TestDatabase, appId: string, count: number): Promise<void> {
  const client = new pg.Client({ connectionString: database.superUrl });
  await client.connect();
  const known = "select count(*)::int as users from ssks.users where app_id = $1";
  const missing = count - Number((await client.query(known, [appId])).rows[0]?.users);
  const tenantOf = "select tenant_id from ssks.apps where id = $1";
  const given = [(await client.query(tenantOf, [appId])).rows[0]?.tenant_id, appId, missing];
  // Every row is right as it is made; to look for its user again would take most of the time.
  await client.query("set session_replication_role = replica");
  for (const [columns, row] of STORED) {
    const rows = "from generate_series(1, $3::int) as n where $2::text is not null";
    await client.query(`insert into ssks.${columns} select $1, ${row} ${rows}`, given);
  }
  for (const table of ["users", "identities", "slots", "sessions", "known_addresses"])
    await client.query(`vacuum (analyze) ssks.${table}`);
  await client.end();
}

function hash(what: string): string {
  return `sha256(convert_to('${what}' || n, 'utf8'))`;
}

function uuid(what: string): string {
  return `md5('${what}' || n)::uuid::text`;
}

const SEALED = `${hash("a key")} || ${hash("its nonce")}, ${hash("data")} || ${hash("more")}, now()`;

/** Columns of each table, and what they hold for the user of number `n` of the application `$2`. */
const STORED = [
  [
    "users (tenant_id, id, app_id, user_id, factor_type, factor_mac, created_at)",
    `${uuid("ref")}, $2, ${uuid("user")}, 'EM', ${hash("factor")}, now()`,
  ],
  [
    "identities (tenant_id, user_ref, id, is_authenticated, wrapped_key, sealed_data, stored_at)",
    `${uuid("ref")}, ${uuid("id")}, true, ${SEALED}`,
  ],
  [
    "slots (tenant_id, app_id, user_id, secret_mac, id, wrapped_key, sealed_data, stored_at)",
    `$2, ${uuid("user")}, ${hash("secret")}, ${uuid("slot")}, ${SEALED}`,
  ],
  [
    "known_addresses (tenant_id, app_id, user_id, secret_mac, address_mac, seen_at)",
    `$2, ${uuid("user")}, ${hash("secret")}, ${hash("address")}, now()`,
  ],
  [
    `sessions (tenant_id, user_ref, session_mac, must_authenticate, is_authenticated, challenge_mac, tries, created_at,
               expires_at)`,
    `${uuid("ref")}, ${hash("session")}, true, true, null, 0, now(), now() + interval '6 hours'`,
  ],
] as const;

/** The durable transactions that calls of key storage contain, on the same tables, and nothing else. */
export type BareStorage = {
  /** Of a challenge that is sent, proved, and followed by a search: three transactions. */
  cycle(lane: number): Promise<void>;
  /** Of a search under a password. */
  search(lane: number): Promise<void>;
  close(): Promise<void>;
};

export async function openBareStorage(database: TestDatabase, lanes: number): Promise<BareStorage> {
  const pool: Pool = createPool({ url: database.url, connections: lanes, applicationName: "bench", log: testLog });
  await plantBare(database, lanes);
  const clients = await Promise.all(Array.from({ length: lanes }, () => pool.connect()));
  const clientOf = (lane: number): PoolClient => {
    const client = clients[lane];
    if (client === undefined) throw new Error("no connection");
    return client;
  };
  return {
    async cycle(lane) {
      const client = clientOf(lane);
      await transaction(client, [openedRow(lane), auditRow("sendChallenge")]);
      await transaction(client, [provedRow(lane), auditRow("validateChallenge")]);
      await transaction(client, [identityRow(lane), auditRow("searchIdentity")]);
    },
    search: (lane) => transaction(clientOf(lane), [slotRow(lane), auditRow("searchSlot")]),
    async close() {
      for (const client of clients) client.release();
      await pool.end();
    },
  };
}

async function plantBare(database: TestDatabase, lanes: number): Promise<void> {
  const run = (text: string): Promise<unknown> => look(database.superUrl, text);
  const lane = `from generate_series(0, ${lanes - 1}) as n`;
  await run(
    `insert into ssks.apps values ('${TENANT}', '${APP}', 'bench', 'test', 0, 1, 1, false, 'hashed', '{}', now())`,
  );
  await run(
    `insert into ssks.users select '${TENANT}', 'ref-' || n, '${APP}', 'user-' || n, 'EM', sha256(n::text::bytea), now() ${lane}`,
  );
  await run(`insert into ssks.identities select '${TENANT}', 'ref-' || n, 'id-' || n, true, 'k', 'd', now() ${lane}`);
  await run(
    `insert into ssks.slots select '${TENANT}', '${APP}', 'user-' || n, sha256(n::text::bytea), 'id-' || n, 'k', 'd', now() ${lane}`,
  );
}

/** All statements at once, then the commit. */
async function transaction(client: PoolClient, statements: readonly Statement<unknown>[]): Promise<void> {
  const run = ({ name, text, values }: Statement<unknown>): Promise<unknown> =>
    client.query({ name, text, values: [...values] });
  await Promise.all([
    client.query("begin"),
    run(sql`select set_config('tabellion.tenant_id', ${TENANT}, true)`),
    ...statements.map(run),
    client.query("commit"),
  ]);
}

function openedRow(lane: number): Statement<unknown> {
  return sql`
    insert into ssks.sessions
      (tenant_id, user_ref, session_mac, must_authenticate, is_authenticated, challenge_mac, tries, created_at, expires_at)
    values (${TENANT}, ${`ref-${lane}`}, ${randomBytes(32)}, true, false, ${randomBytes(32)}, 0, now(), now())
    on conflict (tenant_id, user_ref) do update
       set session_mac = excluded.session_mac, is_authenticated = false, challenge_mac = excluded.challenge_mac`;
}

function provedRow(lane: number): Statement<unknown> {
  return sql`
    update ssks.sessions set session_mac = ${randomBytes(32)}, is_authenticated = true, challenge_mac = null
     where tenant_id = ${TENANT} and user_ref = ${`ref-${lane}`}`;
}

function identityRow(lane: number): Statement<unknown> {
  return sql`
    select wrapped_key, sealed_data from ssks.identities where tenant_id = ${TENANT} and user_ref = ${`ref-${lane}`}`;
}

function slotRow(lane: number): Statement<unknown> {
  return sql`
    select wrapped_key, sealed_data from ssks.slots
     where tenant_id = ${TENANT} and app_id = ${APP} and user_id = ${`user-${lane}`}`;
}

function auditRow(operation: string): Statement<unknown> {
  const now = new Date();
  const id = newId("aud", now);
  const event = { id, at: now, action: `ssks.${operation}`, details: { request_id: randomUUID() } };
  return sql`
    insert into platform.audit_events
      (tenant_id, id, at, action, actor_type, actor_id, bucket, resource_type, resource_id, outcome, event, salt, leaf_hash)
    values (${TENANT}, ${id}, ${now}, ${`ssks.${operation}`}, 'visitor', ${APP}, null, 'app', ${APP}, 'success',
            ${JSON.stringify(event)}, ${randomBytes(16)}, ${randomBytes(32)})`;
}
