/**
 * What a documented write costs beyond its transaction: `POST /v1/secufile/documents` with an Idempotency-Key over
 * keep-alive HTTP, beside the bare transaction of four rows (idempotency, business, outbox, audit) on the same tables
 * of the same database, made durable in the same way. Use: node bench/documents.ts [--short].
 */
import { randomBytes, randomUUID } from "node:crypto";
import type { PoolClient } from "pg";
import { createPool } from "../src/platform/db/pool.ts";
import { sql, type Statement } from "../src/platform/db/sql.ts";
import { newId } from "../src/platform/ids/ids.ts";
import { testLog } from "../test/support/database.ts";
import { expectStatus, withLanes } from "./support/http-lane.ts";
import { figuresOf, sampleOf, tell, withServer, type MeasuredServer, type Sample } from "./support/measuring.ts";

const isShort = process.argv.includes("--short");
const ROUNDS = isShort ? 2 : 8;
const SECONDS = isShort ? 0.7 : 3;
const GOAL_ADDED_MS = 1.5;
const TENANT = "ten_bench";

const body = JSON.stringify({
  filename: "promesse-achat-12345.pdf",
  key_wrap: "vault://kms/key/01HX...",
  signers: [{ email: "client@example.com", role: "buyer" }],
});

await withServer({}, async (server) => {
  await measure(server, 1);
  await measure(server, 16);
});

async function measure(server: MeasuredServer, connections: number): Promise<void> {
  const ours: Sample[] = [];
  const peer: Sample[] = [];
  const pool = createPool({ url: server.database.url, connections, applicationName: "bench", log: testLog });
  const clients = await Promise.all(Array.from({ length: connections }, () => pool.connect()));
  await withLanes(server.origin, connections, async (lanes) => {
    for (let round = 0; round <= ROUNDS; round++) {
      const requests = await sampleOf(connections, SECONDS, (lane) =>
        expectStatus(lanes[lane], 201, headOf(server), body),
      );
      const bare = await sampleOf(connections, SECONDS, (lane) => writeBare(clients[lane]));
      // The first round warms up both.
      if (round === 0) continue;
      ours.push(requests);
      peer.push(bare);
    }
  });
  for (const client of clients) client.release();
  await pool.end();
  report(connections, figuresOf(ours), figuresOf(peer));
}

function report(connections: number, ours: ReturnType<typeof figuresOf>, peer: ReturnType<typeof figuresOf>): void {
  const name = `documented write, ${connections} connection${connections === 1 ? "" : "s"}`;
  tell(`${name}, median`, "ms", ours.median, [peer.median, "ms of the bare transaction"]);
  tell(`${name}, p99`, "ms", ours.p99, [peer.p99, "ms of the bare transaction"]);
  tell(`${name}, rate`, "/s", ours.perSecond, [peer.perSecond, "bare transactions/s"]);
  if (connections > 1) return;
  const added = ours.median - peer.median;
  const verdict = added < GOAL_ADDED_MS ? "met" : "MISSED";
  console.log(
    `${"  added to the bare transaction, median".padEnd(50)}${added.toFixed(2).padStart(10)} ms    goal < ${GOAL_ADDED_MS} ms ${verdict}`,
  );
}

function headOf(server: MeasuredServer): string[] {
  return [
    "POST /v1/secufile/documents HTTP/1.1",
    `Authorization: Bearer ${server.apiKey}`,
    `Idempotency-Key: ${randomUUID()}`,
    "Content-Type: application/json",
  ];
}

/** As little as a durable write of four rows can be: all statements sent at once, then the commit. */
async function writeBare(client: PoolClient | undefined): Promise<void> {
  if (client === undefined) throw new Error("no connection");
  const now = new Date();
  const id = newId("doc", now);
  const run = ({ name, text, values }: Statement<unknown>): Promise<unknown> =>
    client.query({ name, text, values: [...values] });
  await Promise.all([
    client.query("begin"),
    run(sql`select set_config('tabellion.tenant_id', ${TENANT}, true)`),
    ...[idempotencyRow(now), documentRow(id, now), eventRow(id, now), auditRow(id, now)].map(run),
    client.query("commit"),
  ]);
}

function idempotencyRow(now: Date): Statement<unknown> {
  return sql`
    insert into platform.idempotency_keys
      (tenant_id, operation, key, fingerprint, state, owner, lease_until, answer, is_secret, created_at)
    values (${TENANT}, 'createDocument', ${randomUUID()}, ${randomBytes(32)}, 'done', ${randomUUID()}, ${now},
            ${randomBytes(400)}, false, ${now})`;
}

function documentRow(id: string, now: Date): Statement<unknown> {
  return sql`
    insert into secufile.documents
      (tenant_id, id, filename, content_type, bucket, object_key, status, key_wrap, metadata, is_live, created_by, created_at)
    values (${TENANT}, ${id}, 'promesse-achat-12345.pdf', 'application/octet-stream', 'default', ${id}, 'pending',
            'vault://kms/key/01HX...', '{}'::json, true, 'crd_bench', ${now})`;
}

function eventRow(id: string, now: Date): Statement<unknown> {
  return sql`
    insert into platform.events (tenant_id, id, product, type, is_live, data, created_at)
    values (${TENANT}, ${newId("evt", now)}, 'secufile', 'object.uploaded', true,
            ${JSON.stringify({ document_id: id })}::json, ${now})`;
}

function auditRow(id: string, now: Date): Statement<unknown> {
  return sql`
    insert into platform.audit_events
      (tenant_id, id, at, action, actor_type, actor_id, bucket, resource_type, resource_id, outcome, event, salt, leaf_hash)
    values (${TENANT}, ${newId("aud", now)}, ${now}, 'secufile.createDocument', 'token', 'crd_bench', 'default',
            'document', ${id}, 'success', ${JSON.stringify({ id, at: now, action: "secufile.createDocument" })},
            ${randomBytes(16)}, ${randomBytes(32)})`;
}
