import { z } from "zod";
import { idShape, instantShape } from "../http/body.ts";
import { exportFormats } from "./formats.ts";

/** Largest index that a query may name; JavaScript counts exactly up to there. */
const MAX_INDEX = Number.MAX_SAFE_INTEGER;
const MAX_KEYS = 1_000;
const hexHash = z
  .string()
  .min(64)
  .max(64)
  .regex(/^[0-9a-f]{64}$/);

export const recordShape = z.strictObject({
  index: z.int().min(0).max(MAX_INDEX).meta({ description: "Place in the log: dense, in the order of commits." }),
  leaf_hash: hexHash.meta({
    description: "SHA-256 of 0x00 and the salted event's SHA-256: the leaf of RFC 6962.",
    examples: ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
  }),
  id: idShape("aud", "Id of the record."),
  at: instantShape("When it happened"),
  actor: z.strictObject({
    type: z
      .string()
      .max(40)
      .meta({ examples: ["token"] }),
    id: z
      .string()
      .max(300)
      .meta({ examples: ["tok_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"] }),
    email: z
      .string()
      .max(320)
      .nullable()
      .meta({ examples: [null] }),
    ip: z
      .string()
      .max(64)
      .nullable()
      .meta({ examples: ["203.0.113.7"] }),
  }),
  action: z
    .string()
    .max(200)
    .meta({ description: "`<product>.<operation>`", examples: ["secufile.createDocument"] }),
  bucket: z
    .string()
    .max(300)
    .nullable()
    .meta({ examples: ["default"] }),
  resource: z
    .strictObject({
      type: z
        .string()
        .max(100)
        .meta({ examples: ["document"] }),
      id: z
        .string()
        .max(300)
        .meta({ examples: ["doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"] }),
    })
    .nullable(),
  outcome: z.enum(["success", "denied", "failed"]),
  details: z.record(z.string().max(200), z.unknown()).meta({ description: "What the operation tells of itself." }),
});

const filterShape = {
  user: z
    .string()
    .min(1)
    .max(320)
    .optional()
    .meta({
      description: "Id of an actor (token, member, …), or an e-mail address in any case.",
      examples: ["tok_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"],
    }),
  bucket: z
    .string()
    .min(1)
    .max(300)
    .optional()
    .meta({ examples: ["default"] }),
  action: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?:\.\*)?$/)
    .optional()
    .meta({ description: "An action, or the start of several: `secufile.*`.", examples: ["secufile.*"] }),
  resource: z
    .string()
    .min(1)
    .max(400)
    .optional()
    .meta({
      description: "Id of a resource, or `<type>:<id>`.",
      examples: ["document:doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"],
    }),
  from: instantShape("Records from here on").optional(),
  to: instantShape("Records before this").optional(),
  outcome: z.enum(["success", "denied", "failed"]).optional(),
} as const;

const cursor = z
  .string()
  .min(1)
  .max(16)
  .regex(/^\d+$/)
  .optional()
  .meta({ description: "Index after which to go on (in descending order: before which).", examples: ["41"] });

export const listQuery = z.strictObject({
  ...filterShape,
  cursor,
  limit: z.int().min(1).max(500).default(50).meta({ description: "Records a page at most." }),
  order: z.enum(["asc", "desc"]).default("asc").meta({ description: "By index." }),
});

export const recordPage = z.strictObject({
  data: z.array(recordShape).max(500),
  next_cursor: z
    .string()
    .max(16)
    .nullable()
    .meta({ description: "Null when the log is seen to its end. A page may be short, even empty, before that." }),
});

export const recordParams = z.strictObject({ id: idShape("aud", "Id of the record.") });

