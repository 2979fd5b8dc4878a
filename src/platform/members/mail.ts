import { withoutUnseen } from "../http/plain-text.ts";
import { mailLayout } from "../notify/layout.ts";
import type { NewMail, OwnHour } from "../notify/notify.ts";
import type { MemberLocale } from "./member.ts";

type Words = Readonly<
  Record<"invitation" | "reset", { title: string; text(organisation: string): string; label: string; footer: string }>
>;

const words: Readonly<Record<MemberLocale, Words>> = {
  en: {
    invitation: {
      title: "You are invited",
      text: (organisation) => `You are invited to ${organisation}. Choose your name and a password to accept.`,
      label: "Accept the invitation",
      footer: "The link works once, for seven days. If you do not expect this, do nothing.",
    },
    reset: {
      title: "Choose a new password",
      text: (organisation) => `Somebody asked for a new password for your account at ${organisation}.`,
      label: "Choose a password",
      footer: "The link works once, for one hour. If it was not you, do nothing: your password stays as it is.",
    },
  },
  fr: {
    invitation: {
      title: "Vous avez reçu une invitation",
      text: (organisation) =>
        `On vous invite à rejoindre ${organisation}. Pour accepter, indiquez votre nom et choisissez un mot de passe.`,
      label: "Accepter l’invitation",
      footer:
        "Le lien sert une seule fois, pendant sept jours. Si vous n’attendiez pas cette invitation, ne faites rien.",
    },
    reset: {
      title: "Choisir un nouveau mot de passe",
      text: (organisation) => `Un nouveau mot de passe a été demandé pour votre compte auprès de ${organisation}.`,
      label: "Choisir un mot de passe",
      footer:
        "Le lien sert une seule fois, pendant une heure. Si la demande ne vient pas de vous, ne faites rien : votre mot de passe reste le même.",
    },
  },
};

/** Resets have an hour of their own: whoever is locked out does not wait for what their organisation mails. */
export const RESET_HOUR: OwnHour = { key: "password-reset", limit: 1_000 };

/** A mail with a link, ready to be sent. */
export function linkMail(
  kind: "invitation" | "reset",
  mail: { to: string; locale: MemberLocale; organisation: string; url: string; at: Date; expiresAt: Date },
): NewMail {
  const { title, text, label, footer } = words[mail.locale][kind];
  const { to, locale, organisation, url, at, expiresAt } = mail;
  const layout = mailLayout(locale, {
    title,
    paragraphs: [text(withoutUnseen(organisation))],
    action: { label, url },
    footer,
  });
  const mailed = { to, locale, subject: title, text: layout.text, html: layout.html, at, expiresAt };
  return kind === "invitation"
    ? { ...mailed, purpose: "platform.memberInvitation" }
    : { ...mailed, purpose: "platform.passwordReset", hour: RESET_HOUR };
}

const disabledWords = {
  en: {
    title: "A webhook was disabled",
    text: (id: string) => `Deliveries to the webhook ${id} do not arrive, so nothing is sent to it any more.`,
    gone: "Why: the receiver answered 410 and wants no further deliveries.",
    failing: "Why: for five days every delivery failed.",
    footer: "Enable it once its receiver answers again. What was not delivered can be sent once more.",
  },
  fr: {
    title: "Un webhook a été désactivé",
    text: (id: string) => `Les livraisons au webhook ${id} n’arrivent pas : plus rien ne lui est envoyé.`,
    gone: "Motif : le récepteur a répondu 410 et ne veut plus de livraisons.",
    failing: "Motif : depuis cinq jours, toutes les livraisons ont échoué.",
    footer: "Réactivez-le dès que son récepteur répond de nouveau. Ce qui n’a pas été livré peut être renvoyé.",
  },
} as const;

function isToldReason(reason: string): reason is "gone" | "failing" {
  return reason === "gone" || reason === "failing";
}

/** A mail to whoever looks after the webhooks of an organisation. It names no address: those are secrets. */
export function disabledWebhookMail(mail: {
  to: string;
  locale: MemberLocale;
  endpointId: string;
  reason: string;
  at: Date;
}): NewMail {
  const { to, locale, endpointId, reason, at } = mail;
  const { title, text, footer, ...reasons } = disabledWords[locale];
  // A job of an older or newer version may name another reason: that is told as it stands.
  const why = isToldReason(reason) ? reasons[reason] : reason;
  const layout = mailLayout(locale, { title, paragraphs: [text(endpointId), why], footer });
  return { to, locale, subject: title, text: layout.text, html: layout.html, purpose: "platform.webhookDisabled", at };
}
