import type { Locale } from "./consent.ts";
import type { Notice } from "./sign-view.ts";
import type { SignatureStatus, SignerState } from "./signature.ts";

type Words = {
  readonly title: string;
  readonly asks: string;
  readonly document: string;
  readonly state: string;
  readonly sizeEncrypted: string;
  readonly bytes: string;
  readonly hashCipher: string;
  readonly hashPlain: string;
  readonly requested: string;
  readonly validUntil: string;
  readonly message: string;
  readonly who: string;
  readonly as: string;
  readonly you: string;
  readonly status: string;
  readonly askTitle: string;
  readonly askText: string;
  readonly email: string;
  readonly send: string;
  readonly openText: string;
  readonly open: string;
  readonly signTitle: string;
  readonly name: string;
  readonly agree: string;
  readonly sign: string;
  readonly code: string;
  readonly codeText: string;
  readonly codeTextSms: string;
  readonly sendCode: string;
  readonly declineTitle: string;
  readonly reason: string;
  readonly decline: string;
  readonly delegateTitle: string;
  readonly delegateText: string;
  readonly delegateName: string;
  readonly delegateEmail: string;
  readonly delegate: string;
  readonly signedTitle: string;
  readonly signedText: string;
  readonly evidence: string;
  readonly at: string;
  readonly declinedTitle: string;
  readonly declinedText: string;
  readonly delegatedTitle: string;
  readonly delegatedText: string;
  readonly notTurnTitle: string;
  readonly notTurn: string;
  readonly waitsForContent: string;
  readonly nothingTitle: string;
  readonly nothingText: string;
  readonly refusedTitle: string;
  readonly refusedText: string;
  readonly limitedTitle: string;
  readonly limitedText: string;
  readonly endedTitle: string;
  readonly replaced: string;
  readonly ended: Readonly<Record<"completed" | "declined" | "expired" | "cancelled", string>>;
  readonly content: Readonly<Record<"pending" | "stored" | "failed" | "deleted", string>>;
  readonly states: Readonly<Record<SignerState, string>>;
  readonly statuses: Readonly<Record<SignatureStatus, string>>;
  readonly notices: Readonly<Record<Notice, string>>;
};

