import type { AuditRecord } from "./record.ts";

const COLUMNS: Readonly<Record<string, (record: AuditRecord) => string | null>> = {
  index: (record) => String(record.index),
  leaf_hash: (record) => record.leaf_hash,
  id: (record) => record.id,
  at: (record) => record.at,
  actor_type: (record) => record.actor.type,
  actor_id: (record) => record.actor.id,
  actor_email: (record) => record.actor.email,
  actor_ip: (record) => record.actor.ip,
  action: (record) => record.action,
  bucket: (record) => record.bucket,
  resource_type: (record) => record.resource?.type ?? null,
  resource_id: (record) => record.resource?.id ?? null,
  outcome: (record) => record.outcome,
  details: (record) => JSON.stringify(record.details),
};

export const csvHeader = `${Object.keys(COLUMNS).join(",")}\r\n`;

/** A line of RFC 4180. What is absent is an empty cell, an empty text is `""`. */
export function csvLine(record: AuditRecord): string {
  return `${Object.values(COLUMNS)
    .map((read) => cell(read(record)))
    .join(",")}\r\n`;
}

/**
 * A cell that a spreadsheet would take for a formula gets an apostrophe in front, and so does one that begins with an
 * apostrophe itself: a reader that takes away one leading apostrophe before `'`, `=`, `+`, `-`, `@`, tab or return has the
 * text as it was.
 */
function cell(text: string | null): string {
  if (text === null) return "";
  const guarded = /^['=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return guarded === "" || /[",\r\n]|^\s|\s$/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}
