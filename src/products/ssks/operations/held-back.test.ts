import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { testLog } from "../../../../test/support/database.ts";
import { look, type Json } from "../../../../test/support/secufile-client.ts";
import { World } from "../../../platform/notify/test-world.ts";
import { createAppLookup } from "./app-lookup.ts";
import { createHeldBack, MAX_COUNTS_AN_APP, type HeldBack } from "./held-back.ts";

const MINUTE_MS = 60_000;

describe("calls of SSKS that budgets held back", () => {
  let world: World;
  let heldBack: HeldBack;
  before(async () => {
    world = await World.open();
    const tools = { db: world.db, keyring: world.keyring, clock: world.clock, log: testLog };
    heldBack = createHeldBack(tools, createAppLookup(world));
  });
  after(async () => {
    await heldBack.stop();
    await world.close();
  });

  const newApp = async (auditUsers: "hashed" | "clear"): Promise<string> => {
    const id = randomUUID();
    const { superUrl } = world.database;
    const app = "insert into ssks.apps values ($1, $2, 'app', 'test', 1, 1, 1, false, $3, '{}', now())";
    await look(superUrl, app, [world.tenantId, id, auditUsers]);
    await look(superUrl, "insert into ssks.app_directory values ($1, $2)", [id, world.tenantId]);
    return id;
  };
  const note = (appId: string, userId: string | null, operation = "searchSlot"): void =>
    heldBack.note({ appId, operation, userId, actor: { type: "visitor", id: appId }, at: world.clock.now() });
  const rowsOf = async (appId: string): Promise<Json[]> => {
    const text = "select event from platform.audit_events where resource_type = 'app' and resource_id = $1";
    return (await look(world.database.superUrl, text, [appId])).map(({ event }) => JSON.parse(event));
  };

  test("leave one row a minute for each application, operation and user, with their number, once the minute is over", async () => {
    const [clear, hashed] = [await newApp("clear"), await newApp("hashed")];
    for (const user of ["anna", "anna", "bert"]) note(clear, user);
    note(clear, "anna", "pushSlot");
    note(clear, null, "pushIdentity");
    note(hashed, "anna");
    await heldBack.flush();
    assert.deepEqual(await rowsOf(clear), [], "the minute is not over");
    world.clock.advance(MINUTE_MS);
    note(clear, "anna");
    await heldBack.flush();
    const told = (rows: readonly Json[]): string[] =>
      rows.map(({ action, outcome, details: { user, calls } }) => `${action} ${outcome} ${user} ${calls}`).toSorted();
    assert.deepEqual(told(await rowsOf(clear)), [
      "ssks.pushIdentity denied undefined 1",
      "ssks.pushSlot denied anna 1",
      "ssks.searchSlot denied anna 2",
      "ssks.searchSlot denied bert 1",
    ]);
    const [row] = await rowsOf(hashed);
    assert.match(row.details.user, /^[0-9a-f]{32}$/);
    assert.deepEqual([row.actor.type, row.actor.id, row.actor.ip], ["visitor", hashed, undefined]);
    await heldBack.stop();
    assert.equal((await rowsOf(clear)).length, 5, "a stop writes the running minute");
  });

  test("of more users than that one row tells of all further ones, and a deleted application leaves none", async () => {
    const [app, gone] = [await newApp("clear"), await newApp("clear")];
    for (let user = 0; user < MAX_COUNTS_AN_APP + 70; user++) note(app, `user ${user}`);
    note(gone, "anna");
    await look(world.database.superUrl, "delete from ssks.app_directory where app_id = $1", [gone]);
    world.clock.advance(MINUTE_MS);
    await heldBack.flush();
    const rows = await rowsOf(app);
    assert.equal(rows.length, MAX_COUNTS_AN_APP + 1);
    const others = rows.find(({ details }) => details.user === undefined);
    assert.deepEqual([others?.details.calls, others?.actor.type], [70, "system"]);
    assert.deepEqual(await rowsOf(gone), []);
  });
});
