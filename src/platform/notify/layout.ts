import { html, type Html } from "../http/html.ts";
import { typeset } from "../http/typeset.ts";

/** For what stands around a mail, such as its subject. */
export { typeset };

export type MailLocale = "en" | "fr";

export type MailParts = {
  readonly title: string;
  readonly paragraphs: readonly string[];
  readonly action?: { readonly label: string; readonly url: string };
  readonly footer?: string;
};

/**
 * A plain mail in both forms. It loads nothing from anywhere, leaves its colours to the reader's programme, bright or
 * dark, and says the action's address in full, so that nobody has to trust a button.
 */
export function mailLayout(locale: MailLocale, parts: MailParts): { readonly text: string; readonly html: Html } {
  const set = (text: string): string => typeset(locale, text);
  const title = set(parts.title);
  const paragraphs = parts.paragraphs.map(set);
  const action = parts.action === undefined ? null : { label: set(parts.action.label), url: parts.action.url };
  const footer = parts.footer === undefined ? null : set(parts.footer);
  const colon = set(locale === "fr" ? "x :" : "x:").slice(1);
  const text = [
    title,
    ...paragraphs,
    ...(action === null ? [] : [`${action.label}${colon}\n${action.url}`]),
    ...(footer === null ? [] : [`-- \n${footer}`]),
  ];
  return { text: `${text.join("\n\n")}\n`, html: page(locale, { title, paragraphs, action, footer }) };
}

type Prepared = {
  readonly title: string;
  readonly paragraphs: readonly string[];
  readonly action: { readonly label: string; readonly url: string } | null;
  readonly footer: string | null;
};

function page(locale: MailLocale, { title, paragraphs, action, footer }: Prepared): Html {
  return html`<!doctype html>
    <html lang="${locale}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
      </head>
      <body
        style="margin:0;padding:24px;font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;font-size:16px;line-height:1.5"
      >
        <main style="max-width:36em;margin:0 auto">
          <h1 style="font-size:1.25em;line-height:1.3">${title}</h1>
          ${paragraphs.map((paragraph) => html`<p>${linesOf(paragraph)}</p> `)}${action !== null && button(action)}${
            footer !== null &&
            html`<hr style="margin:2em 0 1em" />
              <p style="font-size:.875em">${footer}</p> `
          }
        </main>
      </body>
    </html> `;
}

/** Line ends of a text stay, as they do in the plain form. */
function linesOf(paragraph: string): Html[] {
  return paragraph.split("\n").map((line, at) => (at === 0 ? html`${line}` : html`<br />${line}`));
}

function button({ label, url }: { readonly label: string; readonly url: string }): Html {
  return html`<p>
      <a
        href="${url}"
        style="display:inline-block;padding:.6em 1.2em;border:2px solid;border-radius:4px;font-weight:bold"
        >${label}</a
      >
    </p>
    <p style="font-size:.875em;overflow-wrap:anywhere">${url}</p> `;
}
