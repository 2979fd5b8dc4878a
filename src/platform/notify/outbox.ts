import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { newId } from "../ids/ids.ts";
import type { MailContent, SmsContent } from "./content.ts";
import { mailMessage, type Sender } from "./mail-message.ts";
import type { Parcel, Transport } from "./transport.ts";

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
 * One file for one notification, whatever is repeated: its name is made of the notification's time and id. It appears
 * whole or not at all, and is on the disk when this returns.
 */
async function writeParcel(
  folder: string,
  parcel: Pick<Parcel<MailContent>, "id" | "createdAt">,
  ending: string,
  content: Buffer,
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const name = `${parcel.createdAt.toISOString().replaceAll(/[-:]|\.\d+/g, "")}-${parcel.id}.${ending}`;
  // A name of this attempt alone: another worker may be writing the same notification.
  const unfinished = join(folder, `.${newId("att")}.unfinished`);
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
