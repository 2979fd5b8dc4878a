import { isCrossSite, readForm } from "../../platform/http/form.ts";
import { languageOf } from "../../platform/http/language.ts";
import { firstOf, linkQuery } from "../../platform/http/link-query.ts";
import { withoutUnseen } from "../../platform/http/plain-text.ts";
import { routeFor, type Route } from "../../platform/http/route.ts";
import type { Call, OpenCall } from "../../platform/product.ts";
import { secufileErrors as errors } from "./errors.ts";
import { documentExample, publishedExample, signatureExample } from "./examples.ts";
import { getContent, putContent } from "./operations/content.ts";
import { createDocument, deleteDocument, getDocument, listDocuments } from "./operations/documents.ts";
import { createDataKey, createKey, getKey, listKeys, releaseKey, wrapKey } from "./operations/keys.ts";
import { listEvidenceKeys } from "./operations/evidence.ts";
import { actOnLink } from "./operations/signing.ts";
import {
  cancelSignature,
  createSignature,
  getSignature,
  listSignatures,
  remindSigners,
} from "./operations/signatures.ts";
import { showSignPage } from "./operations/sign-pages.ts";
import { getCertificate, getEvidence } from "./operations/signature-evidence.ts";
import { renderContent, renderFile, renderSignPage, signPageStyle } from "./pages.ts";
import * as schema from "./schema.ts";
import { MAX_FORM_BYTES, signFormOf } from "./sign-form.ts";

const route = routeFor<Call>();
const READ = ["documents:read"] as const;
const WRITE = ["documents:write"] as const;

/** Every route answers under the product's path and under the bare one. */
const at = (path: string): [string, string] => [`/v1/secufile${path}`, `/v1${path}`];

const documentRoutes: Route<Call>[] = [
  route({
    operation: "createDocument",
    method: "POST",
    paths: at("/documents"),
    scopes: WRITE,
    tag: "Documents",
    summary: "Upload a document that you encrypted",
    description:
      "The server fetches the ciphertext from `ciphertext_url` in the background, or takes it by `PUT …/content`. It never " +
      "sees the plaintext. With `signers` the token also needs the scope `signatures:create`.",
    body: { kind: "json", schema: schema.createDocumentRequest },
    answer: {
      kind: "json",
      status: 201,
      schema: schema.createDocumentResponse,
      description: "The document was taken.",
    },
    errors: [],
    examples: {
      request: publishedExample,
      answer: {
        document_id: "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
        signature_url: "https://docs.example.org/sign/3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        status: "pending",
        created_at: "2026-11-22T09:30:00.000Z",
      },
    },
    handle: (call, { body }) => createDocument(call, body),
  }),
  route({
    operation: "listDocuments",
    method: "GET",
    paths: at("/documents"),
    scopes: READ,
    tag: "Documents",
    summary: "List documents",
    query: schema.listDocumentsQuery,
    answer: { kind: "json", status: 200, schema: schema.documentList, description: "Documents, oldest first." },
    errors: [],
    examples: { answer: { data: [documentExample], next_cursor: null } },
    handle: (call, { query }) => listDocuments(call, query),
  }),
  route({
    operation: "getDocument",
    method: "GET",
    paths: at("/documents/{id}"),
    scopes: READ,
    tag: "Documents",
    summary: "Metadata and wrapped key of a document",
    params: schema.documentParams,
    answer: { kind: "json", status: 200, schema: schema.documentView, description: "The document." },
    errors: [errors.document_not_found],
    examples: { answer: documentExample },
    handle: (call, { params }) => getDocument(call, params.id),
  }),
  route({
    operation: "getContent",
    method: "GET",
    paths: at("/documents/{id}/content"),
    scopes: READ,
    tag: "Documents",
    summary: "Ciphertext of a document",
    description: "Takes `Range`, `If-Range` and `If-None-Match`. The entity tag is the SHA-256 of the ciphertext.",
    params: schema.documentParams,
    answer: {
      kind: "raw",
      status: 200,
      // The type that the document was given.
      contentType: "*/*",
      description: "The ciphertext.",
      also: { 206: "The range that was asked for.", 304: "Unchanged." },
    },
    errors: [
      errors.document_not_found,
      errors.document_pending,
      errors.document_failed,
      errors.range_not_satisfiable,
      errors.content_damaged,
    ],
    handle: async (call, { params, headers }) =>
      renderContent(
        await getContent(call, params.id, {
          range: headers["range"],
          ifRange: headers["if-range"],
          ifNoneMatch: headers["if-none-match"],
        }),
      ),
  }),
  route({
    operation: "putContent",
    method: "PUT",
    paths: at("/documents/{id}/content"),
    scopes: WRITE,
    tag: "Documents",
    summary: "Upload the ciphertext of a document",
    description: "For documents made without `ciphertext_url`. The same bytes again are answered as the first time.",
    params: schema.documentParams,
    body: { kind: "stream", description: "The ciphertext, raw." },
    answer: { kind: "json", status: 200, schema: schema.documentView, description: "The ciphertext is stored." },
    errors: [
      errors.document_not_found,
      errors.upload_not_expected,
      errors.document_stored,
      errors.document_failed,
      errors.content_too_large,
      errors.content_mismatch,
      errors.content_interrupted,
    ],
    examples: { answer: documentExample },
    handle: (call, { params, stream }) => putContent(call, params.id, stream ?? emptyBody()),
  }),
  route({
    operation: "deleteDocument",
    method: "DELETE",
    paths: at("/documents/{id}"),
    scopes: WRITE,
    tag: "Documents",
    summary: "Delete a document and its ciphertext",
    params: schema.documentParams,
    answer: { kind: "empty", status: 204, description: "Deleted." },
    errors: [errors.document_not_found, errors.document_retained],
    handle: (call, { params }) => deleteDocument(call, params.id),
  }),
  route({
    operation: "releaseKey",
    method: "POST",
    paths: at("/documents/{id}/key-release"),
    scopes: ["keys:release"],
    tag: "Keys",
    summary: "Release a document's data key to a recipient",
    description:
      "Works for keys of the built-in key service. Every release is written to the audit log before the key leaves.",
    params: schema.documentParams,
    body: { kind: "json", schema: schema.releaseKeyRequest },
    answer: {
      kind: "json",
      status: 200,
      schema: schema.releaseKeyResponse,
      description: "The key, readable to the recipient alone.",
    },
    errors: [errors.document_not_found, errors.key_not_held],
    needsStepUp: true,
    examples: {
      request: {
        recipient_public_key: "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        reason: "closing of sale 12345",
      },
    },
    handle: (call, { params, body }) => releaseKey(call, params.id, body),
  }),
];

