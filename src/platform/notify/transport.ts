import type { NotificationContent } from "./content.ts";

/** What became of one attempt. `error` is in words of ours: no address, and no text of the far end. */
export type Outcome =
  | { readonly kind: "sent" }
  /** Not sent, and never will be. */
  | { readonly kind: "refused"; readonly error: string }
  /** Certainly not sent; another attempt may do. */
  | { readonly kind: "later"; readonly error: string }
  /** It may have been sent or not: there is no other attempt. */
  | { readonly kind: "uncertain"; readonly error: string };

/** One notification on its way. */
export type Parcel<C extends NotificationContent> = {
  readonly id: string;
  readonly purpose: string;
  readonly createdAt: Date;
  /** When it is worth nothing any more. */
  readonly expiresAt: Date | null;
  readonly content: C;
};

export type Attempt = {
  /**
   * Makes the point of no return durable. To be awaited before the first byte after which the far end may deliver.
   * Throws when another attempt was first: then nothing may be sent.
   */
  begin(): Promise<void>;
  readonly signal: AbortSignal;
};

export type Transport<C extends NotificationContent> = {
  /** For logs: `files`, `smtp` or `gateway`. */
  readonly name: string;
  /** Throws only what is a defect or a failure of `begin`. */
  deliver(parcel: Parcel<C>, attempt: Attempt): Promise<Outcome>;
};
