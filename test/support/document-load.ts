import assert from "node:assert/strict";
import { createCipheriv, createHash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { expected, newDocument, type Client, type Json } from "./secufile-client.ts";

const PAGE = "200";

/** Bytes that look random and follow from `seed`: whoever has a document's metadata knows what its content must be. */
export function contentOf(seed: string, sizeBytes: number): Buffer<ArrayBuffer> {
  const key = createHash("sha256").update(seed).digest().subarray(0, 16);
  return Buffer.from(createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes)));
}

/** A document whose content follows from its metadata; answers its id once the upload is acknowledged. */
export async function seededDocument(
  client: Client,
  { seed, sizeBytes, members = {} }: { seed: string; sizeBytes: number; members?: Readonly<Record<string, unknown>> },
): Promise<string> {
  const metadata = { seed, size: String(sizeBytes) };
  const id = await newDocument(client, { filename: `${seed}.age`, metadata, ...members });
  expected(await client.call("PUT", `/documents/${id}/content`, { raw: contentOf(seed, sizeBytes) }), 200);
  return id;
}

/** Asserts that the document has the content that its metadata promises. Answers false for one without content. */
export async function assertWhole(client: Client, document: Json): Promise<boolean> {
  if (document.status !== "stored") return false;
  const answer = await client.get(`/documents/${document.document_id}/content`);
  expected(answer, 200);
  const wanted = contentOf(document.metadata.seed, Number(document.metadata.size));
  assert.ok(answer.bytes.equals(wanted), `${document.filename} has other bytes`);
  assert.equal(document.sha256, createHash("sha256").update(wanted).digest("hex"));
  return true;
}

/** All entries of a list, page by page. */
export async function listAll(client: Client, path: string): Promise<Json[]> {
  const found: Json[] = [];
  for (let cursor = ""; ;) {
    const query = new URLSearchParams({ limit: PAGE, ...(cursor === "" ? {} : { cursor }) });
    const page = expected(await client.get(`${path}?${query.toString()}`), 200);
    found.push(...page.data);
    if (page.next_cursor === null) return found;
    cursor = page.next_cursor;
  }
}

/** Writers that create, upload and delete until stopped. */
export type DocumentLoad = {
  /** Documents whose upload is acknowledged and whose deletion has not begun, now. */
  kept(): readonly string[];
  acknowledged(): number;
  /** Rejects when any request was answered otherwise than it should. */
  stop(): Promise<void>;
};

const WRITERS = 3;
const LARGEST_BYTES = 60_000;

/** The writers also delete `doomed`, documents from before, one after the other. */
export function startLoad(client: Client, doomed: readonly string[]): DocumentLoad {
  const kept = new Set<string>();
  const toDelete = [...doomed];
  let acknowledged = 0;
  const stopping = new AbortController();
  async function write(writer: number): Promise<void> {
    for (let round = 0; !stopping.signal.aborted; round++) {
      const seed = `load-${writer}-${round}`;
      const id = await seededDocument(client, { seed, sizeBytes: (round * 7919 * (writer + 1)) % LARGEST_BYTES });
      acknowledged++;
      kept.add(id);
      if (round % 3 === 2) {
        const victim = toDelete.shift() ?? [...kept].at(-2) ?? id;
        kept.delete(victim);
        expected(await client.call("DELETE", `/documents/${victim}`), 204);
      }
      await turn();
    }
  }
  const writers = Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
  writers.catch(() => undefined); // told by `stop`
  return {
    kept: () => [...kept],
    acknowledged: () => acknowledged,
    async stop() {
      stopping.abort();
      await writers;
    },
  };
}