const en: Words = {
  title: "Signature request",
  asks: "asks for signatures on this document.",
  document: "Document",
  state: "Content",
  sizeEncrypted: "Size, encrypted",
  bytes: "bytes",
  hashCipher: "SHA-256, encrypted",
  hashPlain: "SHA-256, not encrypted, as given by the sender",
  requested: "Requested",
  validUntil: "Valid until",
  message: "Message from the sender",
  who: "Who is asked to sign",
  as: "as",
  you: "you",
  status: "Status",
  askTitle: "Get your own link",
  askText:
    "Type the e-mail address at which you were asked to sign. If it is on the list and it is your turn, a link goes there.",
  email: "E-mail address",
  send: "Send me my link",
  openText: "Nothing is recorded until you press the button; the sender then sees that you opened the request.",
  open: "Show the request",
  signTitle: "Sign",
  name: "Your full name",
  agree: "I agree to this.",
  sign: "Sign",
  code: "One-time code, 6 digits",
  codeText:
    "The sender asks for a one-time code on top. It is sent to your e-mail address and is valid for 10 minutes.",
  codeTextSms: "The sender asks for a one-time code on top. It is sent to your telephone and is valid for 10 minutes.",
  sendCode: "Send me a code",
  declineTitle: "Decline",
  reason: "Why you decline; the sender sees it",
  decline: "Decline to sign",
  delegateTitle: "Name another person",
  delegateText: "That person is asked instead of you, and gets a link of its own.",
  delegateName: "Name of that person",
  delegateEmail: "E-mail address of that person",
  delegate: "Ask that person",
  signedTitle: "You have signed",
  signedText: "Your signature is recorded. You can close this page; this link keeps showing it.",
  evidence: "Evidence id",
  at: "Signed",
  declinedTitle: "You declined",
  declinedText: "The sender was told. Nobody can sign this request any more.",
  delegatedTitle: "You named another person",
  delegatedText: "That person is asked instead of you.",
  notTurnTitle: "It is not your turn yet",
  notTurn:
    "Others have to sign before you. Your link is good: keep it and open it again later. If a mail brings you a newer link then, use that one.",
  waitsForContent: "The encrypted document has not arrived on this server yet; signing begins when it has.",
  nothingTitle: "This link leads nowhere",
  nothingText: "It is not complete, or nobody was given it. Ask whoever sent it to you for a new one.",
  refusedTitle: "This form was not accepted",
  refusedText: "It was sent from another site, or it is damaged. Open the link from your mail again.",
  limitedTitle: "Too many attempts",
  limitedText: "Please wait before you try again. Minutes:",
  endedTitle: "This request has ended",
  replaced: "A newer link was sent to you. Use the one in the latest mail.",
  ended: {
    completed: "All signers have signed.",
    declined: "A signer declined; nobody can sign any more.",
    expired: "Its time is over; nobody can sign any more. Ask the sender for a new request.",
    cancelled: "The sender cancelled it, or the document is gone; nobody can sign any more.",
  },
  content: {
    pending: "The encrypted document has not arrived on this server yet.",
    stored: "The encrypted document is stored on this server.",
    failed: "The encrypted document could not be stored; the sender has to send it again.",
    deleted: "The document was deleted.",
  },
  states: {
    waiting: "waiting",
    invited: "asked",
    viewed: "opened",
    signed: "signed",
    declined: "declined",
    delegated: "named another person",
  },
  statuses: {
    pending: "Nobody has signed yet",
    viewed: "Opened; nobody has signed yet",
    partially_signed: "Signed in part",
    completed: "Completed",
    declined: "Declined",
    expired: "Expired",
    cancelled: "Cancelled",
  },
  notices: {
    link_sent: "If this address is on the list and it is its turn, a link is on its way to it.",
    code_sent: "A code is on its way to you.",
    code_wrong: "That code is wrong. Please look again.",
    code_over: "There is no valid code: it is too old, was tried too often, or none was sent. Ask for a new one.",
    code_limited: "No more codes can be sent at the moment. Please try again later.",
    email_wrong: "Please type an e-mail address.",
    name_missing: "Please type your full name.",
    consent_missing: "Please tick the box to say that you agree.",
    reason_missing: "Please say why you decline.",
    delegate_wrong: "Please type the name and e-mail address of a person who is not on the list.",
    not_open: "This can no longer be done. Below is how things stand.",
  },
};

