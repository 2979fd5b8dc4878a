import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { auditWorld, type AuditWorld } from "../../../test/support/audit-world.ts";
import { assertSound, assertTopSound } from "../../../test/support/log-soundness.ts";
import { eventually, look } from "../../../test/support/secufile-client.ts";

const PROGRAM = fileURLToPath(new URL("../../../test/support/stopping-sequencer-process.ts", import.meta.url));
const TENANT = "ten_stopped";

/** `placing`: with events in hand, nothing written. `commit`: with all written, and the rows locked. */
const STOPS = ["placing", "commit"] as const;
/** A process that does not say what is waited for fails its test. */
const limited = { timeout: 120_000 };

describe("a holder of the lease that is stopped by SIGSTOP and goes on when another has taken over", () => {
  let world: AuditWorld;
  let child: ChildProcess;
  let lines: AsyncIterator<string>;
  before(async () => {
    world = await auditWorld();
    const { url } = world.database;
    const given = JSON.stringify({ url, rootKey: world.rootKey, tenantId: TENANT, stops: STOPS });
    child = spawn(process.execPath, [PROGRAM, given], { stdio: ["ignore", "pipe", "inherit"] });
    assert.ok(child.stdout !== null);
    lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  });
  after(async () => {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    await world.close();
  });

  /** The next line of the process that begins so. */
  async function said(start: string): Promise<string> {
    for (let line = await lines.next(); line.done !== true; line = await lines.next())
      if (line.value.startsWith(start)) return line.value;
    throw new Error(`the process ended without saying ${start}`);
  }

  /** All that says where an event stands, in every log. */
  const written = () =>
    look(
      world.database.superUrl,
      `select (select json_agg(h order by tenant_id, log) from platform.log_heads h) as heads,
              (select json_agg(c order by tenant_id, log, size) from platform.log_checkpoints c) as checkpoints,
              (select json_agg(l order by tenant_id, index) from platform.audit_leaves l) as leaves,
              (select json_agg(l order by index) from platform.top_leaves l) as top_leaves,
              (select json_agg(t order by tenant_id, log, level, tile_index) from platform.log_tiles t) as tiles`,
    );

  /** Sent until it has gone on: one that comes before the process has come to stand does nothing. */
  async function goOn(): Promise<void> {
    const sending = setInterval(() => child.kill("SIGCONT"), 50);
    await said("none").finally(() => clearInterval(sending));
  }

  const isOtherWaiting = async (): Promise<true | null> => {
    const [row] = await look(
      world.database.superUrl,
      `select count(*)::int as count from pg_stat_activity
        where datname = current_database() and application_name = 'test' and wait_event_type = 'Lock'`,
    );
    return row.count > 0 ? true : null;
  };

  for (const point of STOPS) {
    test(
      `stopped before ${point}: it is fenced off, and every checkpoint ever signed stays true`,
      limited,
      async () => {
        const fence = Number((await said("holder ")).split(" ")[1]);
        const event = await world.record(TENANT, point);
        await said(`stopped ${point}`);
        await look(world.database.superUrl, "update platform.log_lease set ends_at = now() - interval '1 second'");
        const other = await world.sequencer({ isAlone: false });
        // Rows that the stopped one has locked are waited for; else all is placed before it goes on.
        if (point === "commit") await eventually("the other waits", isOtherWaiting);
        else await world.settled();
        assert.deepEqual(other.state, { isHolder: true, fence: fence + 1 });
        const earlier = await written();
        await goOn();
        if (point === "placing") assert.deepEqual(await written(), earlier);
        await world.record(TENANT, "afterwards");
        await world.settled();
        const log = await assertSound(world, TENANT);
        assert.equal(log.leaves.filter((leaf) => leaf.event_id === event).length, 1);
        await assertTopSound(world);
        await other.stop();
      },
    );
  }

  test("in the end it holds the lease again and goes on with what is there", limited, async () => {
    await said("holder ");
    await world.record(TENANT, "at last");
    await world.settled();
    const log = await assertSound(world, TENANT);
    assert.equal(log.leaves.length, STOPS.length * 2 + 1);
  });
});
