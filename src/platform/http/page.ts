import { html, type Html } from "./html.ts";
import type { Language } from "./language.ts";
import type { RawAnswer } from "./route.ts";

/**
 * Headers of all that answers at the address of a page behind a link: nothing runs, nothing is loaded but our own style
 * sheet; the address, a secret, is told to nobody and kept nowhere.
 */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-robots-tag": "noindex, nofollow",
  "cache-control": "no-store",
};

const words: Readonly<Record<Language, { readonly language: string; readonly skip: string }>> = {
  en: { language: "Language", skip: "Skip to the content" },
  fr: { language: "Langue", skip: "Aller au contenu" },
};

/** A page of a link, with the way to its other language. It works without JavaScript. */
export type Page = {
  readonly status: number;
  readonly language: Language;
  readonly title: string;
  /** What stands in `<main>`, its heading included. */
  readonly main: Html;
  /** Path of the style sheet on this server; it has a rule for `.skip`. */
  readonly style: string;
  readonly headers?: Readonly<Record<string, string>>;
};

export function renderPage({ status, language, title, main, style, headers }: Page): RawAnswer {
  const other = (code: Language, name: string): Html =>
    code === language
      ? html`<a href="?lang=${code}" lang="${code}" hreflang="${code}" aria-current="true">${name}</a>`
      : html`<a href="?lang=${code}" lang="${code}" hreflang="${code}">${name}</a>`;
  const text = html`<!doctype html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <link rel="stylesheet" href="${style}" />
      </head>
      <body>
        <a class="skip" href="#main">${words[language].skip}</a>
        <nav aria-label="${words[language].language}">${other("en", "English")} ${other("fr", "Français")}</nav>
        <main id="main">${main}</main>
      </body>
    </html> `;
  return {
    status,
    headers: {
      ...PAGE_HEADERS,
      "content-type": "text/html; charset=utf-8",
      "content-language": language,
      vary: "accept-language",
      ...headers,
    },
    body: text.toString(),
  };
}
