import type { Locale } from "./consent.ts";
import type { SignatureStatus, SignerState } from "./signature.ts";

/** A signer as the pages show him. */
export type SignerView = {
  readonly id: string;
  readonly email: string;
  readonly role: string;
  readonly name: string | null;
  readonly phone: string | null;
  readonly state: SignerState;
  readonly ended_at: Date | null;
};

/** What the pages tell of a request. */
export type SignFacts = {
  readonly sender: string;
  readonly signatureId: string;
  readonly documentId: string;
  readonly filename: string;
  readonly message: string | null;
  /** Null where the document was deleted. */
  readonly document: {
    readonly status: "pending" | "stored" | "failed";
    readonly size_bytes: string | null;
    readonly sha256: Buffer | null;
  } | null;
  readonly plaintextSha256: Buffer | null;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly status: SignatureStatus;
  readonly code: "none" | "mail" | "sms";
  readonly isDelegable: boolean;
  readonly locale: Locale;
  readonly signers: readonly SignerView[];
};

/** What a page says on top: of something that was done, or why it was not. */
export type Notice =
  | "link_sent"
  | "code_sent"
  | "code_wrong"
  | "code_over"
  | "code_limited"
  | "email_wrong"
  | "name_missing"
  | "consent_missing"
  | "reason_missing"
  | "delegate_wrong"
  | "not_open";

/** What was typed, so that nobody types it twice. */
export type Typed = { readonly name: string; readonly reason: string; readonly email: string };

/** What a link shows. */
export type SignPage =
  | { readonly kind: "nothing" }
  | { readonly kind: "refused" }
  | { readonly kind: "limited"; readonly retryAfterSeconds: number }
  | { readonly kind: "envelope"; readonly facts: SignFacts; readonly notice: Notice | null }
  | {
      readonly kind: "signer";
      readonly facts: SignFacts;
      readonly signer: SignerView;
      /** A newer link took the place of this one. */
      readonly isReplaced: boolean;
      readonly isDue: boolean;
      /** Id of the audit row that holds the evidence. */
      readonly evidenceId: string | null;
      readonly notice: Notice | null;
      readonly typed: Typed | null;
    };
