import { createHash } from "node:crypto";
import { canonicalJson } from "../audit/canonical.ts";

/** One part of a multipart body, by its content and not by the boundary, which changes at every retry. */
export type PartDigest = {
  readonly name: string;
  readonly filename: string | null;
  readonly contentType: string | null;
  readonly sha256: string;
};

export type FingerprintInput = {
  readonly method: string;
  readonly operation: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly contentType: string | null;
  readonly body:
    | { readonly kind: "none" }
    | { readonly kind: "json"; readonly value: unknown }
    | { readonly kind: "parts"; readonly parts: readonly PartDigest[] };
};

/** SHA-256 of what makes two requests the same: white space, member order and multipart boundaries do not count. */
export function fingerprintOf(input: FingerprintInput): Buffer {
  const [mediaType = ""] = (input.contentType ?? "").split(";");
  const canonical = canonicalJson({ ...input, contentType: mediaType.trim().toLowerCase() });
  return createHash("sha256").update(canonical, "utf8").digest();
}