function emptyBody(): never {
  throw new Error("a stream route was called without a stream");
}

const keyRoutes: Route<Call>[] = [
  route({
    operation: "createKey",
    method: "POST",
    paths: at("/kms/keys"),
    scopes: ["keys:manage"],
    tag: "Keys",
    summary: "Make a key-encryption key in the built-in key service",
    description:
      "A key in the built-in service lets this server unwrap data keys. A key that you keep elsewhere does not.",
    body: { kind: "json", schema: schema.createKeyRequest, isOptional: true },
    answer: {
      kind: "json",
      status: 201,
      schema: schema.keyView,
      description: "The key; its bytes never leave the server.",
    },
    errors: [],
    examples: { request: { name: "contracts 2026" } },
    handle: (call, { body }) => createKey(call, body?.name ?? "key"),
  }),
  route({
    operation: "listKeys",
    method: "GET",
    paths: at("/kms/keys"),
    scopes: ["keys:manage"],
    tag: "Keys",
    summary: "List the keys of the built-in key service",
    query: schema.listKeysQuery,
    answer: { kind: "json", status: 200, schema: schema.keyList, description: "Keys, oldest first." },
    errors: [],
    handle: (call, { query }) => listKeys(call, query),
  }),
  route({
    operation: "getKey",
    method: "GET",
    paths: at("/kms/keys/{id}"),
    scopes: ["keys:manage"],
    tag: "Keys",
    summary: "Look at a key of the built-in key service",
    params: schema.kmsKeyParams,
    answer: { kind: "json", status: 200, schema: schema.keyView, description: "The key without its bytes." },
    errors: [errors.key_not_found],
    handle: (call, { params }) => getKey(call, params.id),
  }),
  route({
    operation: "createDataKey",
    method: "POST",
    paths: at("/kms/keys/{id}/data-key"),
    scopes: ["keys:wrap"],
    tag: "Keys",
    summary: "Make a data key, plain and wrapped",
    params: schema.kmsKeyParams,
    answer: {
      kind: "json",
      status: 201,
      schema: schema.dataKeyResponse,
      description: "The data key; the plain form is shown once.",
    },
    errors: [errors.key_not_found],
    isAnswerSecret: true,
    handle: (call, { params }) => createDataKey(call, params.id),
  }),
  route({
    operation: "wrapKey",
    method: "POST",
    paths: at("/kms/keys/{id}/wrap"),
    scopes: ["keys:wrap"],
    tag: "Keys",
    summary: "Wrap a data key that you made",
    params: schema.kmsKeyParams,
    body: { kind: "json", schema: schema.wrapKeyRequest },
    answer: {
      kind: "json",
      status: 200,
      schema: schema.wrapKeyResponse,
      description: "The wrapped key, to be given as `wrapped_key`.",
    },
    errors: [errors.key_not_found],
    handle: (call, { params, body }) => wrapKey(call, params.id, body.plaintext_key),
  }),
];

