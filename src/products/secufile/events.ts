import { z } from "zod";
import type { EventRow } from "../../platform/product.ts";

const digest = z
  .string()
  .min(64)
  .max(64)
  .regex(/^[0-9a-f]{64}$/);
const name = z.string().max(1024);

const objectUploaded = z.strictObject({
  document_id: z.string().max(30),
  bucket: z.string().max(63),
  key: name.meta({ description: "Key of the object in its bucket." }),
  filename: z.string().max(255),
  content_type: z.string().max(255),
  size: z.int().min(0).max(Number.MAX_SAFE_INTEGER).meta({ description: "Bytes of ciphertext." }),
  sha256: digest.meta({ description: "SHA-256 of the ciphertext, lower-case hex." }),
});

const objectFailed = z.strictObject({
  document_id: z.string().max(30),
  bucket: z.string().max(63),
  key: name,
  filename: z.string().max(255),
  reason: z.string().max(500).meta({ description: "Why the ciphertext could not be stored." }),
});

const signature = z.strictObject({
  signature_id: z.string().max(30),
  document_id: z.string().max(30),
  status: z.enum(["pending", "viewed", "partially_signed", "completed", "declined", "expired", "cancelled"]),
  signer: z
    .strictObject({
      signer_id: z.string().max(30),
      email: z.string().max(254),
      role: z.string().max(100),
      state: z.enum(["waiting", "invited", "viewed", "signed", "declined", "delegated"]),
    })
    .nullable()
    .meta({ description: "Who did it; null where nobody of the signers did." }),
  reason: z.string().max(1000).nullable().meta({
    description: "Why it was cancelled, where that was said. Why a signer declined is shown by the API only.",
  }),
  at: z.string().max(40),
});

const signatureExample = {
  signature_id: "sig_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
  document_id: "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
  signer: null,
  reason: null,
  at: "2026-11-22T09:30:00.000Z",
};

const signerExample = {
  signer_id: "sgn_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
  email: "client@example.com",
  role: "buyer",
};

const example = {
  document_id: "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
  bucket: "default",
  key: "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F/promesse-achat-12345.pdf",
  filename: "promesse-achat-12345.pdf",
};

/** What SecuFile tells its receivers. */
export const secufileEvents = {
  "object.uploaded": {
    summary: "The ciphertext of a document is stored.",
    data: objectUploaded,
    example: {
      ...example,
      content_type: "application/pdf",
      size: 20_971_520,
      sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    },
  },
  "object.failed": {
    summary: "The ciphertext of a document could not be fetched or stored.",
    data: objectFailed,
    example: { ...example, reason: "the address answered 404" },
  },
  "signature.requested": {
    summary: "Signatures on a document were asked for.",
    data: signature,
    example: { ...signatureExample, status: "pending" },
  },
  "signature.viewed": {
    summary: "A signer opened the request.",
    data: signature,
    example: { ...signatureExample, status: "viewed", signer: { ...signerExample, state: "viewed" } },
  },
  "signature.signed": {
    summary: "A signer signed.",
    data: signature,
    example: { ...signatureExample, status: "partially_signed", signer: { ...signerExample, state: "signed" } },
  },
  "signature.declined": {
    summary: "A signer declined, which ends the request.",
    data: signature,
    example: { ...signatureExample, status: "declined", signer: { ...signerExample, state: "declined" } },
  },
  "signature.completed": {
    summary: "All signers have signed.",
    data: signature,
    example: { ...signatureExample, status: "completed" },
  },
  "signature.expired": {
    summary: "The time of a request was over before all had signed.",
    data: signature,
    example: { ...signatureExample, status: "expired" },
  },
  "signature.cancelled": {
    summary: "A request was cancelled, by its sender or because its document is gone.",
    data: signature,
    example: { ...signatureExample, status: "cancelled", reason: "the document was deleted" },
  },
} as const satisfies Record<string, EventRow>;

export type ObjectUploaded = z.output<typeof objectUploaded>;
export type SignatureEvent = z.output<typeof signature>;
export type SignatureEventName = Extract<keyof typeof secufileEvents, `signature.${string}`>;
export type ObjectFailed = z.output<typeof objectFailed>;
