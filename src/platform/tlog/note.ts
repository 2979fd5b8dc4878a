import { createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";

/** The byte of Ed25519 (C2SP signed-note, "Signature types"). */
const ED25519 = 0x01;
const KEY_ID_BYTES = 4;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const MAX_NOTE_BYTES = 64 * 1024;
/** The DER of an Ed25519 public key before its 32 bytes (RFC 8410, section 4). */
const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");

/** Signs notes under a name. */
export type NoteSigner = { readonly name: string; readonly publicKey: Buffer; readonly privateKey: KeyObject };

/** Whose signature is looked for. */
export type NoteVerifier = { readonly name: string; readonly publicKey: Buffer };

/** A note whose signature was right: its text, with the final newline. */
export type Note = { readonly text: string };

/** First four bytes of SHA-256 over name, newline, 0x01 and public key. */
export function keyId(verifier: NoteVerifier): Buffer {
  return createHash("sha256")
    .update(`${verifier.name}\n`)
    .update(Buffer.of(ED25519))
    .update(verifier.publicKey)
    .digest()
    .subarray(0, KEY_ID_BYTES);
}

/** `<name>+<key id in hex>+<base64 of 0x01 and the public key>`. */
export function formatVerifierKey(verifier: NoteVerifier): string {
  const key = Buffer.concat([Buffer.of(ED25519), verifier.publicKey]).toString("base64");
  return `${verifier.name}+${keyId(verifier).toString("hex")}+${key}`;
}

/** The inverse of `formatVerifierKey`, or null when it is not one of Ed25519 whose id is right. */
export function parseVerifierKey(text: string): NoteVerifier | null {
  const [, name = "", id = "", encoded = ""] = /^([^+\s]+)\+([0-9a-f]{8})\+(.+)$/u.exec(text) ?? [];
  const bytes = fromBase64(encoded);
  if (!isKeyName(name) || bytes?.length !== 1 + PUBLIC_KEY_BYTES || bytes[0] !== ED25519) return null;
  const verifier = { name, publicKey: bytes.subarray(1) };
  return keyId(verifier).toString("hex") === id ? verifier : null;
}

/** A note: text, blank line, one signature line. Throws on what may not stand in a note. */
export function signNote(text: string, signer: NoteSigner): string {
  if (!text.endsWith("\n") || !isNoteText(text) || !isKeyName(signer.name)) throw new TypeError("this is no note");
  const signature = Buffer.concat([keyId(signer), sign(null, Buffer.from(text, "utf8"), signer.privateKey)]);
  return `${text}\n— ${signer.name} ${signature.toString("base64")}\n`;
}

/**
 * The note's text when one of `verifiers` signed it, else null. Signatures of others are passed over; a wrong one
 * under a known name and id makes the whole note invalid.
 */
export function openNote(note: string, verifiers: readonly NoteVerifier[]): Note | null {
  if (Buffer.byteLength(note) > MAX_NOTE_BYTES || !isNoteText(note)) return null;
  const split = note.lastIndexOf("\n\n");
  if (split === -1 || !note.endsWith("\n")) return null;
  const text = note.slice(0, split + 1);
  let isSigned = false;
  for (const line of note.slice(split + 2, -1).split("\n")) {
    const [, name = "", encoded = ""] = /^— (\S+) (\S+)$/u.exec(line) ?? [];
    const bytes = fromBase64(encoded);
    if (bytes === null || bytes.length <= KEY_ID_BYTES || !isKeyName(name)) return null;
    const id = bytes.subarray(0, KEY_ID_BYTES);
    const known = verifiers.find((each) => each.name === name && keyId(each).equals(id));
    if (known === undefined) continue;
    if (!isSignature(text, bytes.subarray(KEY_ID_BYTES), known)) return null;
    isSigned = true;
  }
  return isSigned ? { text } : null;
}

function isSignature(text: string, signature: Buffer, verifier: NoteVerifier): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false;
  const key = createPublicKey({ key: Buffer.concat([SPKI_HEAD, verifier.publicKey]), format: "der", type: "spki" });
  return verify(null, Buffer.from(text, "utf8"), key, signature);
}

/** Well-formed, and without control characters but newline. */
function isNoteText(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  return text.isWellFormed() && !/[\u0000-\u0009\u000b-\u001f]/.test(text);
}

function isKeyName(name: string): boolean {
  return name !== "" && !/[\s+]/u.test(name);
}

/** Strict standard base64, or null: one value has one form. */
export function fromBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : null;
}
