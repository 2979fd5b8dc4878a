import { routeFor, type RawAnswer, type Route } from "../http/route.ts";
import type { Call } from "../product.ts";
import { auditReadingErrors as errors } from "./errors.ts";
import { getCheckpoint, getConsistency, getEntries, getLogKeys, getTile } from "./operations/log.ts";
import type { At, Reading } from "./reading.ts";
import { consistencyQuery, consistencyShape, entriesParams, keysShape, tileParams } from "./schema.ts";
import type { LogName } from "../audit/store/tree.ts";

const route = routeFor<Call>();
const TAG = "Audit";
const IMMUTABLE = "private, max-age=31536000, immutable";

/** What is said differently of the two logs. */
type Kind = { readonly log: LogName; readonly prefix: string; readonly name: string; readonly of: string };

const OWN: Kind = { log: "audit", prefix: "/log", name: "Audit", of: "the organisation's audit log" };
const TOP: Kind = {
  log: "top",
  prefix: "/log/top",
  name: "Top",
  of: "the log over the checkpoints of all organisations",
};

/** What monitors and witnesses ask for: checkpoints, tiles, entries, consistency, keys (C2SP tlog-tiles). */
export function logRoutes(reading: Reading, at: At): Route<Call>[] {
  return [
    ...[OWN, TOP].flatMap((kind) => [
      checkpointRoute(kind, reading, at),
      tileRoute(kind, reading, at),
      consistencyRoute(kind, reading, at),
    ]),
    entriesRoute(reading, at),
    keysRoute(reading, at),
  ];
}

function checkpointRoute({ log, prefix, name, of }: Kind, reading: Reading, at: At): Route<Call> {
  return route({
    operation: `get${name}Checkpoint`,
    method: "GET",
    paths: at(`${prefix}/checkpoint`),
    scopes: reading.scopes.read,
    tag: TAG,
    summary: `The newest signed checkpoint of ${of}`,
    answer: {
      kind: "raw",
      status: 200,
      contentType: "text/plain; charset=utf-8",
      description: "C2SP tlog-checkpoint.",
    },
    errors: [errors.audit_not_signed],
    handle: async (call) => text(await getCheckpoint(call, log)),
  });
}

function tileRoute({ log, prefix, name, of }: Kind, reading: Reading, at: At): Route<Call> {
  return route({
    operation: `get${name}Tile`,
    method: "GET",
    paths: at(`${prefix}/tile/{level}/{tile+}`),
    scopes: reading.scopes.read,
    tag: TAG,
    summary: `Hashes of a tile of ${of}`,
    description: "C2SP tlog-tiles: 32 bytes a hash, 256 in a full tile; `.p/W` asks for the first W.",
    params: tileParams,
    answer: { kind: "raw", status: 200, contentType: "application/octet-stream", description: "Hashes." },
    errors: [errors.audit_tile_not_found],
    handle: async (call, { params }) => bytes(await getTile(call, log, { level: params.level, path: params.tile })),
  });
}

function consistencyRoute({ log, prefix, name, of }: Kind, reading: Reading, at: At): Route<Call> {
  return route({
    operation: `get${name}Consistency`,
    method: "GET",
    paths: at(`${prefix}/consistency`),
    scopes: reading.scopes.read,
    tag: TAG,
    summary: `Proof that ${of} only grew`,
    query: consistencyQuery,
    answer: { kind: "json", status: 200, schema: consistencyShape, description: "RFC 6962, section 2.1.2." },
    errors: [errors.audit_not_signed],
    handle: (call, { query }) => getConsistency(call, log, query),
  });
}

function entriesRoute(reading: Reading, at: At): Route<Call> {
  return route({
    operation: "getAuditEntries",
    method: "GET",
    paths: at("/log/tile/entries/{tile+}"),
    scopes: reading.scopes.read,
    tag: TAG,
    summary: "Entries of a tile of the audit log",
    description:
      "C2SP tlog-tiles: each behind its length in two bytes. An entry is the SHA-256 of a record's salt and canonical text.",
    params: entriesParams,
    answer: { kind: "raw", status: 200, contentType: "application/octet-stream", description: "An entry bundle." },
    errors: [errors.audit_tile_not_found],
    handle: async (call, { params }) => bytes(await getEntries(call, params.tile)),
  });
}

function keysRoute(reading: Reading, at: At): Route<Call> {
  return route({
    operation: "getAuditKeys",
    method: "GET",
    paths: at("/log/key"),
    scopes: reading.scopes.read,
    tag: TAG,
    summary: "Verifier keys of the audit log and of the log above it",
    answer: { kind: "json", status: 200, schema: keysShape, description: "Keys of C2SP signed-note." },
    errors: [],
    handle: (call) => getLogKeys(call),
  });
}

function text(body: string): RawAnswer {
  return { status: 200, headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" }, body };
}

function bytes(body: Buffer): RawAnswer {
  return { status: 200, headers: { "content-type": "application/octet-stream", "cache-control": IMMUTABLE }, body };
}
