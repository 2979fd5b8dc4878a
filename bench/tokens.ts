/**
 * Token checks a second: in this process with the memory of half a second, with a read forced for each, and as a whole
 * authenticated request over HTTP. Use: node bench/tokens.ts [--short].
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { createTokenCheck, type TokenCheck } from "../src/platform/credentials/check.ts";
import { findDirectoryEntry } from "../src/platform/credentials/store.ts";
import { parseToken } from "../src/platform/credentials/token.ts";
import { systemClock } from "../src/platform/clock/clock.ts";
import { createKeyring } from "../src/platform/keys/keyring.ts";
import { loadRootKey } from "../src/platform/keys/root-key.ts";
import { openDatabase, testLog } from "../test/support/database.ts";
import { startBarePeer } from "./support/bare-peer.ts";
import { expectStatus, withLanes } from "./support/http-lane.ts";
import { figuresOf, sampleOf, tell, withServer, type MeasuredServer, type Sample } from "./support/measuring.ts";

const isShort = process.argv.includes("--short");
const ROUNDS = isShort ? 2 : 5;
const SECONDS = isShort ? 0.6 : 2;
const IN_FLIGHT = 16;
/** Checks from memory are too quick to be timed one by one. */
const BATCH = 100;

await withServer({}, async (server) => {
  await measureInProcess(server);
  await measureHttp(server);
});

async function measureInProcess(server: MeasuredServer): Promise<void> {
  const db = openDatabase(server.database, IN_FLIGHT);
  const keyring = await createKeyring({ db, root: await loadRootKey(server.dataDirectory, null, false) });
  const check = createTokenCheck({ db, keyring, clock: systemClock, log: testLog });
  const authorization = `Bearer ${server.apiKey}`;
  await measureRemembered(check, authorization, server.apiKey);
  const lookupId = parseToken(server.apiKey)?.lookupId ?? "";
  const ours: Sample[] = [];
  const peer: Sample[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const forced = await sampleOf(IN_FLIGHT, SECONDS, () => {
      check.forget(lookupId);
      return check.bearer(authorization, "127.0.0.1");
    });
    const bare = await sampleOf(IN_FLIGHT, SECONDS, () => db.lookup(findDirectoryEntry(lookupId)));
    // The first round warms up both.
    if (round > 0) {
      ours.push(forced);
      peer.push(bare);
    }
  }
  const [mine, limit] = [figuresOf(ours), figuresOf(peer)];
  tell(`checks, each read from PostgreSQL, ${IN_FLIGHT} in flight`, "/s", mine.perSecond, [
    limit.perSecond,
    "bare reads/s",
  ]);
  tell("  p99", "ms", mine.p99, [limit.p99, "ms of a bare read"]);
  await check.stop();
  await db.close();
}

async function measureRemembered(check: TokenCheck, authorization: string, token: string): Promise<void> {
  const ours: Sample[] = [];
  const peer: Sample[] = [];
  const key = randomBytes(32);
  const wanted = createHmac("sha256", key).update(token).digest();
  for (let round = 0; round <= ROUNDS; round++) {
    const checks = await sampleOf(1, SECONDS, async () => {
      for (let count = 0; count < BATCH; count++) await check.bearer(authorization, "127.0.0.1");
    });
    const macs = await sampleOf(1, SECONDS, async () => {
      for (let count = 0; count < BATCH; count++)
        timingSafeEqual(createHmac("sha256", key).update(token).digest(), wanted);
    });
    if (round > 0) {
      ours.push(checks);
      peer.push(macs);
    }
  }
  const [mine, limit] = [figuresOf(ours), figuresOf(peer)];
  tell("checks from memory, one core", "/s", mine.perSecond * BATCH, [limit.perSecond * BATCH, "bare HMAC-SHA-256/s"]);
  tell(`  p99 of ${BATCH} checks`, "ms", mine.p99, [limit.p99, `ms of ${BATCH} HMACs`]);
}

async function measureHttp(server: MeasuredServer): Promise<void> {
  const path = "/v1/secufile/kms/keys?limit=1";
  const head = [`GET ${path} HTTP/1.1`, `Authorization: Bearer ${server.apiKey}`];
  const length = Number(
    (await fetch(server.origin + path, { headers: { authorization: `Bearer ${server.apiKey}` } })).headers.get(
      "content-length",
    ),
  );
  const bare = await startBarePeer(server.dataDirectory, Math.max(length, 20));
  const ours: Sample[] = [];
  const peer: Sample[] = [];
  await withLanes(server.origin, IN_FLIGHT, (lanes) =>
    withLanes(bare.origin, IN_FLIGHT, async (peerLanes) => {
      for (let round = 0; round <= ROUNDS; round++) {
        const mine = await sampleOf(IN_FLIGHT, SECONDS, (lane) => expectStatus(lanes[lane], 200, head));
        const other = await sampleOf(IN_FLIGHT, SECONDS, (lane) => expectStatus(peerLanes[lane], 200, head));
        if (round > 0) {
          ours.push(mine);
          peer.push(other);
        }
      }
    }),
  );
  bare.stop();
  const [mine, limit] = [figuresOf(ours), figuresOf(peer)];
  tell(`GET with token and one read, ${IN_FLIGHT} connections`, "/s", mine.perSecond, [
    limit.perSecond,
    "bare node:http/s",
  ]);
  tell("  p99", "ms", mine.p99, [limit.p99, "ms of bare node:http"]);
}
