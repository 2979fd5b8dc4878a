import { createHash, createHmac } from "node:crypto";
import { look, type Json } from "./secufile-client.ts";

/** Names of the columns in which a text stands: as text, as bytes, or as hexadecimal digits of its bytes. */
export function columnsWith(row: Json, text: string): readonly string[] {
  const hex = Buffer.from(text).toString("hex");
  return Object.entries(row)
    .filter(([, value]) => {
      const bytes = Buffer.isBuffer(value) ? value : Buffer.from(typeof value === "string" ? value : String(value));
      return bytes.includes(text) || bytes.toString("latin1").toLowerCase().includes(hex);
    })
    .map(([name]) => name);
}

export function hexOf(bytes: Buffer): string {
  return bytes.toString("hex");
}

const SEPARATORS = ["", "/", ":", "|", " ", "\u0000"];

/**
 * Hashes, in hexadecimal digits, that anyone can make who knows all of these texts, each a list of parts: bare ones, and
 * keyed ones whose key is no secret.
 */
export function guessableHashes(texts: readonly (readonly string[])[], keys: readonly string[]): ReadonlySet<string> {
  const joined = texts.flatMap((parts) => [
    ...SEPARATORS.map((separator) => parts.join(separator)),
    JSON.stringify(parts),
  ]);
  return new Set(
    joined.flatMap((text) => [
      createHash("sha256").update(text).digest("hex"),
      ...["", ...keys].map((key) => createHmac("sha256", key).update(text).digest("hex")),
    ]),
  );
}

/** Tables of key storage, of the platform and of its jobs in which a text stands, also as bytes. */
export async function tablesWith(superUrl: string, text: string): Promise<readonly string[]> {
  const tables = await look(
    superUrl,
    `select table_schema || '.' || table_name as name,
            query_to_xml(format('select t::text from %I.%I t', table_schema, table_name), false, false, '')::text as rows
       from information_schema.tables
      where table_type = 'BASE TABLE' and table_schema in ('ssks', 'platform', 'graphile_worker')`,
  );
  return tables.filter(({ rows }) => columnsWith({ rows }, text).length > 0).map(({ name }) => name);
}
