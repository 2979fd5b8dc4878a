/**
 * A worker process for crash tests: sends what is due until it is killed. Reads what it needs as JSON from its first
 * argument.
 */
import { createDatabase } from "../db/tx.ts";
import { createPool } from "../db/pool.ts";
import { systemClock } from "../clock/clock.ts";
import { createEventHints } from "../events/events.ts";
import { createKeyring } from "../keys/keyring.ts";
import { parseRootKey } from "../keys/root-key.ts";
import { createLog } from "../log/log.ts";
import { createOutbound } from "../outbound/outbound.ts";
import { startWebhooks } from "./dispatcher.ts";

const given: unknown = JSON.parse(process.argv[2] ?? "");
if (typeof given !== "object" || given === null || !("url" in given) || !("rootKey" in given))
  throw new Error("bad argument");

const log = createLog("silent");
const pool = createPool({ url: String(given.url), connections: 6, applicationName: "crashing", log });
const db = createDatabase({ pool, log });
const keyring = await createKeyring({ db, root: parseRootKey(String(given.rootKey)) });
startWebhooks({
  services: {
    db,
    log,
    keyring,
    clock: systemClock,
    outbound: createOutbound({ allow: ["127.0.0.0/8"], userAgent: "Tabellion-Test" }),
    eventHints: createEventHints(),
  },
  products: [{ name: "secufile" }],
});
process.stdout.write("started\n");
