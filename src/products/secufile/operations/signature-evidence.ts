import { logVerifierKey } from "../../../platform/audit/log-key.ts";
import type { Call } from "../../../platform/product.ts";
import { renderPdf } from "../../../platform/pdf/pdf.ts";
import { certificateOf } from "../certificate.ts";
import { HOW_TO_VERIFY, type EvidenceBundle } from "../evidence.ts";
import { signedRecord } from "../schema.ts";
import type { SignatureRow, SignatureSignerRow } from "../store/signatures.ts";
import { listSignatureSigners } from "../store/signatures.ts";
import { auditPartOf, listEvidenceKeys } from "./evidence.ts";
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
  const records: EvidenceBundle["records"][number][] = [];
  for (const signer of signers) {
    if (signer.sealed_evidence === null || signer.audit_id === null) continue;
    const text = call.keys.open("signatures", signer.sealed_evidence, signer.id).toString("utf8");
    const signed = signedRecord.parse(JSON.parse(text));
    records.push({ ...signed, audit: await auditPartOf(call.services, tenantId, signer.audit_id) });
  }
  const used = new Set(records.map((record) => record.key_id));
  const keys = await listEvidenceKeys(call.services);
  const checkpoints = records.flatMap(({ audit }) => (audit.proof === null ? [] : [audit.proof.checkpoint]));
  const bundle: EvidenceBundle = {
    type: "tabellion.signature-evidence-bundle",
    version: 1,
    signature_id: row.id,
    document_id: row.document_id,
    status: statusAt(row, call.now),
    records,
    public_keys: keys.filter((key) => used.has(key.key_id)),
    audit_log_key: await logVerifierKey(call.services, tenantId, checkpoints),
    how_to_verify: HOW_TO_VERIFY,
  };
  return { row, signers, bundle };
}
