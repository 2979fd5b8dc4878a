import { once } from "node:events";
import { readFileSync } from "node:fs";
import http, { type RequestListener, type Server as HttpServer } from "node:http";
import https from "node:https";
import net, { type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";

function pem(name: string): Buffer {
  return readFileSync(new URL(`test-certificates/${name}`, import.meta.url));
}

/** The authority behind the certificate that `serveHttps` shows for localhost.test and 127.0.0.1. Valid until 2121. */
export const testAuthority = pem("authority.pem");
const serverCredentials = { cert: pem("localhost.test.pem"), key: pem("localhost.test-key.pem") };

/** A plain HTTP server on loopback that ends with the test. */
export async function serveHttp(t: TestContext, listener: RequestListener, host = "127.0.0.1"): Promise<number> {
  return serveOn(t, http.createServer(listener), host);
}

export async function serveHttps(
  t: TestContext,
  listener: RequestListener,
  seen?: (name: string) => void,
): Promise<number> {
  const server = https.createServer(
    {
      ...serverCredentials,
      SNICallback(name, done) {
        seen?.(name);
        done(null);
      },
    },
    listener,
  );
  return serveOn(t, server, "127.0.0.1");
}

/** A server of raw bytes. */
export async function serveTcp(t: TestContext, onSocket: (socket: Socket) => void): Promise<number> {
  return serveOn(t, net.createServer(onSocket), "127.0.0.1");
}

async function serveOn(t: TestContext, server: Server | HttpServer, host: string): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(0, host);
  await once(server, "listening");
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
