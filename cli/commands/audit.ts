import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isRecord } from "../answer.ts";
import { listAll } from "../client.ts";
import { CommandError, jsonOption, UsageError, type Action, type Given, type Group, type Option } from "../command.ts";
import { asOperator, asTenant } from "../connection.ts";
import { json, table } from "../output.ts";
import { rotateEvidenceKey, rotateKey } from "./audit-keys.ts";
import { stream } from "./audit-stream.ts";
import { verify, verifyProofAction } from "./audit-verify.ts";

const AUDIT = "/v1/secufile/audit";
const FORMATS = ["jsonl", "csv", "cef", "ocsf", "rfc5424"];

const filters: Readonly<Record<string, Option>> = {
  user: { type: "string", value: "ID", meaning: "Of this actor: its id, or its e-mail address." },
  bucket: { type: "string", value: "BUCKET", meaning: "In this bucket." },
  action: { type: "string", value: "ACTION", meaning: "This action, or those that begin so: secufile.*" },
  resource: { type: "string", value: "ID", meaning: "About this resource: its id, or type:id." },
  outcome: { type: "string", value: "OUTCOME", meaning: "success, denied or failed." },
  from: { type: "string", value: "TIME", meaning: "From this instant on, such as 2026-11-22T09:30:00Z." },
  to: { type: "string", value: "TIME", meaning: "Before this instant." },
};

const list: Action = {
  summary: "List records of the audit log, the newest first.",
  details: "",
  takes: [],
  options: {
    ...filters,
    limit: { type: "string", value: "COUNT", meaning: "How many at most: 50 if left out, 500 at most." },
    ...jsonOption,
  },
  async run(given, surroundings) {
    const query = queryOf(given, { order: "desc", limit: given.text("limit") ?? "50" });
    const answer = await asTenant(surroundings, "audit:read").get(`${AUDIT}?${query}`);
    const records = isRecord(answer) && Array.isArray(answer["data"]) ? answer["data"].filter(isRecord) : [];
    surroundings.stdout.write(given.has("json") ? json(records) : table(COLUMNS, records.map(rowOf)));
    return 0;
  },
};

const COLUMNS = ["index", "at", "outcome", "action", "actor", "resource", "bucket"] as const;

function rowOf(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { actor, resource } = record;
  return {
    ...record,
    actor: isRecord(actor) ? `${String(actor["type"])}:${String(actor["id"])}` : null,
    resource: isRecord(resource) ? `${String(resource["type"])}:${String(resource["id"])}` : null,
  };
}

const exportAction: Action = {
  summary: "Export the audit log, one record a line, or follow it.",
  details: `Writes to standard output unless --output names a file. With --proofs the export is JSON lines that
npx tabellion audit verify checks without the server. With --follow it does not end; --after goes on after an index.`,
  takes: [],
  options: {
    ...filters,
    format: { type: "string", value: "FORMAT", meaning: `${FORMATS.join(", ")}; jsonl if left out.` },
    proofs: { type: "boolean", meaning: "With what is needed to verify each record." },
    follow: { type: "boolean", meaning: "Go on with what is added." },
    after: { type: "string", value: "INDEX", meaning: "Only records after this index." },
    output: { type: "string", value: "FILE", meaning: "A new file to write to." },
  },
  async run(given, surroundings) {
    const after = given.text("after");
    const query = queryOf(given, {
      format: given.text("format") ?? "jsonl",
      ...(given.has("proofs") ? { proofs: "true" } : {}),
      ...(given.has("follow") ? { follow: "true" } : {}),
      ...(after === undefined ? {} : { cursor: after }),
    });
    const bytes = await asTenant(surroundings, "audit:export").stream(`${AUDIT}/export?${query}`);
    const file = given.text("output");
    const lines = given.has("follow") ? dataOf(bytes) : bytes;
    if (file !== undefined) {
      await pipeline(Readable.from(lines), createWriteStream(file, { flags: "wx", mode: 0o600 })).catch(
        unwritten(file),
      );
      return 0;
    }
    for await (const chunk of lines) {
      if (!surroundings.stdout.write(chunk)) await once(surroundings.stdout, "drain");
    }
    return 0;
  },
};

function unwritten(file: string): (error: unknown) => never {
  return (error) => {
    throw new CommandError(`${file} is not whole: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  };
}

/** The data of server-sent events, one a line. */
async function* dataOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of bytes) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data: ")) yield `${line.slice(6)}\n`;
  }
}

const refusals: Action = {
  summary: "List what was refused to unknown callers, for the operator.",
  details: "Counted by minute, network and reason. The last seconds may not be there yet.",
  takes: [],
  options: jsonOption,
  async run(given, surroundings) {
    const found = await listAll(await asOperator(surroundings), "/v1/platform/refusals");
    const columns = ["minute", "source", "reason", "count", "last_at"];
    surroundings.stdout.write(given.has("json") ? json(found) : table(columns, found));
    return 0;
  },
};

export const audit: Group = {
  summary: "The audit log: who did what, when and from where.",
  actions: {
    list,
    export: exportAction,
    verify,
    "verify-proof": verifyProofAction,
    stream,
    refusals,
    "rotate-key": rotateKey,
    "rotate-evidence-key": rotateEvidenceKey,
  },
};

function queryOf(given: Given, more: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(more);
  for (const name of Object.keys(filters)) {
    const value = given.text(name);
    if (value !== undefined) query.set(name, value);
  }
  const format = query.get("format");
  if (format !== null && !FORMATS.includes(format)) throw new UsageError(`--format: one of ${FORMATS.join(", ")}`);
  return query.toString();
}
