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
} as const satisfies Record<string, EventRow>;

export type ObjectUploaded = z.output<typeof objectUploaded>;
export type ObjectFailed = z.output<typeof objectFailed>;