const signatureAnswer = {
  kind: "json",
  status: 200,
  schema: schema.signatureView,
  description: "The request, and where each signer stands.",
} as const;

const signatureRoutes: Route<Call>[] = [
  route({
    operation: "createSignature",
    method: "POST",
    paths: at("/documents/{id}/signatures"),
    scopes: ["signatures:create"],
    tag: "Signatures",
    summary: "Ask for signatures on a document",
    description: "Each signer whose turn it is gets a mail with a link of its own, once the ciphertext is stored.",
    params: schema.documentParams,
    body: { kind: "json", schema: schema.createSignatureRequest },
    answer: {
      kind: "json",
      status: 201,
      schema: schema.createSignatureResponse,
      description: "The request was taken.",
    },
    errors: [errors.document_not_found, errors.document_failed],
    examples: {
      request: { signers: [{ email: "client@example.com", role: "buyer" }], require_code: "mail", locale: "fr" },
      answer: {
        signature_id: "sig_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
        signature_url: "https://docs.example.org/sign/3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        status: "pending",
        expires_at: "2026-12-22T09:30:00.000Z",
      },
    },
    handle: (call, { params, body }) => createSignature(call, params.id, body),
  }),
  route({
    operation: "listSignatures",
    method: "GET",
    paths: at("/signatures"),
    scopes: ["signatures:read"],
    tag: "Signatures",
    summary: "List signature requests",
    query: schema.listSignaturesQuery,
    answer: { kind: "json", status: 200, schema: schema.signatureList, description: "Requests, oldest first." },
    errors: [],
    examples: { answer: { data: [signatureExample], next_cursor: null } },
    handle: (call, { query }) => listSignatures(call, query),
  }),
  route({
    operation: "getSignature",
    method: "GET",
    paths: at("/signatures/{id}"),
    scopes: ["signatures:read"],
    tag: "Signatures",
    summary: "Where each signer stands",
    params: schema.signatureParams,
    answer: signatureAnswer,
    errors: [errors.signature_not_found],
    examples: { answer: signatureExample },
    handle: (call, { params }) => getSignature(call, params.id),
  }),
  route({
    operation: "remindSigners",
    method: "POST",
    paths: at("/signatures/{id}/remind"),
    scopes: ["signatures:create"],
    tag: "Signatures",
    summary: "Write again to those whose turn it is",
    description: "Once an hour. Each gets a fresh link; the earlier one ends.",
    params: schema.signatureParams,
    answer: signatureAnswer,
    errors: [errors.signature_not_found, errors.signature_ended],
    examples: { answer: signatureExample },
    handle: (call, { params }) => remindSigners(call, params.id),
  }),
  route({
    operation: "cancelSignature",
    method: "POST",
    paths: at("/signatures/{id}/cancel"),
    scopes: ["signatures:create"],
    tag: "Signatures",
    summary: "Cancel a signature request",
    params: schema.signatureParams,
    answer: signatureAnswer,
    errors: [errors.signature_not_found, errors.signature_ended],
    examples: { answer: { ...signatureExample, status: "cancelled", ended_at: "2026-11-23T09:30:00.000Z" } },
    handle: (call, { params }) => cancelSignature(call, params.id),
  }),
  route({
    operation: "getEvidence",
    method: "GET",
    paths: at("/signatures/{id}/evidence.json"),
    scopes: ["signatures:read"],
    tag: "Signatures",
    summary: "Evidence of a request's signatures",
    description: "Signed records, proofs of the audit log and public keys; the file says how to verify it.",
    params: schema.signatureParams,
    answer: { kind: "raw", status: 200, contentType: "application/json", description: "The evidence." },
    errors: [errors.signature_not_found],
    handle: async (call, { params }) =>
      renderFile({
        filename: `${params.id}-evidence.json`,
        contentType: "application/json",
        body: `${JSON.stringify(await getEvidence(call, params.id), null, 2)}\n`,
      }),
  }),
  route({
    operation: "getCertificate",
    method: "GET",
    paths: at("/signatures/{id}/evidence.pdf"),
    scopes: ["signatures:read"],
    tag: "Signatures",
    summary: "Evidence as a certificate to read",
    description: "In the language of the request, with `evidence.json` attached to it.",
    params: schema.signatureParams,
    answer: { kind: "raw", status: 200, contentType: "application/pdf", description: "The certificate." },
    errors: [errors.signature_not_found],
    handle: async (call, { params }) =>
      renderFile({
        filename: `${params.id}.pdf`,
        contentType: "application/pdf",
        body: await getCertificate(call, params.id),
      }),
  }),
];

