import { createHash } from "node:crypto";
import { isRecord } from "../answer.ts";
import { leafOf, leafOfCheckpoint, rootOf, SALT_BYTES } from "./merkle.ts";
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
  const value = parse(text, "the proof");
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

/** What every event has: a leaf of another log, taken apart into salt and text, has none of it. */
const EVENT_MEMBERS = ["id", "at", "action", "actor", "bucket", "resource", "outcome", "details"];

type Claim = Pick<Proved, "proves" | "content"> & { readonly leaf: Buffer; readonly note: string };

function recordOf(value: Readonly<Record<string, unknown>>): Claim {
  const { event, salt, checkpoint, leaf_hash: leafHash } = value;
  const saltBytes = bytesOf(String(salt));
  if (typeof event !== "string" || typeof checkpoint !== "string" || saltBytes === null)
    throw new ProofError("a part is missing");
  if (saltBytes.length !== SALT_BYTES) throw new ProofError(`the salt is not ${SALT_BYTES} bytes long`);
  const members = parse(event, "the event");
  if (!EVENT_MEMBERS.every((member) => Object.hasOwn(members, member)))
    throw new ProofError("the event is none of an audit log");
  const leaf = leafOf(saltBytes, event);
  if (leaf.toString("hex") !== leafHash) throw new ProofError("the event does not fit its leaf hash");
  return { proves: "record", leaf, content: event, note: checkpoint };
}

function checkpointOf(value: Readonly<Record<string, unknown>>): Claim {
  const { checkpoint, top_checkpoint: note, size, entry } = value;
  if (typeof checkpoint !== "string" || typeof note !== "string") throw new ProofError("a part is missing");
  if (typeof size !== "number" || checkpoint.split("\n")[1] !== String(size))
    throw new ProofError("the checkpoint is not of the size that the proof names");
  if (createHash("sha256").update(checkpoint, "utf8").digest("base64") !== entry)
    throw new ProofError("the entry is not the hash of the checkpoint");
  return { proves: "checkpoint", leaf: leafOfCheckpoint(checkpoint), content: checkpoint, note };
}

function parse(text: string, what: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {
    // said below
  }
  throw new ProofError(`${what} is no JSON object`);
}
