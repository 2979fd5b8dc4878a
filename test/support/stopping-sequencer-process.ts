/**
 * A process that gives out indexes and stops itself by SIGSTOP at the points that its first argument names, so that a test
 * need not hit them by luck; it goes on when it is sent SIGCONT. Prints `stopped <point>` before it stops, and `holder <fence>`
 * or `none` whenever that changes.
 */
import { writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { startSequencer } from "../../src/platform/audit/sequencer.ts";
import { systemClock } from "../../src/platform/clock/clock.ts";
import { createPool } from "../../src/platform/db/pool.ts";
import { createDatabase, type Database } from "../../src/platform/db/tx.ts";
import { createKeyring } from "../../src/platform/keys/keyring.ts";
import { parseRootKey } from "../../src/platform/keys/root-key.ts";
import { createLog } from "../../src/platform/log/log.ts";

/** `placing`: with events of the queue in hand, nothing written. `commit`: all is written, but not committed. */
const given = z
  .object({
    url: z.string(),
    rootKey: z.string(),
    tenantId: z.string(),
    stops: z.array(z.enum(["placing", "commit"])),
  })
  .parse(JSON.parse(process.argv[2] ?? ""));
const STATE_EVERY_MS = 10;

const log = createLog("silent");
const pool = createPool({ url: given.url, connections: 4, applicationName: "stopping", log });
const real = createDatabase({ pool, log });
const { stops } = given;

function stopAt(point: "placing" | "commit"): void {
  if (stops[0] !== point) return;
  stops.shift();
  writeSync(1, `stopped ${point}\n`);
  process.kill(process.pid, "SIGSTOP");
}

const db: Database = {
  ...real,
  tenant(tenantId, work, options) {
    if (tenantId !== given.tenantId) return real.tenant(tenantId, work, options);
    stopAt("placing");
    const stopped: typeof work = async (tx) => {
      const result = await work(tx);
      stopAt("commit");
      return result;
    };
    return real.tenant(tenantId, stopped, options);
  },
};

const keyring = await createKeyring({ db, root: parseRootKey(given.rootKey) });
const sequencer = await startSequencer({
  db,
  keyring,
  log,
  clock: systemClock,
  originHost: "log.test",
  isAlone: false,
});
for (let said = ""; ;) {
  const { isHolder, fence } = sequencer.state;
  const state = isHolder ? `holder ${fence}` : "none";
  if (state !== said) writeSync(1, `${state}\n`);
  said = state;
  await pause(STATE_EVERY_MS);
}
