import { z } from "zod";
import { idShape, instantShape, pageQuery, pageShape, ulidPattern } from "../../platform/http/body.ts";
import { isPlainText, withoutUnseen } from "../../platform/http/plain-text.ts";

const MAX_SIGNERS = 50;
const MAX_SIGNER_NAME = 200;
const MAX_DECLINE_REASON = 500;
const MAX_METADATA = 50;
const MAX_WRAPPED_KEY_CHARACTERS = 8192;
const MAX_RETENTION_DAYS = 36_500;

/** No control characters: a file name is shown in headers, mails and pages. */
const printable = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\u0000-\u001f\u007f]+$/);

const base64 = (max: number) =>
  z
    .string()
    .min(4)
    .max(max)
    .regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);

const sha256 = z
  .string()
  .min(64)
  .max(64)
  .regex(/^[0-9a-f]{64}$/)
  .meta({ description: "SHA-256 of the ciphertext, lower-case hex." });

const sizeBytes = z.int().min(0).max(Number.MAX_SAFE_INTEGER).meta({ description: "Bytes of ciphertext." });

const email = z
  .string()
  .min(3)
  .max(254)
  .regex(/^[^\s@\u0000-\u001f]+@[^\s@\u0000-\u001f]+$/);

const signer = z.strictObject({
  email: email.meta({ description: "Where the signer is reached.", examples: ["client@example.com"] }),
  role: printable(100).meta({ description: "As whom the person signs.", examples: ["buyer"] }),
  name: printable(200).optional(),
  order: z.int().min(1).max(MAX_SIGNERS).optional().meta({ description: "Signers of equal order act in parallel." }),
  phone: z
    .string()
    .min(8)
    .max(16)
    .regex(/^\+[1-9]\d{6,14}$/)
    .optional()
    .meta({ description: "International format, for a one-time code." }),
});

const bucket = z
  .string()
  .min(3)
  .max(63)
  .regex(/^[a-z0-9][a-z0-9.-]*[a-z0-9]$/)
  .meta({ examples: ["default"] });

