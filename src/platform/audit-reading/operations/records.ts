import { readLog, recordAudit } from "../../audit/audit.ts";
import { actorOf } from "../../credentials/operations.ts";
import type { Call } from "../../product.ts";
import { auditReadingError } from "../errors.ts";
import { askedOf, filterOf } from "../filters.ts";
import { readPage } from "../log-pages.ts";
import { recordOf, type AuditRecord } from "../record.ts";
import type { ListQuery, RecordPage } from "../schema.ts";
import { findLogSize, findRecord } from "../store/log.ts";

/** Records that have a place in the log, and no other: so a reader who goes on from an index misses nothing. */
export async function listAuditRecords(call: Call, product: string, query: ListQuery): Promise<RecordPage> {
  const filter = filterOf(query);
  const isBackwards = query.order === "desc";
  const at = query.cursor === undefined ? null : Number(query.cursor);
  const { tenantId } = call.caller;
  return call.write(async (tx) => {
    const size = (await findLogSize(tx, tenantId)) ?? 0;
    const range = isBackwards
      ? { from: 0, until: Math.min(at ?? size, size) }
      : { from: at === null ? 0 : at + 1, until: size };
    const wish = { range, filter, limit: query.limit, isBackwards };
    const { rows, rest } = await readLog(tx, () => readPage(tx, tenantId, wish));
    await recordAudit(tx, tenantId, {
      action: `${product}.listAuditRecords`,
      at: call.now,
      actor: actorOf(call),
      bucket: query.bucket ?? null,
      outcome: "success",
      details: { ...askedOf(query), records: rows.length },
    });
    const next = isBackwards ? rest?.until : rest === null ? undefined : rest.from - 1;
    return { data: rows.map(recordOf), next_cursor: next === undefined ? null : String(next) };
  });
}

export async function getAuditRecord(call: Call, product: string, id: string): Promise<AuditRecord> {
  const { tenantId } = call.caller;
  return call.write(async (tx) => {
    const row = await readLog(tx, () => findRecord(tx, tenantId, id));
    if (row === null) throw notFound(id);
    const { index } = row;
    if (index === null) throw pending(id);
    await recordAudit(tx, tenantId, {
      action: `${product}.getAuditRecord`,
      at: call.now,
      actor: actorOf(call),
      resource: { type: "audit", id },
      outcome: "success",
    });
    return recordOf({ ...row, index });
  });
}

export function notFound(id: string): Error {
  return auditReadingError("audit_record_not_found", `There is no audit record ${id}.`);
}

export function pending(id: string): Error {
  return auditReadingError(
    "audit_record_pending",
    `The record ${id} gets its place in the log within a second or two.`,
    {
      retryAfterSeconds: 1,
    },
  );
}
