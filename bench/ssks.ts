/**
 * What key storage costs beyond its transactions, and what a million stored users cost: whole challenge cycles
 * (challenge_send, challenge_validate, search) and searches under a password over keep-alive HTTP, on a server with a
 * thousand users and on one with a million in turn, beside the bare durable transactions of the same calls on the same
 * tables; wrong passwords, too. Then cycles whose challenge goes out as a mail by SMTP and is read from it, beside those that send none. Use: node bench/ssks.ts [--short], which makes do with a hundred thousand.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { openMailbox, type Mail } from "../test/support/mailbox.ts";
import { FAKE_CHALLENGE, newApp, TEMPLATE, wideLimits } from "../test/support/ssks-app.ts";
import type { SsksClient } from "../test/support/ssks-client.ts";
import { withLanes, type HttpLane } from "./support/http-lane.ts";
import { fillStorage, openBareStorage } from "./support/key-storage.ts";
import {
  figuresOf,
  sampleOf,
  startMeasured,
  tell,
  withServer,
  type MeasuredServer,
  type Sample,
} from "./support/measuring.ts";

const isShort = process.argv.includes("--short");
const ROUNDS = isShort ? 5 : 10;
const SECONDS = isShort ? 0.7 : 2;
const FEW = 1_000;
const MANY = isShort ? 100_000 : 1_000_000;
const GOAL_SLOWER = 1.3;
const LANES = 16;

/** A server with users of which `known` can prove themselves. */
type Storage = {
  readonly name: string;
  readonly app: SsksClient;
  readonly known: readonly string[];
};

type Kind = "cycle" | "search" | "miss";

const mailbox = await openMailbox();
/** By address, what came and was not read yet. */
const unread = new Map<string, Mail[]>();
let seen = 0;
await withServer(mailbox.env, async (one) => {
  const other = await startMeasured({});
  const few = await storageOf(one, FEW);
  const many = await storageOf(other, MANY);
  const bare = await openBareStorage(one.database, LANES);
  await withLanes(one.origin, LANES, (lanes) =>
    withLanes(other.origin, LANES, async (otherLanes) => {
      const sides = { few: { ...few, lanes }, many: { ...many, lanes: otherLanes } };
      await measure("cycle", "challenge cycles", { ...sides, bare: bare.cycle });
      await measure("search", "password searches", { ...sides, bare: bare.search });
      await measure("miss", "passwords that are wrong", { ...sides, bare: bare.search });
      await measureMailed(sides.few);
    }),
  );
  await bare.close();
  await other.remove();
});
await mailbox.close();

async function storageOf(server: MeasuredServer, count: number): Promise<Storage> {
  const app = await newApp(server, { limits: wideLimits, mails_per_hour: 1_000_000 });
  // Their ids are as random as those of the others, so that they stand anywhere among them.
  const known = Array.from({ length: FEW }, () => randomUUID());
  const storage = { name: String(count), app, known };
  let next = 0;
  await withLanes(server.origin, LANES, async (lanes) => {
    const storeOn = async (lane: HttpLane): Promise<void> => {
      for (let user = known[next++]; user !== undefined; user = known[next++]) await store(storage, lane, user);
    };
    await Promise.all(lanes.map(storeOn));
  });
  const startedAt = performance.now();
  await fillStorage(server.database, app.appId, count);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(`${count} users with identity, password and session, filled up in ${seconds} s`);
  return storage;
}

async function store(storage: Storage, lane: HttpLane, user: string): Promise<void> {
  const session = (await ask(storage, lane, { path: "/tmr/back/challenge_send/", body: orderOf(user) })).session_id;
  await ask(storage, lane, { path: "/tmr/front/push/", session, body: { data_b64: "A".repeat(80) } });
  await ask(storage, lane, { path: "/push/", body: { ...slotOf(storage, user), data_b64: "A".repeat(80) } });
}

async function cycle(storage: Storage, lane: HttpLane, user: string, isMailed = false): Promise<void> {
  const order = { ...orderOf(user), fake_otp: !isMailed };
  const sent = await ask(storage, lane, { path: "/tmr/back/challenge_send/", body: order });
  const challenge = isMailed ? await mailedTo(`${user}@example.org`) : FAKE_CHALLENGE;
  const proof = { challenge, auth_factor: factorOf(user) };
  const proved = await ask(storage, lane, {
    path: "/tmr/front/challenge_validate/",
    session: sent.session_id,
    body: proof,
  });
  await ask(storage, lane, { path: "/tmr/front/search/", session: proved.new_id, body: {} });
}

async function mailedTo(address: string): Promise<string> {
  for (;;) {
    for (const mail of mailbox.mails.slice(seen)) unread.set(mail.to, [...(unread.get(mail.to) ?? []), mail]);
    seen = mailbox.mails.length;
    const mail = unread.get(address)?.shift();
    const challenge = mail === undefined ? undefined : /code: ([a-z0-9]{8})/.exec(mail.text)?.[1];
    if (challenge !== undefined) return challenge;
    await pause(2);
  }
}

async function search(storage: Storage, lane: HttpLane, user: string): Promise<void> {
  await ask(storage, lane, { path: "/search/", body: slotOf(storage, user) });
}

