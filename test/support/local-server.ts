import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Received = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

/** A server on this machine that somebody else would run: it gives ciphertext away, or receives webhooks. */
export type LocalServer = {
  readonly url: string;
  /** All that came, the oldest first. */
  readonly received: readonly Received[];
  /** The first request for which `matches` holds, also one that came before. */
  waitFor(matches: (request: Received) => boolean): Promise<Received>;
  close(): Promise<void>;
};

const WAIT_LIMIT_MS = 20_000;

export async function startLocalServer(
  answer: (request: Received, response: ServerResponse) => void,
): Promise<LocalServer> {
  const received: Received[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const entry = { method, path: url, headers, body: Buffer.concat(parts) };
      received.push(entry);
      answer(entry, response);
      for (const look of waiting) look();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    waitFor: (matches) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`only ${received.length} requests came`)), WAIT_LIMIT_MS);
        const look = (): void => {
          const found = received.find(matches);
          if (found === undefined) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
