import { routeFor, type Route } from "../../platform/http/route.ts";
import type { Call, OpenCall } from "../../platform/product.ts";
import { secufileErrors as errors } from "./errors.ts";
import { getContent, putContent } from "./operations/content.ts";
import { createDocument, deleteDocument, getDocument, listDocuments } from "./operations/documents.ts";
import { createDataKey, createKey, getKey, listKeys, releaseKey, wrapKey } from "./operations/keys.ts";
import { findSignRequest } from "./operations/sign-links.ts";
import { renderContent, renderSignPage, signPageStyle } from "./pages.ts";
import * as schema from "./schema.ts";

const route = routeFor<Call>();
const READ = ["documents:read"] as const;
const WRITE = ["documents:write"] as const;

/** Every route answers under the product's path and under the bare one. */
const at = (path: string): [string, string] => [`/v1/secufile${path}`, `/v1${path}`];

const publishedExample = {
  filename: "promesse-achat-12345.pdf",
  ciphertext_url: "https://blob.example.com/abc123",
  key_wrap: "vault://kms/key/01HX...",
  signers: [{ email: "client@example.com", role: "buyer" }],
};

const documentExample = {
  document_id: "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
  filename: "promesse-achat-12345.pdf",
  content_type: "application/octet-stream",
  size: 20_971_520,
  sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  bucket: "default",
  object_key: "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F/promesse-achat-12345.pdf",
  status: "stored",
  failure: null,
  key_wrap: "vault://kms/key/01HX...",
  wrapped_key: null,
  signers: [{ email: "client@example.com", role: "buyer", name: null, order: null, phone: null }],
  retention: null,
  metadata: {},
  created_at: "2026-11-22T09:30:00.000Z",
  stored_at: "2026-11-22T09:30:02.000Z",
};

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

export const secufileRoutes: readonly Route<Call>[] = [...documentRoutes, ...keyRoutes];

const openRoute = routeFor<OpenCall>();

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
    answer: { kind: "raw", status: 200, contentType: "text/html", description: "The page." },
    errors: [],
    isHidden: true,
    handle: async (call, { params }) => renderSignPage(await findSignRequest(call, params.token)),
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
