import { isRecord } from "../answer.ts";
import { leafOf, leafOfCheckpoint, rootOf } from "./merkle.ts";
import { bytesOf, openCheckpoint, readVerifier } from "./note.ts";

/** The proof is not what the log's key signed; the message says why. */
export class ProofError extends Error {
  override readonly name = "ProofError";
}

export type Proved = {
  /** What stands in the log: a record, or in the log over all organisations a checkpoint. */
  readonly proves: "record" | "checkpoint";
  readonly origin: string;
  readonly key: string;
  readonly index: number;
  /** Size of the tree whose root is signed. */
  readonly size: number;
  /** The record as it was hashed, or the checkpoint. */
  readonly content: string;
};

/**
 * Checks one proof as the server answers it: what is proved against its leaf, the leaf against the root, the root against the
 * signature. Throws `ProofError` at the first fault. `pinned` are the verifier keys that the reader trusts; with none the one
 * that the proof names is taken.
 */
export function verifyProof(text: string, pinned: readonly string[]): Proved {
  const value = parse(text);
  const { index, path, key } = value;
  if (typeof index !== "number" || !Number.isSafeInteger(index) || index < 0) throw new ProofError("the index is none");
  if (typeof key !== "string" || !Array.isArray(path)) throw new ProofError("a part is missing");
  if (pinned.length > 0 && !pinned.includes(key))
    throw new ProofError(`the proof names the key ${key}, which is none of those given by --key`);
  const verifier = readVerifier(key);
  if (verifier === null) throw new ProofError("the verifier key cannot be read");
  const { proves, leaf, content, note } = "top_checkpoint" in value ? checkpointOf(value) : recordOf(value);
  const signed = openCheckpoint(note, verifier);
  if (signed === null) throw new ProofError("the signed root is not signed by that key");
  const hashes = path.map((each) => bytesOf(String(each))).filter((hash) => hash?.length === 32);
  const siblings = hashes.filter((hash) => hash !== null);
  if (siblings.length !== path.length) throw new ProofError("the inclusion path cannot be read");
  const root = rootOf({ leaf, index, size: signed.size, path: siblings });
  if (root?.equals(signed.root) !== true)
    throw new ProofError(`the ${proves} is not at the index ${index} of the signed log`);
  return { proves, origin: signed.origin, key, index, size: signed.size, content };
}

type Claim = Pick<Proved, "proves" | "content"> & { readonly leaf: Buffer; readonly note: string };

function recordOf(value: Readonly<Record<string, unknown>>): Claim {
  const { event, salt, checkpoint, leaf_hash: leafHash } = value;
  const saltBytes = bytesOf(String(salt));
  if (typeof event !== "string" || typeof checkpoint !== "string" || saltBytes === null)
    throw new ProofError("a part is missing");
  const leaf = leafOf(saltBytes, event);
  if (leaf.toString("hex") !== leafHash) throw new ProofError("the event does not fit its leaf hash");
  return { proves: "record", leaf, content: event, note: checkpoint };
}

function checkpointOf(value: Readonly<Record<string, unknown>>): Claim {
  const { checkpoint, top_checkpoint: note } = value;
  if (typeof checkpoint !== "string" || typeof note !== "string") throw new ProofError("a part is missing");
  return { proves: "checkpoint", leaf: leafOfCheckpoint(checkpoint), content: checkpoint, note };
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {
    // said below
  }
  throw new ProofError("is no JSON object");
}
