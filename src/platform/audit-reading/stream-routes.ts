import { routeFor, type Route } from "../http/route.ts";
import type { Call } from "../product.ts";
import { auditReadingErrors as errors } from "./errors.ts";
import * as examples from "./examples.ts";
import {
  createAuditStream,
  deleteAuditStream,
  getAuditStream,
  listAuditStreams,
  pauseAuditStream,
  resumeAuditStream,
} from "./operations/streams.ts";
import type { At, Reading } from "./reading.ts";
import { createStreamRequest, streamPage, streamParams, streamShape, streamWithSecretShape } from "./stream-schema.ts";

const route = routeFor<Call>();
const TAG = "Audit";

/** Where the log is sent as it grows. Whoever makes a stream lets all of the log out, so it needs the scopes of an export. */
export function streamRoutes(reading: Reading, at: At): Route<Call>[] {
  return [...makingRoutes(reading, at), ...stateRoutes(reading, at)];
}

function makingRoutes({ product, scopes }: Reading, at: At): Route<Call>[] {
  return [
    route({
      operation: "createAuditStream",
      method: "POST",
      paths: at("/streams"),
      scopes: scopes.export,
      tag: TAG,
      summary: "Send the audit log to a SIEM as it grows",
      description:
        "Every record is sent at least once and in order; its `index` tells a receiver what it has already. `webhook`: signed " +
        "batches of JSON, with the signatures of every other webhook. `syslog_tls`: RFC 5424 over TLS with octet counting.",
      body: { kind: "json", schema: createStreamRequest },
      answer: { kind: "json", status: 201, schema: streamWithSecretShape, description: "The stream, and its secret." },
      errors: [errors.audit_stream_limit_reached],
      // From then on a stranger's receiver may learn all that happens.
      needsStepUp: true,
      isAnswerSecret: true,
      examples: {
        request: { name: "SIEM", type: "webhook", url: "https://siem.example.com/tabellion" },
        answer: { ...examples.stream, secret: examples.secret },
      },
      handle: (call, { body }) => createAuditStream(call, product, body),
    }),
    route({
      operation: "listAuditStreams",
      method: "GET",
      paths: at("/streams"),
      scopes: scopes.read,
      tag: TAG,
      summary: "List audit streams and how they are",
      answer: { kind: "json", status: 200, schema: streamPage, description: "All of them, the oldest first." },
      errors: [],
      examples: { answer: { data: [examples.stream], next_cursor: null } },
      handle: (call) => listAuditStreams(call, product),
    }),
    route({
      operation: "getAuditStream",
      method: "GET",
      paths: at("/streams/{id}"),
      scopes: scopes.read,
      tag: TAG,
      summary: "Look at an audit stream",
      params: streamParams,
      answer: { kind: "json", status: 200, schema: streamShape, description: "The stream, without its secret." },
      errors: [errors.audit_stream_not_found],
      examples: { answer: examples.stream },
      handle: (call, { params }) => getAuditStream(call, product, params.id),
    }),
    route({
      operation: "deleteAuditStream",
      method: "DELETE",
      paths: at("/streams/{id}"),
      scopes: scopes.export,
      tag: TAG,
      summary: "Delete an audit stream",
      params: streamParams,
      answer: { kind: "empty", status: 204, description: "It is gone; a batch under way may still arrive." },
      errors: [errors.audit_stream_not_found],
      handle: (call, { params }) => deleteAuditStream(call, product, params.id),
    }),
  ];
}

function stateRoutes({ product, scopes }: Reading, at: At): Route<Call>[] {
  return [
    route({
      operation: "pauseAuditStream",
      method: "POST",
      paths: at("/streams/{id}/pause"),
      scopes: scopes.export,
      tag: TAG,
      summary: "Pause an audit stream, for as long as you like",
      params: streamParams,
      answer: { kind: "json", status: 200, schema: streamShape, description: "The stream, paused." },
      errors: [errors.audit_stream_not_found],
      examples: { answer: { ...examples.stream, status: "paused" } },
      handle: (call, { params }) => pauseAuditStream(call, product, params.id),
    }),
    route({
      operation: "resumeAuditStream",
      method: "POST",
      paths: at("/streams/{id}/resume"),
      scopes: scopes.export,
      tag: TAG,
      summary: "Let an audit stream go on where it stood",
      params: streamParams,
      answer: { kind: "json", status: 200, schema: streamShape, description: "The stream, active." },
      errors: [errors.audit_stream_not_found],
      examples: { answer: examples.stream },
      handle: (call, { params }) => resumeAuditStream(call, product, params.id),
    }),
  ];
}
