import { isAppError, type AppError } from "../../../platform/errors/errors.ts";
import { takeFromBuckets } from "../../../platform/limits/buckets.ts";
import { addressPrefix } from "../../../platform/limits/limit-keys.ts";
import type { OpenCall } from "../../../platform/product.ts";
import { MAX_SLOT_USER_CHARACTERS } from "../schema.ts";
import { noteFront, userNamedIn } from "./acts.ts";
import type { AppLookup } from "./app-lookup.ts";

/** Anybody can send what no schema accepts: so many of those leave rows, and the others are counted alone. */
const PER_ADDRESS = { burst: 100, everySeconds: 30 } as const;
const PER_APP = { burst: 10_000, everySeconds: 1 } as const;

/** Of those whose bodies name a user, none of the others': what strangers write there is no word of the log. */
const NAMES_USER: ReadonlySet<string> = new Set(["pushSlot", "searchSlot"]);

export function frontUserIn(operation: string, body: unknown): string | null {
  return NAMES_USER.has(operation) ? userNamedIn(body, MAX_SLOT_USER_CHARACTERS) : null;
}

/** Puts on record what the front end sent and no operation was asked about. False: it names no application, or is one too many. */
export async function noteRefusedFront(
  { apps, operation }: { readonly apps: AppLookup; readonly operation: string },
  call: OpenCall,
  { appId, body, error }: { readonly appId: string; readonly body: unknown; readonly error: AppError },
): Promise<boolean> {
  const found = await apps.find(appId).catch((missing: unknown) => {
    if (isAppError(missing, "ssks", "application_unknown")) return null;
    throw missing;
  });
  if (found === null) return false;
  const { db } = call.services;
  const key = (...whom: readonly string[]): string => JSON.stringify(["ssks", found.app.id, "refused", ...whom]);
  const taken = await takeFromBuckets(db, [
    { key: key(addressPrefix(call.remoteAddress)), ...PER_ADDRESS },
    { key: key(), ...PER_APP },
  ]);
  if (!taken.isAllowed) return false;
  const userId = frontUserIn(operation, body);
  const act = { operation, userId, outcome: "failed", details: { reason: error.row.wire } } as const;
  await db.tenant(found.app.tenant_id, (tx) => noteFront(tx, { call, ...found }, act), { isCommitAhead: true });
  return true;
}
