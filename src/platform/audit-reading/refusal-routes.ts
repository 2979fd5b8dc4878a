import { z } from "zod";
import { platformError } from "../errors/platform-errors.ts";
import { instantShape, pageShape } from "../http/body.ts";
import { routeFor, type Route } from "../http/route.ts";
import type { Call } from "../product.ts";
import { instantOf } from "./filters.ts";
import { listRefusals, type RefusalRow } from "./store/refusals.ts";

const route = routeFor<Call>();

const refusalShape = z.strictObject({
  minute: instantShape("The minute it was counted in"),
  source: z
    .string()
    .max(64)
    .meta({ description: "Network of the callers, `others`, or `unknown`.", examples: ["192.0.2.0/24"] }),
  reason: z
    .string()
    .max(64)
    .meta({ description: "Code of the refusal, or `others`.", examples: ["unauthorized"] }),
  count: z.int().min(1),
  last_at: instantShape("The last one"),
});

const refusalQuery = z.strictObject({
  from: instantShape("Minutes from here on").optional(),
  to: instantShape("Minutes before this").optional(),
  limit: z.int().min(1).max(200).default(50).meta({ description: "Entries a page." }),
  cursor: z.string().min(1).max(512).optional().meta({ description: "`next_cursor` of the page before." }),
});

/** What was refused to callers that are not known, for the operator. */
export function refusalRoutes(scopes: readonly string[]): Route<Call>[] {
  return [
    route({
      operation: "listRefusals",
      method: "GET",
      paths: ["/v1/platform/refusals"],
      scopes,
      tag: "Audit",
      summary: "List what was refused to unknown callers, by minute, source and reason",
      query: refusalQuery,
      answer: { kind: "json", status: 200, schema: pageShape(refusalShape), description: "The newest first." },
      errors: [],
      async handle(call, { query }) {
        const { limit } = query;
        const range = { from: instantOf("from", query.from), to: instantOf("to", query.to), limit: limit + 1 };
        const after = query.cursor === undefined ? null : positionOf(query.cursor);
        const rows = await call.services.db.directory((tx) => listRefusals(tx, after, range));
        const shown = rows.slice(0, limit);
        const last = shown.at(-1);
        const hasMore = rows.length > limit && last !== undefined;
        return { data: shown.map(viewOf), next_cursor: hasMore ? cursorOf(last) : null };
      },
    }),
  ];
}

function viewOf(row: RefusalRow): z.output<typeof refusalShape> {
  const { source, reason } = row;
  return {
    minute: row.minute.toISOString(),
    source,
    reason,
    count: Number(row.count),
    last_at: row.last_at.toISOString(),
  };
}

function cursorOf(row: RefusalRow): string {
  return Buffer.from(JSON.stringify([row.minute.toISOString(), row.source, row.reason])).toString("base64url");
}

function positionOf(cursor: string): { minute: Date; source: string; reason: string } {
  const parts = /^\["([0-9TZ:.-]{24})","([^"\\]{1,64})","([^"\\]{1,64})"\]$/.exec(
    Buffer.from(cursor, "base64url").toString("utf8"),
  );
  const minute = new Date(parts?.[1] ?? "");
  if (parts !== null && !Number.isNaN(minute.getTime())) {
    return { minute, source: parts[2] ?? "", reason: parts[3] ?? "" };
  }
  throw platformError("validation_failed", "The cursor is not one of ours.", {
    fields: [{ parameter: "cursor", reason: "must be the next_cursor of an earlier answer" }],
  });
}
