import { routeFor, type RawAnswer, type Route } from "../http/route.ts";
import type { Call } from "../product.ts";
import { auditReadingErrors as errors } from "./errors.ts";
import { getCheckpoint, getConsistency, getEntries, getLogKeys, getTile } from "./operations/log.ts";
import { getTopProof } from "./operations/proofs.ts";
import { json, PLAIN_TEXT, text } from "./raw-answers.ts";
import type { At, Reading } from "./reading.ts";
import { consistencyQuery, consistencyShape, entriesParams, keysShape, tileParams, topProofQuery } from "./schema.ts";
import type { LogName } from "../audit/store/tree.ts";

const route = routeFor<Call>();
const TAG = "Audit";
const IMMUTABLE = "private, max-age=31536000, immutable";

/** What is said differently of the two logs. `this audit log` is an organisation's, or the server's own to its operator. */
type Kind = {
  readonly log: LogName;
  readonly prefix: string;
  readonly name: string;
  readonly of: string;
  /** What its entries are the hashes of. */
  readonly entry: string;
};

const OWN: Kind = {
  log: "audit",
  prefix: "/log",
  name: "Audit",
  of: "this audit log",
  entry: "a record's salt and canonical text",
};
const TOP: Kind = {
  log: "top",
  prefix: "/log/top",
  name: "Top",
  of: "the log over the checkpoints of all organisations",
  entry: "a signed checkpoint",
};

/** What monitors ask for, checkpoints, tiles and entries (C2SP tlog-tiles), and keys and consistency as JSON besides. */
export function logRoutes(reading: Reading, at: At): Route<Call>[] {
  return [
    ...[OWN, TOP].flatMap((kind) => [
      checkpointRoute(kind, reading, at),
      tileRoute(kind, reading, at),
      consistencyRoute(kind, reading, at),
      entriesRoute(kind, reading, at),
    ]),
    topProofRoute(reading, at),
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
      contentType: PLAIN_TEXT,
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

function entriesRoute({ log, prefix, name, of, entry }: Kind, reading: Reading, at: At): Route<Call> {
  return route({
    operation: `get${name}Entries`,
    method: "GET",
    paths: at(`${prefix}/tile/entries/{tile+}`),
    scopes: reading.scopes.read,
    tag: TAG,
    summary: `Entries of a tile of ${of}`,
    description: `C2SP tlog-tiles: each behind its length in two bytes. An entry is the SHA-256 of ${entry}.`,
    params: entriesParams,
    answer: { kind: "raw", status: 200, contentType: "application/octet-stream", description: "An entry bundle." },
    errors: [errors.audit_tile_not_found],
    handle: async (call, { params }) => bytes(await getEntries(call, log, params.tile)),
  });
}

function topProofRoute(reading: Reading, at: At): Route<Call> {
  return route({
    operation: "getTopProof",
    method: "GET",
    paths: at("/log/top/proof"),
    scopes: reading.scopes.read,
    tag: TAG,
    summary: "Prove that the log over all organisations holds a checkpoint of this audit log",
    description:
      "As JSON: this audit log's signed `checkpoint` of that size, whose SHA-256 is the `entry`, the inclusion `path` and " +
      "the signed `top_checkpoint`. With `format=tlog` the C2SP tlog-proof of that entry.",
    query: topProofQuery,
    answer: {
      kind: "raw",
      status: 200,
      contentType: "application/json",
      otherType: PLAIN_TEXT,
      description: "A proof that can be checked alone.",
    },
    errors: [errors.audit_checkpoint_not_found, errors.audit_checkpoint_pending],
    async handle(call, { query }) {
      const proof = await getTopProof(call, query.size);
      return query.format === "tlog" ? text(proof.text) : json(proof.view);
    },
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

function bytes(body: Buffer): RawAnswer {
  return { status: 200, headers: { "content-type": "application/octet-stream", "cache-control": IMMUTABLE }, body };
}
