import type { Locale } from "./consent.ts";
import { withoutUnseen } from "./sign-form.ts";

export type MailText = { readonly subject: string; readonly text: string };

type Invitation = {
  readonly sender: string;
  readonly filename: string;
  readonly role: string;
  readonly message: string | null;
  readonly url: string;
  readonly expiresAt: Date;
  readonly isReminder: boolean;
};

const day = (at: Date): string => `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** The mail that carries a signer's own link. */
export function invitationMail(locale: Locale, facts: Invitation): MailText {
  const [sender, filename, role] = [facts.sender, facts.filename, facts.role].map(withoutUnseen);
  const message = facts.message?.split("\n").map(withoutUnseen).join("\n") ?? null;
  if (locale === "fr") {
    return {
      subject: `${facts.isReminder ? "Rappel : " : ""}Signature demandée : ${filename}`,
      text: [
        `${sender} vous demande de signer « ${filename} » en tant que : ${role}.`,
        ...(message === null ? [] : [`Message de l’expéditeur :\n${message}`]),
        `Votre lien personnel, à ne transmettre à personne :\n${facts.url}`,
        `Il est valable jusqu’au ${day(facts.expiresAt)}, ou jusqu’à l’envoi d’un lien plus récent.`,
        "Si vous n’attendiez pas cette demande, vous pouvez ignorer ce message.",
      ].join("\n\n"),
    };
  }
  return {
    subject: `${facts.isReminder ? "Reminder: " : ""}Signature requested: ${filename}`,
    text: [
      `${sender} asks you to sign “${filename}” as: ${role}.`,
      ...(message === null ? [] : [`Message from the sender:\n${message}`]),
      `Your own link; pass it on to nobody:\n${facts.url}`,
      `It works until ${day(facts.expiresAt)}, or until a newer link is sent.`,
      "If you did not expect this request, you can ignore this message.",
    ].join("\n\n"),
  };
}

/** The message that carries a one-time code. */
export function codeMail(locale: Locale, code: string, minutes: number): MailText {
  return locale === "fr"
    ? {
        subject: "Votre code de signature",
        text: `Votre code de signature : ${code}\n\nIl est valable ${minutes} minutes. Ne le communiquez à personne.`,
      }
    : {
        subject: "Your signing code",
        text: `Your signing code: ${code}\n\nIt is valid for ${minutes} minutes. Tell it to nobody.`,
      };
}
