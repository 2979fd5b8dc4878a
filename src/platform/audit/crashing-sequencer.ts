/**
 * A process for crash tests: gives out indexes and records events until it is killed. Reads what it needs as JSON from its
 * first argument, and prints the id of each event whose transaction has committed.
 */
import { createPool } from "../db/pool.ts";
import { createDatabase } from "../db/tx.ts";
import { systemClock } from "../clock/clock.ts";
import { createKeyring } from "../keys/keyring.ts";
import { parseRootKey } from "../keys/root-key.ts";
import { createLog } from "../log/log.ts";
import { recordAudit } from "./audit.ts";
import { startSequencer } from "./sequencer.ts";

const WRITERS = 4;
const given: unknown = JSON.parse(process.argv[2] ?? "");
if (typeof given !== "object" || given === null || !("url" in given) || !("rootKey" in given) || !("tenants" in given))
  throw new Error("bad argument");

const log = createLog("silent");
const pool = createPool({ url: String(given.url), connections: 8, applicationName: "crashing", log });
const db = createDatabase({ pool, log });
const keyring = await createKeyring({ db, root: parseRootKey(String(given.rootKey)) });
await startSequencer({ db, keyring, log, clock: systemClock, originHost: "log.test", isAlone: true });
const tenants = String(given.tenants).split(",");

async function write(writer: number): Promise<never> {
  for (let count = 0; ; count++) {
    const tenantId = tenants[(writer + count) % tenants.length] ?? "";
    const id = await db.tenant(tenantId, (tx) =>
      recordAudit(tx, tenantId, {
        action: "test.crash",
        at: new Date(),
        actor: { type: "system", id: `writer ${writer}` },
        outcome: "success",
      }),
    );
    process.stdout.write(`${tenantId} ${id}\n`);
  }
}

await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
