import { createHash, createPublicKey, verify, type KeyObject } from "node:crypto";

/** A verifier key of C2SP signed-note: `<name>+<hash>+<base64 of type and key>`; ours sign by Ed25519. */
export type Verifier = { readonly name: string; readonly hash: Buffer; readonly key: KeyObject };

/** A checkpoint of C2SP tlog-checkpoint. */
export type Checkpoint = { readonly origin: string; readonly size: number; readonly root: Buffer };

const ED25519 = 1;
const KEY_BYTES = 32;
/** SubjectPublicKeyInfo of an Ed25519 key (RFC 8410) is this, then the key. */
const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");

/** Null when the text is no verifier key for Ed25519. */
export function readVerifier(text: string): Verifier | null {
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text);
  const bytes = bytesOf(match?.[3] ?? "");
  if (match === null || bytes?.length !== KEY_BYTES + 1 || bytes[0] !== ED25519) return null;
  const [, name = "", hash = ""] = match;
  const wanted = createHash("sha256").update(`${name}\n`).update(bytes).digest().subarray(0, 4);
  if (wanted.toString("hex") !== hash) return null;
  const key = createPublicKey({ key: Buffer.concat([SPKI_HEAD, bytes.subarray(1)]), format: "der", type: "spki" });
  return { name, hash: wanted, key };
}

/**
 * The checkpoint in a signed note, when the verifier's signature on it is genuine; else null. Signatures under other keys are
 * passed over; a wrong one under this key makes the note worthless (C2SP signed-note).
 */
export function openCheckpoint(note: string, verifier: Verifier): Checkpoint | null {
  const end = note.lastIndexOf("\n\n");
  if (end === -1 || !note.endsWith("\n")) return null;
  const text = note.slice(0, end + 1);
  const ours = note
    .slice(end + 2)
    .split("\n")
    .map((line) => signatureOf(line, verifier))
    .filter((signature) => signature !== null);
  const signed = Buffer.from(text, "utf8");
  if (ours.length === 0 || !ours.every((signature) => verify(null, signed, verifier.key, signature))) return null;
  const [origin = "", size = "", root = ""] = text.split("\n");
  const rootBytes = bytesOf(root);
  if (origin !== verifier.name || !/^(?:0|[1-9]\d{0,15})$/.test(size) || rootBytes?.length !== 32) return null;
  return { origin, size: Number(size), root: rootBytes };
}

/** The signature in a line `— <name> <base64 of key hash and signature>` that names this key; null for any other line. */
function signatureOf(line: string, verifier: Verifier): Buffer | null {
  const match = /^\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})$/.exec(line);
  const bytes = bytesOf(match?.[2] ?? "");
  if (match?.[1] !== verifier.name || bytes === null || !bytes.subarray(0, 4).equals(verifier.hash)) return null;
  return bytes.subarray(4);
}

/** The bytes of a base64 text in its one canonical form, else null. */
export function bytesOf(text: string): Buffer | null {
  const bytes = Buffer.from(text, "base64");
  return text !== "" && bytes.toString("base64") === text ? bytes : null;
}
