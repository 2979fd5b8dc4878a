import type { AuditRecord } from "./record.ts";

/** Facility 13, "log audit" (RFC 5424, table 1). */
const FACILITY = 13;
/** Severities of RFC 5424, table 2: informational, warning, error. */
const SEVERITY: Readonly<Record<AuditRecord["outcome"], number>> = { success: 6, denied: 4, failed: 3 };
/** The number that RFC 5612 keeps for documentation: we have none of our own, and the name before it is what tells. */
const SD_ID = "tabellion@32473";
const MAX_MSGID_CHARACTERS = 32;
const MAX_HOST_CHARACTERS = 255;
const BOM = "\uFEFF";

/**
 * One message of RFC 5424 without framing. Its structured data names the record; the message itself is the record as JSON
 * unless another one is given, in one line.
 */
export function syslogLine(record: AuditRecord, host: string, message = JSON.stringify(record)): string {
  const { actor, resource } = record;
  const head = [
    `<${FACILITY * 8 + SEVERITY[record.outcome]}>1`,
    record.at,
    headText(host, MAX_HOST_CHARACTERS),
    "tabellion",
    "-",
    headText(record.action, MAX_MSGID_CHARACTERS),
  ];
  const members: readonly (readonly [string, string | null])[] = [
    ["index", String(record.index)],
    ["leafHash", record.leaf_hash],
    ["id", record.id],
    ["action", record.action],
    ["outcome", record.outcome],
    ["actorType", actor.type],
    ["actorId", actor.id],
    ["actorEmail", actor.email],
    ["actorIp", actor.ip],
    ["bucket", record.bucket],
    ["resourceType", resource?.type ?? null],
    ["resourceId", resource?.id ?? null],
  ];
  const parameters = members
    .filter(([, value]) => value !== null)
    .map(([name, value]) => ` ${name}="${valueText(value ?? "")}"`);
  return `${head.join(" ")} [${SD_ID}${parameters.join("")}] ${BOM}${message}`;
}

/** Octet counting (RFC 5425, section 4.3; RFC 6587, section 3.4.1): the length in bytes, a space, the message. */
export function octetCounted(message: string): Buffer {
  const bytes = Buffer.from(message, "utf8");
  return Buffer.concat([Buffer.from(`${bytes.length} `, "ascii"), bytes]);
}

/** Printable ASCII without a space (RFC 5424, section 6). */
function headText(text: string, maxCharacters: number): string {
  const kept = text.replaceAll(/[^\x21-\x7e]/g, "").slice(0, maxCharacters);
  return kept === "" ? "-" : kept;
}

/** Section 6.3.3: `"`, `\` and `]` are escaped. Control characters, which would end a line, are replaced; the JSON has them. */
function valueText(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f]/g, "\uFFFD").replaceAll(/["\\\]]/g, String.raw`\$&`);
}
