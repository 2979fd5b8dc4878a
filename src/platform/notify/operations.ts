import { pageOf, positionOf } from "../db/paging.ts";
import { platformError } from "../errors/platform-errors.ts";
import type { JobRun } from "../jobs/jobs.ts";
import type { Call, Services } from "../product.ts";
import { mailLayout, type MailLocale } from "./layout.ts";
import { enqueueMail, enqueueSms } from "./notify.ts";
import { viewOf, type ListNotificationsQuery, type NotificationView, type TestRequest } from "./schema.ts";
import { deleteOldNotifications, findNotification, findOwnerOf, listNotifications as listRows } from "./store.ts";

const KEPT_DAYS = 90;
const DAY_MS = 86_400_000;
const SWEEP_BATCH = 5_000;
const MAX_BATCHES = 200;

/** For the operator: states of all organisations, no content. */
export async function listNotifications(
  call: Call,
  query: ListNotificationsQuery,
): Promise<{ data: NotificationView[]; next_cursor: string | null }> {
  const position = positionOf(query);
  const { offset, limit } = position;
  const page = { state: query.state ?? null, afterId: position.afterId ?? "", offset, limit: limit + 1 };
  const rows = await call.read((tx) => listRows(tx, page));
  return pageOf(rows, position, { id: (row) => row.id, show: viewOf });
}

export async function getNotification(call: Call, id: string): Promise<NotificationView> {
  const row = await call.read(async (tx) => {
    const owner = await findOwnerOf(tx, id);
    return owner === null ? null : findNotification(tx, owner, id);
  });
  if (row === null) throw platformError("not_found", `There is no notification ${id}.`);
  return viewOf(row);
}

/** Enqueues a test in the server's own name. */
export function testNotification(call: Call, { to, lang }: TestRequest): Promise<NotificationView> {
  return call.write(async (tx) => {
    const { keys, now } = call;
    const order = { to, purpose: "platform.test", at: now };
    const id = to.startsWith("+")
      ? await enqueueSms(tx, keys, { ...order, text: testWords(lang).paragraph })
      : await enqueueMail(tx, keys, { ...order, ...testMail(lang) });
    const row = await findNotification(tx, keys.tenantId, id);
    if (row === null) throw new Error("a notification vanished inside its transaction");
    return viewOf(row);
  });
}

function testWords(locale: MailLocale): { title: string; paragraph: string } {
  return locale === "fr"
    ? {
        title: "Essai de Tabellion",
        paragraph: "Ceci est un essai : l'envoi fonctionne. Il n'y a rien à faire.",
      }
    : { title: "Test of Tabellion", paragraph: "This is a test: sending works. There is nothing to do." };
}

function testMail(locale: MailLocale) {
  const { title, paragraph } = testWords(locale);
  return { locale, subject: title, ...mailLayout(locale, { title, paragraphs: [paragraph] }) };
}

/** Removes what was over long ago, in bounded batches. */
export async function sweepNotifications(
  { db, clock }: Pick<Services, "db" | "clock">,
  run: Pick<JobRun, "signal">,
): Promise<void> {
  const before = new Date(clock.now().getTime() - KEPT_DAYS * DAY_MS);
  for (let batch = 0; batch < MAX_BATCHES; batch++) {
    run.signal.throwIfAborted();
    if ((await db.directory((tx) => deleteOldNotifications(tx, before, SWEEP_BATCH))) < SWEEP_BATCH) return;
  }
}
