import { logVerifierKey } from "../../../platform/audit/log-key.ts";
import { proveEvents } from "../../../platform/audit/proofs.ts";
import type { Call } from "../../../platform/product.ts";
import { renderPdf } from "../../../platform/pdf/pdf.ts";
import { certificateOf } from "../certificate.ts";
import { HOW_TO_VERIFY, type EvidenceBundle } from "../evidence.ts";
import { signedRecord } from "../schema.ts";
import type { SignatureRow, SignatureSignerRow } from "../store/signatures.ts";
import { listSignatureSigners } from "../store/signatures.ts";
import { listEvidenceKeys, proofMembers } from "./evidence.ts";
import { noteSignature } from "./signature-changes.ts";
import { changeOf, signatureOf } from "./signatures.ts";
import { statusAt } from "../signature.ts";

type Evidence = {
  readonly row: SignatureRow;
  readonly signers: readonly SignatureSignerRow[];
  readonly bundle: EvidenceBundle;
};

/** All that proves the signatures of a request so far. */
export async function getEvidence(call: Call, id: string): Promise<EvidenceBundle> {
  return (await evidenceOf(call, id, "getEvidence")).bundle;
}

/** The same for people to read, with the evidence attached to it. */
export async function getCertificate(call: Call, id: string): Promise<Buffer> {
  const { row, signers, bundle } = await evidenceOf(call, id, "getCertificate");
  return renderPdf(certificateOf({ row, signers, bundle }));
}

async function evidenceOf(call: Call, id: string, operation: string): Promise<Evidence> {
  const { tenantId } = call.caller;
  const { row, signers } = await call.write(async (tx) => {
    const found = await signatureOf(call, tx, id);
    await noteSignature(tx, changeOf(call), found, { operation });
    return { row: found, signers: await listSignatureSigners(tx, tenantId, [id]) };
  });
  const { records, checkpoint } = await recordsOf(call, signers);
  const used = new Set(records.map((record) => record.key_id));
  const keys = await listEvidenceKeys(call.services);
  const note = checkpoint === null ? null : { tenantId, log: "audit" as const, note: checkpoint };
  const bundle: EvidenceBundle = {
    type: "tabellion.signature-evidence-bundle",
    version: 1,
    signature_id: row.id,
    document_id: row.document_id,
    status: statusAt(row, call.now),
    records,
    public_keys: keys.filter((key) => used.has(key.key_id)),
    audit_log_key: note === null ? null : await logVerifierKey(call.services, note),
    how_to_verify: HOW_TO_VERIFY,
  };
  return { row, signers, bundle };
}

/** What was signed so far, and what the audit log says of it: all proofs against one checkpoint, which one key verifies. */
async function recordsOf(
  call: Call,
  signers: readonly SignatureSignerRow[],
): Promise<{ records: EvidenceBundle["records"]; checkpoint: string | null }> {
  const signed = signers.flatMap(({ id, sealed_evidence: sealed, audit_id: auditId }) => {
    if (sealed === null || auditId === null) return [];
    const text = call.keys.open("signatures", sealed, id).toString("utf8");
    return [{ record: signedRecord.parse(JSON.parse(text)), auditId }];
  });
  const ids = signed.map(({ auditId }) => auditId);
  const { proofs, checkpoint } = await proveEvents(call.services.db, call.caller.tenantId, ids);
  const records = signed.map(({ record, auditId }, at) => {
    const proof = proofs[at] ?? null;
    return { ...record, audit: { event_id: auditId, proof: proof === null ? null : proofMembers(proof) } };
  });
  return { records, checkpoint };
}
