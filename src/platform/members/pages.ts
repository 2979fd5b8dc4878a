import { html, type Html } from "../http/html.ts";
import { renderPage } from "../http/page.ts";
import { withoutUnseen } from "../http/plain-text.ts";
import type { RawAnswer } from "../http/route.ts";
import type { MemberLocale } from "./member.ts";
import { pageWords } from "./page-words.ts";

/** What is to be typed again: the name, or a password that is too short, the address, or easily guessed. */
export type WrongField = "name" | "password" | "guessable";

/** What a page of a mailed link shows. */
export type MemberPage =
  | {
      readonly kind: "invite";
      readonly organisation: string;
      readonly email: string;
      readonly name: string;
      readonly wrong: WrongField | null;
    }
  | { readonly kind: "reset"; readonly wrong: WrongField | null }
  | { readonly kind: "limited"; readonly retryAfterSeconds: number }
  | { readonly kind: "accepted" | "saved" | "over" | "refused" | "busy" };

const STATUSES = { accepted: 200, saved: 200, over: 410, refused: 403, busy: 503 } as const;

export function renderMemberPage(page: MemberPage, locale: MemberLocale): RawAnswer {
  const { status, title, main } = drawn(page, locale);
  const headed = html`<h1>${title}</h1>
    ${main}`;
  const headers = page.kind === "limited" ? { "retry-after": String(page.retryAfterSeconds) } : {};
  return renderPage({ status, language: locale, title, main: headed, style: "/v1/platform/pages.css", headers });
}

function drawn(page: MemberPage, locale: MemberLocale): { status: number; title: string; main: Html } {
  const words = pageWords[locale];
  if (page.kind === "invite") {
    const main = html`<p>${words.inviteText} <bdi>${withoutUnseen(page.organisation)}</bdi>.</p>
      ${page.wrong !== null && warning(words[`${page.wrong}Wrong`])}
      <form method="post" action="?lang=${locale}">
        <label for="email">${words.address}</label>
        <input type="email" id="email" autocomplete="username" readonly value="${page.email}" />
        <label for="name">${words.name}</label>
        <input type="text" id="name" name="name" autocomplete="name" required maxlength="200" value="${page.name}" />
        ${passwordField(locale)}
        <button>${words.accept}</button>
      </form>`;
    return { status: page.wrong === null ? 200 : 422, title: words.inviteTitle, main };
  }
  if (page.kind === "reset") {
    const main = html`<p>${words.resetText}</p>
      ${page.wrong !== null && warning(words[`${page.wrong}Wrong`])}
      <form method="post" action="?lang=${locale}">
        ${passwordField(locale)}
        <button>${words.save}</button>
      </form>`;
    return { status: page.wrong === null ? 200 : 422, title: words.resetTitle, main };
  }
  if (page.kind === "limited") {
    const main = html`<p role="status">${words.limitedText} ${Math.ceil(page.retryAfterSeconds / 60)}</p>`;
    return { status: 429, title: words.limitedTitle, main };
  }
  const { kind } = page;
  const main = html`<p role="status">${words[`${kind}Text`]}</p>`;
  return { status: STATUSES[kind], title: words[`${kind}Title`], main };
}

function warning(text: string): Html {
  return html`<p class="warn" role="alert">${text}</p>`;
}

function passwordField(locale: MemberLocale): Html {
  const words = pageWords[locale];
  return html`<label for="password">${words.password}</label>
    <input
      type="password"
      id="password"
      name="password"
      autocomplete="new-password"
      required
      minlength="12"
      maxlength="256"
      aria-describedby="hint"
    />
    <p id="hint">${words.passwordHint}</p>`;
}

/** Contrasts are 4.5:1 or more in both schemes (WCAG 2.2, 1.4.3). */
const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fbfaf7; --edge: #767d88; --act: #1d4f8c; --on-act: #ffffff; --warn: #8c2f1d }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6e0; --paper: #15181d; --edge: #838b97; --act: #9cc3f5; --on-act: #10202f; --warn: #f5b3a4 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 36rem; padding: 1rem 1.25rem 4rem; background: var(--paper); color: var(--ink); font: 1.0625rem/1.6 system-ui, sans-serif }
.skip { position: absolute; left: -999rem }
.skip:focus { left: 1rem; top: .5rem; background: var(--paper); padding: .25rem .75rem }
nav { text-align: right }
nav a { display: inline-block; padding: .375rem .25rem; margin-left: .75rem }
nav a[aria-current] { color: var(--ink); text-decoration: none; font-weight: 600 }
h1 { font-size: 1.75rem; line-height: 1.2 }
a { color: var(--act) }
label { display: block; font-weight: 600; margin: 1rem 0 .25rem }
input { width: 100%; font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--edge); border-radius: .375rem; padding: .625rem .75rem }
button { font: inherit; font-weight: 600; min-height: 2.75rem; padding: .5rem 1.25rem; margin-top: 1rem; border: 1px solid var(--act); border-radius: .375rem; background: var(--act); color: var(--on-act); cursor: pointer }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px }
.warn { color: var(--warn); border-left: 3px solid var(--warn); padding-left: 1rem }
`;

export function memberPageStyle(): RawAnswer {
  return {
    status: 200,
    headers: {
      "content-type": "text/css; charset=utf-8",
      "cache-control": "public, max-age=300",
      "x-content-type-options": "nosniff",
    },
    body: STYLE,
  };
}
