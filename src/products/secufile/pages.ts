import type { Readable } from "node:stream";
import { html, type Html } from "../../platform/http/html.ts";
import type { RawAnswer } from "../../platform/http/route.ts";
import type { ByteRange } from "./byte-range.ts";

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

/** What the page tells. */
export type SignPageFacts = {
  readonly sender: string;
  readonly document: {
    readonly filename: string;
    readonly status: "pending" | "stored" | "failed";
    readonly size_bytes: string | null;
    readonly sha256: Buffer | null;
    readonly created_at: Date;
  };
  readonly signers: readonly { readonly email: string; readonly role: string; readonly name: string | null }[];
};

/** Nothing runs, nothing is loaded but our own style sheet; the address, a secret, is told to nobody. */
const HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-robots-tag": "noindex, nofollow",
  "cache-control": "no-store",
};

const STATUS_TEXT = {
  pending: "The encrypted document has not arrived on this server yet.",
  stored: "The encrypted document is stored on this server.",
  failed: "The encrypted document could not be stored; the sender has to send it again.",
} as const;

/** The page of a signature request as it stands; null: there is none. Signing is not offered here, and the page says so. */
export function renderSignPage(facts: SignPageFacts | null): RawAnswer {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Signature request</title>
        <link rel="stylesheet" href="/v1/secufile/sign.css" />
      </head>
      <body>
        <main>${facts === null ? NOTHING : requestOf(facts)}</main>
      </body>
    </html> `;
  return { status: facts === null ? 404 : 200, headers: HEADERS, body: page.toString() };
}

const NOTHING = html`<h1>This link leads nowhere</h1>
  <p>It is not complete, or the document was deleted. Ask whoever sent it to you for a new one.</p>`;

function requestOf({ sender, document, signers }: SignPageFacts): Html {
  return html`<h1>Signature request</h1>
    <p>${sender} asks for signatures on this document.</p>
    <dl>
      <dt>Document</dt>
      <dd>${document.filename}</dd>
      <dt>State</dt>
      <dd>${STATUS_TEXT[document.status]}</dd>
      <dt>Requested</dt>
      <dd>${document.created_at.toISOString().slice(0, 16).replace("T", " ")} UTC</dd>
      ${sizeOf(document.size_bytes)} ${hashOf(document.sha256)}
    </dl>
    <h2>Who is asked to sign</h2>
    <ul>
      ${signers.map((signer) => html`<li>${signer.name ?? maskEmail(signer.email)}, as ${signer.role}</li>`)}
    </ul>
    <p class="note">
      Nobody has signed. This server does not take signatures on this page yet; the sender will tell you how to go on.
    </p>`;
}

function sizeOf(bytes: string | null): Html | null {
  return bytes === null
    ? null
    : html`<dt>Size, encrypted</dt>
        <dd>${Number(bytes).toLocaleString("en")} bytes</dd>`;
}

function hashOf(sha256: Buffer | null): Html | null {
  return sha256 === null
    ? null
    : html`<dt>SHA-256, encrypted</dt>
        <dd><code>${sha256.toString("hex")}</code></dd>`;
}

/** Enough to recognise oneself, too little to write to: whoever has the link sees this. */
export function maskEmail(email: string): string {
  const [local = "", domain = ""] = email.split("@");
  return `${local.slice(0, 1)}…@${domain.slice(0, 1)}…${domain.slice(domain.lastIndexOf("."))}`;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fbfaf7; --line: #d8d4c8; --quiet: #5c6470 }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6e0; --paper: #15181d; --line: #363b44; --quiet: #a2a9b4 } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1.0625rem/1.6 system-ui, sans-serif }
main { max-width: 40rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 1rem }
h2 { font-size: 1.125rem; margin: 2rem 0 .5rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .5rem 1.5rem; border-block: 1px solid var(--line); padding: 1rem 0; margin: 1.5rem 0 }
dt { color: var(--quiet) }
dd { margin: 0; overflow-wrap: anywhere }
code { font-size: .875rem }
.note { border-left: 3px solid var(--line); padding-left: 1rem; color: var(--quiet) }
@media (max-width: 32rem) { dl { grid-template-columns: 1fr; gap: 0 } dd { margin-bottom: .75rem } }
`;

export function signPageStyle(): RawAnswer {
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
