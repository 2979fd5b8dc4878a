import { HASH_BYTES } from "./merkle.ts";
import { fromBase64, openNote, type NoteSigner, type NoteVerifier, signNote } from "./note.ts";

/** What a log commits to at one size (C2SP tlog-checkpoint). */
export type Checkpoint = { readonly origin: string; readonly size: number; readonly root: Buffer };

/** The signed note of a checkpoint; the key's name is the log's origin. */
export function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): string {
  return signNote(`${checkpoint.origin}\n${checkpoint.size}\n${checkpoint.root.toString("base64")}\n`, signer);
}

/** The checkpoint in a signed note, or null when the signature or the form is wrong. */
export function openCheckpoint(note: string, verifier: NoteVerifier): Checkpoint | null {
  const opened = openNote(note, [verifier]);
  const [, origin = "", digits = "", encoded = ""] =
    /^([^\n]+)\n(0|[1-9]\d{0,15})\n([^\n]+)\n(?:[^\n]+\n)*$/.exec(opened?.text ?? "") ?? [];
  const [size, root] = [Number(digits), fromBase64(encoded)];
  if (origin !== verifier.name || root?.length !== HASH_BYTES || !Number.isSafeInteger(size)) return null;
  return { origin, size, root };
}

/** A self-contained inclusion proof as text (C2SP tlog-proof). */
export function formatProof(proof: {
  readonly index: number;
  readonly path: readonly Uint8Array[];
  readonly checkpoint: string;
  readonly extra?: Uint8Array;
}): string {
  const hashes = proof.path.map((hash) => `${Buffer.from(hash).toString("base64")}\n`).join("");
  const extra = proof.extra === undefined ? "" : `extra ${Buffer.from(proof.extra).toString("base64")}\n`;
  return `c2sp.org/tlog-proof@v1\n${extra}index ${proof.index}\n${hashes}\n${proof.checkpoint}`;
}
