/**
 * A process for crash tests: makes one attempt to send a mail to a relay on loopback, until it is killed. Reads what it
 * needs as JSON from its first argument.
 */
import { z } from "zod";
import { systemClock } from "../clock/clock.ts";
import { createPool } from "../db/pool.ts";
import { createDatabase } from "../db/tx.ts";
import { createKeyring } from "../keys/keyring.ts";
import { parseRootKey } from "../keys/root-key.ts";
import { createLog } from "../log/log.ts";
import { createOutbound } from "../outbound/outbound.ts";
import { sendNotification } from "./send.ts";
import { smsOutbox } from "./outbox.ts";
import { smtpTransport } from "./smtp.ts";

const given = z
  .object({ url: z.string(), rootKey: z.string(), port: z.number(), tenantId: z.string(), id: z.string() })
  .parse(JSON.parse(process.argv[2] ?? ""));

const log = createLog("silent");
const pool = createPool({ url: given.url, connections: 4, applicationName: "crashing", log });
const db = createDatabase({ pool, log });
const keyring = await createKeyring({ db, root: parseRootKey(given.rootKey) });
const allow = ["127.0.0.0/8"];
const mail = smtpTransport({
  outbound: createOutbound({ allow, userAgent: "Tabellion-Test" }),
  allow,
  relay: { host: "127.0.0.1", port: given.port, tls: "none", login: null },
  sender: { name: "Crash", address: "crash@tabellion.test" },
  dkim: null,
});
process.stdout.write("started\n");
await sendNotification(
  { db, keyring, log, clock: systemClock, wanted: {}, unsent: {} },
  { mail, sms: smsOutbox("/nowhere") },
  given,
  {
    signal: new AbortController().signal,
  },
);
await db.close();
