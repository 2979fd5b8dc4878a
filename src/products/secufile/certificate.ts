import { z } from "zod";
import type { EvidenceBundle } from "./evidence.ts";
import type { SignatureStatus, SignerState } from "./signature.ts";

type Locale = "en" | "fr";

/** What the certificate is made of. */
export type CertificateFacts = {
  readonly row: {
    readonly id: string;
    readonly document_id: string;
    readonly filename: string;
    readonly status: SignatureStatus;
    readonly locale: Locale;
    readonly created_at: Date;
    readonly expires_at: Date;
    readonly ended_at: Date | null;
    readonly plaintext_sha256: Buffer | null;
  };
  readonly signers: readonly {
    readonly id: string;
    readonly email: string;
    readonly role: string;
    readonly name: string | null;
    readonly state: SignerState;
  }[];
  readonly bundle: EvidenceBundle;
};

type Field = { readonly label: string; readonly value: string; readonly isCode?: boolean };
type Section = { readonly title: string; readonly fields: readonly Field[]; readonly text?: readonly string[] };

/** A certificate, ready to be drawn. */
export type Certificate = {
  readonly title: string;
  readonly subtitle: string;
  readonly lang: Locale;
  readonly madeAt: Date;
  readonly footer: string;
  readonly sections: readonly Section[];
  readonly attachment: {
    readonly name: string;
    readonly type: string;
    readonly description: string;
    readonly bytes: Buffer;
  };
};

const words = {
  en: {
    title: "Signature certificate",
    document: "Document",
    documentId: "Document id",
    file: "File name",
    size: "Size, encrypted",
    cipher: "SHA-256 of the ciphertext",
    plain: "SHA-256 of the plaintext, as given by the sender",
    request: "Request",
    organisation: "Requested by",
    signature: "Request id",
    status: "Status",
    requested: "Requested",
    ended: "Ended",
    expires: "Valid until",
    signer: "Signer",
    address: "E-mail address",
    role: "Role",
    typed: "Name as typed",
    signed: "Signed",
    opened: "Opened",
    network: "Network address",
    browser: "Browser",
    code: "One-time code",
    consent: "Consent",
    audit: "Audit event",
    index: "Index in the audit log",
    leaf: "Leaf hash",
    checkpoint: "Checkpoint",
    notYet: "Not in a signed checkpoint yet; ask for the certificate again later.",
    key: "Evidence key",
    proof: "Signature of the record (Ed25519)",
    verify: "How to verify",
    attached: "The records with their signatures are attached to this file as evidence.json.",
    none: "none",
    sentTo: "sent to",
    channels: { mail: "mail", sms: "text message" },
    state: "State",
    bytes: "bytes",
  },
  fr: {
    title: "Certificat de signature",
    document: "Document",
    documentId: "Identifiant du document",
    file: "Nom du fichier",
    size: "Taille du fichier chiffré",
    cipher: "SHA-256 du fichier chiffré",
    plain: "SHA-256 du fichier en clair, donné par l’expéditeur",
    request: "Demande",
    organisation: "Demandée par",
    signature: "Identifiant de la demande",
    status: "État",
    requested: "Demandée le",
    ended: "Terminée le",
    expires: "Valable jusqu’au",
    signer: "Signataire",
    address: "Adresse électronique",
    role: "Qualité",
    typed: "Nom saisi",
    signed: "Signé le",
    opened: "Ouvert le",
    network: "Adresse réseau",
    browser: "Navigateur",
    code: "Code à usage unique",
    consent: "Consentement",
    audit: "Événement du journal",
    index: "Rang dans le journal",
    leaf: "Empreinte de la feuille",
    checkpoint: "Point de contrôle",
    notYet: "Pas encore couvert par un point de contrôle signé\u202f; redemandez le certificat plus tard.",
    key: "Clé de preuve",
    proof: "Signature de l’enregistrement (Ed25519)",
    verify: "Comment vérifier",
    attached: "Les enregistrements et leurs signatures sont joints à ce fichier sous le nom evidence.json.",
    none: "aucun",
    sentTo: "envoyé à",
    channels: { mail: "courriel", sms: "SMS" },
    state: "État",
    bytes: "octets",
  },
} as const;

/** French words of a request are feminine; those of a signer do not tell whether it is a woman or a man. */
const statusWords: Readonly<Record<Locale, Readonly<Record<SignatureStatus, string>>>> = {
  en: {
    pending: "pending",
    viewed: "viewed",
    partially_signed: "partially signed",
    completed: "completed",
    declined: "declined",
    expired: "expired",
    cancelled: "cancelled",
  },
  fr: {
    pending: "en attente",
    viewed: "consultée",
    partially_signed: "signée en partie",
    completed: "terminée",
    declined: "refusée",
    expired: "expirée",
    cancelled: "annulée",
  },
};

const stateWords: Readonly<Record<Locale, Readonly<Record<SignerState, string>>>> = {
  en: {
    waiting: "waiting",
    invited: "invited",
    viewed: "viewed",
    signed: "signed",
    declined: "declined",
    delegated: "delegated",
  },
  fr: {
    waiting: "en attente",
    invited: "a reçu la demande",
    viewed: "a ouvert la demande",
    signed: "a signé",
    declined: "a refusé",
    delegated: "a désigné une autre personne",
  },
};

