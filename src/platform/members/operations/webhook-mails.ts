import type { Tx } from "../../db/tx.ts";
import { enqueueJob } from "../../jobs/jobs.ts";
import { TenantShreddedError } from "../../keys/keyring.ts";
import { consume } from "../../limits/replay-store.ts";
import { enqueueMail } from "../../notify/notify.ts";
import type { Services } from "../../product.ts";
import { disabledWebhookMail } from "../mail.ts";
import { emailOf } from "../member.ts";
import { listStewards } from "../store/members.ts";

export const DISABLED_WEBHOOK_JOB = "platform.mailDisabledWebhook";

/** A webhook that was disabled because nothing reached it. */
type DisabledWebhook = { readonly endpointId: string; readonly reason: string; readonly at: string };

const MAX_TOLD = 20;
/** Longer than all tries of the job can take together. */
const TOLD_ONCE_MS = 30 * 24 * 3600 * 1000;

/** In the transaction that disables the webhook: the mails are made by a job, so that nothing of them can undo it. */
export async function noteDisabledWebhook(
  tx: Tx,
  tenantId: string,
  disabled: { readonly endpointId: string; readonly reason: string; readonly at: Date },
): Promise<void> {
  const payload = { tenantId, ...disabled, at: disabled.at.toISOString() };
  await enqueueJob(tx, { name: DISABLED_WEBHOOK_JOB, payload });
}

/** Tells owners and admins, once for each disabling, however often the job runs. */
export async function mailDisabledWebhook(
  services: Pick<Services, "db" | "keyring" | "clock">,
  disabled: DisabledWebhook & { readonly tenantId: string },
): Promise<void> {
  const { tenantId, endpointId, reason, at } = disabled;
  const now = services.clock.now();
  const keys = await services.keyring.of(tenantId).catch((error: unknown) => {
    // Nobody is left to be told.
    if (error instanceof TenantShreddedError) return null;
    throw error;
  });
  if (keys === null) return;
  await services.db.tenant(tenantId, async (tx) => {
    const told = await listStewards(tx, tenantId, MAX_TOLD);
    const isFirst = await consume(tx, {
      space: "members.disabled-webhook",
      value: `${tenantId}/${endpointId}/${at}`,
      expiresAt: new Date(now.getTime() + TOLD_ONCE_MS),
    });
    if (!isFirst) return;
    for (const row of told) {
      const mail = disabledWebhookMail({ to: emailOf(keys, row), locale: row.locale, endpointId, reason, at: now });
      await enqueueMail(tx, keys, mail);
    }
  });
}
