import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Database, Tx } from "../db/tx.ts";
import type { TenantKeys } from "../keys/keyring.ts";
import type { Log } from "../log/log.ts";
import { idempotencyError } from "./errors.ts";
import { answerOfBytes, bytesOfAnswer, type EarnedAnswer } from "./schema.ts";
import { deleteClaim, findKey, insertClaim, updateDone, updateShown, type KeyRow, type KeyScope } from "./store.ts";

export type ClaimRequest = {
  readonly tenantId: string;
  readonly keys: TenantKeys;
  readonly scope: KeyScope;
  readonly fingerprint: Buffer;
  /** The answer holds a secret that is shown once. */
  readonly isSecret: boolean;
};

/** The right to carry out a request; exactly one holder at a time, and the database refuses all others' results. */
export type Claim = {
  /** Stores the answer in the transaction that brings about the effect. Throws when the key was taken over: roll back. */
  complete(tx: Tx, earned: EarnedAnswer): Promise<void>;
  /**
   * Frees the key after a roll-back, so that the client can try again at once; in the background when the database is
   * away. Does nothing when it is done. Never throws.
   */
  release(): Promise<void>;
};

/** An answer to give again to whoever holds its scopes. `replayed` is called when it has left; a secret one is forgotten then. */
export type Replay = { readonly replay: EarnedAnswer; replayed(): Promise<void> };

/** How long a key protects: promised to clients, and kept. */
export const PROMISED_SECONDS = 24 * 3600;
export const KEPT_SECONDS = 48 * 3600;
/** A request that is not done by then is taken for dead; its result would be refused. */
export const LEASE_SECONDS = 60;
const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_RETRY_AFTER_SECONDS = 5;
const FREE_EVERY_SECONDS = 2;
/** A key that is freed again and again while one request asks for it is not worth more. */
const MAX_CLAIM_ATTEMPTS = 3;

const BARE = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const VERSION_4 = /^.{14}4.{4}[89ab]/i;

/**
 * Reads the `Idempotency-Key` header: a UUID, bare or as a structured-field string in quotes
 * (draft-ietf-httpapi-idempotency-key-header). Null when absent.
 */
export function readIdempotencyKey(header: string | undefined, wants: "uuid-v4" | "uuid"): string | null {
  if (header === undefined) return null;
  const quoted = /^"([^"]*)"$/.exec(header.trim());
  const key = quoted?.[1] ?? header.trim();
  if (!BARE.test(key) || (wants === "uuid-v4" && !VERSION_4.test(key))) {
    throw idempotencyError(
      "idempotency_key_invalid",
      "The Idempotency-Key must be a UUID v4, such as the output of uuidgen.",
    );
  }
  return key.toLowerCase();
}

/**
 * Claims a key, or gives the stored answer. Throws `idempotency_key_in_flight` while a twin runs,
 * `idempotency_key_reused` when the key belongs to another request.
 */
export async function claimKey(db: Database, request: ClaimRequest, log: Log): Promise<{ claim: Claim } | Replay> {
  const owner = randomUUID();
  const found = await claimOrFind(db, request, owner);
  if (found === "claimed") return { claim: claimOf(db, request, owner, log) };
  if (!found.fingerprint.equals(request.fingerprint)) {
    throw idempotencyError("idempotency_key_reused", "This Idempotency-Key was used for a request with other content.");
  }
  if (found.state === "shown") {
    throw idempotencyError(
      "idempotency_answer_gone",
      "The answer held a secret; it was replayed once and then forgotten.",
    );
  }
  if (found.state === "running" || found.answer === null) throw inFlight(found.lease_seconds);
  return replayOf(db, request, { isSecret: found.is_secret, sealed: found.answer });
}

async function claimOrFind(db: Database, request: ClaimRequest, owner: string): Promise<"claimed" | KeyRow> {
  const { tenantId, scope } = request;
  const order = { ...request, owner, leaseSeconds: LEASE_SECONDS, keptSeconds: KEPT_SECONDS };
  for (let attempt = 1; attempt <= MAX_CLAIM_ATTEMPTS; attempt++) {
    // One round trip. Should a crash lose the claim, then the later transaction with its effect is lost too.
    const claimed = await db.tenant(tenantId, (tx) => insertClaim(tx, tenantId, scope, order), {
      durability: "buffered",
      isCommitAhead: true,
    });
    if (claimed === 1) return "claimed";
    const found = await db.tenant(tenantId, (tx) => findKey(tx, tenantId, scope));
    // Neither claimed nor found: its holder freed the key between the two, so it can be had now.
    if (found !== null) return found;
  }
  throw inFlight(1);
}

function inFlight(leaseSeconds: number): Error {
  return idempotencyError("idempotency_key_in_flight", "A request with this Idempotency-Key is still running.", {
    retryAfterSeconds: Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(1, leaseSeconds)),
  });
}

function replayOf(db: Database, request: ClaimRequest, stored: { isSecret: boolean; sealed: Buffer }): Replay {
  const { tenantId, scope, keys } = request;
  return {
    replay: answerOfBytes(keys.open("idempotency-answers", stored.sealed, contextOf(scope))),
    async replayed() {
      if (stored.isSecret) await db.tenant(tenantId, (tx) => updateShown(tx, tenantId, scope));
    },
  };
}

function contextOf(scope: KeyScope): string {
  return `${scope.operation}/${scope.key}`;
}

function claimOf(db: Database, request: ClaimRequest, owner: string, log: Log): Claim {
  const { tenantId, scope, keys } = request;
  return {
    async complete(tx, earned) {
      const bytes = bytesOfAnswer(earned);
      if (bytes.length > MAX_ANSWER_BYTES)
        throw new Error(`an answer of ${bytes.length} bytes cannot be kept for a replay`);
      const sealed = keys.seal("idempotency-answers", bytes, contextOf(scope));
      if ((await updateDone(tx, tenantId, scope, { owner, answer: sealed })) === 0) {
        throw idempotencyError(
          "idempotency_key_in_flight",
          "This request took too long and a retry has taken its place.",
          {
            retryAfterSeconds: 1,
          },
        );
      }
    },
    async release() {
      if (await free(db, request, owner, log)) return;
      // The database is away, as a rule. The client may be told to wait, but not for the whole lease.
      void freeLater(db, request, owner, log);
    },
  };
}

async function freeLater(db: Database, request: ClaimRequest, owner: string, log: Log): Promise<void> {
  for (let waitedSeconds = 0; waitedSeconds < LEASE_SECONDS; waitedSeconds += FREE_EVERY_SECONDS) {
    await delay(FREE_EVERY_SECONDS * 1000, undefined, { ref: false });
    if (await free(db, request, owner, log)) return;
  }
}

/** Whether that could be done; the key may well have been done or taken over before. */
async function free(db: Database, request: ClaimRequest, owner: string, log: Log): Promise<boolean> {
  const { tenantId, scope } = request;
  try {
    await db.tenant(tenantId, (tx) => deleteClaim(tx, tenantId, scope, owner), { durability: "buffered" });
    return true;
  } catch (error) {
    log.warn({ error }, "an idempotency key could not be freed yet");
    return false;
  }
}
