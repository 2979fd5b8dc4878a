import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Stands between a client and a server and hands on requests, but never the answer. */
export type AnswerThief = {
  readonly origin: string;
  /** All that the server had to say, once it has said the end of one answer. */
  readonly stolen: Promise<Buffer>;
  close(): Promise<void>;
};

export async function stealAnswer(target: string): Promise<AnswerThief> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let deliver: (answer: Buffer) => void;
  const stolen = new Promise<Buffer>((resolve) => (deliver = resolve));
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    keep(sockets, client, upstream);
    client.pipe(upstream);
    let answer = Buffer.alloc(0);
    upstream.on("data", (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (isWhole(answer)) deliver(answer);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { origin: `http://127.0.0.1:${address.port}`, stolen, close: () => closeAll(server, sockets) };
}

/** Whether this holds a head and as many bytes of body as it announces. */
function isWhole(answer: Buffer): boolean {
  const end = answer.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const announced = /\r\ncontent-length: *(\d+)/i.exec(answer.subarray(0, end).toString("latin1"))?.[1] ?? "0";
  return answer.length >= end + 4 + Number(announced);
}

/** Stands between a server and its PostgreSQL, behind a Unix socket of its own. */
export type DatabaseProxy = {
  /** `url` with this proxy in the place of the database's socket. */
  through(url: string): string;
  /** From now on the first connection that says `marker` is cut when its next COMMIT has been carried out. */
  armFor(marker: string): Promise<void>;
  /** Cuts every connection; lets none through until it is `back`. */
  away(): void;
  back(): void;
  close(): Promise<void>;
};

export async function proxyDatabase(databaseUrl: string): Promise<DatabaseProxy> {
  const folder = await mkdtemp(join(tmpdir(), "tabellion-proxy-"));
  const port = new URL(databaseUrl).port || "5432";
  const wanted = join(new URL(databaseUrl).searchParams.get("host") ?? "", `.s.PGSQL.${port}`);
  const sockets = new Set<Socket>();
  let isAway = false;
  let armed: { marker: string; done: () => void } | null = null;
  const server = createServer((client) => {
    if (isAway) {
      client.destroy();
      return;
    }
    const upstream = connect(wanted);
    keep(sockets, client, upstream);
    let marked: { done: () => void; isCommitSent: boolean } | null = null;
    client.on("data", (chunk: Buffer) => {
      if (armed !== null && marked === null && chunk.includes(armed.marker)) {
        marked = { done: armed.done, isCommitSent: false };
        armed = null;
      }
      if (marked !== null && chunk.includes("commit\0")) marked.isCommitSent = true;
      upstream.write(chunk);
    });
    upstream.on("data", (chunk: Buffer) => {
      if (marked?.isCommitSent === true && chunk.includes("COMMIT\0")) {
        marked.done();
        client.destroy();
        upstream.destroy();
        return;
      }
      client.write(chunk);
    });
  });
  server.listen(join(folder, `.s.PGSQL.${port}`));
  await once(server, "listening");
  return {
    through(url) {
      const moved = new URL(url);
      moved.searchParams.set("host", folder);
      return moved.href;
    },
    away() {
      isAway = true;
      for (const socket of sockets) socket.destroy();
    },
    back() {
      isAway = false;
    },
    armFor: (marker) => new Promise((done) => (armed = { marker, done })),
    async close() {
      await closeAll(server, sockets);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Each end goes with the other; what breaks is what is being tested. */
function keep(sockets: Set<Socket>, client: Socket, upstream: Socket): void {
  for (const [socket, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => {
      sockets.delete(socket);
      other.destroy();
    });
  }
}

async function closeAll(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  server.close();
  for (const socket of sockets) socket.destroy();
  await once(server, "close");
}
