import { createCipheriv, createHash } from "node:crypto";

/** One document that the clients are to bring in. Everything of it follows from the seed. */
export type PlannedDocument = {
  readonly index: number;
  readonly idempotencyKey: string;
  readonly way: "upload" | "url";
  readonly sizeBytes: number;
};

/** What a kill ends: the server, the server and PostgreSQL, or PostgreSQL alone, which the server then starts again. */
export type KillTarget = "server" | "both" | "postgres";

export type PlannedKill = {
  readonly target: KillTarget;
  /** It happens that long after so many documents were acknowledged. */
  readonly afterDocuments: number;
  readonly delayMs: number;
};

export type Plan = {
  readonly seed: string;
  readonly documents: readonly PlannedDocument[];
  readonly kills: readonly PlannedKill[];
};

export type PlanOptions = {
  readonly seed: string;
  readonly uploads: number;
  readonly kills: number;
  /** Every so many kills PostgreSQL dies too. */
  readonly postgresEvery: number;
};

const MAX_SMALL_BYTES = 16 * 1024;
const MAX_LARGE_BYTES = 512 * 1024;
/** One document in so many is large, so that some kills hit the middle of a body. */
const LARGE_EVERY = 10;
const MAX_KILL_DELAY_MS = 60;

/** The same seed gives the same plan; what the kills hit differs from run to run all the same. */
export function planOf(options: PlanOptions): Plan {
  const chance = chanceOf(options.seed);
  const documents = Array.from({ length: options.uploads }, (_, index): PlannedDocument => {
    const isLarge = chance.below(LARGE_EVERY) === 0;
    return {
      index,
      idempotencyKey: chance.uuid(),
      way: index % 2 === 0 ? "upload" : "url",
      sizeBytes: chance.below(isLarge ? MAX_LARGE_BYTES : MAX_SMALL_BYTES) + 1,
    };
  });
  const step = options.uploads / (options.kills + 1);
  const kills = Array.from({ length: options.kills }, (_, at): PlannedKill => ({
    target: targetOf(at + 1, options.postgresEvery),
    afterDocuments: Math.floor(step * at) + chance.below(Math.max(1, Math.floor(step))),
    delayMs: chance.below(MAX_KILL_DELAY_MS),
  }));
  return { seed: options.seed, documents, kills };
}

function targetOf(number: number, postgresEvery: number): KillTarget {
  if (number % postgresEvery !== 0) return "server";
  return (number / postgresEvery) % 2 === 1 ? "both" : "postgres";
}

/** The bytes of a document: a key stream, so that nothing has to be kept to compare with later. */
export function contentOf(seed: string, document: PlannedDocument): Buffer {
  const key = createHash("sha256").update(`content/${seed}`).digest();
  const start = Buffer.alloc(16);
  start.writeUInt32BE(document.index + 1, 0);
  return createCipheriv("aes-256-ctr", key, start).update(Buffer.alloc(document.sizeBytes));
}

export function sha256Of(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Numbers that follow from the seed. */
export function chanceOf(seed: string): { below(limit: number): number; uuid(): string } {
  let count = 0;
  const next = (): Buffer => createHash("sha256").update(`${seed}/${count++}`).digest();
  return {
    below: (limit) => next().readUInt32BE(0) % limit,
    uuid() {
      const bytes = next().subarray(0, 16);
      bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
      bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
      return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    },
  };
}
