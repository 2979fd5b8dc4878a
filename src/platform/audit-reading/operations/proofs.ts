import { logVerifierKey } from "../../audit/log-key.ts";
import { proveCheckpoint } from "../../audit/proofs.ts";
import { findCheckpointOfSize } from "../../audit/store/tree.ts";
import { SERVER_TENANT } from "../../keys/keyring.ts";
import type { Call } from "../../product.ts";
import { auditReadingError } from "../errors.ts";
import type { ProofView, TopProofView } from "../schema.ts";
import { findRecord } from "../store/log.ts";
import { checkpointOf, treeOf } from "./log.ts";
import { notFound, pending } from "./records.ts";

const PROOF_HEADER = "c2sp.org/tlog-proof@v1";

/** All that is needed to check one record alone: its text and salt, the way to the root, and the signed root. */
export async function getAuditProof(call: Call, id: string): Promise<ProofView> {
  const { tenantId } = call.caller;
  const row = await call.read((tx) => findRecord(tx, tenantId, id));
  if (row === null) throw notFound(id);
  if (row.index === null) throw pending(id);
  const index = Number(row.index);
  const proof = await call.read(async (tx) => {
    const checkpoint = await checkpointOf(tx, tenantId, "audit");
    if (index >= Number(checkpoint.size)) throw pending(id);
    const path = await treeOf(tx, tenantId, "audit").inclusionPath(index, Number(checkpoint.size));
    return {
      index,
      leaf_hash: row.leaf_hash.toString("hex"),
      salt: row.salt.toString("base64"),
      event: row.event,
      path: path.map((hash) => hash.toString("base64")),
      checkpoint: checkpoint.note,
    };
  });
  const key = await logVerifierKey(call.services, { tenantId, log: "audit", note: proof.checkpoint });
  return { ...proof, key };
}

/** That the log above holds the organisation's checkpoint of a size, with that checkpoint itself. */
export async function getTopProof(call: Call, size: number): Promise<TopProofView> {
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
  return {
    size,
    checkpoint: own.note,
    entry: proof.entry.toString("base64"),
    index: proof.index,
    path: proof.path.map((hash) => hash.toString("base64")),
    top_checkpoint: proof.checkpoint,
    key,
  };
}

/** C2SP tlog-proof: a header, the index, the hashes of the path, an empty line, the checkpoint. */
export function proofText(proof: Pick<ProofView, "index" | "path" | "checkpoint">): string {
  return [PROOF_HEADER, `index ${proof.index}`, ...proof.path, "", proof.checkpoint].join("\n");
}
