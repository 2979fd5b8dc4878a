import { Readable } from "node:stream";
import { recordAudit } from "../../audit/audit.ts";
import { tileOf } from "../../audit/proofs.ts";
import { actorOf } from "../../credentials/operations.ts";
import { platformError } from "../../errors/platform-errors.ts";
import type { Call } from "../../product.ts";
import { auditReadingError } from "../errors.ts";
import { askedOf, filterOf, type Filter } from "../filters.ts";
import { followLog } from "../follow.ts";
import { formats, type Sender } from "../formats.ts";
import { readPageNow } from "../log-pages.ts";
import { signingKeyOf } from "../log-key.ts";
import { provedLines } from "../proved-export.ts";
import type { Reading } from "../reading.ts";
import { recordOf } from "../record.ts";
import type { ExportQuery } from "../schema.ts";
import { TreeReader } from "../../tlog/tree-reader.ts";
import { checkpointOf, notSigned } from "./log.ts";

const PAGE_RECORDS = 500;
const MAX_FOLLOWERS_A_TOKEN = 4;

/** Bytes to be sent as they come. */
export type Exported = {
  readonly contentType: string;
  /** Null for a stream that does not end. */
  readonly filename: string | null;
  readonly stream: Readable;
};

/** The records that a query wants, one after another in one of the formats; on record before the first byte leaves. */
export async function exportAudit(
  call: Call,
  reading: Reading,
  query: ExportQuery,
  headers: Readonly<Record<string, string | undefined>>,
): Promise<Exported> {
  refuseImpossible(query);
  const filter = filterOf(query);
  const from = startOf(query, headers);
  const leave = query.follow ? enter(call, reading) : () => undefined;
  try {
    await recordReading(call, reading, query);
    return query.follow
      ? followed(call, reading, { query, filter, from, headers, leave })
      : await exported(call, reading, { query, filter, from });
  } catch (error) {
    leave();
    throw error;
  }
}

function refuseImpossible(query: ExportQuery): void {
  const field = (parameter: string, reason: string): Error =>
    platformError("validation_failed", "The query is not valid.", { fields: [{ parameter, reason }] });
  if (query.proofs && query.format !== "jsonl") throw field("proofs", "needs the format jsonl");
  if (query.proofs && query.follow)
    throw field("proofs", "cannot be followed: proofs of one export refer to one checkpoint");
  if (query.follow && query.format === "csv") throw field("format", "csv cannot be followed");
}

/** `Last-Event-ID` is what a client of server-sent events comes back with; it counts for more than the URL. */
function startOf(query: ExportQuery, headers: Readonly<Record<string, string | undefined>>): number {
  const last = query.follow ? headers["last-event-id"] : undefined;
  if (last !== undefined && last !== "") {
    if (/^\d{1,15}$/.test(last)) return Number(last) + 1;
    throw platformError("validation_failed", "The Last-Event-ID is not one of ours.", {
      fields: [{ parameter: "last-event-id", reason: "must be the id of an earlier event" }],
    });
  }
  return query.cursor === undefined ? 0 : Number(query.cursor) + 1;
}

function enter(call: Call, reading: Reading): () => void {
  const leave = reading.followers.enter(call.caller.credentialId, MAX_FOLLOWERS_A_TOKEN);
  if (leave !== null) return leave;
  throw auditReadingError("audit_followers_exceeded", `A token may hold ${MAX_FOLLOWERS_A_TOKEN} open streams.`, {
    retryAfterSeconds: 5,
  });
}

async function recordReading(call: Call, reading: Reading, query: ExportQuery): Promise<void> {
  await call.write((tx) =>
    recordAudit(tx, call.caller.tenantId, {
      action: `${reading.product}.exportAudit`,
      at: call.now,
      actor: actorOf(call),
      bucket: query.bucket ?? null,
      outcome: "success",
      details: { ...askedOf(query), format: query.format, follow: query.follow, proofs: query.proofs },
    }),
  );
}

