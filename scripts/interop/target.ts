import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { startServer } from "../../test/support/server.ts";
import { receiverAuthority } from "../../test/support/syslog-receiver.ts";

/** The server that strangers' clients talk to: started as `npm start` does it, with its embedded PostgreSQL. */
export type Target = {
  readonly origin: string;
  readonly apiKey: string;
  /** Holds `data/`, and whatever a check writes. */
  readonly folder: string;
  /** What it wrote to its log so far. */
  output(): string;
  /** Sends a JSON request with the demo token; throws with the answer's body unless it succeeds. */
  send(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Sends or reads the bytes of a document. */
  upload(documentId: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  download(documentId: string): Promise<Buffer>;
  /** A document that waits for its content. */
  createDocument(members?: Readonly<Record<string, unknown>>): Promise<string>;
  close(): Promise<void>;
};

const documentShape = z.object({ document_id: z.string() });

export async function openTarget(): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), "tabellion-interop-"));
  // Else root's PostgreSQL lives outside of the folder, and stays there.
  await chmod(folder, 0o711);
  const dataDirectory = join(folder, "data");
  await mkdir(dataDirectory, { mode: 0o711 });
  const server = await startServer({
    dataDirectory,
    env: { TABELLION_REQUESTS_PER_SECOND: "100000", NODE_EXTRA_CA_CERTS: receiverAuthority },
  });
  const authorization = `Bearer ${server.apiKey}`;
  const contentOf = (id: string): string => `${server.origin}/v1/secufile/documents/${id}/content`;

  async function send(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await fetch(server.origin + path, {
      method,
      headers: { authorization, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} was answered with ${answer.status}: ${text}`);
    return text === "" ? null : JSON.parse(text);
  }

  return {
    origin: server.origin,
    apiKey: server.apiKey,
    folder,
    output: server.output,
    send,
    async upload(documentId, bytes) {
      const answer = await fetch(contentOf(documentId), { method: "PUT", headers: { authorization }, body: bytes });
      if (!answer.ok) throw new Error(`the upload was answered with ${answer.status}: ${await answer.text()}`);
    },
    async download(documentId) {
      const answer = await fetch(contentOf(documentId), { headers: { authorization } });
      if (!answer.ok) throw new Error(`the download was answered with ${answer.status}: ${await answer.text()}`);
      return Buffer.from(await answer.arrayBuffer());
    },
    async createDocument(members = {}) {
      const order = { filename: "interop.age", key_wrap: "vault://kms/key/elsewhere", ...members };
      return documentShape.parse(await send("POST", "/v1/secufile/documents", order)).document_id;
    },
    async close() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
