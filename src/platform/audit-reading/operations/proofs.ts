import { readLog } from "../../audit/audit.ts";
import { logVerifierKey } from "../../audit/log-key.ts";
import { proveCheckpoint, proveEventIn } from "../../audit/proofs.ts";
import { findCheckpointOfSize } from "../../audit/store/tree.ts";
import { SERVER_TENANT } from "../../keys/keyring.ts";
import type { Call } from "../../product.ts";
import { auditReadingError } from "../errors.ts";
import type { ProofView, TopProofView } from "../schema.ts";
import { findRecord } from "../store/log.ts";
import { checkpointOf } from "./log.ts";
import { notFound, pending } from "./records.ts";

/** A proof in both forms: as the API shows it, and as C2SP tlog-proof. */
type Shown<View> = { readonly view: View; readonly text: string };

/** All that is needed to check one record alone: its text and salt, the way to the root, and the signed root. */
export async function getAuditProof(call: Call, id: string): Promise<Shown<ProofView>> {
  const { tenantId } = call.caller;
  const row = await call.read((tx) => readLog(tx, () => findRecord(tx, tenantId, id)));
  if (row === null) throw notFound(id);
  if (row.index === null) throw pending(id);
  const proof = await call.read((tx) =>
    readLog(tx, async () => proveEventIn(tx, tenantId, id, await checkpointOf(tx, tenantId, "audit"))),
  );
  if (proof === null) throw pending(id);
  const { index, event, checkpoint } = proof;
  const view = {
    index,
    leaf_hash: proof.leafHash.toString("hex"),
    salt: proof.salt.toString("base64"),
    event,
    path: proof.path.map((hash) => hash.toString("base64")),
    checkpoint,
    key: await logVerifierKey(call.services, { tenantId, log: "audit", note: checkpoint }),
  };
  return { view, text: proof.proofText };
}

/** That the log above holds the organisation's checkpoint of a size, with that checkpoint itself. */
export async function getTopProof(call: Call, size: number): Promise<Shown<TopProofView>> {
  const { tenantId } = call.caller;
  const own = await call.read((tx) => findCheckpointOfSize(tx, tenantId, "audit", size));
  if (own === null) {
    throw auditReadingError("audit_checkpoint_not_found", `No checkpoint of ${size} records was signed.`);
  }
  const proof = await proveCheckpoint(call.services.db, tenantId, size);
  if (proof === null) {
    throw auditReadingError("audit_checkpoint_pending", "It gets its place within a second or two.", {
      retryAfterSeconds: 1,
    });
  }
  const key = await logVerifierKey(call.services, { tenantId: SERVER_TENANT, log: "top", note: proof.checkpoint });
  const view = {
    size,
    checkpoint: own.note,
    entry: proof.entry.toString("base64"),
    index: proof.index,
    path: proof.path.map((hash) => hash.toString("base64")),
    top_checkpoint: proof.checkpoint,
    key,
  };
  return { view, text: proof.proofText };
}