export const exportQuery = z.strictObject({
  ...filterShape,
  cursor,
  format: z.enum(exportFormats).default("jsonl"),
  follow: z
    .boolean()
    .default(false)
    .meta({ description: "Server-sent events that do not end; `Last-Event-ID` or `cursor` says where to go on." }),
  proofs: z
    .boolean()
    .default(false)
    .meta({ description: "JSON lines that can be verified without this server: `npx tabellion audit verify FILE`." }),
});

export type ListQuery = z.output<typeof listQuery>;
export type RecordPage = z.output<typeof recordPage>;
export type ExportQuery = z.output<typeof exportQuery>;

const tile = z
  .string()
  .min(3)
  .max(40)
  .regex(/^(?:x\d{3}\/){0,4}\d{3}(?:\.p\/[1-9]\d{0,2})?$/)
  .meta({
    description: "Number of the tile, three digits a step: `067`, `x001/067`; `067.p/12` for a part.",
    examples: ["000"],
  });

export const tileParams = z.strictObject({
  level: z.int().min(0).max(5).meta({ description: "Level of the tile; 0 holds the leaves." }),
  tile,
});
export const entriesParams = z.strictObject({ tile });

const treeSize = z.int().min(0).max(MAX_INDEX);
export const consistencyQuery = z.strictObject({
  from: treeSize.meta({ description: "Size of the tree seen before.", examples: [3] }),
  to: treeSize.meta({ description: "Size of the tree seen now.", examples: [7] }),
});
const hash = z
  .string()
  .min(44)
  .max(44)
  .meta({ examples: ["n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="] });
export const consistencyShape = z.strictObject({ from: treeSize, to: treeSize, path: z.array(hash).max(128) });

const verifierKey = z
  .string()
  .max(4_000)
  .meta({
    description: "Verifier key of C2SP signed-note: `<origin>+<hash>+<base64>`.",
    examples: ["tabellion.example.org/audit/ten_01KB2Q6V9XJ4M8T3RZ5C7D1E0F+1f3a5b7c+AX…"],
  });
const publishedKey = z.strictObject({
  key: verifierKey,
  signs_from: instantShape("Signs from here on"),
  signs_until: instantShape(
    "Signs until here, and up to two seconds longer while processes catch up; null for the newest",
  ).nullable(),
});
const publishedKeys = z.array(publishedKey).min(1).max(MAX_KEYS);
export const keysShape = z.strictObject({
  audit: z.array(verifierKey).min(1).max(MAX_KEYS).meta({ description: "Of this audit log, the newest first." }),
  top: z.array(verifierKey).min(1).max(MAX_KEYS).meta({ description: "Of the log over all organisations." }),
  validity: z.strictObject({ audit: publishedKeys, top: publishedKeys }).meta({
    description: "The same keys, each with the time in which it signs. Keys of before stay here for ever.",
  }),
});
export type LogKeysView = z.output<typeof keysShape>;
export type PublishedKey = z.output<typeof publishedKey>;

export const proofQuery = z.strictObject({
  format: z.enum(["json", "tlog"]).default("json").meta({ description: "`tlog`: C2SP tlog-proof, as text." }),
});
export const topProofQuery = z.strictObject({
  size: treeSize.min(1).meta({ description: "Size of this audit log's checkpoint.", examples: [7] }),
  ...proofQuery.shape,
});
export type TopProofView = {
  readonly size: number;
  /** This audit log's signed checkpoint of that size; its SHA-256 is `entry`. */
  readonly checkpoint: string;
  /** Base64. */
  readonly entry: string;
  /** Where the log above holds it. */
  readonly index: number;
  /** Base64, from the leaf upwards. */
  readonly path: readonly string[];
  readonly top_checkpoint: string;
  readonly key: string;
};
export type ProofView = {
  readonly index: number;
  readonly leaf_hash: string;
  /** Base64. */
  readonly salt: string;
  /** Canonical JSON, as it was hashed. */
  readonly event: string;
  /** Base64, from the leaf upwards. */
  readonly path: readonly string[];
  readonly checkpoint: string;
  readonly key: string;
};
