import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A TCP client for tests that says exactly what it is told, right or wrong. */
export type RawClient = {
  readonly socket: Socket;
  send(text: string | Buffer): void;
  /** All that came so far, as Latin-1. */
  heard(): string;
  /** Resolves once `text` has come. Rejects when the connection ends before. */
  until(text: string): Promise<string>;
  /** Resolves with all that came once the connection is closed. */
  untilClosed(): Promise<string>;
};

export async function rawClient(origin: string): Promise<RawClient> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  let heard = "";
  let isClosed = false;
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => {
    socket.once("close", () => {
      isClosed = true;
      resolve();
    });
  });
  socket.on("data", (chunk: Buffer) => (heard += chunk.toString("latin1")));
  await once(socket, "connect");
  return {
    socket,
    send: (text) => void socket.write(text),
    heard: () => heard,
    async until(text) {
      while (!heard.includes(text)) {
        if (isClosed) throw new Error(`the connection ended before ${text}: ${heard}`);
        await Promise.race([new Promise((resolve) => socket.once("data", resolve)), closed]);
      }
      return heard;
    },
    async untilClosed() {
      await closed;
      return heard;
    },
  };
}

/** Sends all of it on one connection and gives all that comes back until the server closes it. */
export async function say(origin: string, text: string | Buffer): Promise<string> {
  const client = await rawClient(origin);
  client.send(text);
  return client.untilClosed();
}
