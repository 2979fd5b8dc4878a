import { createHash, verify } from "node:crypto";
import { isRecord } from "../answer.ts";
import { leafOf, rootOf, SALT_BYTES } from "./merkle.ts";
import { bytesOf, openCheckpoint, readVerifier, type Checkpoint, type Verifier } from "./note.ts";

/** The file is not what the log's key signed; the message says where and why. */
export class ExportError extends Error {
  override readonly name = "ExportError";
}

export type Verified = {
  readonly origin: string;
  readonly key: string;
  readonly records: number;
  /** Size of the tree that all proofs refer to. */
  readonly size: number;
  readonly filters: Readonly<Record<string, unknown>>;
  readonly first: number | null;
  readonly last: number | null;
};

const MAX_LINE_BYTES = 4 * 1024 * 1024;
const NEWLINE = 10;
const HEADER_TYPE = "tabellion-audit-export";
const TRAILER_TYPE = "tabellion-audit-export-end";

/** What the head of an export says, checked against its own checkpoint. */
type Head = {
  readonly keyText: string;
  readonly verifier: Verifier;
  readonly checkpoint: Checkpoint;
  readonly filters: Readonly<Record<string, unknown>>;
  /** Indexes that were looked at: all of them are there where no filter was given. */
  readonly from: number;
};

/**
 * Checks an export with proofs, line by line: the checkpoint's signature, each record against its leaf and each leaf against
 * the one root, the order and, where no filter was given, that no index is missing, and at the end the signature over every
 * byte. Throws `ExportError` at the first fault. `pinned` are the verifier keys that the reader trusts; with none the one that
 * the export names is taken.
 */
export async function verifyExport(source: AsyncIterable<Buffer>, pinned: readonly string[]): Promise<Verified> {
  const hash = createHash("sha256");
  let head: Head | null = null;
  let isOver = false;
  let [count, first, last]: [number, number | null, number | null] = [0, null, null];
  for await (const { line, number } of linesOf(source)) {
    const fault = (reason: string): ExportError => new ExportError(`line ${number}: ${reason}`);
    if (isOver) throw fault("stands after the end of the export");
    const text = line.subarray(0, -1).toString("utf8");
    const value = parse(text, fault);
    if (head === null) {
      head = readHead(value, pinned, fault);
    } else if (value["type"] === TRAILER_TYPE) {
      checkTrailer({ text, value, head, count, digest: hash.copy().digest("hex") }, fault);
      isOver = true;
    } else {
      const index = checkRecord(value, head, fault);
      if (last !== null && index <= last) throw fault(`the index ${index} comes after ${last}`);
      if (isWhole(head) && index !== (last ?? head.from - 1) + 1)
        throw fault(`records before the index ${index} are missing`);
      first ??= index;
      last = index;
      count += 1;
    }
    hash.update(line);
  }
  if (head === null) throw new ExportError("the file is empty");
  if (!isOver) throw new ExportError("the end is missing: the file was cut off");
  if (isWhole(head) && (last ?? head.from - 1) + 1 < head.checkpoint.size)
    throw new ExportError("the last records are missing");
  const { verifier, keyText, checkpoint, filters } = head;
  return { origin: verifier.name, key: keyText, records: count, size: checkpoint.size, filters, first, last };
}

type Fault = (reason: string) => ExportError;

function isWhole(head: Head): boolean {
  return Object.keys(head.filters).length === 0;
}

function parse(text: string, fault: Fault): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {
    // said below
  }
  throw fault("is no JSON object");
}

function readHead(value: Readonly<Record<string, unknown>>, pinned: readonly string[], fault: Fault): Head {
  const { type, version, key, checkpoint: note, filters, from } = value;
  if (type !== HEADER_TYPE || version !== 1) throw fault("is not the head of an export with proofs");
  if (typeof key !== "string" || typeof note !== "string" || !isRecord(filters)) throw fault("the head lacks a part");
  if (typeof from !== "number" || !Number.isSafeInteger(from) || from < 0) throw fault("the head lacks a part");
  if (pinned.length > 0 && !pinned.includes(key))
    throw fault(`the export names the key ${key}, which is none of those given by --key`);
  const verifier = readVerifier(key);
  if (verifier === null) throw fault("the verifier key cannot be read");
  const checkpoint = openCheckpoint(note, verifier);
  if (checkpoint === null) throw fault("the checkpoint is not signed by that key");
  return { keyText: key, verifier, checkpoint, filters, from };
}

/** Answers the record's index. */
function checkRecord(value: Readonly<Record<string, unknown>>, head: Head, fault: Fault): number {
  const { index, event, salt, leaf_hash: leafHash, path } = value;
  if (typeof index !== "number" || !Number.isSafeInteger(index) || index < 0) throw fault("the index is none");
  if (typeof event !== "string" || typeof salt !== "string" || !Array.isArray(path))
    throw fault("the record lacks a part");
  const saltBytes = bytesOf(salt);
  if (saltBytes === null) throw fault("the salt cannot be read");
  if (saltBytes.length !== SALT_BYTES) throw fault(`the salt is not ${SALT_BYTES} bytes long`);
  const leaf = leafOf(saltBytes, event);
  if (leaf.toString("hex") !== leafHash) throw fault("the event does not fit its leaf hash");
  const hashes = path.map((each) => bytesOf(String(each)));
  const siblings = hashes.filter((each) => each?.length === 32).filter((each) => each !== null);
  if (siblings.length !== path.length) throw fault("the inclusion path cannot be read");
  const root = rootOf({ leaf, index, size: head.checkpoint.size, path: siblings });
  if (root?.equals(head.checkpoint.root) !== true)
    throw fault(`the record is not at the index ${index} of the signed log`);
  return index;
}

function checkTrailer(
  end: { text: string; value: Readonly<Record<string, unknown>>; head: Head; count: number; digest: string },
  fault: Fault,
): void {
  const { text, value, head, count, digest } = end;
  const signature = bytesOf(String(value["signature"]));
  if (value["count"] !== count) throw fault(`the export had ${String(value["count"])} records, here are ${count}`);
  if (value["sha256"] !== digest) throw fault("the lines before the end are not the ones that were signed");
  const signed = `tabellion-audit-export/v1\n${head.verifier.name}\n${count}\n${digest}\n`;
  if (signature === null || !verify(null, Buffer.from(signed, "utf8"), head.verifier.key, signature)) {
    throw fault("the signature over the export is not genuine");
  }
  const exact = JSON.stringify({ type: TRAILER_TYPE, count, sha256: digest, signature: signature.toString("base64") });
  if (text !== exact) throw fault("the end is not written as it was");
}

/** Each line with its line feed; a last one without is a fault of its own. */
async function* linesOf(source: AsyncIterable<Buffer>): AsyncGenerator<{ line: Buffer; number: number }> {
  let rest: Buffer = Buffer.alloc(0);
  let number = 0;
  for await (const chunk of source) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(NEWLINE); end !== -1; end = rest.indexOf(NEWLINE)) {
      number += 1;
      yield { line: rest.subarray(0, end + 1), number };
      rest = rest.subarray(end + 1);
    }
    if (rest.length > MAX_LINE_BYTES) throw new ExportError(`line ${number + 1} is longer than any of an export`);
  }
  if (rest.length > 0) throw new ExportError(`line ${number + 1} has no end: the file was cut off`);
}
