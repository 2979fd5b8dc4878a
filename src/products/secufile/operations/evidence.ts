import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { canonicalJson } from "../../../platform/audit/canonical.ts";
import type { AuditProof } from "../../../platform/audit/proofs.ts";
import { newId } from "../../../platform/ids/ids.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import { SERVER_TENANT, type TenantKeys } from "../../../platform/keys/keyring.ts";
import type { Call, Services } from "../../../platform/product.ts";
import type { EvidenceBundle, SignedRecord } from "../evidence.ts";
import {
  insertNextSignatureKey,
  insertSignatureKey,
  listSignatureKeys,
  type SignatureKeyRow,
} from "../store/signatures.ts";

/** Signs evidence. Made before the transaction of the act, because the key is under another tenant. */
export type EvidenceSigner = {
  readonly keyId: string;
  sign(record: Readonly<Record<string, unknown>>): SignedRecord;
};

/** The server's newest key for evidence; the first call ever makes one. */
export async function evidenceSigner(services: Services): Promise<EvidenceSigner> {
  const keys = await services.keyring.of(SERVER_TENANT);
  const row = (await evidenceKeys(services)).at(-1);
  if (row === undefined) throw new Error("the key for evidence was not made");
  const privateKey = createPrivateKey({
    key: keys.open("signatures", row.sealed_private, row.id),
    format: "der",
    type: "pkcs8",
  });
  return {
    keyId: row.id,
    sign(record) {
      const text = canonicalJson({ ...record, key_id: row.id });
      return {
        signed_text: text,
        signature: sign(null, Buffer.from(text, "utf8"), privateKey).toString("base64"),
        key_id: row.id,
      };
    },
  };
}

async function evidenceKeys(services: Services): Promise<SignatureKeyRow[]> {
  const { db, keyring } = services;
  const known = await db.tenant(SERVER_TENANT, (tx) => listSignatureKeys(tx, SERVER_TENANT));
  if (known.length > 0) return known;
  const keys = await keyring.of(SERVER_TENANT);
  const row = newKey(keys, services.clock.now());
  await db.tenant(SERVER_TENANT, (tx) => insertSignatureKey(tx, SERVER_TENANT, row));
  return db.tenant(SERVER_TENANT, (tx) => listSignatureKeys(tx, SERVER_TENANT));
}

function newKey(keys: TenantKeys, now: Date): SignatureKeyRow {
  const id = newId("sgk", now);
  const pair = generateKeyPairSync("ed25519");
  return {
    id,
    public_key: pair.publicKey.export({ format: "der", type: "spki" }),
    sealed_private: keys.seal("signatures", pair.privateKey.export({ format: "der", type: "pkcs8" }), id),
    created_at: now,
  };
}

/**
 * Makes a new key for evidence within the operator's transaction, behind the server's wall: what is signed after its commit
 * is signed with it. Evidence of before verifies by the old one, which stays published. Answers its id.
 */
export async function rotateEvidenceKey(call: Call, tx: Tx): Promise<string> {
  const row = newKey(call.keys, call.now);
  await insertNextSignatureKey(tx, SERVER_TENANT, row);
  return row.id;
}

/** Public halves of all keys that evidence was ever signed with. */
export async function listEvidenceKeys(services: Services): Promise<EvidenceBundle["public_keys"]> {
  const rows = await evidenceKeys(services);
  return rows.map((row, at) => ({
    key_id: row.id,
    signs_from: row.created_at.toISOString(),
    signs_until: rows[at + 1]?.created_at.toISOString() ?? null,
    algorithm: "Ed25519",
    public_key_pem: createPublicKey({ key: row.public_key, format: "der", type: "spki" }).export({
      format: "pem",
      type: "spki",
    }),
  }));
}

/** A proof of the audit log as evidence shows it. */
export function proofMembers(proof: AuditProof): NonNullable<EvidenceBundle["records"][number]["audit"]["proof"]> {
  return {
    index: proof.index,
    event: proof.event,
    salt: proof.salt.toString("base64"),
    entry: proof.entry.toString("base64"),
    leaf_hash: proof.leafHash.toString("base64"),
    path: proof.path.map((hash) => hash.toString("base64")),
    checkpoint: proof.checkpoint,
    tlog_proof: proof.proofText,
  };
}

export function sha256Hex(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}