/** The parts of a record that the certificate shows. */
const shownRecord = z.object({
  document: z.object({ size: z.number(), ciphertext_sha256: z.string() }),
  request: z.object({ organisation: z.string() }),
  signer: z.object({ signer_id: z.string() }),
  typed_name: z.string(),
  consent: z.object({ text: z.string(), version: z.string() }),
  signed_at: z.string(),
  address: z.string(),
  user_agent: z.string(),
  proof: z.object({
    mail: z.object({ opened_at: z.string().nullable() }),
    code: z.object({ channel: z.enum(["mail", "sms"]), sent_to: z.string(), confirmed_at: z.string() }).nullable(),
  }),
});
type Shown = z.output<typeof shownRecord>;

type Recorded = { readonly record: EvidenceBundle["records"][number]; readonly shown: Shown };

/** Lays a request's evidence out for people. The same facts give the same certificate, byte for byte. */
export function certificateOf(facts: CertificateFacts): Certificate {
  const { row, bundle } = facts;
  const text = words[row.locale];
  const recorded = bundle.records.map((record) => ({
    record,
    shown: shownRecord.parse(JSON.parse(record.signed_text)),
  }));
  return {
    title: text.title,
    subtitle: row.filename,
    lang: row.locale,
    madeAt: row.ended_at ?? row.created_at,
    footer: `${row.id} · ${row.document_id}`,
    sections: [
      documentSection(facts, recorded[0]?.shown),
      requestSection(facts, recorded[0]?.shown),
      ...facts.signers.map((signer) =>
        signerSection(
          facts,
          signer,
          recorded.find(({ shown }) => shown.signer.signer_id === signer.id),
        ),
      ),
      { title: text.verify, fields: [], text: [text.attached, ...bundle.how_to_verify] },
    ],
    attachment: {
      name: "evidence.json",
      type: "application/json",
      description: "Signed records of evidence",
      bytes: Buffer.from(`${JSON.stringify(bundle, null, 2)}\n`, "utf8"),
    },
  };
}

function documentSection({ row }: CertificateFacts, shown: Shown | undefined): Section {
  const text = words[row.locale];
  return {
    title: text.document,
    fields: [
      { label: text.file, value: row.filename },
      { label: text.documentId, value: row.document_id, isCode: true },
      ...(shown === undefined
        ? []
        : [
            { label: text.size, value: `${shown.document.size} ${text.bytes}` },
            { label: text.cipher, value: shown.document.ciphertext_sha256, isCode: true },
          ]),
      { label: text.plain, value: row.plaintext_sha256?.toString("hex") ?? "–", isCode: true },
    ],
  };
}

function requestSection({ row, bundle }: CertificateFacts, shown: Shown | undefined): Section {
  const text = words[row.locale];
  return {
    title: text.request,
    fields: [
      ...(shown === undefined ? [] : [{ label: text.organisation, value: shown.request.organisation }]),
      { label: text.signature, value: row.id, isCode: true },
      { label: text.status, value: statusWords[row.locale][bundle.status] },
      { label: text.requested, value: instant(row.created_at.toISOString()) },
      { label: text.expires, value: instant(row.expires_at.toISOString()) },
      ...(row.ended_at === null ? [] : [{ label: text.ended, value: instant(row.ended_at.toISOString()) }]),
    ],
  };
}

function signerSection(
  { row }: CertificateFacts,
  signer: CertificateFacts["signers"][number],
  recorded: Recorded | undefined,
): Section {
  const text = words[row.locale];
  const known: Field[] = [
    { label: text.address, value: signer.email },
    { label: text.role, value: signer.role },
    { label: text.state, value: stateWords[row.locale][signer.state] },
  ];
  const title = `${text.signer}${row.locale === "fr" ? "\u00a0" : ""}: ${recorded?.shown.typed_name ?? signer.name ?? signer.email}`;
  if (recorded === undefined) return { title, fields: known };
  const { record, shown } = recorded;
  const { code, mail } = shown.proof;
  return {
    title,
    fields: [
      ...known,
      { label: text.typed, value: shown.typed_name },
      ...(mail.opened_at === null ? [] : [{ label: text.opened, value: instant(mail.opened_at) }]),
      { label: text.signed, value: instant(shown.signed_at) },
      { label: text.network, value: shown.address },
      { label: text.browser, value: shown.user_agent === "" ? "–" : shown.user_agent },
      {
        label: text.code,
        value:
          code === null
            ? text.none
            : `${text.channels[code.channel]}, ${text.sentTo} ${code.sent_to}, ${instant(code.confirmed_at)}`,
      },
      { label: text.consent, value: `${shown.consent.text} (${shown.consent.version})` },
      { label: text.key, value: record.key_id, isCode: true },
      { label: text.proof, value: record.signature, isCode: true },
      ...auditFields(record.audit, text),
    ],
  };
}

function auditFields(audit: Recorded["record"]["audit"], text: (typeof words)[Locale]): Field[] {
  const { proof } = audit;
  const event = { label: text.audit, value: audit.event_id, isCode: true };
  if (proof === null) return [event, { label: text.checkpoint, value: text.notYet }];
  return [
    event,
    { label: text.index, value: String(proof.index) },
    { label: text.leaf, value: Buffer.from(proof.leaf_hash, "base64").toString("hex"), isCode: true },
    { label: text.checkpoint, value: proof.checkpoint.trim(), isCode: true },
  ];
}

function instant(iso: string): string {
  return `${iso.slice(0, 19).replace("T", " ")} UTC`;
}
