import { randomUUID } from "node:crypto";
import type { Database, Tx } from "../db/tx.ts";
import type { TenantKeys } from "../keys/keyring.ts";
import type { Log } from "../log/log.ts";
import { idempotencyError } from "./errors.ts";
import { deleteClaim, findKey, insertClaim, updateDone, updateShown, type KeyScope } from "./store.ts";

/** An answer as it was sent first, byte for byte. */
export type StoredAnswer = {
  readonly status: number;
  /** The headers that belong to the answer, the first request's id and date among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

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
  complete(tx: Tx, answer: StoredAnswer): Promise<void>;
  /** Frees the key after a roll-back, so that the client can try again at once. Does nothing when it is done. */
  release(): Promise<void>;
};

/** An answer to give again. `replayed` is called when it has left; a secret one is forgotten then. */
export type Replay = { readonly replay: StoredAnswer; replayed(): Promise<void> };

/** How long a key protects: promised to clients, and kept. */
export const PROMISED_SECONDS = 24 * 3600;
export const KEPT_SECONDS = 48 * 3600;
/** A request that is not done by then is taken for dead; its result would be refused. */
export const LEASE_SECONDS = 60;
const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_RETRY_AFTER_SECONDS = 5;

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
  const { tenantId, scope, keys } = request;
  const owner = randomUUID();
  const order = { ...request, owner, leaseSeconds: LEASE_SECONDS, keptSeconds: KEPT_SECONDS };
  // Buffered: should a crash lose the claim, then the later transaction with its effect is lost too.
  const found = await db.tenant(
    tenantId,
    async (tx) => ((await insertClaim(tx, tenantId, scope, order)) === 1 ? null : findKey(tx, tenantId, scope)),
    { durability: "buffered" },
  );
  if (found === null) return { claim: claimOf(db, request, owner, log) };
  if (!found.fingerprint.equals(request.fingerprint)) {
    throw idempotencyError("idempotency_key_reused", "This Idempotency-Key was used for a request with other content.");
  }
  if (found.state === "shown") {
    throw idempotencyError(
      "idempotency_answer_gone",
      "The answer held a secret; it was replayed once and then forgotten.",
    );
  }
  if (found.state === "running" || found.answer === null) {
    throw idempotencyError("idempotency_key_in_flight", "A request with this Idempotency-Key is still running.", {
      retryAfterSeconds: Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(1, found.lease_seconds)),
    });
  }
  const stored = keys.open("idempotency-answers", found.answer, contextOf(scope));
  return {
    replay: JSON.parse(stored.toString("utf8")) as StoredAnswer,
    async replayed() {
      if (found.is_secret) await db.tenant(tenantId, (tx) => updateShown(tx, tenantId, scope));
    },
  };
}

function contextOf(scope: KeyScope): string {
  return `${scope.operation}/${scope.key}`;
}

function claimOf(db: Database, request: ClaimRequest, owner: string, log: Log): Claim {
  const { tenantId, scope, keys } = request;
  return {
    async complete(tx, answer) {
      const bytes = Buffer.from(JSON.stringify(answer), "utf8");
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
      await db
        .tenant(tenantId, (tx) => deleteClaim(tx, tenantId, scope, owner), { durability: "buffered" })
        .catch((error: unknown) => log.warn({ error }, "an idempotency key could not be freed; its lease will end"));
    },
  };
}
