import type { SignatureStatus } from "./signature.ts";

/** A record of evidence as it was signed: the very text, because a signature is over bytes. */
export type SignedRecord = {
  /** Canonical JSON (RFC 8785), UTF-8. */
  readonly signed_text: string;
  /** Ed25519 over the bytes of `signed_text`, base64. */
  readonly signature: string;
  readonly key_id: string;
};

export type AuditPart = {
  readonly event_id: string;
  /** Null until the log has given the event a place that a signed checkpoint covers. */
  readonly proof: {
    readonly index: number;
    readonly event: string;
    readonly salt: string;
    readonly entry: string;
    readonly leaf_hash: string;
    readonly path: readonly string[];
    readonly checkpoint: string;
    readonly tlog_proof: string;
  } | null;
};

/** Everything that proves a request's signatures; verifiable with nothing but this. */
export type EvidenceBundle = {
  readonly type: "tabellion.signature-evidence-bundle";
  readonly version: 1;
  readonly signature_id: string;
  readonly document_id: string;
  readonly status: SignatureStatus;
  readonly records: readonly (SignedRecord & { readonly audit: AuditPart })[];
  readonly public_keys: readonly {
    readonly key_id: string;
    /** When it was made; evidence is signed with the newest. */
    readonly signs_from: string;
    /** When the next one was made; null for the newest. */
    readonly signs_until: string | null;
    readonly algorithm: string;
    readonly public_key_pem: string;
  }[];
  /** Verifier key (C2SP signed note) of the checkpoints; null before the log has one. */
  readonly audit_log_key: string | null;
  readonly how_to_verify: readonly string[];
};

export const HOW_TO_VERIFY: readonly string[] = [
  "For each record: verify `signature` (Ed25519, base64) over the UTF-8 bytes of `signed_text` with the key of `key_id`.",
  "Compare the public key with the one that the server publishes at /v1/secufile/signature-keys; keys in this file alone prove nothing.",
  "Read `signed_text` as JSON: it names document, hashes, signer, consent and moment. Compare `ciphertext_sha256` with the file that you hold.",
  "Where `audit.proof` is there: SHA-256(salt || event) is `entry`; SHA-256(0x00 || entry) is `leaf_hash`; `path` leads from it to the root in `checkpoint` (RFC 6962); the event holds `evidence_sha256`, the SHA-256 of `signed_text`.",
];
