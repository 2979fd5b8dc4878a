/**
 * Upload and download of one document over HTTP, beside node:http that encrypts (AES-256-GCM), hashes (SHA-256) and
 * writes the same bytes durably, and nothing else. Use: node bench/transfer.ts [--short].
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { pipeline } from "node:stream/promises";
import { Readable, Writable } from "node:stream";
import { startBarePeer } from "./support/bare-peer.ts";
import { tell, withServer, type MeasuredServer } from "./support/measuring.ts";

const isShort = process.argv.includes("--short");
const SIZE_BYTES = (isShort ? 64 : 256) * 1024 * 1024;
const ROUNDS = isShort ? 3 : 5;
const piece = randomBytes(256 * 1024);

type Place = { readonly url: string; readonly headers: Readonly<Record<string, string>> };

await withServer({}, async (server) => {
  const bare = await startBarePeer(server.dataDirectory);
  const seconds = {
    upload: [] as number[],
    download: [] as number[],
    peerUpload: [] as number[],
    peerDownload: [] as number[],
  };
  for (let round = 0; round <= ROUNDS; round++) {
    const place = await newDocument(server);
    const upload = await secondsOf(() => put(place));
    const peerUpload = await secondsOf(() => put({ url: bare.origin, headers: {} }));
    const download = await secondsOf(() => get(place));
    const peerDownload = await secondsOf(() => get({ url: `${bare.origin}/content`, headers: {} }));
    // The first round warms up both.
    if (round === 0) continue;
    seconds.upload.push(upload);
    seconds.download.push(download);
    seconds.peerUpload.push(peerUpload);
    seconds.peerDownload.push(peerDownload);
  }
  bare.stop();
  const megabytes = SIZE_BYTES / 1e6;
  const rate = (all: readonly number[]): number =>
    megabytes / (all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? 1);
  const size = `${SIZE_BYTES / 1024 / 1024} MiB`;
  const peer = "MB/s of bare node:http";
  tell(`upload of ${size}, sealed and durable`, "MB/s", rate(seconds.upload), [rate(seconds.peerUpload), peer]);
  tell(`download of ${size}`, "MB/s", rate(seconds.download), [rate(seconds.peerDownload), peer]);
});

async function newDocument(server: MeasuredServer): Promise<Place> {
  const headers = { authorization: `Bearer ${server.apiKey}` };
  const answer = await fetch(`${server.origin}/v1/secufile/documents`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({ filename: "bench.age", key_wrap: "vault://kms/key/elsewhere" }),
  });
  const { document_id: id } = (await answer.json()) as { document_id: string };
  return { url: `${server.origin}/v1/secufile/documents/${id}/content`, headers };
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}

async function put(place: Place): Promise<void> {
  const headers = {
    ...place.headers,
    "content-type": "application/octet-stream",
    "content-length": String(SIZE_BYTES),
  };
  const sent = request(place.url, { method: "PUT", headers });
  const answered = once(sent, "response");
  await pipeline(pieces(), sent);
  const [answer]: IncomingMessage[] = await answered;
  await drain(answer);
}

async function get(place: Place): Promise<void> {
  const sent = request(place.url, { headers: place.headers });
  sent.end();
  const [answer]: IncomingMessage[] = await once(sent, "response");
  if ((await drain(answer)) !== SIZE_BYTES) throw new Error("the content is not whole");
}

function pieces(): Readable {
  let left = SIZE_BYTES;
  return new Readable({
    highWaterMark: 4 * piece.length,
    read() {
      left -= piece.length;
      this.push(left >= 0 ? piece : null);
    },
  });
}

async function drain(answer: IncomingMessage | undefined): Promise<number> {
  if (answer?.statusCode !== 200) throw new Error(`it was answered with ${answer?.statusCode}`);
  let bytes = 0;
  const nowhere = new Writable({
    highWaterMark: 4 * piece.length,
    write(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      done();
    },
  });
  await pipeline(answer, nowhere);
  return bytes;
}