type Wish = { readonly query: ExportQuery; readonly filter: Filter; readonly from: number };

async function exported(call: Call, reading: Reading, wish: Wish): Promise<Exported> {
  const format = formats[wish.query.format];
  const lines = wish.query.proofs ? await provedOf(call, wish) : linesOf(call, reading, wish);
  const stream = Readable.from(lines, { objectMode: false });
  return { contentType: format.contentType, filename: filenameOf(call, format.fileExtension), stream };
}

/** All that stood in the log when the export began. One page in memory; a reader that is slow makes it wait. */
async function* linesOf(call: Call, reading: Reading, { query, filter, from }: Wish): AsyncGenerator<string> {
  const format = formats[query.format];
  const sender = senderOf(call, reading);
  if (format.header !== "") yield format.header;
  const { tenantId } = call.caller;
  for (let next: number | null = from, until: number | null = null; next !== null;) {
    call.signal.throwIfAborted();
    const page = await readPageNow(call.services.db, tenantId, { from: next, until, filter, limit: PAGE_RECORDS });
    until ??= page.size;
    if (page.rows.length > 0) yield page.rows.map((row) => format.line(recordOf(row), sender)).join("");
    next = page.rest?.from ?? null;
  }
}

/**
 * All proofs refer to the checkpoint that is the newest one now. Right after a rotation it may be of a key that has ended:
 * the record of this very reading brings the next one.
 */
async function provedOf(call: Call, { query, filter, from }: Wish): Promise<AsyncGenerator<string>> {
  const { db } = call.services;
  const { tenantId } = call.caller;
  const { note, size } = await call.read((tx) => checkpointOf(tx, tenantId, "audit"));
  const key = await signingKeyOf(call.services, tenantId, note);
  if (key === null) throw notSigned("The next checkpoint, by a key that signs now, is there within a second or two.");
  const until = Number(size);
  const tree = new TreeReader((level, index) =>
    db.tenant(tenantId, (tx) => tileOf(tx, tenantId, { log: "audit", level, index })),
  );
  return provedLines({
    key,
    checkpoint: { note, size: until },
    asked: askedOf(query),
    from,
    exportedAt: call.now,
    page(next) {
      call.signal.throwIfAborted();
      return readPageNow(db, tenantId, { from: next, until, filter, limit: PAGE_RECORDS });
    },
    path: (index) => tree.inclusionPath(index, until),
  });
}

function followed(
  call: Call,
  reading: Reading,
  wish: Wish & { readonly headers: Readonly<Record<string, string | undefined>>; leave(): void },
): Exported {
  const { query, filter, from, headers, leave } = wish;
  const format = formats[query.format];
  const sender = senderOf(call, reading);
  const source = followLog({
    db: call.services.db,
    tenantId: call.caller.tenantId,
    filter,
    from,
    signal: AbortSignal.any([call.signal, call.services.stopping]),
    isAllowed: () => isStillAllowed(call, reading, headers["authorization"]),
    show: (row) => format.line(recordOf(row), sender).trimEnd(),
  });
  const stream = Readable.from(source, { objectMode: false });
  stream.once("close", leave);
  return { contentType: "text/event-stream; charset=utf-8", filename: null, stream };
}

/** A stream that was opened with a token ends when that token does, as any other use of it. */
async function isStillAllowed(call: Call, reading: Reading, authorization: string | undefined): Promise<boolean> {
  if (authorization === undefined || reading.scopesNow === null) return true;
  try {
    const scopes = await reading.scopesNow(authorization, call.remoteAddress);
    return reading.scopes.export.every((scope) => scopes.has(scope));
  } catch (error) {
    call.log.info({ error }, "a followed audit log was ended with its token");
    return false;
  }
}

function senderOf(call: Call, reading: Reading): Sender {
  return { ...reading.sender, host: new URL(call.services.publicUrl()).hostname };
}

function filenameOf(call: Call, extension: string): string {
  return `audit-${call.now.toISOString().replaceAll(/[:.]/g, "-")}.${extension}`;
}
