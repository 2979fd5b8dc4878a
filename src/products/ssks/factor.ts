export type FactorType = "EM" | "SMS";

/** A factor as it is compared, and as it is written to. */
export type Factor = { readonly type: FactorType; readonly normal: string; readonly address: string };

const PHONE = /^\+[1-9]\d{6,14}$/;
const MAIL = /^[^@]+@[^@]+$/;

/**
 * One spelling for all that mean the same factor; null for what is none. A mail address is folded (NFKC, no spaces, lower
 * case) to be compared, and is written to in the letters that it was given in; a telephone number must be in international
 * form without separators.
 */
export function readFactor(type: FactorType, value: string): Factor | null {
  if (type === "SMS") return PHONE.test(value) ? { type, normal: value, address: value } : null;
  const address = value.normalize("NFKC").replaceAll(/\s/gu, "");
  return MAIL.test(address) ? { type, normal: address.toLowerCase(), address } : null;
}