const fr: Words = {
  title: "Demande de signature",
  asks: "demande des signatures sur ce document.",
  document: "Document",
  state: "Contenu",
  sizeEncrypted: "Taille du fichier chiffré",
  bytes: "octets",
  hashCipher: "SHA-256 du fichier chiffré",
  hashPlain: "SHA-256 du fichier en clair, donné par l’expéditeur",
  requested: "Demandée le",
  validUntil: "Valable jusqu’au",
  message: "Message de l’expéditeur",
  who: "Signataires",
  as: "qualité :",
  you: "vous",
  status: "État",
  askTitle: "Recevoir votre lien personnel",
  askText:
    "Saisissez l’adresse électronique à laquelle la demande vous a été adressée. Si elle figure sur la liste et que c’est votre tour, un lien y sera envoyé.",
  email: "Adresse électronique",
  send: "Envoyer mon lien",
  openText:
    "Rien n’est enregistré avant que vous n’appuyiez sur le bouton ; l’expéditeur verra alors que vous avez ouvert la demande.",
  open: "Afficher la demande",
  signTitle: "Signer",
  name: "Votre nom complet",
  agree: "J’y consens.",
  sign: "Signer",
  code: "Code à usage unique, 6 chiffres",
  codeText:
    "L’expéditeur exige en plus un code à usage unique. Il est envoyé à votre adresse électronique et valable 10 minutes.",
  codeTextSms:
    "L’expéditeur exige en plus un code à usage unique. Il est envoyé sur votre téléphone et valable 10 minutes.",
  sendCode: "M’envoyer un code",
  declineTitle: "Refuser",
  reason: "Motif du refus ; l’expéditeur le verra",
  decline: "Refuser de signer",
  delegateTitle: "Désigner une autre personne",
  delegateText: "Cette personne est sollicitée à votre place et reçoit son propre lien.",
  delegateName: "Nom de cette personne",
  delegateEmail: "Adresse électronique de cette personne",
  delegate: "Solliciter cette personne",
  signedTitle: "Vous avez signé",
  signedText: "Votre signature est enregistrée. Vous pouvez fermer cette page ; ce lien continue de l’afficher.",
  evidence: "Identifiant de preuve",
  at: "Signé le",
  declinedTitle: "Vous avez refusé",
  declinedText: "L’expéditeur en a été informé. Plus personne ne peut signer cette demande.",
  delegatedTitle: "Vous avez désigné une autre personne",
  delegatedText: "Cette personne est sollicitée à votre place.",
  notTurnTitle: "Ce n’est pas encore votre tour",
  notTurn:
    "D’autres personnes doivent signer avant vous. Votre lien est valable : gardez-le et rouvrez-le plus tard. Si vous recevez entre-temps un lien plus récent par courriel, utilisez ce dernier.",
  waitsForContent: "Le document chiffré n’est pas encore arrivé sur ce serveur ; vous pourrez signer dès qu’il y sera.",
  nothingTitle: "Ce lien ne mène nulle part",
  nothingText:
    "Il est incomplet, ou n’a jamais été attribué à personne. Demandez-en un nouveau à la personne qui vous l’a envoyé.",
  refusedTitle: "Ce formulaire n’a pas été accepté",
  refusedText: "Il vient d’un autre site, ou il est endommagé. Rouvrez le lien reçu par courriel.",
  limitedTitle: "Trop de tentatives",
  limitedText: "Veuillez patienter avant de réessayer. Minutes :",
  endedTitle: "Cette demande est close",
  replaced: "Un lien plus récent vous a été envoyé. Utilisez celui du dernier courriel.",
  ended: {
    completed: "Tous les signataires ont signé.",
    declined: "Un signataire a refusé ; plus personne ne peut signer.",
    expired:
      "Le délai est passé ; plus personne ne peut signer. Adressez-vous à l’expéditeur pour en obtenir une nouvelle.",
    cancelled: "L’expéditeur l’a annulée, ou le document n’existe plus ; plus personne ne peut signer.",
  },
  content: {
    pending: "Le document chiffré n’est pas encore arrivé sur ce serveur.",
    stored: "Le document chiffré est conservé sur ce serveur.",
    failed: "Le document chiffré n’a pas pu être conservé ; l’expéditeur doit le renvoyer.",
    deleted: "Le document a été supprimé.",
  },
  states: {
    waiting: "en attente",
    invited: "a reçu la demande",
    viewed: "a ouvert",
    signed: "a signé",
    declined: "a refusé",
    delegated: "a désigné une autre personne",
  },
  statuses: {
    pending: "Personne n’a encore signé",
    viewed: "Ouverte ; personne n’a encore signé",
    partially_signed: "Signée en partie",
    completed: "Terminée",
    declined: "Refusée",
    expired: "Expirée",
    cancelled: "Annulée",
  },
  notices: {
    link_sent: "Si cette adresse figure sur la liste et que c’est votre tour, un lien y est envoyé.",
    code_sent: "Un code vous est envoyé.",
    code_wrong: "Ce code est incorrect. Veuillez le vérifier.",
    code_over:
      "Il n’y a pas de code valable : il est trop ancien, a été essayé trop souvent, ou aucun n’a été envoyé. Demandez-en un nouveau.",
    code_limited: "Aucun autre code ne peut être envoyé pour le moment. Réessayez plus tard.",
    email_wrong: "Veuillez saisir une adresse électronique.",
    name_missing: "Veuillez saisir votre nom complet.",
    consent_missing: "Veuillez cocher la case pour indiquer votre consentement.",
    reason_missing: "Veuillez indiquer le motif du refus.",
    delegate_wrong: "Veuillez saisir le nom et l’adresse électronique d’une personne qui ne figure pas sur la liste.",
    not_open: "Ce n’est plus possible. Voici où en est la demande.",
  },
};

export const signWords: Readonly<Record<Locale, Words>> = { en, fr };
