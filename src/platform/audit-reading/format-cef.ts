import type { AuditRecord } from "./record.ts";

const SEVERITY: Readonly<Record<AuditRecord["outcome"], number>> = { success: 2, denied: 6, failed: 5 };

/** One event of ArcSight's Common Event Format, version 0, without the end of its line. */
export function cefLine(record: AuditRecord, product: { readonly title: string; readonly version: string }): string {
  const { actor, resource } = record;
  const head = [
    "CEF:0",
    ...["Tabellion", product.title, product.version, record.action, record.action].map(headText),
    String(SEVERITY[record.outcome]),
  ];
  const members: readonly (readonly [string, string | null])[] = [
    ["rt", String(Date.parse(record.at))],
    ["externalId", record.id],
    ["act", record.action],
    ["outcome", record.outcome],
    ["suid", actor.id],
    ["suser", actor.email],
    ["src", actor.ip],
    ["cn1Label", "logIndex"],
    ["cn1", String(record.index)],
    ["cs1Label", "leafHash"],
    ["cs1", record.leaf_hash],
    ["cs2Label", "bucket"],
    ["cs2", record.bucket],
    ["cs3Label", "resourceType"],
    ["cs3", resource?.type ?? null],
    ["cs4Label", "resourceId"],
    ["cs4", resource?.id ?? null],
    ["cs5Label", "details"],
    ["cs5", JSON.stringify(record.details)],
    ["cs6Label", "actorType"],
    ["cs6", actor.type],
  ];
  const present = members.filter(([name], place) => {
    const value = name.endsWith("Label") ? members[place + 1]?.[1] : members[place]?.[1];
    return value !== null && value !== undefined;
  });
  return `${head.join("|")}|${present.map(([name, value]) => `${name}=${memberText(value ?? "")}`).join(" ")}`;
}

/** In the head `\` and `|` are escaped; it has no form for the end of a line. */
function headText(text: string): string {
  return text.replaceAll(/[\\|]/g, String.raw`\$&`).replaceAll(/[\r\n]/g, " ");
}

/** In the extension `\` and `=` are escaped, and the end of a line is written `\n` or `\r`. */
function memberText(text: string): string {
  return text
    .replaceAll(/[\\=]/g, String.raw`\$&`)
    .replaceAll("\n", String.raw`\n`)
    .replaceAll("\r", String.raw`\r`);
}
