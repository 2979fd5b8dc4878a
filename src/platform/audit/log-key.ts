import { randomBytes } from "node:crypto";
import type { Clock } from "../clock/clock.ts";
import type { Database, Tx } from "../db/tx.ts";
import { SERVER_TENANT, type Keyring, type TenantKeys } from "../keys/keyring.ts";
import {
  noteSigner,
  noteVerifier,
  openCheckpoint,
  publicKeyOf,
  verifierKeyOf,
  type NoteSigner,
  type NoteVerifier,
} from "../tlog/note.ts";
import { insertLogKey, listLogKeys, type LogKeyRow } from "./store/keys.ts";
import { findHead, type LogName } from "./store/tree.ts";

const SEED_BYTES = 32;
const KEY_ID = /^log-(\d+)$/;
const FIRST_ID = "log-1";
const DAY_MS = 86_400_000;
/** Rotations that others have committed while one looked for a free number. */
const MAX_ROTATIONS_AT_ONCE = 20;

export type LogKeyContext = { readonly db: Database; readonly keyring: Keyring; readonly clock: Clock };

/** Host under which the names of new logs stand. */
export function originHostOf(config: { readonly publicUrl: string | null }): string {
  return config.publicUrl === null ? "tabellion.local" : new URL(config.publicUrl).host;
}

/** The name of a log: fixed by its first checkpoint, whatever the server is called later. */
export function newOrigin(originHost: string, tenantId: string, log: LogName): string {
  return log === "top" ? `${originHost}/audit/top` : `${originHost}/audit/${tenantId}`;
}

/** One of the server's log keys. It signs for all logs, each under the log's name. */
export type LogKey = {
  readonly id: string;
  readonly signsFrom: Date;
  /** Null for the newest, which nobody has exchanged yet. */
  readonly signsUntil: Date | null;
  /** The public key under the name of a log. */
  verifier(origin: string): NoteVerifier;
  /** The same as text: `<origin>+<key id>+<key>`. */
  verifierKey(origin: string): string;
  /** Unseals the private key. */
  signer(origin: string): NoteSigner;
};

/**
 * The public keys of seeds that were unsealed once in this process, by id and sealed seed: so to name a key no private one is
 * unsealed, and a row that was changed in the database is not taken for the one that it stands for. Gone with the keyring;
 * written by `publicOf` alone.
 */
const publicKeys = new WeakMap<Keyring, Map<string, Buffer>>();
const MAX_PUBLIC_KEYS = 2_000;

/**
 * Every log key, the newest first. The first is made when it is first asked for; processes that ask at once agree on one.
 */
export async function openLogKeys({ db, keyring, clock }: LogKeyContext): Promise<readonly LogKey[]> {
  const keys = await keyring.of(SERVER_TENANT);
  const found = await db.tenant(SERVER_TENANT, (tx) => listLogKeys(tx, SERVER_TENANT));
  const rows = found.length > 0 ? found : await db.tenant(SERVER_TENANT, (tx) => makeFirst(tx, keys, clock.now()));
  return rows.map((row, at) => {
    const publicKey = publicOf(keyring, keys, row);
    return {
      id: row.id,
      signsFrom: row.created_at,
      signsUntil: endOf(rows.slice(0, at)),
      verifier: (origin) => noteVerifier(origin, publicKey),
      verifierKey: (origin) => verifierKeyOf(origin, publicKey),
      signer: (origin) => unsealed(keys, row, (seed) => noteSigner(origin, seed)),
    };
  });
}

function publicOf(keyring: Keyring, keys: TenantKeys, row: LogKeyRow): Buffer {
  const known = publicKeys.get(keyring) ?? new Map<string, Buffer>();
  publicKeys.set(keyring, known);
  const name = `${row.id} ${row.sealed_seed.toString("base64")}`;
  const publicKey = known.get(name) ?? unsealed(keys, row, publicKeyOf);
  if (known.size >= MAX_PUBLIC_KEYS) known.clear();
  known.set(name, publicKey);
  return publicKey;
}

function unsealed<T>(keys: TenantKeys, row: LogKeyRow, work: (seed: Buffer) => T): T {
  const seed = keys.open("audit-signing", row.sealed_seed, row.id);
  try {
    return work(seed);
  } finally {
    seed.fill(0);
  }
}

