import type { JobRun } from "../../../platform/jobs/jobs.ts";
import type { Services } from "../../../platform/product.ts";
import { isOpenStatus, nextDueAt } from "../signature.ts";
import {
  deleteDueSignature,
  findDueSignature,
  insertDueSignature,
  listDueSignatures,
  updateDueSignature,
  type DueSignatureRow,
} from "../store/due-signatures.ts";
import { findSignature, lockSignature } from "../store/signatures.ts";
import { endSignature, enqueueInvitation } from "./signature-changes.ts";

type Sweeping = Pick<Services, "db" | "clock" | "eventHints">;

const PAGE = 200;
/** The next run, a minute later, goes on where this one stops, and finds no other under way. */
const MAX_RUN_MS = 50_000;

/**
 * Reminds signers and ends requests whose time has come: each request in a transaction of its own, in which its next
 * due time is written, so that nothing is done twice however many runs there are. What fails is met again by the next run.
 */
export async function sweepDueSignatures(services: Sweeping, run: JobRun): Promise<void> {
  const startedAt = services.clock.now();
  let after: DueSignatureRow | null = null;
  for (;;) {
    const query = { now: startedAt, after, limit: PAGE };
    const page: DueSignatureRow[] = await services.db.directory((tx) => listDueSignatures(tx, query));
    for (const due of page) {
      if (services.clock.now().getTime() - startedAt.getTime() > MAX_RUN_MS) return;
      run.signal.throwIfAborted();
      // The others are not to wait for one that cannot be had now.
      await attendTo(services, due).catch((error: unknown) =>
        run.log.error({ error, signatureId: due.signature_id }, "what is due for a signature request failed"),
      );
      after = due;
    }
    if (page.length < PAGE) return;
  }
}

/** Does what is due for one request. The lock on it lets one run at a time look at what is due, and change it. */
async function attendTo(services: Sweeping, due: DueSignatureRow): Promise<void> {
  const { tenant_id: tenantId, signature_id: id } = due;
  const now = services.clock.now();
  await services.db.tenant(tenantId, async (tx) => {
    const row = await lockSignature(tx, tenantId, id);
    const found = await findDueSignature(tx, tenantId, id);
    if (found === null || found.due_at > now) return;
    if (row !== null && isOpenStatus(row.status) && row.expires_at > now) {
      await updateDueSignature(tx, tenantId, id, nextDueAt(row, now));
      await enqueueInvitation(tx, tenantId, id, { isReminder: true });
      return;
    }
    await deleteDueSignature(tx, tenantId, id);
    if (row === null || !isOpenStatus(row.status)) return;
    const actor = { type: "system", id: "secufile.expireSignature" } as const;
    await endSignature(tx, { tenantId, now, actor }, row, { status: "expired", operation: "expireSignature" });
  });
  services.eventHints.hint();
}

/** What is left to do for the job that versions of before made for the end of each request: see to it that it is due. */
export async function expireSignature(
  services: Sweeping,
  { tenantId, signatureId }: { tenantId: string; signatureId: string },
): Promise<void> {
  await services.db.tenant(tenantId, async (tx) => {
    const row = await findSignature(tx, tenantId, signatureId);
    if (row !== null && isOpenStatus(row.status)) await insertDueSignature(tx, tenantId, signatureId, row.expires_at);
  });
}
