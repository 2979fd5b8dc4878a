import { createHash } from "node:crypto";
import type { Page } from "./log-pages.ts";
import type { LogRow } from "./store/log.ts";

/** The key by which a log signs its checkpoints. */
export type LogKey = {
  /** Verifier key of C2SP signed-note: `<origin>+<hash>+<base64>`. */
  readonly verifier: string;
  readonly origin: string;
  /** Ed25519. */
  sign(bytes: Buffer): Buffer;
};

export type ProvedExport = {
  readonly key: LogKey;
  /** All proofs refer to it. */
  readonly checkpoint: { readonly note: string; readonly size: number };
  /** What was asked for, as it came. */
  readonly asked: Readonly<Record<string, string>>;
  readonly from: number;
  readonly exportedAt: Date;
  page(from: number): Promise<Page>;
  path(index: number): Promise<Buffer[]>;
};

/**
 * JSON lines that can be verified without this server. The first names the log, its key and a signed checkpoint; each record
 * brings the text and the salt of its leaf and the hashes from there to the checkpoint's root; the last signs all bytes
 * before it. So whatever is changed, left out, moved or cut off is found by whoever holds the key.
 */
export async function* provedLines(order: ProvedExport): AsyncGenerator<string> {
  const hash = createHash("sha256");
  const hashed = (text: string): string => {
    hash.update(text, "utf8");
    return text;
  };
  yield hashed(headOf(order));
  let count = 0;
  for (let next: number | null = order.from; next !== null;) {
    const page: Page = await order.page(next);
    const lines: string[] = [];
    for (const row of page.rows) lines.push(await lineOf(row, order));
    count += lines.length;
    if (lines.length > 0) yield hashed(lines.join(""));
    next = page.rest?.from ?? null;
  }
  yield endOf(order.key, count, hash.digest("hex"));
}

function headOf({ key, checkpoint, asked, from, exportedAt }: ProvedExport): string {
  return `${JSON.stringify({
    type: "tabellion-audit-export",
    version: 1,
    origin: key.origin,
    key: key.verifier,
    exported_at: exportedAt.toISOString(),
    filters: asked,
    from,
    size: checkpoint.size,
    checkpoint: checkpoint.note,
  })}\n`;
}

async function lineOf(row: LogRow, order: ProvedExport): Promise<string> {
  const path = await order.path(Number(row.index));
  return `${JSON.stringify({
    index: Number(row.index),
    leaf_hash: row.leaf_hash.toString("hex"),
    salt: row.salt.toString("base64"),
    event: row.event,
    path: path.map((hash) => hash.toString("base64")),
  })}\n`;
}

/** The signed text begins with a line of its own, so that no signature on a checkpoint can stand here, nor the reverse. */
function endOf(key: LogKey, count: number, digest: string): string {
  const signature = key.sign(Buffer.from(`tabellion-audit-export/v1\n${key.origin}\n${count}\n${digest}\n`, "utf8"));
  const end = { type: "tabellion-audit-export-end", count, sha256: digest, signature: signature.toString("base64") };
  return `${JSON.stringify(end)}\n`;
}