export const secufileRoutes: readonly Route<Call>[] = [...documentRoutes, ...signatureRoutes, ...keyRoutes];

const openRoute = routeFor<OpenCall>();
const signPageAnswer = {
  kind: "raw",
  status: 200,
  contentType: "text/html",
  description: "The page.",
  also: { 403: "The form was not accepted.", 404: "There is no such link.", 410: "It has ended.", 429: "Too often." },
} as const;

/** What is behind links: no token is asked for, the link itself is the secret. */
export const secufileOpenRoutes: readonly Route<OpenCall>[] = [
  openRoute({
    operation: "showSignPage",
    method: "GET",
    paths: ["/sign/{token}"],
    scopes: null,
    tag: "Signatures",
    summary: "Page of a signature request",
    params: schema.signLinkParams,
    query: linkQuery,
    answer: signPageAnswer,
    errors: [],
    isHidden: true,
    handle: async (call, { params, query, headers }) =>
      renderSignPage(
        await showSignPage(call, params.token, userAgentOf(headers)),
        languageOf(headers, firstOf(query.lang)),
      ),
  }),
  openRoute({
    operation: "actOnSignPage",
    method: "POST",
    paths: ["/sign/{token}"],
    scopes: null,
    tag: "Signatures",
    summary: "A form of that page",
    params: schema.signLinkParams,
    query: linkQuery,
    body: { kind: "stream", description: "`application/x-www-form-urlencoded`." },
    answer: signPageAnswer,
    errors: [],
    isHidden: true,
    handle: async (call, { params, query, headers, stream }) => {
      const locale = languageOf(headers, firstOf(query.lang));
      const given = await readForm(stream ?? emptyBody(), MAX_FORM_BYTES);
      const form = given === null ? null : signFormOf(given);
      const isRefused = form === null || isCrossSite(headers, call.services.publicUrl());
      if (isRefused) return renderSignPage({ kind: "refused" }, locale);
      const visitor = { userAgent: userAgentOf(headers), locale };
      return renderSignPage(await actOnLink(call, params.token, form, visitor), locale);
    },
  }),
  openRoute({
    operation: "listSignatureKeys",
    method: "GET",
    paths: at("/signature-keys"),
    scopes: null,
    tag: "Signatures",
    summary: "Public keys that evidence is signed with",
    description: "Compare them with the ones in a file of evidence: a file that brings its own keys proves nothing.",
    answer: { kind: "json", status: 200, schema: schema.signatureKeys, description: "The keys, oldest first." },
    errors: [],
    isHidden: true,
    handle: async (call) => ({ data: [...(await listEvidenceKeys(call.services))] }),
  }),
  openRoute({
    operation: "getSignStyle",
    method: "GET",
    paths: ["/v1/secufile/sign.css"],
    scopes: null,
    tag: "Signatures",
    summary: "Style of that page",
    answer: { kind: "raw", status: 200, contentType: "text/css", description: "The style sheet." },
    errors: [],
    isHidden: true,
    handle: async () => signPageStyle(),
  }),
];

const MAX_USER_AGENT_CHARACTERS = 300;

function userAgentOf(headers: Readonly<Record<string, string | undefined>>): string {
  return withoutUnseen(headers["user-agent"] ?? "").slice(0, MAX_USER_AGENT_CHARACTERS);
}
