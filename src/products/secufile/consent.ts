export type Locale = "en" | "fr";

/** What a signer agrees to. A changed text is a new version: records name the one that was shown. */
export const CONSENT_VERSION = "2026-11-25";

export const consentTexts: Readonly<Record<Locale, string>> = {
  en:
    "I have received and read the document named above. By typing my name and pressing “Sign” I sign it electronically, " +
    "and I accept that this signature, the moment, my network address and my browser's name are recorded as evidence.",
  fr:
    "J’ai reçu et lu le document désigné ci-dessus. En saisissant mon nom et en appuyant sur « Signer », je le signe " +
    "électroniquement, et j’accepte que cette signature, l’instant, mon adresse réseau et le nom de mon navigateur soient " +
    "conservés comme preuve.",
};
