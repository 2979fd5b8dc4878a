import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from "node:crypto";
import { HASH_BYTES } from "./merkle.ts";

/** Algorithm byte of Ed25519 in keys and signatures of C2SP signed-note. */
const ED25519 = 1;
const KEY_BYTES = 32;
const KEY_ID_BYTES = 4;
const SIGNATURE_BYTES = 64;
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");
/** A name may hold neither blanks nor plus signs. */
const NAME = /^[^\s+]+$/u;
const SIGNATURE_LINE = /^\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})$/u;

/** A key that signs notes under a name (C2SP signed-note). */
export type NoteSigner = {
  readonly name: string;
  /** `<name>+<key id>+<base64>`: what a verifier needs. */
  readonly verifierKey: string;
  /** Ed25519 (RFC 8032) over these bytes; what they mean is the caller's to keep apart from notes. */
  sign(bytes: Uint8Array): Buffer;
};

export type NoteVerifier = { readonly name: string; readonly keyId: Buffer; readonly publicKey: KeyObject };

/** `seed`: the 32 bytes of an Ed25519 private key. */
export function noteSigner(name: string, seed: Uint8Array): NoteSigner {
  if (!NAME.test(name)) throw new Error("the name of a signer holds no blank and no plus sign");
  const privateKey = privateKeyOf(seed);
  return {
    name,
    verifierKey: verifierKeyOf(name, rawKeyOf(privateKey)),
    sign: (bytes) => sign(null, bytes, privateKey),
  };
}

/** The 32 bytes of the public key that belongs to a seed. */
export function publicKeyOf(seed: Uint8Array): Buffer {
  return rawKeyOf(privateKeyOf(seed));
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: "der", type: "pkcs8" });
}

function rawKeyOf(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ format: "der", type: "spki" }).subarray(SPKI_HEAD.length);
}

/** `<name>+<8 hex digits of the key id>+<base64 of algorithm and public key>`. */
export function verifierKeyOf(name: string, publicKey: Uint8Array): string {
  const key = Buffer.concat([Buffer.of(ED25519), publicKey]);
  return `${name}+${keyIdOf(name, key).toString("hex")}+${key.toString("base64")}`;
}

/** The first four bytes of SHA-256 over name, line feed, algorithm and public key. */
function keyIdOf(name: string, key: Uint8Array): Buffer {
  return createHash("sha256").update(`${name}\n`, "utf8").update(key).digest().subarray(0, KEY_ID_BYTES);
}

/** Null for a text that is no verifier key of Ed25519, or whose key id is not its key's. */
export function readVerifierKey(text: string): NoteVerifier | null {
  const [, name = "", id = "", base64 = ""] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/u.exec(text) ?? [];
  const key = Buffer.from(base64, "base64");
  if (name === "" || key.length !== KEY_BYTES + 1 || key[0] !== ED25519) return null;
  const verifier = noteVerifier(name, key.subarray(1));
  return verifier.keyId.toString("hex") === id ? verifier : null;
}

/** `publicKey`: the 32 bytes of an Ed25519 key. */
export function noteVerifier(name: string, publicKey: Uint8Array): NoteVerifier {
  const keyId = keyIdOf(name, Buffer.concat([Buffer.of(ED25519), publicKey]));
  const spki = Buffer.concat([SPKI_HEAD, publicKey]);
  return { name, keyId, publicKey: createPublicKey({ key: spki, format: "der", type: "spki" }) };
}

/** What a log says of itself at one size (C2SP tlog-checkpoint). */
export type Checkpoint = { readonly origin: string; readonly size: number; readonly root: Buffer };

/**
 * A signed checkpoint: the text, an empty line, a signature line of each key. All have the log's name; whoever knows one of
 * them passes over the others (C2SP signed-note).
 */
export function signCheckpoint(
  signers: readonly [NoteSigner, ...NoteSigner[]],
  at: { readonly size: number; readonly root: Buffer },
): string {
  const text = `${signers[0].name}\n${at.size}\n${at.root.toString("base64")}\n`;
  return [text, ...signers.map((signer) => signatureLine(signer, text))].join("\n").concat("\n");
}

function signatureLine({ name, verifierKey, sign: signWith }: NoteSigner, text: string): string {
  const keyId = Buffer.from(verifierKey.slice(name.length + 1, name.length + 9), "hex");
  const signature = Buffer.concat([keyId, signWith(Buffer.from(text, "utf8"))]);
  return `\u2014 ${name} ${signature.toString("base64")}`;
}

/** The checkpoint of a note that bears a good signature of `verifier`; null otherwise. */
export function openCheckpoint(note: string, verifier: NoteVerifier): Checkpoint | null {
  const end = note.lastIndexOf("\n\n");
  if (end < 0 || !note.endsWith("\n")) return null;
  const text = note.slice(0, end + 1);
  if (
    !note
      .slice(end + 2)
      .split("\n")
      .some((line) => isSignedBy(text, line, verifier))
  )
    return null;
  const [origin, size = "", root = ""] = text.split("\n");
  const rootBytes = Buffer.from(root, "base64");
  const isWellFormed =
    origin === verifier.name &&
    /^(?:0|[1-9]\d{0,15})$/.test(size) &&
    rootBytes.length === HASH_BYTES &&
    rootBytes.toString("base64") === root;
  return isWellFormed ? { origin, size: Number(size), root: rootBytes } : null;
}

function isSignedBy(text: string, line: string, { name, keyId, publicKey }: NoteVerifier): boolean {
  const [, signer, base64 = ""] = SIGNATURE_LINE.exec(line) ?? [];
  const bytes = Buffer.from(base64, "base64");
  // One signature has one spelling: else a changed note would pass for the signed one.
  if (signer !== name || bytes.length !== KEY_ID_BYTES + SIGNATURE_BYTES || bytes.toString("base64") !== base64) {
    return false;
  }
  if (!bytes.subarray(0, KEY_ID_BYTES).equals(keyId)) return false;
  return verify(null, Buffer.from(text, "utf8"), publicKey, bytes.subarray(KEY_ID_BYTES));
}

/** An inclusion proof that can be checked alone, in the text form of C2SP tlog-proof. */
export function proofText(proof: {
  readonly index: number;
  readonly path: readonly Buffer[];
  readonly checkpoint: string;
}): string {
  const hashes = proof.path.map((hash) => hash.toString("base64"));
  return ["c2sp.org/tlog-proof@v1", `index ${proof.index}`, ...hashes, "", proof.checkpoint].join("\n");
}
