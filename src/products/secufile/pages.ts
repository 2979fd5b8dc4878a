import type { Readable } from "node:stream";
import { html, type Html } from "../../platform/http/html.ts";
import { renderPage } from "../../platform/http/page.ts";
import { withoutUnseen } from "../../platform/http/plain-text.ts";
import type { RawAnswer } from "../../platform/http/route.ts";
import { typesetWords } from "../../platform/http/typeset.ts";
import type { ByteRange } from "./byte-range.ts";
import { consentTexts, type Locale } from "./consent.ts";
import { SIGN_STYLE } from "./sign-style.ts";
import { shownTime } from "./sign-time.ts";
import type { Notice, SignerView, SignFacts, SignPage, Typed } from "./sign-view.ts";
import { signWords } from "./sign-words.ts";
import { codeChannel, isOpenStatus, maskEmail } from "./signature.ts";

const shownWords = { en: signWords.en, fr: typesetWords(signWords.fr) };

/** Ciphertext or a range of it, for whoever downloads it. */
export function renderContent(content: {
  readonly filename: string;
  readonly contentType: string;
  readonly etag: string;
  readonly sizeBytes: number;
  readonly range: ByteRange | null;
  readonly stream: Readable | null;
}): RawAnswer {
  const { range, sizeBytes, stream } = content;
  const base = {
    "content-type": content.contentType,
    "content-disposition": disposition(content.filename),
    "accept-ranges": "bytes",
    "cache-control": "private, no-cache",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    etag: content.etag,
  };
  if (stream === null) return { status: 304, headers: base, body: "" };
  if (range === null) return { status: 200, headers: { ...base, "content-length": String(sizeBytes) }, body: stream };
  const headers = {
    ...base,
    "content-length": String(range.end - range.start + 1),
    "content-range": `bytes ${range.start}-${range.end}/${sizeBytes}`,
  };
  return { status: 206, headers, body: stream };
}

