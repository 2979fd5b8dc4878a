import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket } from "node:tls";

const CERTIFICATES = new URL("../../src/platform/outbound/test-certificates/", import.meta.url);

/** Certificate of the authority that whoever sends to the receiver has to know. */
export const receiverAuthority = new URL("authority.pem", CERTIFICATES).pathname;

/** For 127.0.0.1, by that authority. */
export const receiverCertificate = {
  cert: new URL("localhost.test.pem", CERTIFICATES).pathname,
  key: new URL("localhost.test-key.pem", CERTIFICATES).pathname,
};

/** What came over one connection: whole messages, in their order. */
export type SyslogConnection = {
  readonly messages: readonly string[];
  /** The sender ended it in good order, and was answered so. */
  readonly isWhole: boolean;
};

/** A receiver of syslog over TLS (RFC 5425) on this machine, as somebody else would run it. */
export type SyslogReceiver = {
  readonly port: number;
  /** The oldest first. */
  readonly connections: readonly SyslogConnection[];
  /**
   * Reads some messages of the connection that is the `number`th to begin, and then no more of it. Call it before that one
   * begins.
   */
  hold(number: number): void;
  /** Closes the connection that is held, without another look; null until some of it was read. */
  readonly release: (() => void) | null;
  close(): Promise<void>;
};

type Open = { bytes: Buffer; isWhole: boolean };

export async function startSyslogReceiver(): Promise<SyslogReceiver> {
  const connections: Open[] = [];
  const sockets = new Set<TLSSocket>();
  const holding = { number: 0, release: null as (() => void) | null };
  const { cert, key } = receiverCertificate;
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (socket) => {
    const connection: Open = { bytes: Buffer.alloc(0), isWhole: false };
    const isToHold = connections.push(connection) === holding.number;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      connection.bytes = Buffer.concat([connection.bytes, chunk]);
      if (!isToHold || messagesOf(connection.bytes).length === 0) return;
      socket.removeAllListeners("data").removeAllListeners("end").pause();
      holding.release = () => void socket.destroy();
    });
    socket.on("end", () => {
      connection.isWhole = true;
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of a server that listens on a port
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections.map(({ bytes, isWhole }) => ({ messages: messagesOf(bytes), isWhole }));
    },
    hold(number) {
      holding.number = number;
    },
    get release() {
      return holding.release;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Octet counting (RFC 6587, section 3.4.1), as far as messages are whole. */
export function messagesOf(bytes: Buffer): string[] {
  const messages: string[] = [];
  for (let at = 0; ;) {
    const space = bytes.indexOf(" ", at);
    const end = space + 1 + Number(bytes.subarray(at, Math.max(space, at)).toString("ascii"));
    if (space === -1 || end > bytes.length) return messages;
    messages.push(bytes.subarray(space + 1, end).toString("utf8"));
    at = end;
  }
}
