import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { newId } from "../ids/ids.ts";
import type { JobRun } from "../jobs/jobs.ts";
import type { MailContent, SmsContent } from "./content.ts";
import { mailMessage, type Sender } from "./mail-message.ts";
import type { Parcel, Transport } from "./transport.ts";

const DAY_MS = 86_400_000;
/** When it was enqueued, and when it is worth nothing any more; also of what a writer that was killed has left. */
const NAME =
  /^\.?(\d{8}T\d{6}Z)-ntf_[0-9A-Z]{26}(?:-until-(\d{8}T\d{6}Z))?\.(?:eml|txt)(?:\.att_[0-9A-Z]{26}\.unfinished)?$/;

/** Mails as `.eml` files, which every mail programme opens. */
export function mailOutbox(folder: string, sender: Sender): Transport<MailContent> {
  return {
    name: "files",
    async deliver(parcel) {
      await writeParcel(folder, parcel, "eml", await mailMessage(parcel, sender, null));
      return { kind: "sent" };
    },
  };
}

export function smsOutbox(folder: string): Transport<SmsContent> {
  return {
    name: "files",
    async deliver(parcel) {
      const { to, text } = parcel.content;
      await writeParcel(folder, parcel, "txt", Buffer.from(`To: ${to}\nId: ${parcel.id}\n\n${text}\n`, "utf8"));
      return { kind: "sent" };
    },
  };
}

/**
 * One file for one notification, whatever is repeated: its name is made of the notification's times and id. It appears
 * whole or not at all, and is on the disk when this returns.
 */
async function writeParcel(
  folder: string,
  { id, createdAt, expiresAt }: Pick<Parcel<MailContent>, "id" | "createdAt" | "expiresAt">,
  ending: string,
  content: Buffer,
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const until = expiresAt === null ? "" : `-until-${stampOf(expiresAt)}`;
  const name = `${stampOf(createdAt)}-${id}${until}.${ending}`;
  // A name of this attempt alone: another worker may be writing the same notification.
  const unfinished = join(folder, `.${name}.${newId("att")}.unfinished`);
  const file = await open(unfinished, "w", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(unfinished, join(folder, name));
  const directory = await open(folder, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** `20261125T080000Z`, which sorts as time goes. */
function stampOf(at: Date): string {
  return at.toISOString().replaceAll(/[-:]|\.\d+/g, "");
}

/**
 * Removes files that are past their time: what expires once it has, anything after `keptDays`. What has another name than
 * those that are written here is left alone.
 */
export async function sweepOutbox(
  folder: string,
  { keptDays, now }: { keptDays: number; now: Date },
  run: Pick<JobRun, "signal">,
): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    // It is made with the first file.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  });
  const oldest = new Date(now.getTime() - keptDays * DAY_MS);
  for (const name of names) {
    run.signal.throwIfAborted();
    if (isPast(name, { oldest, now })) await rm(join(folder, name), { force: true });
  }
}

function isPast(name: string, { oldest, now }: { oldest: Date; now: Date }): boolean {
  const [, madeAt, until] = NAME.exec(name) ?? [];
  if (madeAt === undefined) return false;
  return madeAt < stampOf(oldest) || (until !== undefined && until < stampOf(now));
}
