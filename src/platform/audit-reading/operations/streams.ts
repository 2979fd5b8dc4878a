import { recordAudit } from "../../audit/audit.ts";
import { actorOf } from "../../credentials/operations.ts";
import type { Tx } from "../../db/tx.ts";
import { platformError } from "../../errors/platform-errors.ts";
import { newId } from "../../ids/ids.ts";
import { OutboundError } from "../../outbound/outbound-error.ts";
import type { Call } from "../../product.ts";
import { newSecret, sealSecret, sealSigningKey } from "../../webhooks/secrets.ts";
import { newSigningKey } from "../../webhooks/signing.ts";
import { auditReadingError } from "../errors.ts";
import { MAX_STREAMS, type CreateStreamRequest, type StreamView, type StreamWithSecret } from "../stream-schema.ts";
import { openTarget, sealTarget, shownTarget, type StreamTarget } from "../stream-target.ts";
import { findLogSize } from "../store/log.ts";
import { deleteStreamLane, insertStreamLane, updateLaneDue } from "../store/lanes.ts";
import {
  countStreams,
  deleteStream,
  findStream,
  insertStream,
  listStreams,
  updateStreamPaused,
  type NewStream,
  type StreamRow,
} from "../store/streams.ts";

export async function createAuditStream(
  call: Call,
  product: string,
  request: CreateStreamRequest,
): Promise<StreamWithSecret> {
  const target = targetOf(request);
  if (target.type === "webhook") await checkUrl(call, target.url);
  const id = newId("ast", call.now);
  const { tenantId } = call.caller;
  const secret = newSecret();
  const { seed, publicKey } = newSigningKey();
  const stream: NewStream = {
    id,
    product,
    type: target.type,
    name: request.name,
    format: request.format ?? (target.type === "webhook" ? "jsonl" : "rfc5424"),
    sealed_target: sealTarget(call.keys, id, target),
    secret: sealSecret(call.keys, id, secret),
    signing_key: sealSigningKey(call.keys, id, seed),
    public_key: publicKey,
    next_index: request.from_index,
    created_at: call.now,
  };
  seed.fill(0);
  return call.write(async (tx) => {
    if ((await countStreams(tx, tenantId)) >= MAX_STREAMS) {
      throw auditReadingError("audit_stream_limit_reached", `An organisation may have ${MAX_STREAMS} audit streams.`);
    }
    await insertStream(tx, tenantId, stream);
    await insertStreamLane(tx, tenantId, id);
    const details = {
      type: stream.type,
      target: shownTarget(target),
      format: stream.format,
      from_index: stream.next_index,
    };
    await audit(tx, call, { action: `${product}.createAuditStream`, id, details });
    const view = await viewIn(tx, call, await streamOf(tx, call, { id, product }));
    return { ...view, secret: target.type === "webhook" ? secret : null };
  });
}

export async function listAuditStreams(
  call: Call,
  product: string,
): Promise<{ data: StreamView[]; next_cursor: null }> {
  const { tenantId } = call.caller;
  return call.read(async (tx) => {
    const rows = await listStreams(tx, tenantId, product, MAX_STREAMS);
    const size = (await findLogSize(tx, tenantId)) ?? 0;
    return { data: rows.map((row) => viewOf(row, call, size)), next_cursor: null };
  });
}

export async function getAuditStream(call: Call, product: string, id: string): Promise<StreamView> {
  return call.read(async (tx) => viewIn(tx, call, await streamOf(tx, call, { id, product })));
}

/** A batch that is under way may still arrive. */
export async function deleteAuditStream(call: Call, product: string, id: string): Promise<void> {
  const { tenantId } = call.caller;
  await call.write(async (tx) => {
    if ((await deleteStream(tx, tenantId, { id, product })) === 0) throw notFound(id);
    await deleteStreamLane(tx, tenantId, id);
    await audit(tx, call, { action: `${product}.deleteAuditStream`, id, details: {} });
  });
}

/** Nothing is lost however long it lasts: the log keeps all, and the stream goes on where it stood. */
export async function pauseAuditStream(call: Call, product: string, id: string): Promise<StreamView> {
  return changePaused(call, { product, id, isPaused: true });
}

export async function resumeAuditStream(call: Call, product: string, id: string): Promise<StreamView> {
  return changePaused(call, { product, id, isPaused: false });
}

async function changePaused(
  call: Call,
  change: { product: string; id: string; isPaused: boolean },
): Promise<StreamView> {
  const { tenantId } = call.caller;
  const { product, id, isPaused } = change;
  return call.write(async (tx) => {
    if ((await updateStreamPaused(tx, tenantId, change)) === 0) throw notFound(id);
    await updateLaneDue(tx, tenantId, id, !isPaused);
    const action = `${product}.${isPaused ? "pause" : "resume"}AuditStream`;
    await audit(tx, call, { action, id, details: {} });
    return viewIn(tx, call, await streamOf(tx, call, { id, product }));
  });
}

function targetOf(request: CreateStreamRequest): StreamTarget {
  const { type, url, host, port } = request;
  const field = (parameter: string, reason: string): Error =>
    platformError("validation_failed", "The stream cannot be made.", { fields: [{ parameter, reason }] });
  if (type === "webhook") {
    if (url === undefined) throw field("url", "is required for a webhook");
    if (host !== undefined) throw field("host", "is for syslog only");
    return { type, url };
  }
  if (host === undefined) throw field("host", "is required for syslog");
  if (url !== undefined) throw field("url", "is for a webhook only");
  if (request.format === "jsonl") throw field("format", "must be rfc5424, cef or ocsf for syslog");
  return { type, host, port };
}

async function checkUrl(call: Call, url: string): Promise<void> {
  try {
    await call.services.outbound.checkUrl(url, call.signal);
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    throw platformError("validation_failed", "The url cannot be used.", {
      fields: [{ parameter: "url", reason: error.message.slice(0, 300) }],
      cause: error,
    });
  }
}

async function streamOf(tx: Tx, call: Call, key: { id: string; product: string }): Promise<StreamRow> {
  const row = await findStream(tx, call.caller.tenantId, key);
  if (row === null) throw notFound(key.id);
  return row;
}

function notFound(id: string): Error {
  return auditReadingError("audit_stream_not_found", `There is no audit stream ${id}.`);
}

async function viewIn(tx: Tx, call: Call, row: StreamRow): Promise<StreamView> {
  return viewOf(row, call, (await findLogSize(tx, call.caller.tenantId)) ?? 0);
}

function viewOf(row: StreamRow, call: Call, size: number): StreamView {
  const next = Number(row.next_index);
  return {
    stream_id: row.id,
    name: row.name,
    type: row.type,
    target: shownTarget(openTarget(call.keys, row)),
    format: row.format,
    status: row.is_paused ? "paused" : row.failures > 0 ? "failing" : "active",
    public_key: row.public_key,
    last_index: next === 0 ? null : next - 1,
    lag: Math.max(0, size - next),
    failures: row.failures,
    last_sent_at: row.last_sent_at?.toISOString() ?? null,
    last_error: row.last_error,
    last_error_at: row.last_error_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
  };
}

async function audit(
  tx: Tx,
  call: Call,
  entry: { action: string; id: string; details: Readonly<Record<string, unknown>> },
): Promise<void> {
  await recordAudit(tx, call.caller.tenantId, {
    action: entry.action,
    at: call.now,
    actor: actorOf(call),
    resource: { type: "audit_stream", id: entry.id },
    outcome: "success",
    details: entry.details,
  });
}
