import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** One keep-alive connection that sends one request after another: as little client as possible beside the server. */
export type HttpLane = {
  /** Sends a request; answers its status once the whole answer is there. */
  send(head: readonly string[], body?: string): Promise<number>;
  /** The same, with the answer's body. */
  ask(head: readonly string[], body?: string): Promise<LaneAnswer>;
  close(): void;
};

export type LaneAnswer = { readonly status: number; readonly text: string };

const HEAD_END = "\r\n\r\n";

export async function openLane(origin: string): Promise<HttpLane> {
  const url = new URL(origin);
  const socket: Socket = connect(Number(url.port), url.hostname);
  socket.setNoDelay(true);
  await once(socket, "connect");
  let waiting: PromiseWithResolvers<LaneAnswer> | null = null;
  let received = "";
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
    const headEnd = received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(received.slice(0, headEnd))?.[1] ?? 0);
    if (received.length < headEnd + HEAD_END.length + length) return;
    const answer = { status: Number(received.slice(9, 12)), text: received.slice(headEnd + HEAD_END.length) };
    received = "";
    waiting?.resolve(answer);
  });
  socket.on("error", (error) => waiting?.reject(error));
  socket.on("close", () => waiting?.reject(new Error("the server closed the connection")));
  async function ask(head: readonly string[], body = ""): Promise<LaneAnswer> {
    if (!socket.writable) throw new Error("the server has closed the connection, which had nothing to do for too long");
    waiting = Promise.withResolvers();
    const lines = [...head, `Host: ${url.host}`, ...(body === "" ? [] : [`Content-Length: ${body.length}`])];
    socket.write(`${lines.join("\r\n")}${HEAD_END}${body}`);
    return waiting.promise;
  }
  return {
    ask,
    send: async (head, body) => (await ask(head, body)).status,
    close: () => socket.destroy(),
  };
}

/** Opens `count` lanes, lets `work` use them, closes them. */
export async function withLanes(
  origin: string,
  count: number,
  work: (lanes: readonly HttpLane[]) => Promise<void>,
): Promise<void> {
  const lanes = await Promise.all(Array.from({ length: count }, () => openLane(origin)));
  await work(lanes);
  for (const lane of lanes) lane.close();
}

/** Sends a request through a lane and throws unless the answer has this status. */
export async function expectStatus(
  lane: HttpLane | undefined,
  wanted: number,
  head: readonly string[],
  body?: string,
): Promise<void> {
  const status = await lane?.send(head, body);
  if (status !== wanted) throw new Error(`${head[0]} was answered with ${status}`);
}