/** Takes from the buckets, which a right one does not. */
async function miss(storage: Storage, lane: HttpLane, user: string): Promise<void> {
  const body = { ...slotOf(storage, user), secret: "wrong" };
  await ask(storage, lane, { path: "/search/", body, status: 404 });
}

function factorOf(user: string): object {
  return { type: "EM", value: `${user}@example.org` };
}

function orderOf(user: string): object {
  return { user_id: user, auth_factor: factorOf(user), create_user: true, template: TEMPLATE, fake_otp: true };
}

function slotOf({ app }: Storage, user: string): object {
  return { app_id: app.appId, user_id: user, secret: `of ${user}` };
}

type Request = {
  readonly path: string;
  readonly session?: string | undefined;
  readonly body: object;
  readonly status?: number;
};
type Reply = { readonly session_id?: string; readonly new_id?: string };

async function ask(
  { app }: Storage,
  lane: HttpLane,
  { path, session, body, status: wanted = 200 }: Request,
): Promise<Reply> {
  const head = [
    ...[`POST ${path} HTTP/1.1`, "Content-Type: application/json", `X-SEALD-APPID: ${app.appId}`],
    ...(path.includes("/back/") ? [`X-SEALD-APIKEY: ${app.apiKey}`] : []),
    ...(session === undefined ? [] : [`X-SEALD-SESSION: ${session}`]),
  ];
  const { status, text } = await lane.ask(head, JSON.stringify(body));
  if (status !== wanted) throw new Error(`${path} was answered with ${status}: ${text}`);
  return JSON.parse(text);
}

type Measured = Storage & { readonly lanes: readonly HttpLane[] };
type Sides = { readonly few: Measured; readonly many: Measured; readonly bare: (lane: number) => Promise<void> };

/** Each in turn, and whoever is first in turn, too: a neighbour's load and what one leaves to do fall on all three. */
async function measure(kind: Kind, name: string, { few, many, bare }: Sides): Promise<void> {
  const samples = { few: [] as Sample[], many: [] as Sample[], bare: [] as Sample[] };
  const works = { few: callsOf(kind, few), many: callsOf(kind, many), bare };
  for (let round = 0; round <= ROUNDS; round++) {
    const order = round % 2 === 0 ? (["few", "many", "bare"] as const) : (["many", "few", "bare"] as const);
    for (const side of order) {
      const sample = await sampleOf(LANES, SECONDS, works[side]);
      // The first round warms up all.
      if (round > 0) samples[side].push(sample);
    }
  }
  const [ours, others, limit] = [figuresOf(samples.few), figuresOf(samples.many), figuresOf(samples.bare)];
  const what = kind === "cycle" ? "bare cycles of 3 transactions/s" : "bare transactions/s";
  tell(`${name}, ${few.name} users, ${LANES} connections`, "/s", ours.perSecond, [limit.perSecond, what]);
  tell(`${name}, ${many.name} users`, "/s", others.perSecond, [limit.perSecond, what]);
  tell("  median", "ms", others.median, [ours.median, `ms with ${few.name} users`]);
  tell("  p99", "ms", others.p99, [ours.p99, `ms with ${few.name} users`]);
  const slower = slownessOf(samples.few, samples.many);
  const verdict = slower < GOAL_SLOWER ? "met" : "MISSED";
  const label = `  slower with ${many.name} users, median of rounds`;
  console.log(`${label.padEnd(50)}${slower.toFixed(2).padStart(10)} times goal < ${GOAL_SLOWER} ${verdict}`);
}

/** In turn with those that send nothing. */
async function measureMailed(storage: Measured): Promise<void> {
  const mailed: Sample[] = [];
  const silent: Sample[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const pair = [
      await sampleOf(LANES, SECONDS, callsOf("cycle", storage, true)),
      await sampleOf(LANES, SECONDS, callsOf("cycle", storage)),
    ];
    if (round === 0) continue;
    mailed.push(...pair.slice(0, 1));
    silent.push(...pair.slice(1));
  }
  const [ours, peer] = [figuresOf(mailed), figuresOf(silent)];
  tell(`challenge cycles with a mail by SMTP, ${LANES} at once`, "/s", ours.perSecond, [
    peer.perSecond,
    "cycles/s without",
  ]);
  tell("  median, until the mail has come and been used", "ms", ours.median, [peer.median, "ms without"]);
}

function slownessOf(few: readonly Sample[], many: readonly Sample[]): number {
  const ratios = few.map(
    (sample, round) => figuresOf([sample]).perSecond / figuresOf(many.slice(round, round + 1)).perSecond,
  );
  return ratios.toSorted((a, b) => a - b)[Math.floor(ratios.length / 2)] ?? 0;
}

/** Calls for one known user after the other; no two lanes have the same. */
function callsOf(kind: Kind, storage: Measured, isMailed = false): (lane: number) => Promise<void> {
  const turns = Array.from({ length: LANES }, () => 0);
  const share = Math.floor(storage.known.length / LANES);
  return async (lane) => {
    const turn = turns[lane] ?? 0;
    turns[lane] = turn + 1;
    const user = storage.known[lane * share + (turn % share)] ?? "";
    const http = storage.lanes[lane];
    if (http === undefined) throw new Error("no connection");
    if (kind === "cycle") await cycle(storage, http, user, isMailed);
    else if (kind === "search") await search(storage, http, user);
    else await miss(storage, http, user);
  };
}
