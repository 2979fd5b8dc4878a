/**
 * The peer of the HTTP benches: node:http and nothing else. `GET /` answers a JSON body; `PUT /` encrypts and hashes
 * what comes and writes it to a file durably; `GET /content` reads, decrypts and hashes that file. Prints its port.
 *
 *   node bench/support/bare-server.ts <folder> <answer bytes>
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";

const [folder = "", answerBytes = "500"] = process.argv.slice(2);
const CHUNK_BYTES = 256 * 1024;
const TAG_BYTES = 16;
const file = join(folder, "peer.sealed");
const answer = JSON.stringify({ text: "x".repeat(Number(answerBytes) - 11) });
const key = randomBytes(32);

/** The number of the chunk: each is encrypted once under a key of this process. */
function nonce(index: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(index, 8);
  return bytes;
}

async function take(request: IncomingMessage): Promise<void> {
  const handle = await open(file, "w");
  const hash = createHash("sha256");
  let index = 0;
  let parts: Buffer[] = [];
  let length = 0;
  const flush = async (): Promise<void> => {
    const cipher = createCipheriv("aes-256-gcm", key, nonce(index++));
    const sealed = parts.map((part) => cipher.update(part));
    cipher.final();
    sealed.push(cipher.getAuthTag());
    [parts, length] = [[], 0];
    await handle.writev(sealed);
  };
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk);
    for (let from = 0; from < chunk.length;) {
      const part = chunk.subarray(from, from + CHUNK_BYTES - length);
      parts.push(part);
      length += part.length;
      from += part.length;
      if (length === CHUNK_BYTES) await flush();
    }
  }
  if (length > 0) await flush();
  hash.digest();
  await handle.datasync();
  await handle.close();
}

async function give(response: ServerResponse): Promise<void> {
  const handle = await open(file, "r");
  const hash = createHash("sha256");
  const sealed = Buffer.alloc(CHUNK_BYTES + TAG_BYTES);
  for (let index = 0; ; index++) {
    const { bytesRead } = await handle.read(sealed, 0, sealed.length);
    if (bytesRead === 0) break;
    const decipher = createDecipheriv("aes-256-gcm", key, nonce(index));
    decipher.setAuthTag(sealed.subarray(bytesRead - TAG_BYTES, bytesRead));
    const plain = decipher.update(sealed.subarray(0, bytesRead - TAG_BYTES));
    decipher.final();
    hash.update(plain);
    if (!response.write(plain)) await new Promise<void>((resolve) => response.once("drain", resolve));
  }
  await handle.close();
  hash.digest();
  response.end();
}

async function answerTo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === "PUT") await take(request);
  if (request.url === "/content") return give(response);
  response.writeHead(200, { "content-type": "application/json", "content-length": String(Buffer.byteLength(answer)) });
  response.end(answer);
}

const server = createServer((request, response) => {
  answerTo(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`${typeof address === "object" ? address?.port : ""}\n`);
});
