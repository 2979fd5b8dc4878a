import { createHash } from "node:crypto";
import { noteSigner, signCheckpoint } from "../../src/platform/tlog/note.ts";
import { hashOfLeaf } from "./tlog-verifier.ts";

/** A file that somebody has changed, and what has to be said of it. */
export type Fault = { readonly what: string; readonly text: string; readonly said: RegExp };

type Members = Readonly<Record<string, unknown>>;

/** What can be done to an export with proofs of a whole log. */
export function exportFaults(whole: string): Fault[] {
  const lines = whole.split(/(?<=\n)/);
  return [...recordFaults(lines), ...placeFaults(whole, lines), ...headFaults(lines), ...endFaults(lines)];
}

function recordFaults(lines: readonly string[]): Fault[] {
  const { event, salt }: { event: string; salt: string } = JSON.parse(lines[1] ?? "");
  const changed = event.replace('"success"', '"failed"');
  const entry = createHash("sha256").update(Buffer.from(salt, "base64")).update(changed).digest();
  const hash = hashOfLeaf(entry).toString("hex");
  return [
    {
      what: "a changed record",
      text: rewritten(lines, 1, { event: changed }),
      said: /line 2: the event does not fit its leaf hash/,
    },
    {
      what: "a changed record with a hash made anew",
      text: rewritten(lines, 1, { event: changed, leaf_hash: hash }),
      said: /line 2: the record is not at the index 0 of the signed log/,
    },
  ];
}

function placeFaults(whole: string, lines: readonly string[]): Fault[] {
  const [, first = "", second = ""] = lines;
  const gap = /line 2: records before the index 1 are missing/;
  return [
    { what: "a removed record", text: lines.toSpliced(1, 1).join(""), said: gap },
    { what: "records in another order", text: lines.toSpliced(1, 2, second, first).join(""), said: gap },
    {
      what: "the last record removed",
      text: lines.toSpliced(-2, 1).join(""),
      said: /the export had \d+ records, here are \d+/,
    },
    {
      what: "cut between two lines",
      text: lines.slice(0, -1).join(""),
      said: /the end is missing: the file was cut off/,
    },
    { what: "cut within a line", text: whole.slice(0, -30), said: /has no end: the file was cut off/ },
    { what: "an empty file", text: "", said: /the file is empty/ },
  ];
}

function headFaults(lines: readonly string[]): Fault[] {
  const { checkpoint }: { checkpoint: string } = JSON.parse(lines[0] ?? "");
  const [origin = "", size = "", root = "", , mark = ""] = checkpoint.split("\n");
  const own = noteSigner(origin, Buffer.alloc(32, 1));
  const signed = signCheckpoint([own], { size: Number(size), root: Buffer.from(root, "base64") });
  const said = /line 1: the checkpoint is not signed by that key/;
  return [
    {
      what: "another root",
      text: rewritten(lines, 0, { checkpoint: checkpoint.replace(root, flipped(root)) }),
      said,
    },
    {
      what: "another signature of the checkpoint",
      text: rewritten(lines, 0, {
        checkpoint: checkpoint.replace(mark, mark.slice(0, -20) + flipped(mark.slice(-20))),
      }),
      said,
    },
    {
      what: "a checkpoint signed anew by a key of one's own",
      text: rewritten(lines, 0, { checkpoint: signed, key: own.verifierKey }),
      said: /line 1: the export names the key \S+, which is none of those given by --key/,
    },
  ];
}

function endFaults(lines: readonly string[]): Fault[] {
  const { signature }: { signature: string } = JSON.parse(lines.at(-1) ?? "");
  return [
    {
      what: "another signature at the end",
      text: rewritten(lines, lines.length - 1, { signature: flipped(signature) }),
      said: /the signature over the export is not genuine/,
    },
  ];
}

/** The file with other members in one of its lines. */
function rewritten(lines: readonly string[], at: number, members: Members): string {
  const value: Members = JSON.parse(lines[at] ?? "");
  return lines.with(at, `${JSON.stringify({ ...value, ...members })}\n`).join("");
}

/** Base64 of another value. */
function flipped(base64: string): string {
  return `${base64.startsWith("A") ? "B" : "A"}${base64.slice(1)}`;
}
