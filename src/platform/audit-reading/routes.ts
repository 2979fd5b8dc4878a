import type { TokenCheck } from "../credentials/check.ts";
import { routeFor, type RawAnswer, type Route } from "../http/route.ts";
import { createConcurrencyGate } from "../limits/concurrency.ts";
import type { Call } from "../product.ts";
import { auditReadingErrors as errors } from "./errors.ts";
import * as examples from "./examples.ts";
import { exportAudit, type Exported } from "./operations/exports.ts";
import { getAuditRecord, listAuditRecords } from "./operations/records.ts";
import { getAuditProof } from "./operations/proofs.ts";
import { json, PLAIN_TEXT, text } from "./raw-answers.ts";
import { logRoutes } from "./log-routes.ts";
import type { At, Reading } from "./reading.ts";
import { streamRoutes } from "./stream-routes.ts";
import { exportQuery, listQuery, proofQuery, recordPage, recordParams, recordShape } from "./schema.ts";

export type AuditRouteOptions = {
  readonly product: string;
  /** Of the product's own paths, for example `/v1/secufile`; the bare `/v1` is the alias. */
  readonly prefix: string;
  readonly scopes: { readonly read: string; readonly export: string };
  readonly tokenCheck: TokenCheck;
  readonly sender: { readonly title: string; readonly version: string };
};

const TAG = "Audit";
/** Streams open at once in one process: each looks into the database several times a second. */
const MAX_FOLLOWERS = 200;
const route = routeFor<Call>();

/** The routes by which an organisation reads its audit log, under the product's path and under the bare one. */
export function auditRoutes(options: AuditRouteOptions): Route<Call>[] {
  const { product, tokenCheck, sender, scopes } = options;
  const reading: Reading = {
    product,
    scopes: { read: [scopes.read], export: [scopes.read, scopes.export] },
    scopesNow: async (authorization, address) => (await tokenCheck.bearer(authorization, address)).scopes,
    sender,
    followers: createConcurrencyGate({ maxInFlight: MAX_FOLLOWERS }),
  };
  const at = (path: string): [string, string] => [`${options.prefix}/audit${path}`, `/v1/audit${path}`];
  return [
    ...recordRoutes(reading, at),
    proofRoute(reading, at),
    exportRoute(reading, at),
    ...logRoutes(reading, at),
    ...streamRoutes(reading, at),
  ];
}

/** The same for the server's own log, which holds what its operator did; it is pushed nowhere. */
export function serverAuditRoutes(options: {
  readonly product: string;
  readonly scopes: readonly string[];
  readonly sender: { readonly title: string; readonly version: string };
}): Route<Call>[] {
  const reading: Reading = {
    product: options.product,
    scopes: { read: options.scopes, export: options.scopes },
    scopesNow: null,
    sender: options.sender,
    followers: createConcurrencyGate({ maxInFlight: MAX_FOLLOWERS }),
  };
  const at: At = (path) => [`/v1/platform/audit${path}`];
  return [...recordRoutes(reading, at), proofRoute(reading, at), exportRoute(reading, at), ...logRoutes(reading, at)];
}

function recordRoutes(reading: Reading, at: At): Route<Call>[] {
  return [
    route({
      operation: "listAuditRecords",
      method: "GET",
      paths: at(""),
      scopes: reading.scopes.read,
      tag: TAG,
      summary: "Read the audit log",
      description:
        "Records in the order of their index. An index is given in the order of commits within a second or two and never " +
        "changes: whoever goes on from the last index seen misses nothing.",
      query: listQuery,
      answer: { kind: "json", status: 200, schema: recordPage, description: "A page of records." },
      errors: [],
      examples: { answer: { data: [examples.record], next_cursor: null } },
      handle: (call, { query }) => listAuditRecords(call, reading.product, query),
    }),
    route({
      operation: "getAuditRecord",
      method: "GET",
      paths: at("/{id}"),
      scopes: reading.scopes.read,
      tag: TAG,
      summary: "Look at one audit record",
      params: recordParams,
      answer: { kind: "json", status: 200, schema: recordShape, description: "The record." },
      errors: [errors.audit_record_not_found, errors.audit_record_pending],
      examples: { answer: examples.record },
      handle: (call, { params }) => getAuditRecord(call, reading.product, params.id),
    }),
  ];
}

function proofRoute(reading: Reading, at: At): Route<Call> {
  return route({
    operation: "getAuditProof",
    method: "GET",
    // Two templates that one path could fit are not taken in OpenAPI, and streams have an id there, too.
    paths: [...at("/proofs/{id}"), ...at("/{id}/proof")],
    scopes: reading.scopes.read,
    tag: TAG,
    summary: "Prove one audit record",
    description:
      "As JSON: canonical `event` and `salt`, whose SHA-256 is the log's entry, the inclusion `path` and the signed " +
      "`checkpoint`. With `format=tlog` the C2SP tlog-proof of that entry.",
    params: recordParams,
    query: proofQuery,
    answer: {
      kind: "raw",
      status: 200,
      contentType: "application/json",
      otherType: PLAIN_TEXT,
      description: "A proof that can be checked alone.",
    },
    errors: [errors.audit_record_not_found, errors.audit_record_pending, errors.audit_not_signed],
    async handle(call, { params, query }) {
      const proof = await getAuditProof(call, params.id);
      return query.format === "tlog" ? text(proof.text) : json(proof.view);
    },
  });
}

function exportRoute(reading: Reading, at: At): Route<Call> {
  return route({
    operation: "exportAudit",
    method: "GET",
    paths: at("/export"),
    scopes: reading.scopes.export,
    tag: TAG,
    summary: "Export the audit log for a SIEM, or follow it",
    description:
      "All records that stand in the log when the export begins, one a line: `jsonl`, `csv` (RFC 4180), `cef` (version 0), " +
      "`ocsf` (1.6.0, API Activity), `rfc5424`. With `follow=true` server-sent events that do not end: the id of each is its " +
      "index, and `Last-Event-ID` goes on after it. With `proofs=true` (JSON lines) the first line holds the log's origin, " +
      "its verifier key and a signed checkpoint, every record its canonical text, salt and inclusion path, and the last line " +
      "a signature over all bytes before it.",
    query: exportQuery,
    // That of the format, or of server-sent events.
    answer: { kind: "raw", status: 200, contentType: "*/*", description: "Records, one a line." },
    errors: [errors.audit_followers_exceeded, errors.audit_not_signed],
    handle: async (call, { query, headers }) => rawOf(await exportAudit(call, reading, query, headers)),
  });
}

function rawOf(exported: Exported): RawAnswer {
  const disposition =
    exported.filename === null ? {} : { "content-disposition": `attachment; filename="${exported.filename}"` };
  return {
    status: 200,
    headers: {
      "content-type": exported.contentType,
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      ...disposition,
    },
    body: exported.stream,
  };
}