/** RFC 6266: a plain name for old clients, the exact one beside it. */
function disposition(filename: string): string {
  const plain = filename.replaceAll(/[^\x20-\x7e]|["\\]/g, "_");
  const exact = encodeURIComponent(filename).replaceAll(
    /['()*]/g,
    (mark) => `%${(mark.codePointAt(0) ?? 0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`;
}

type Drawn = { readonly status: number; readonly title: string; readonly main: Html };
type SignerPage = Extract<SignPage, { kind: "signer" }>;

/** The page of a link as it stands, in a language. */
export function renderSignPage(page: SignPage, locale: Locale): RawAnswer {
  const retry = page.kind === "limited" ? { "retry-after": String(page.retryAfterSeconds) } : {};
  return renderPage({ ...drawn(page, locale), language: locale, style: "/v1/secufile/sign.css", headers: retry });
}

function drawn(page: SignPage, locale: Locale): Drawn {
  const words = shownWords[locale];
  if (page.kind === "nothing") return told(404, words.nothingTitle, words.nothingText);
  if (page.kind === "refused") return told(403, words.refusedTitle, words.refusedText);
  if (page.kind === "limited") {
    return told(429, words.limitedTitle, `${words.limitedText} ${Math.ceil(page.retryAfterSeconds / 60)}`);
  }
  return page.kind === "envelope" ? drawEnvelope(page.facts, page.notice, locale) : drawSigner(page, locale);
}

function told(status: number, title: string, text: string): Drawn {
  return {
    status,
    title,
    main: html`<h1>${title}</h1>
      <p>${text}</p>`,
  };
}

function drawEnvelope(facts: SignFacts, notice: Notice | null, locale: Locale): Drawn {
  const words = shownWords[locale];
  const isOpen = isOpenStatus(facts.status);
  const ask = html`<h2>${words.askTitle}</h2>
    <p>${words.askText}</p>
    <form method="post" action="?lang=${locale}">
      <label for="email">${words.email}</label>
      <input type="email" id="email" name="email" autocomplete="email" required maxlength="254" />
      <button name="act" value="ask">${words.send}</button>
    </form>`;
  return {
    status: isOpen ? 200 : 410,
    title: words.title,
    main: html`<h1>${isOpen ? words.title : words.endedTitle}</h1>
      ${isOpen && noticeOf(notice, locale)} ${endOf(facts, locale)} ${requestOf(facts, locale)}
      ${peopleOf(facts, locale, null)} ${isOpen && ask}`,
  };
}

function drawSigner(page: SignerPage, locale: Locale): Drawn {
  const words = shownWords[locale];
  const { facts, signer, notice } = page;
  if (signer.state === "signed") return drawSigned(page, locale);
  if (signer.state === "declined") return told(200, words.declinedTitle, words.declinedText);
  if (signer.state === "delegated") return told(200, words.delegatedTitle, words.delegatedText);
  if (page.isReplaced) return told(410, words.endedTitle, words.replaced);
  if (!isOpenStatus(facts.status)) {
    return {
      status: 410,
      title: words.endedTitle,
      main: html`<h1>${words.endedTitle}</h1>
        ${endOf(facts, locale)}`,
    };
  }
  // The link is good and will work: 410 would say that it is over.
  if (!page.isDue) return told(409, words.notTurnTitle, words.notTurn);
  if (signer.state !== "viewed") return drawClosed(facts, locale);
  return {
    status: 200,
    title: words.title,
    main: html`<h1>${words.title}</h1>
      ${noticeOf(notice, locale)} ${requestOf(facts, locale)} ${messageOf(facts, locale)}
      ${peopleOf(facts, locale, signer)} ${actsOf(page, locale)}`,
  };
}

function drawClosed(facts: SignFacts, locale: Locale): Drawn {
  const words = shownWords[locale];
  return {
    status: 200,
    title: words.title,
    main: html`<h1>${words.title}</h1>
      <p><bdi>${withoutUnseen(facts.sender)}</bdi> ${words.asks}</p>
      <form method="post" action="?lang=${locale}">
        <p>${words.openText}</p>
        <button name="act" value="open">${words.open}</button>
      </form>`,
  };
}

function drawSigned({ facts, signer, evidenceId }: SignerPage, locale: Locale): Drawn {
  const words = shownWords[locale];
  return {
    status: 200,
    title: words.signedTitle,
    main: html`<h1>${words.signedTitle}</h1>
      <p class="good" role="status">${words.signedText}</p>
      <dl>
        <dt>${words.document}</dt>
        <dd><bdi>${withoutUnseen(facts.filename)}</bdi></dd>
        <dt>${words.at}</dt>
        <dd>${signer.ended_at === null ? "" : shownTime(locale, signer.ended_at)}</dd>
        <dt>${words.evidence}</dt>
        <dd><code>${evidenceId}</code></dd>
        <dt>${words.status}</dt>
        <dd>${words.statuses[facts.status]}</dd>
      </dl>
      ${peopleOf(facts, locale, signer)}`,
  };
}

function noticeOf(notice: Notice | null, locale: Locale): Html | null {
  if (notice === null) return null;
  const text = shownWords[locale].notices[notice];
  return notice === "link_sent" || notice === "code_sent"
    ? html`<p class="good" role="status">${text}</p>`
    : html`<p class="warn" role="alert">${text}</p>`;
}

function endOf({ status }: SignFacts, locale: Locale): Html | null {
  if (status === "pending" || status === "viewed" || status === "partially_signed") return null;
  return html`<p class="note">${shownWords[locale].ended[status]}</p>`;
}

function requestOf(facts: SignFacts, locale: Locale): Html {
  const words = shownWords[locale];
  const { document } = facts;
  return html`<p><bdi>${withoutUnseen(facts.sender)}</bdi> ${words.asks}</p>
    <dl>
      <dt>${words.document}</dt>
      <dd><bdi>${withoutUnseen(facts.filename)}</bdi></dd>
      <dt>${words.state}</dt>
      <dd>${words.content[document?.status ?? "deleted"]}</dd>
      ${entry(words.sizeEncrypted, sizeOf(document?.size_bytes ?? null, locale))}
      ${hash(words.hashCipher, document?.sha256 ?? null)} ${hash(words.hashPlain, facts.plaintextSha256)}
      <dt>${words.requested}</dt>
      <dd>${shownTime(locale, facts.createdAt)}</dd>
      <dt>${words.validUntil}</dt>
      <dd>${shownTime(locale, facts.expiresAt)}</dd>
      <dt>${words.status}</dt>
      <dd>${words.statuses[facts.status]}</dd>
    </dl>`;
}

function entry(label: string, value: string | null): Html | null {
  return value === null
    ? null
    : html`<dt>${label}</dt>
        <dd>${value}</dd>`;
}

function hash(label: string, sha256: Buffer | null): Html | null {
  return sha256 === null
    ? null
    : html`<dt>${label}</dt>
        <dd><code>${sha256.toString("hex")}</code></dd>`;
}

function sizeOf(bytes: string | null, locale: Locale): string | null {
  return bytes === null ? null : `${Number(bytes).toLocaleString(locale)} ${shownWords[locale].bytes}`;
}

function messageOf({ message }: SignFacts, locale: Locale): Html | null {
  return message === null
    ? null
    : html`<h2>${shownWords[locale].message}</h2>
        <blockquote dir="auto">${message}</blockquote>`;
}

/** Others are masked: whoever has the link sees this. */
function peopleOf(facts: SignFacts, locale: Locale, self: SignerView | null): Html {
  const words = shownWords[locale];
  const mark = (signer: SignerView): string => (signer.id === self?.id ? ` (${words.you})` : "");
  return html`<h2>${words.who}</h2>
    <ul>
      ${facts.signers.map(
        (signer) =>
          html`<li>
            <bdi>${withoutUnseen(signer.name ?? maskEmail(signer.email))}</bdi>${mark(signer)}, ${words.as}
            <bdi>${withoutUnseen(signer.role)}</bdi>
            <span>– ${words.states[signer.state]}</span>
          </li>`,
      )}
    </ul>`;
}

/** Everything that a signer can do. A code, where one is asked for, goes with the act that it allows. */
function actsOf({ facts, signer, typed, notice }: SignerPage, locale: Locale): Html {
  const words = shownWords[locale];
  if (facts.document?.status !== "stored") return html`<p class="note">${words.waitsForContent}</p>`;
  const action = `?lang=${locale}`;
  const code = (id: string): Html | null =>
    facts.code === "none"
      ? null
      : html`<label for="${id}">${words.code}</label>
          <input
            type="text"
            id="${id}"
            name="code"
            inputmode="numeric"
            autocomplete="one-time-code"
            required
            maxlength="12"
          />`;
  const askCode =
    facts.code !== "none" &&
    html`<form method="post" action="${action}">
      <p>${codeChannel(facts.code, signer) === "sms" ? words.codeTextSms : words.codeText}</p>
      <button class="quiet" name="act" value="code">${words.sendCode}</button>
    </form>`;
  return html`<h2>${words.signTitle}</h2>
    ${askCode}
    <form method="post" action="${action}">
      <label for="name">${words.name}</label>
      <input
        type="text"
        id="name"
        name="name"
        autocomplete="name"
        required
        maxlength="200"
        value="${notice === "delegate_wrong" ? "" : typed?.name}"
      />
      ${code("code")}
      <p>${consentTexts[locale]}</p>
      <label class="tick"
        ><input type="checkbox" name="consent" value="yes" required /><span>${words.agree}</span></label
      >
      <button name="act" value="sign">${words.sign}</button>
    </form>
    ${declineForm(typed, locale, code("decline-code"))}
    ${facts.isDelegable && delegateForm(typed, locale, code("delegate-code"))}`;
}

function declineForm(typed: Typed | null, locale: Locale, code: Html | null): Html {
  const words = shownWords[locale];
  return html`<details>
    <summary>${words.declineTitle}</summary>
    <form method="post" action="?lang=${locale}">
      <label for="reason">${words.reason}</label>
      <textarea id="reason" name="reason" rows="3" required maxlength="500">${typed?.reason}</textarea>
      ${code}
      <button class="quiet" name="act" value="decline">${words.decline}</button>
    </form>
  </details>`;
}

function delegateForm(typed: Typed | null, locale: Locale, code: Html | null): Html {
  const words = shownWords[locale];
  return html`<details>
    <summary>${words.delegateTitle}</summary>
    <form method="post" action="?lang=${locale}">
      <p>${words.delegateText}</p>
      <label for="delegate-name">${words.delegateName}</label>
      <input type="text" id="delegate-name" name="name" required maxlength="200" />
      <label for="delegate-email">${words.delegateEmail}</label>
      <input type="email" id="delegate-email" name="email" required maxlength="254" value="${typed?.email}" />
      ${code}
      <button class="quiet" name="act" value="delegate">${words.delegate}</button>
    </form>
  </details>`;
}

export function signPageStyle(): RawAnswer {
  return {
    status: 200,
    headers: {
      "content-type": "text/css; charset=utf-8",
      "cache-control": "public, max-age=300",
      "x-content-type-options": "nosniff",
    },
    body: SIGN_STYLE,
  };
}

/** A file to keep. */
export function renderFile(file: { filename: string; contentType: string; body: string | Buffer }): RawAnswer {
  return {
    status: 200,
    headers: {
      "content-type": file.contentType,
      "content-disposition": disposition(file.filename),
      "cache-control": "private, no-store",
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; sandbox",
    },
    body: file.body,
  };
}
