import { z } from "zod";
import { recordAudit } from "../audit/audit.ts";
import { rotateLogKey } from "../audit/log-key.ts";
import type { Tx } from "../db/tx.ts";
import { instantShape } from "../http/body.ts";
import { routeFor, type Route } from "../http/route.ts";
import type { Call } from "../product.ts";

const route = routeFor<Call>();
const OPERATOR = ["operator"] as const;
const TAG = "Signing keys";
/** Followers of a log that look once a month still see the old key and the new one side by side. */
const OVERLAP_DAYS = 30;
const MAX_OVERLAP_DAYS = 365;

const rotateLogKeyRequest = z.strictObject({
  overlap_days: z.int().min(0).max(MAX_OVERLAP_DAYS).default(OVERLAP_DAYS).meta({
    description: "How long the key of before signs beside the new one; 0 where it is no longer to be trusted.",
  }),
});
const keyId = z
  .string()
  .max(64)
  .meta({ description: "Id of the new key.", examples: ["log-2"] });
const rotatedLogKey = z.strictObject({
  key_id: keyId,
  signs_from: instantShape("When it was made"),
  previous_until: instantShape("Until when the keys of before sign, too").nullable(),
});
const rotatedEvidenceKey = z.strictObject({ key_id: keyId, signs_from: instantShape("When it was made") });

/** A product's function that makes a new key within the operator's transaction, and answers its id. */
export type RotateKey = (call: Call, tx: Tx) => Promise<string>;

/** The operator exchanges the keys that the server signs with. */
export function keyRoutes(rotateEvidenceKey: RotateKey): Route<Call>[] {
  return [rotateLogKeyRoute(), rotateEvidenceKeyRoute(rotateEvidenceKey)];
}

function rotateLogKeyRoute(): Route<Call> {
  return route({
    operation: "rotateLogKey",
    method: "POST",
    paths: ["/v1/platform/log-key/rotate"],
    scopes: OPERATOR,
    tag: TAG,
    summary: "Sign the checkpoints of all audit logs with a new key from now on",
    description:
      "What was signed before verifies by the old key, which stays published with the time in which it signed.",
    body: { kind: "json", schema: rotateLogKeyRequest },
    answer: { kind: "json", status: 200, schema: rotatedLogKey, description: "The new key." },
    errors: [],
    handle: (call, { body }) =>
      call.write(async (tx) => {
        const made = await rotateLogKey(tx, { keys: call.keys, now: call.now, overlapDays: body.overlap_days });
        const previousUntil = made.previous_until?.toISOString() ?? null;
        await recordRotation(call, tx, "rotateLogKey", { key_id: made.id, previous_until: previousUntil });
        return { key_id: made.id, signs_from: made.created_at.toISOString(), previous_until: previousUntil };
      }),
  });
}

function rotateEvidenceKeyRoute(rotate: RotateKey): Route<Call> {
  return route({
    operation: "rotateEvidenceKey",
    method: "POST",
    paths: ["/v1/platform/evidence-key/rotate"],
    scopes: OPERATOR,
    tag: TAG,
    summary: "Sign evidence of signatures with a new key from now on",
    description: "Evidence of before verifies by the old key, which stays published.",
    answer: { kind: "json", status: 200, schema: rotatedEvidenceKey, description: "The new key." },
    errors: [],
    handle: (call) =>
      call.write(async (tx) => {
        const id = await rotate(call, tx);
        await recordRotation(call, tx, "rotateEvidenceKey", { key_id: id });
        return { key_id: id, signs_from: call.now.toISOString() };
      }),
  });
}

async function recordRotation(
  call: Call,
  tx: Tx,
  operation: string,
  details: Readonly<Record<string, unknown>>,
): Promise<void> {
  await recordAudit(tx, call.caller.tenantId, {
    action: `platform.${operation}`,
    at: call.now,
    actor: { type: "operator", id: "operator", ip: call.remoteAddress },
    outcome: "success",
    details,
  });
}
