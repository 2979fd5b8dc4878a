import { randomBytes } from "node:crypto";
import { recordAudit } from "../../../platform/audit/audit.ts";
import { actorOf } from "../../../platform/credentials/operations.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import { platformError } from "../../../platform/errors/platform-errors.ts";
import { pageOf, positionOf } from "../../../platform/db/paging.ts";
import { ulid } from "../../../platform/ids/ids.ts";
import { generationOf, openWith, SealError, sealWith } from "../../../platform/keys/seal.ts";
import { findKmsKey, insertKmsKey, listKmsKeys, type KmsKeyRow } from "../../../platform/keys/store.ts";
import type { Call } from "../../../platform/product.ts";
import { secufileError } from "../errors.ts";
import { builtInKeyId, keyReference } from "../key-wrap.ts";
import { readRecipientKey, RecipientKeyError, releaseTo, type RecipientKey } from "../recipient-key.ts";
import type { KeyView, ReleaseKeyRequest, ReleaseKeyResponse } from "../schema.ts";
import { documentOf, entryOf } from "./documents.ts";

const KEY_BYTES = 32;
const FIRST_GENERATION = 1;

/** Makes a key-encryption key in the built-in key service. It never leaves it. */
export async function createKey(call: Call, name: string): Promise<KeyView> {
  const id = ulid(call.now);
  const key = randomBytes(KEY_BYTES);
  const sealedKey = call.keys.seal("kms-keys", key, id);
  key.fill(0);
  return call.write(async (tx) => {
    await insertKmsKey(tx, call.caller.tenantId, { id, generation: FIRST_GENERATION, name, sealedKey, now: call.now });
    await auditKey(call, tx, "createKey", { id, details: { name } });
    return viewOf({ id, generation: FIRST_GENERATION, name, sealed_key: sealedKey, created_at: call.now });
  });
}

export async function listKeys(
  call: Call,
  query: { limit: number; cursor?: string | undefined; page?: number | undefined },
): Promise<{ data: KeyView[]; next_cursor: string | null }> {
  const position = positionOf(query);
  const rows = await call.read((tx) => listKmsKeys(tx, call.caller.tenantId, position));
  return pageOf(rows, position, { id: (row) => row.id, show: viewOf });
}

export async function getKey(call: Call, id: string): Promise<KeyView> {
  return viewOf(await call.read((tx) => keyOf(call, tx, id)));
}

/** A new data key, plain and wrapped. The plain one is in this answer and nowhere else. */
export async function createDataKey(
  call: Call,
  id: string,
): Promise<{ key_wrap: string; plaintext_key: string; wrapped_key: string }> {
  const dataKey = randomBytes(KEY_BYTES);
  return call.write(async (tx) => {
    const row = await keyOf(call, tx, id);
    await auditKey(call, tx, "createDataKey", { id });
    return {
      key_wrap: keyReference(id),
      plaintext_key: dataKey.toString("base64"),
      wrapped_key: wrapUnder(call, row, dataKey).toString("base64"),
    };
  });
}

/** Wraps a data key that the caller made. */
export async function wrapKey(
  call: Call,
  id: string,
  plainBase64: string,
): Promise<{ key_wrap: string; wrapped_key: string }> {
  const plain = Buffer.from(plainBase64, "base64");
  return call.write(async (tx) => {
    const row = await keyOf(call, tx, id);
    await auditKey(call, tx, "wrapKey", { id });
    return { key_wrap: keyReference(id), wrapped_key: wrapUnder(call, row, plain).toString("base64") };
  });
}

/** Gives a document's data key to a recipient, encrypted to its public key; on record before it leaves. */
export async function releaseKey(
  call: Call,
  documentId: string,
  request: ReleaseKeyRequest,
): Promise<ReleaseKeyResponse> {
  const recipient = recipientOf(request.recipient_public_key);
  // Encrypted before the transaction; what was encrypted is checked against the row within it.
  const before = await call.read((tx) => dataKeyOf(call, tx, documentId));
  const released = await releaseTo(recipient, before).catch((error: unknown) => {
    throw error instanceof RecipientKeyError ? wrongRecipient(error.message) : error;
  });
  before.fill(0);
  return call.write(async (tx) => {
    const row = await documentOf(call, tx, documentId);
    const details = { reason: request.reason, algorithm: released.algorithm, recipient: request.recipient_public_key };
    await recordAudit(tx, call.caller.tenantId, entryOf(call, "releaseKey", row, details));
    return {
      document_id: documentId,
      algorithm: released.algorithm,
      encrypted_key: released.encryptedKey,
      released_at: call.now.toISOString(),
    };
  });
}

function recipientOf(given: unknown): RecipientKey {
  try {
    return readRecipientKey(given);
  } catch (error) {
    throw error instanceof RecipientKeyError ? wrongRecipient(error.message) : error;
  }
}

function wrongRecipient(reason: string): Error {
  return platformError("validation_failed", "The recipient_public_key cannot be used.", {
    fields: [{ parameter: "recipient_public_key", reason }],
  });
}

async function dataKeyOf(call: Call, tx: Tx, documentId: string): Promise<Buffer> {
  const document = await documentOf(call, tx, documentId);
  const id = builtInKeyId(document.key_wrap);
  const row = id === null ? null : await findKmsKey(tx, call.caller.tenantId, id, null);
  if (row === null)
    throw secufileError("key_not_held", `${document.key_wrap} is not a key of the built-in key service.`);
  if (document.wrapped_key === null) throw secufileError("key_not_held", "The document came without a wrapped key.");
  const key = call.keys.open("kms-keys", row.sealed_key, row.id);
  try {
    generationOf(document.wrapped_key);
    return openWith(key, document.wrapped_key, wrapContext(call, row.id));
  } catch (error) {
    if (error instanceof SealError) {
      throw secufileError("key_not_held", `The wrapped key of the document was not made under ${document.key_wrap}.`);
    }
    throw error;
  } finally {
    key.fill(0);
  }
}

function wrapUnder(call: Call, row: KmsKeyRow, plain: Buffer): Buffer {
  const key = call.keys.open("kms-keys", row.sealed_key, row.id);
  const wrapped = sealWith(key, row.generation, plain, wrapContext(call, row.id));
  key.fill(0);
  return wrapped;
}

function wrapContext(call: Call, keyId: string): string {
  return `kms/${call.caller.tenantId}/${keyId}`;
}

async function keyOf(call: Call, tx: Tx, id: string): Promise<KmsKeyRow> {
  const row = await findKmsKey(tx, call.caller.tenantId, id, null);
  if (row === null) throw secufileError("key_not_found", `There is no key ${id}.`);
  return row;
}

async function auditKey(
  call: Call,
  tx: Tx,
  operation: string,
  target: { readonly id: string; readonly details?: Readonly<Record<string, unknown>> },
): Promise<void> {
  await recordAudit(tx, call.caller.tenantId, {
    action: `secufile.${operation}`,
    at: call.now,
    actor: actorOf(call),
    resource: { type: "key", id: target.id },
    outcome: "success",
    details: target.details ?? {},
  });
}

function viewOf(row: KmsKeyRow): KeyView {
  return { key_id: row.id, key_wrap: keyReference(row.id), name: row.name, created_at: row.created_at.toISOString() };
}
