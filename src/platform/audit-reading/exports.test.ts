import assert from "node:assert/strict";
import { createHash, verify, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { openLogKeys, rotateLogKey } from "../audit/log-key.ts";
import { insertGrowth, insertHead, lockHead } from "../audit/store/tree.ts";
import { systemClock } from "../clock/clock.ts";
import type { Database } from "../db/tx.ts";
import { SERVER_TENANT } from "../keys/keyring.ts";
import { createConcurrencyGate } from "../limits/concurrency.ts";
import type { Call } from "../product.ts";
import { signCheckpoint } from "../tlog/note.ts";
import { World } from "../webhooks/test-world.ts";
import { exportAudit } from "./operations/exports.ts";
import { readPageNow } from "./log-pages.ts";
import { filterOf } from "./filters.ts";
import type { Reading } from "./reading.ts";
import type { ExportQuery } from "./schema.ts";
import { placeAll, recordMany } from "./test-log.ts";

const COUNT = 6_000;
const reading: Reading = {
  product: "secufile",
  scopes: { read: [], export: [] },
  scopesNow: null,
  sender: { title: "SecuFile", version: "1.0.0" },
  followers: createConcurrencyGate({ maxInFlight: 10 }),
};
const query: ExportQuery = { format: "jsonl", follow: false, proofs: false };

describe("exports of a long log", () => {
  let world: World;
  let tenantId: string;
  before(async () => {
    world = await World.open();
    tenantId = await world.tenant();
    await recordMany(world.db, tenantId, COUNT);
    await placeAll(world.db, tenantId);
  });
  after(() => world.close());

  /** A call whose transactions are counted. */
  async function counted(signal: AbortSignal): Promise<{ call: Call; count(): number }> {
    let transactions = 0;
    const call = await world.call(tenantId);
    const db: Database = {
      ...world.db,
      async tenant(id, work, options) {
        transactions += 1;
        return world.db.tenant(id, work, options);
      },
    };
    const services = { ...call.services, db, stopping: signal, publicUrl: () => "https://docs.example.org" };
    return { call: { ...call, signal, services }, count: () => transactions };
  }

  test("all of it comes, page after page", async () => {
    const { call, count } = await counted(new AbortController().signal);
    const { stream } = await exportAudit(call, reading, query, {});
    let lines = 0;
    for await (const chunk of stream) lines += String(chunk).split("\n").length - 1;
    assert.equal(lines, COUNT);
    assert.ok(count() >= COUNT / 500);
  });

  test("the end of an export is signed by a key that signs now; until a checkpoint of it is there, the answer is to come back", async () => {
    const { db, keyring } = world;
    const context = { db, keyring, clock: systemClock };
    const sign = async (size: number) => {
      const [newest] = await openLogKeys(context);
      assert.ok(newest !== undefined);
      const root = Buffer.alloc(32);
      const note = signCheckpoint([newest.signer("test")], { size, root });
      await db.tenant(tenantId, async (tx) => {
        await insertHead(tx, tenantId, { log: "audit", origin: "test", fence: 1 });
        const from = Number((await lockHead(tx, tenantId, "audit"))?.size);
        const row = {
          log: "audit",
          from,
          to: size,
          fence: 1,
          tiles: [],
          root,
          note,
          signedAt: systemClock.now(),
        } as const;
        assert.equal(await insertGrowth(tx, tenantId, row), 1);
      });
      return newest.verifier("test").publicKey;
    };
    // Behind the last record: the signatures are what counts here.
    const proved = async () => {
      const { call } = await counted(new AbortController().signal);
      const { stream } = await exportAudit(call, reading, { ...query, proofs: true, cursor: String(COUNT) }, {});
      const text = (await stream.toArray()).join("");
      const [head = "", end = ""] = text.split(/(?<=\n)/);
      const { count, sha256, signature } = JSON.parse(end);
      assert.equal(sha256, createHash("sha256").update(head).digest("hex"));
      const signed = Buffer.from(`tabellion-audit-export/v1\ntest\n${count}\n${sha256}\n`);
      return {
        key: String(JSON.parse(head).key),
        by: (key: KeyObject) => verify(null, signed, key, Buffer.from(signature, "base64")),
      };
    };
    const first = await sign(COUNT - 1);
    const earlier = await proved();
    assert.ok(earlier.by(first));
    const keys = await keyring.of(SERVER_TENANT);
    await db.tenant(SERVER_TENANT, (tx) => rotateLogKey(tx, { keys, now: systemClock.now(), overlapDays: 0 }));
    await assert.rejects(proved(), { code: "audit_not_signed", retryAfterSeconds: 1 });
    const second = await sign(COUNT);
    const later = await proved();
    assert.deepEqual([later.by(first), later.by(second), later.key === earlier.key], [false, true, false]);
  });

  test("a reader that does not read makes it wait, and one that goes away ends it", async () => {
    const { call, count } = await counted(new AbortController().signal);
    const { stream } = await exportAudit(call, reading, query, {});
    await once(stream, "readable");
    stream.read();
    // Whatever is to be read ahead has been by now: each page is a turn of the loop of its own.
    for (let turn = 0; turn < 20; turn++) await world.db.isReachable(1_000);
    const read = count();
    assert.ok(read <= 3, `${read} pages were read for one chunk`);
    stream.destroy();
    await once(stream, "close");
    for (let turn = 0; turn < 20; turn++) await world.db.isReachable(1_000);
    assert.ok(count() <= read + 1);
  });

  test("a filter that fits little gives pages with a rest instead of one look at the whole log", async () => {
    const wish = { from: 0, until: null, limit: 100 };
    const found = await readPageNow(world.db, tenantId, {
      ...wish,
      filter: filterOf({ user: "TOK_1", bucket: "deeds" }),
    });
    assert.equal(found.rows.length, 100);
    const none = await readPageNow(world.db, tenantId, { ...wish, filter: filterOf({ user: "nobody" }) });
    assert.deepEqual([none.rows.length, none.rest], [0, null]);
  });

  test("a stop of the server ends a followed log", async () => {
    const stopping = new AbortController();
    const { call } = await counted(stopping.signal);
    const { stream } = await exportAudit(call, reading, { ...query, follow: true, cursor: String(COUNT - 3) }, {});
    let text = "";
    for await (const chunk of stream) {
      text += String(chunk);
      if (text.includes(`id: ${COUNT - 1}`)) stopping.abort();
    }
    assert.deepEqual(
      [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1])),
      [COUNT - 2, COUNT - 1],
    );
    assert.equal(reading.followers.total(), 0);
  });
});
