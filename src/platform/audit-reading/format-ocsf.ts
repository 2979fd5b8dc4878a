import type { AuditRecord } from "./record.ts";

/** The release of the schema that the events below follow. */
export const OCSF_VERSION = "1.6.0";
/** API Activity, in the category Application Activity. */
const CLASS_UID = 6003;
const CATEGORY_UID = 6;

type Activity = { readonly id: number; readonly name: string };
const OTHER: Activity = { id: 99, name: "Other" };

/** By the first word of the operation's name. */
const ACTIVITIES: readonly (readonly [RegExp, Activity])[] = [
  [/^(?:create|add|store|put|issue|wrap|register|upload|send|invite)/, { id: 1, name: "Create" }],
  [/^(?:get|list|read|find|export|release|follow|verify|render|open|view)/, { id: 2, name: "Read" }],
  [/^(?:update|change|enable|disable|rotate|replay|pause|resume|sign|decline|set)/, { id: 3, name: "Update" }],
  [/^(?:delete|revoke|cancel|remove|shred|erase)/, { id: 4, name: "Delete" }],
];

/** OCSF's `user.type_id`. */
const USER_TYPES: Readonly<Record<string, readonly [number, string]>> = {
  member: [1, "User"],
  signer: [1, "User"],
  operator: [2, "Admin"],
  system: [3, "System"],
  token: [4, "Service"],
};

/** One event of the Open Cybersecurity Schema Framework as JSON, without the end of its line. */
export function ocsfLine(record: AuditRecord, product: { readonly title: string; readonly version: string }): string {
  const [service = "", operation = ""] = record.action.split(".");
  const activity = ACTIVITIES.find(([pattern]) => pattern.test(operation))?.[1] ?? OTHER;
  const isSuccess = record.outcome === "success";
  const requestId = record.details["request_id"];
  return JSON.stringify({
    metadata: {
      version: OCSF_VERSION,
      uid: record.id,
      sequence: record.index,
      log_name: "audit",
      product: { name: product.title, vendor_name: "Tabellion", version: product.version },
    },
    category_uid: CATEGORY_UID,
    category_name: "Application Activity",
    class_uid: CLASS_UID,
    class_name: "API Activity",
    activity_id: activity.id,
    activity_name: activity.name,
    type_uid: CLASS_UID * 100 + activity.id,
    type_name: `API Activity: ${activity.name}`,
    time: Date.parse(record.at),
    severity_id: isSuccess ? 1 : 2,
    severity: isSuccess ? "Informational" : "Low",
    status_id: isSuccess ? 1 : 2,
    status: isSuccess ? "Success" : "Failure",
    status_detail: record.outcome,
    actor: { user: userOf(record) },
    src_endpoint: record.actor.ip === null ? { name: "unknown" } : { ip: record.actor.ip },
    api: {
      operation: record.action,
      service: { name: service },
      ...(typeof requestId === "string" ? { request: { uid: requestId } } : {}),
    },
    resources: record.resource === null ? [] : [{ type: record.resource.type, uid: record.resource.id }],
    unmapped: {
      log_index: record.index,
      leaf_hash: record.leaf_hash,
      actor_type: record.actor.type,
      bucket: record.bucket,
      details: record.details,
    },
  });
}

function userOf({ actor }: AuditRecord): Readonly<Record<string, unknown>> {
  const [typeId, type] = USER_TYPES[actor.type] ?? [0, "Unknown"];
  return { uid: actor.id, type_id: typeId, type, ...(actor.email === null ? {} : { email_addr: actor.email }) };
}