/** Every key that ever signed, under the name of a log: a checkpoint of before a rotation is signed by one that has ended. */
export async function everyVerifier(context: LogKeyContext, origin: string): Promise<NoteVerifier[]> {
  return (await openLogKeys(context)).map((key) => key.verifier(origin));
}

/** When a key ends to sign that `later` ones came after: none of them lets it sign for longer than it says. */
function endOf(later: readonly LogKeyRow[]): Date | null {
  const ends = later.map((row) => (row.previous_until ?? row.created_at).getTime());
  return ends.length === 0 ? null : new Date(Math.min(...ends));
}

/** The keys that sign at an instant, the newest first. */
export function signingAt(keys: readonly LogKey[], now: Date): readonly LogKey[] {
  return keys.filter((key) => key.signsUntil === null || key.signsUntil > now);
}

async function makeFirst(tx: Tx, keys: TenantKeys, now: Date): Promise<LogKeyRow[]> {
  await insertLogKey(tx, SERVER_TENANT, newRow(keys, { id: FIRST_ID, now, previousUntil: null }));
  const kept = await listLogKeys(tx, SERVER_TENANT);
  if (kept.length === 0) throw new Error("the key of the audit log is not there after it was made");
  return kept;
}

function newRow(keys: TenantKeys, made: { id: string; now: Date; previousUntil: Date | null }): LogKeyRow {
  const seed = randomBytes(SEED_BYTES);
  const sealed = keys.seal("audit-signing", seed, made.id);
  seed.fill(0);
  return { id: made.id, sealed_seed: sealed, created_at: made.now, previous_until: made.previousUntil };
}

export type Rotation = {
  readonly keys: TenantKeys;
  readonly now: Date;
  /** How long the keys of before sign beside the new one, so that who follows a log has time to learn it. */
  readonly overlapDays: number;
};

/**
 * Makes a new log key within the caller's transaction, behind the server's wall. Every process signs with it within two
 * seconds of the commit. Of two rotations at once the second waits for the first and takes the number after it: each makes a
 * key of its own and ends those of before as it was told to.
 */
export async function rotateLogKey(tx: Tx, { keys, now, overlapDays }: Rotation): Promise<LogKeyRow> {
  for (let attempt = 0; attempt < MAX_ROTATIONS_AT_ONCE; attempt++) {
    const [newest] = await listLogKeys(tx, SERVER_TENANT);
    const id = newest === undefined ? FIRST_ID : `log-${Number(KEY_ID.exec(newest.id)?.[1]) + 1}`;
    const previousUntil = newest === undefined ? null : new Date(now.getTime() + overlapDays * DAY_MS);
    const row = newRow(keys, { id, now, previousUntil });
    if ((await insertLogKey(tx, SERVER_TENANT, row)) === 1) return row;
  }
  throw new Error(`${MAX_ROTATIONS_AT_ONCE} keys of the audit log were made at once`);
}

/** The name of a log; `originHost` names one that has no checkpoint yet. */
export async function originOf(
  context: { readonly db: Database; readonly originHost: string },
  tenantId: string,
  log: LogName,
): Promise<string> {
  const head = await context.db.tenant(tenantId, (tx) => findHead(tx, tenantId, log));
  return head?.origin ?? newOrigin(context.originHost, tenantId, log);
}

/** The newest of these keys that signed a checkpoint of a log; null where none of them did. */
export function signerOf(keys: readonly LogKey[], origin: string, note: string): LogKey | null {
  return keys.find((key) => openCheckpoint(note, key.verifier(origin)) !== null) ?? null;
}

/** What verifies a signed checkpoint of a log, as `<origin>+<key id>+<key>`. Throws when no key of this server signed it. */
export async function logVerifierKey(
  context: LogKeyContext,
  signed: { readonly tenantId: string; readonly log: LogName; readonly note: string },
): Promise<string> {
  const { tenantId, log, note } = signed;
  const head = await context.db.tenant(tenantId, (tx) => findHead(tx, tenantId, log));
  const key = head === null ? null : signerOf(await openLogKeys(context), head.origin, note);
  if (head === null || key === null) throw new Error("no key of this server signed that checkpoint");
  return key.verifierKey(head.origin);
}
