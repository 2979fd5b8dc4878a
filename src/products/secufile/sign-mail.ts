import type { Locale } from "./consent.ts";
import { shownTime } from "./sign-time.ts";

/**
 * What a mail says, of facts that show as what they are (`shownText`); the layout of all mails gives it its form. */
export type SignMail = {
  readonly subject: string;
  readonly title: string;
  readonly paragraphs: readonly string[];
  readonly action?: { readonly label: string; readonly url: string };
  readonly footer?: string;
};

type Invitation = {
  readonly sender: string;
  readonly filename: string;
  readonly role: string;
  readonly message: string | null;
  readonly url: string;
  readonly expiresAt: Date;
  readonly isReminder: boolean;
};

/** The mail that carries a signer's own link. */
export function invitationMail(locale: Locale, facts: Invitation): SignMail {
  const { url, sender, filename, role, message } = facts;
  if (locale === "fr") {
    return {
      subject: `${facts.isReminder ? "Rappel : " : ""}Signature demandée : ${filename}`,
      title: facts.isReminder ? "Votre signature est attendue" : "Votre signature est demandée",
      paragraphs: [
        `${sender} vous demande de signer « ${filename} » en tant que : ${role}.`,
        ...(message === null ? [] : [`Message de l’expéditeur :\n${message}`]),
        `Ce lien vous est personnel : ne le transmettez à personne. Il est valable jusqu’au ${shownTime(locale, facts.expiresAt)}, ou jusqu’à l’envoi d’un lien plus récent.`,
      ],
      action: { label: "Ouvrir la demande", url },
      footer: "Si vous n’attendiez pas cette demande, vous pouvez ignorer ce message.",
    };
  }
  return {
    subject: `${facts.isReminder ? "Reminder: " : ""}Signature requested: ${filename}`,
    title: facts.isReminder ? "Your signature is awaited" : "Your signature is requested",
    paragraphs: [
      `${sender} asks you to sign “${filename}” as: ${role}.`,
      ...(message === null ? [] : [`Message from the sender:\n${message}`]),
      `This link is your own; pass it on to nobody. It works until ${shownTime(locale, facts.expiresAt)}, or until a newer link is sent.`,
    ],
    action: { label: "Open the request", url },
    footer: "If you did not expect this request, you can ignore this message.",
  };
}

type Ending = {
  readonly sender: string;
  readonly filename: string;
  /** Id of the audit row of the reader's own signature; null for who did not sign. */
  readonly evidenceId: string | null;
};

/** The mail to each signer of a request that all have signed. It holds no link: a new one would end the reader's own. */
export function completionMail(locale: Locale, facts: Ending): SignMail {
  const { sender, filename, evidenceId: id } = facts;
  if (locale === "fr") {
    return {
      subject: `Signé par tous : ${filename}`,
      title: "Tous les signataires ont signé",
      paragraphs: [
        `« ${filename} » a été signé par tous, comme ${sender} l’avait demandé.`,
        ...(id === null ? [] : [`Votre signature est enregistrée. Identifiant de preuve : ${id}`]),
        "Le dernier lien que vous avez reçu continue de l’afficher. Vous n’avez plus rien à faire.",
      ],
    };
  }
  return {
    subject: `Signed by all: ${filename}`,
    title: "All signers have signed",
    paragraphs: [
      `“${filename}” is signed by all, as ${sender} had asked.`,
      ...(id === null ? [] : [`Your signature is on record. Evidence: ${id}`]),
      "The last link that you were sent goes on to show it. There is nothing left for you to do.",
    ],
  };
}

/** The mail to those who were asked, when nobody can sign any more. Who declined, and why, is for the sender alone. */
export function endMail(locale: Locale, end: "declined" | "cancelled", facts: Ending): SignMail {
  const { sender, filename, evidenceId: id } = facts;
  if (locale === "fr") {
    return {
      subject: `${end === "declined" ? "Refusé" : "Annulé"} : ${filename}`,
      title: "Cette demande de signature est close",
      paragraphs: [
        `${sender} vous avait demandé de signer « ${filename} ».`,
        end === "declined"
          ? "Un signataire a refusé ; plus personne ne peut signer. Vous n’avez plus rien à faire."
          : "L’expéditeur a annulé la demande, ou le document n’existe plus ; plus personne ne peut signer. Vous n’avez plus rien à faire.",
        ...(id === null ? [] : [`Votre propre signature reste enregistrée. Identifiant de preuve : ${id}`]),
      ],
    };
  }
  return {
    subject: `${end === "declined" ? "Declined" : "Cancelled"}: ${filename}`,
    title: "This signature request has ended",
    paragraphs: [
      `${sender} had asked you to sign “${filename}”.`,
      end === "declined"
        ? "A signer declined; nobody can sign any more. There is nothing left for you to do."
        : "The sender cancelled the request, or the document is gone; nobody can sign any more. There is nothing left for you to do.",
      ...(id === null ? [] : [`Your own signature stays on record. Evidence: ${id}`]),
    ],
  };
}

/** The mail that carries a one-time code. */
export function codeMail(locale: Locale, code: string, minutes: number): SignMail {
  return locale === "fr"
    ? {
        subject: "Votre code de signature",
        title: "Votre code de signature",
        paragraphs: [code, `Il est valable ${minutes} minutes. Ne le communiquez à personne.`],
      }
    : {
        subject: "Your signing code",
        title: "Your signing code",
        paragraphs: [code, `It is valid for ${minutes} minutes. Tell it to nobody.`],
      };
}

/** The same as a text message; without marks that would make two messages of it. */
export function codeSms(locale: Locale, code: string, minutes: number): string {
  return locale === "fr"
    ? `Votre code de signature : ${code}. Il est valable ${minutes} minutes. Ne le communiquez à personne.`
    : `Your signing code: ${code}. It is valid for ${minutes} minutes. Tell it to nobody.`;
}
