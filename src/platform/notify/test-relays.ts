import { once } from "node:events";
import { readFileSync } from "node:fs";
import net, { type Socket } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";

function pem(name: string): Buffer {
  return readFileSync(new URL(`../outbound/test-certificates/${name}`, import.meta.url));
}

export type Relay = { readonly port: number; readonly got: Buffer[]; close(): Promise<void> };

/** A real mail server on loopback that shows the certificate for localhost.test. `onMail` may refuse what came. */
export async function startRelay(options: SMTPServerOptions = {}, onMail?: () => Error | null): Promise<Relay> {
  const got: Buffer[] = [];
  const server = new SMTPServer({
    authOptional: true,
    cert: pem("localhost.test.pem"),
    key: pem("localhost.test-key.pem"),
    logger: false,
    closeTimeout: 100,
    onData(stream, _session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => void chunks.push(chunk));
      stream.on("end", () => {
        const refusal = onMail?.() ?? null;
        if (refusal === null) got.push(Buffer.concat(chunks));
        done(refusal);
      });
    },
    ...options,
  });
  server.on("error", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  return { port: portOf(server.server), got, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

export type Step = "greeting" | "EHLO" | "MAIL" | "RCPT" | "DATA" | "dot";
/** What the server does at its step: a reply, the end of the connection (null), or nothing at all ("silence"). */
export type Deed = { readonly step: Step; readonly reply: string | null };

/** A server of our own lines that behaves until its step, and counts mails whose last dot it saw. */
export async function startMisbehaving(deed: Deed): Promise<{ port: number; dots(): number; close(): Promise<void> }> {
  let dots = 0;
  const sockets = new Set<Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    const answer = (step: Step, usual: string): void => {
      if (step !== deed.step) socket.write(`${usual}\r\n`);
      else if (deed.reply === null) socket.destroy();
      else if (deed.reply !== "silence") socket.write(`${deed.reply}\r\n`);
    };
    let text = "";
    let isBody = false;
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      for (;;) {
        const end = text.indexOf(isBody ? "\r\n.\r\n" : "\r\n");
        if (end === -1) return;
        const line = text.slice(0, end);
        text = text.slice(end + (isBody ? 5 : 2));
        if (isBody) {
          isBody = false;
          dots++;
          answer("dot", "250 taken");
          continue;
        }
        const step = (["EHLO", "MAIL", "RCPT", "DATA"] as const).find((each) => line.startsWith(each));
        if (step === "DATA") isBody = deed.step !== "DATA";
        if (step !== undefined) answer(step, step === "DATA" ? "354 go on" : "250 fine");
        else if (line.startsWith("QUIT")) socket.end("221 bye\r\n");
        else socket.write("502 no\r\n");
      }
    });
    answer("greeting", "220 here");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: portOf(server),
    dots: () => dots,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function portOf(server: net.Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
