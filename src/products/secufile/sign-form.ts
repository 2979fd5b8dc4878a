/** What a form of the pages for signers sends. Absent fields are empty. */
export type SignForm = {
  readonly act: string;
  readonly email: string;
  readonly name: string;
  readonly consent: string;
  readonly code: string;
  readonly reason: string;
};

/** Longest form in bytes: a reason of 1,000 characters and names, percent-encoded. */
export const MAX_FORM_BYTES = 32_768;
const MAX_FIELD_CHARACTERS = 1_000;

/** Null where a field is too long. */
export function signFormOf(given: URLSearchParams): SignForm | null {
  const field = (name: string): string => (given.get(name) ?? "").trim().normalize("NFC");
  const form = {
    act: field("act"),
    email: field("email"),
    name: field("name"),
    consent: field("consent"),
    code: field("code").replaceAll(" ", ""),
    reason: field("reason").replaceAll(/\s+/g, " "),
  };
  return Object.values(form).some((value) => value.length > MAX_FIELD_CHARACTERS) ? null : form;
}

export function isEmail(text: string): boolean {
  return text.length <= 254 && /^[^\p{C}\s@<>"(),;:\\]+@[^\p{C}\s@<>"(),;:\\]+\.[^\p{C}\s@<>"(),;:\\]+$/u.test(text);
}
