import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createTestDatabase, openDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { sql } from "../db/sql.ts";
import { sqlState, type Database } from "../db/tx.ts";
import { newId } from "../ids/ids.ts";
import { createEventHints, emitEvent } from "./events.ts";
import { deleteEventsBefore, deleteQueuedEvents, findEvent, listEvents, listTenantsWithQueuedEvents } from "./store.ts";

const at = new Date("2026-11-22T12:00:00Z");
const event = { product: "secufile", type: "object.uploaded", isLive: true, at };

describe("events", () => {
  let database: TestDatabase;
  let db: Database;
  before(async () => {
    database = await createTestDatabase();
    db = openDatabase(database);
  });
  after(async () => {
    await db.close();
    await database.drop();
  });

  async function emit(tenantId: string, data: Record<string, unknown>): Promise<string> {
    return db.tenant(tenantId, (tx) => emitEvent(tx, tenantId, { ...event, data }));
  }

  test("an event and its place in the queue become visible together, or not at all", async () => {
    const id = await emit("ten_a", { key: "a" });
    await assert.rejects(
      db.tenant("ten_a", async (tx) => {
        await emitEvent(tx, "ten_a", { ...event, data: {} });
        throw new Error("no");
      }),
      /no/,
    );
    const queued = await db.tenant("ten_a", (tx) => deleteQueuedEvents(tx, "ten_a", 10));
    assert.deepEqual(queued, [id]);
    const row = await db.tenant("ten_a", (tx) => findEvent(tx, "ten_a", id));
    assert.deepEqual([row?.type, row?.data, row?.created_at], ["object.uploaded", { key: "a" }, at]);
  });

  test("the data of an event comes back as the very text that was written", async () => {
    const data = { z: 1e21, a: 'é\u0000"', list: [], m: null };
    const id = await emit("ten_text", data);
    const [row] = await db.tenant("ten_text", (tx) => listEvents(tx, "ten_text", [id]));
    assert.equal(row?.data, JSON.stringify(data));
  });

  test("another tenant finds neither the event nor its queue entry through the store", async () => {
    const id = await emit("ten_b", {});
    assert.equal(await db.tenant("ten_c", (tx) => findEvent(tx, "ten_b", id)), null);
    assert.deepEqual(await db.tenant("ten_c", (tx) => deleteQueuedEvents(tx, "ten_c", 10)), []);
  });

  test("two takers of one queue get different events", async () => {
    const ids = [await emit("ten_d", {}), await emit("ten_d", {})].toSorted();
    const taken = await db.tenant("ten_d", async (first) => {
      const one = await deleteQueuedEvents(first, "ten_d", 1);
      const two = await db.tenant("ten_d", (second) => deleteQueuedEvents(second, "ten_d", 10));
      return [...one, ...two];
    });
    assert.deepEqual(taken.toSorted(), ids);
  });

  test("tenants with queued events are listed page by page, each once", async () => {
    for (const tenantId of ["ten_x1", "ten_x2", "ten_x2", "ten_x3"]) await emit(tenantId, {});
    const page = (afterTenantId: string) =>
      db.directory((tx) => listTenantsWithQueuedEvents(tx, { afterTenantId, limit: 2 }));
    assert.deepEqual(await page("ten_x"), ["ten_x1", "ten_x2"]);
    assert.deepEqual(await page("ten_x2"), ["ten_x3"]);
    assert.deepEqual(await page("ten_x3"), []);
  });

  test("old events go in bounded steps, younger ones stay", async () => {
    await db.tenant("ten_old", async (tx) => {
      const old = { ...event, data: {}, at: new Date(at.getTime() - 1) };
      for (let n = 0; n < 3; n++) await emitEvent(tx, "ten_old", old);
    });
    const young = await emit("ten_old", {});
    const beforeId = newId("evt", at).slice(0, -16);
    const step = () => db.tenant("ten_old", (tx) => deleteEventsBefore(tx, "ten_old", { beforeId, limit: 2 }));
    assert.deepEqual([await step(), await step(), await step()], [2, 1, 0]);
    assert.notEqual(await db.tenant("ten_old", (tx) => findEvent(tx, "ten_old", young)), null);
  });

  test("the application may not change an event that was written", async () => {
    const id = await emit("ten_fixed", { key: "a" });
    await assert.rejects(
      db.tenant("ten_fixed", (tx) => tx.run(sql`update platform.events set data = '{}' where tenant_id = 'ten_fixed'`)),
      (error) => sqlState(error) === "42501",
    );
    const row = await db.tenant("ten_fixed", (tx) => findEvent(tx, "ten_fixed", id));
    assert.deepEqual(row?.data, { key: "a" });
  });

  test("a taker that fails leaves its events to the next one", async () => {
    const id = await emit("ten_taker", {});
    await assert.rejects(
      db.tenant("ten_taker", async (tx) => {
        assert.deepEqual(await deleteQueuedEvents(tx, "ten_taker", 10), [id]);
        throw new Error("crash");
      }),
      /crash/,
    );
    assert.deepEqual(await db.tenant("ten_taker", (tx) => deleteQueuedEvents(tx, "ten_taker", 10)), [id]);
  });

  test("ids of later milliseconds sort after those of earlier ones, and no two are the same", async () => {
    const ids = await db.tenant("ten_order", (tx) =>
      Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          emitEvent(tx, "ten_order", { ...event, data: {}, at: new Date(at.getTime() + n) }),
        ),
      ),
    );
    assert.deepEqual(ids, ids.toSorted());
    assert.equal(new Set(ids).size, 50);
  });

  test("a hint reaches listeners of this process until they leave", () => {
    const hints = createEventHints();
    let heard = 0;
    const leave = hints.onHint(() => {
      heard += 1;
    });
    hints.hint();
    leave();
    hints.hint();
    assert.equal(heard, 1);
  });
});