const contentType = z
  .string()
  .min(3)
  .max(255)
  .regex(
    // RFC 9110, section 8.3.1; it stands in a header when the content is downloaded.
    /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+(?: *; *[\w!#$%&'*+.^`|~-]+=(?:[\w!#$%&'*+.^`|~-]+|"[\x20!\x23-\x5b\x5d-\x7e]*"))*$/,
  );

const metadata = z
  .record(
    z
      .string()
      .min(1)
      .max(128)
      .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/),
    z.string().max(1024),
  )
  .meta({ description: `Up to ${MAX_METADATA} entries of your own, returned as given.`, maxProperties: MAX_METADATA });

const keyWrap = printable(512).meta({
  description: "Reference of the key that wraps the data key; `vault://kms/key/<id>` is a key of the built-in service.",
  examples: ["vault://kms/key/01HX..."],
});

const status = z.enum(["pending", "stored", "failed"]);

export const createDocumentRequest = z.strictObject({
  filename: printable(255),
  ciphertext_url: printable(2048)
    .optional()
    .meta({
      description: "HTTPS URL of the ciphertext, fetched in the background. Without it, upload the content yourself.",
      examples: ["https://blob.example.com/abc123"],
    }),
  key_wrap: keyWrap,
  wrapped_key: base64(MAX_WRAPPED_KEY_CHARACTERS)
    .optional()
    .meta({ description: "The data key under `key_wrap`, base64." }),
  signers: z.array(signer).max(MAX_SIGNERS).optional(),
  bucket: bucket.default("default"),
  content_type: contentType.default("application/octet-stream"),
  sha256: sha256.optional(),
  size: sizeBytes.optional(),
  retention_days: z.int().min(1).max(MAX_RETENTION_DAYS).optional().meta({ description: "No delete before." }),
  metadata: metadata.optional(),
});

export const createDocumentResponse = z.strictObject({
  document_id: idShape("doc", "Id of the document."),
  signature_url: z.string().max(2300).nullable().meta({ description: "Page for the signers; null without signers." }),
  status,
  created_at: instantShape("When it was made"),
});

export const documentView = z.strictObject({
  document_id: idShape("doc", "Id of the document."),
  filename: z.string().max(255),
  content_type: z.string().max(255),
  size: sizeBytes.nullable(),
  sha256: sha256.nullable(),
  bucket: z.string().max(63),
  object_key: z.string().max(1024),
  status,
  failure: z.string().max(500).nullable().meta({ description: "Why the content could not be stored." }),
  key_wrap: z.string().max(512),
  wrapped_key: z.string().max(MAX_WRAPPED_KEY_CHARACTERS).nullable().meta({ description: "As given, base64." }),
  signers: z
    .array(
      z.strictObject({
        email: z.string().max(254),
        role: z.string().max(100),
        name: z.string().max(200).nullable(),
        order: z.int().min(1).max(MAX_SIGNERS).nullable(),
        phone: z.string().max(16).nullable(),
      }),
    )
    .max(MAX_SIGNERS),
  retention: z
    .strictObject({
      days: z.int().min(1).max(MAX_RETENTION_DAYS),
      retained_until: instantShape("No delete before"),
    })
    .nullable(),
  metadata: z.record(z.string().max(128), z.string().max(1024)),
  created_at: instantShape("When it was made"),
  stored_at: instantShape("When its content was stored").nullable(),
});

export const documentParams = z.strictObject({ id: idShape("doc", "Id of the document.") });

export const listDocumentsQuery = z.strictObject({
  ...pageQuery,
  bucket: bucket.optional(),
  status: status.optional(),
  filename: printable(255)
    .optional()
    .meta({ description: "Exact file name.", examples: ["promesse-achat-12345.pdf"] }),
});

export const documentList = pageShape(documentView);

export const releaseKeyRequest = z.strictObject({
  recipient_public_key: z
    .union([
      z.string().min(10).max(4096),
      z.record(
        z
          .string()
          .max(32)
          .regex(/^[A-Za-z0-9_#]+$/),
        // A browser's `exportKey("jwk")` adds `key_ops` and `ext: true`.
        z.union([z.string().max(4096), z.array(z.string().max(64)).max(16), z.boolean()]),
      ),
    ])
    .meta({ description: "An age recipient (age1…), or a public JWK (RSA, EC or X25519) as object or JSON text." }),
  reason: printable(500).meta({ description: "Written to the audit log." }),
});

export const releaseKeyResponse = z.strictObject({
  document_id: idShape("doc", "Id of the document."),
  algorithm: z.string().max(32).meta({ description: "`age`, or the JWE algorithm." }),
  encrypted_key: z.string().max(16_384).meta({
    description: "The data key encrypted to the recipient: an age file in base64, or a compact JWE.",
  }),
  released_at: instantShape("When it was released"),
});

const keyId = z
  .string()
  .min(26)
  .max(26)
  .regex(new RegExp(`^${ulidPattern}$`));

export const kmsKeyParams = z.strictObject({ id: keyId });

export const createKeyRequest = z.strictObject({ name: printable(200).default("key") });

export const keyView = z.strictObject({
  key_id: keyId,
  key_wrap: z.string().max(64).meta({ description: "The reference to give as `key_wrap` of documents." }),
  name: z.string().max(200),
  created_at: instantShape("When it was made"),
});

export const listKeysQuery = z.strictObject({ ...pageQuery });
export const keyList = pageShape(keyView);

export const dataKeyResponse = z.strictObject({
  key_wrap: z.string().max(64),
  plaintext_key: z.string().max(64).meta({ description: "32 random bytes, base64. Shown once, kept nowhere." }),
  wrapped_key: z
    .string()
    .max(MAX_WRAPPED_KEY_CHARACTERS)
    .meta({ description: "The same key under `key_wrap`, base64." }),
});

export const wrapKeyRequest = z.strictObject({
  plaintext_key: base64(1024).meta({ description: "The data key to wrap, base64, at most 768 bytes." }),
});

export const wrapKeyResponse = z.strictObject({
  key_wrap: z.string().max(64),
  wrapped_key: z.string().max(MAX_WRAPPED_KEY_CHARACTERS),
});

const signatureId = idShape("sig", "Id of the signature request.");
const signatureStatus = z.enum([
  "pending",
  "viewed",
  "partially_signed",
  "completed",
  "declined",
  "expired",
  "cancelled",
]);
const DEFAULT_EXPIRY_SECONDS = 30 * 86_400;
const MAX_EXPIRY_SECONDS = 366 * 86_400;

export const createSignatureRequest = z.strictObject({
  signers: z.array(signer).min(1).max(MAX_SIGNERS),
  message: z
    .string()
    .min(1)
    .max(2000)
    .regex(/^[^\u0000-\u0009\u000b-\u001f\u007f]+$/)
    .optional()
    .meta({ description: "Shown to the signers, in the mail and on the page." }),
  expires_in: z
    .int()
    .min(60)
    .max(MAX_EXPIRY_SECONDS)
    .default(DEFAULT_EXPIRY_SECONDS)
    .meta({ description: "Seconds until nobody can sign any more." }),
  require_code: z
    .union([z.enum(["none", "mail", "sms"]), z.boolean()])
    .default("none")
    .meta({ description: "A one-time code on top of the link; `true` is `mail`." }),
  delegation: z.boolean().default(false).meta({ description: "Whether a signer may name another person instead." }),
  plaintext_sha256: sha256.optional().meta({
    description:
      "SHA-256 of the document before you encrypted it, lower-case hex; shown to signers and in the evidence.",
  }),
  locale: z.enum(["en", "fr"]).default("en").meta({ description: "Language of mails and certificate." }),
  reminders: z
    .array(z.int().min(1).max(365))
    .max(10)
    .default([3, 7])
    .meta({ description: "Days after the request on which those who have not answered are reminded; `[]` for never." }),
});

export const createSignatureResponse = z.strictObject({
  signature_id: signatureId,
  signature_url: z.string().max(2300).meta({ description: "Page for the signers." }),
  status: signatureStatus,
  expires_at: instantShape("Until when it can be signed"),
});

const moment = (what: string) => instantShape(what).nullable();

export const signatureView = z.strictObject({
  signature_id: signatureId,
  document_id: idShape("doc", "Id of the document."),
  filename: z.string().max(255),
  status: signatureStatus,
  message: z.string().max(2000).nullable(),
  require_code: z.enum(["none", "mail", "sms"]),
  delegation: z.boolean(),
  locale: z.enum(["en", "fr"]),
  reminders: z.array(z.int().min(1).max(365)).max(10),
  plaintext_sha256: sha256.nullable(),
  created_at: instantShape("When it was made"),
  expires_at: instantShape("Until when it can be signed"),
  ended_at: moment("When it ended"),
  signers: z
    .array(
      z.strictObject({
        signer_id: idShape("sgn", "Id of the signer."),
        email: z.string().max(254),
        role: z.string().max(100),
        name: z.string().max(200).nullable(),
        order: z.int().min(1).max(MAX_SIGNERS).nullable(),
        phone: z.string().max(16).nullable(),
        state: z.enum(["waiting", "invited", "viewed", "signed", "declined", "delegated"]),
        delegated_from: z.string().max(30).nullable().meta({ description: "The signer who named this one." }),
        invited_at: moment("When first written to"),
        viewed_at: moment("When the request was opened"),
        ended_at: moment("When signed, declined or delegated"),
        decline_reason: z.string().max(500).nullable(),
      }),
    )
    .max(100),
});

export const signatureParams = z.strictObject({ id: signatureId });
export const signatureList = pageShape(signatureView);
export const listSignaturesQuery = z.strictObject({
  ...pageQuery,
  document_id: idShape("doc", "Id of the document.").optional(),
  status: signatureStatus.optional(),
});

export const signatureKeys = z.strictObject({
  data: z
    .array(
      z.strictObject({
        key_id: idShape("sgk", "Id of the key."),
        signs_from: instantShape("When it was made"),
        signs_until: instantShape("When the next one was made; null for the newest").nullable(),
        algorithm: z.string().max(32),
        public_key_pem: z.string().max(1000),
      }),
    )
    .max(1000),
});

/** What a signer types. */
export const isSignerName = (text: string): boolean => isPlainText(text, MAX_SIGNER_NAME);
export const isDeclineReason = (text: string): boolean => isPlainText(text, MAX_DECLINE_REASON);

/** A name or a line as it may be shown, whoever wrote it. */
export const shownText = withoutUnseen;

/** What `signDocument` seals. */
export const signedRecord = z.object({ signed_text: z.string(), signature: z.string(), key_id: z.string() });

export const inviteSignersPayload = z.object({
  tenantId: z.string(),
  signatureId: z.string(),
  signerId: z.string().nullable(),
  isReminder: z.boolean(),
});
export const expireSignaturePayload = z.object({ tenantId: z.string(), signatureId: z.string() });
export const tellSignersPayload = z.object({ tenantId: z.string(), signatureId: z.string() });

/** Any text: what is not a token of ours leads to the page that says so, which people read, and not to a problem. */
export const signLinkParams = z.strictObject({ token: z.string().max(300) });

export const fetchDocumentPayload = z.object({ tenantId: z.string(), documentId: z.string() });
export const deleteBlobPayload = z.object({ tenantId: z.string(), blobRef: z.string() });
export const emptyPayload = z.object({});

export type CreateDocumentRequest = z.output<typeof createDocumentRequest>;
export type CreateDocumentResponse = z.output<typeof createDocumentResponse>;
export type DocumentView = z.output<typeof documentView>;
export type ListDocumentsQuery = z.output<typeof listDocumentsQuery>;
export type ReleaseKeyRequest = z.output<typeof releaseKeyRequest>;
export type ReleaseKeyResponse = z.output<typeof releaseKeyResponse>;
export type KeyView = z.output<typeof keyView>;
export type CreateSignatureRequest = z.output<typeof createSignatureRequest>;
export type CreateSignatureResponse = z.output<typeof createSignatureResponse>;
export type SignatureView = z.output<typeof signatureView>;
export type ListSignaturesQuery = z.output<typeof listSignaturesQuery>;
