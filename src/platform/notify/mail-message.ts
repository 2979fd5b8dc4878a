import DKIM from "nodemailer/lib/dkim";
import MailComposer from "nodemailer/lib/mail-composer";
import { buffer } from "node:stream/consumers";
import type { MailContent } from "./content.ts";
import type { Parcel } from "./transport.ts";

/** The sender of all mails. */
export type Sender = { readonly name: string; readonly address: string };

export type DkimKey = { readonly domainName: string; readonly keySelector: string; readonly privateKey: string };

/**
 * The mail as it goes over the wire (RFC 5322). Message-ID and Date are the notification's own, the same on every
 * attempt. Nothing is read from files or fetched.
 */
export async function mailMessage(parcel: Parcel<MailContent>, sender: Sender, dkim: DkimKey | null): Promise<Buffer> {
  const { content } = parcel;
  const composed = new MailComposer({
    from: sender,
    to: { name: content.toName, address: content.to },
    subject: content.subject,
    text: content.text,
    ...(content.html === null ? {} : { html: content.html }),
    date: parcel.createdAt,
    messageId: `<${parcel.id}@${sender.address.split("@").at(-1)}>`,
    headers: {
      // RFC 3834: no answer of a machine is wanted.
      "Auto-Submitted": "auto-generated",
      ...(content.locale === null ? {} : { "Content-Language": content.locale }),
      "X-Tabellion-Purpose": parcel.purpose,
    },
    newline: "\r\n",
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const plain = await composed.compile().build();
  return dkim === null ? plain : buffer(new DKIM({ ...dkim }).sign(plain));
}
