import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";

/** A mail as it came; `text` and `html` are its two forms, `html` empty where there is one only. */
export type Mail = { readonly to: string; readonly subject: string; readonly text: string; readonly html: string };

/** A mail server on loopback that keeps what it is sent. */
export type Mailbox = {
  /** What a server under test needs to send its mails here. */
  readonly env: Readonly<Record<string, string>>;
  readonly mails: readonly Mail[];
  /** Resolves with the `count`-th mail to an address, counted from 1. */
  mailTo(address: string, count?: number): Promise<Mail>;
  close(): Promise<void>;
};

const LIMIT_MS = 60_000;

type Login = { readonly user: string; readonly password: string };

const certificate = (name: string): URL =>
  new URL(`../../src/platform/outbound/test-certificates/${name}`, import.meta.url);

/** With a login: only after STARTTLS, and only for who knows it. Without a port, at any one that is free. */
export async function openMailbox(login: Login | null = null, port = 0): Promise<Mailbox> {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    ...(login === null ? { authOptional: true, disabledCommands: ["STARTTLS", "AUTH"] } : guarded(login)),
    logger: false,
    closeTimeout: 100,
    onData(stream, session, done) {
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => void parts.push(part));
      stream.on("end", () => {
        const raw = Buffer.concat(parts).toString("latin1");
        for (const { address } of session.envelope.rcptTo) mails.push({ to: address, ...readMail(raw) });
        done();
      });
    },
  });
  server.on("error", () => undefined);
  server.listen(port, "127.0.0.1");
  await once(server.server, "listening");
  const place = server.server.address();
  if (place === null || typeof place === "string") throw new Error("the mailbox has no port");
  return {
    env: {
      TABELLION_MAIL_FROM: "sign@tabellion.test",
      ...(login === null
        ? { TABELLION_SMTP_URL: `smtp://127.0.0.1:${place.port}?tls=off` }
        : {
            TABELLION_SMTP_URL: `smtp://${login.user}:${login.password}@127.0.0.1:${place.port}`,
            NODE_EXTRA_CA_CERTS: certificate("authority.pem").pathname,
          }),
    },
    mails,
    mailTo: (address, count = 1) => waitForMail(() => mails, address, count),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** What a mail says, of its bytes as they were sent. */
export function readMail(raw: string): Omit<Mail, "to"> {
  const html = /content-type: text\/html/i.test(raw) ? partOf(raw, "html") : "";
  return { subject: subjectOf(raw), text: partOf(raw, "plain"), html };
}

export async function waitForMail(mails: () => readonly Mail[], address: string, count: number): Promise<Mail> {
  const endsAt = Date.now() + LIMIT_MS;
  for (;;) {
    const all = mails();
    const found = all.filter(({ to }) => to === address)[count - 1];
    if (found !== undefined) return found;
    if (Date.now() > endsAt) throw new Error(`mail ${count} to ${address} did not come; there are ${all.length}`);
    await pause(50);
  }
}

function guarded({ user, password }: Login): SMTPServerOptions {
  return {
    cert: readFileSync(certificate("localhost.test.pem")),
    key: readFileSync(certificate("localhost.test-key.pem")),
    onAuth(auth, _session, done) {
      const isRight = auth.username === user && auth.password === password;
      done(isRight ? null : new Error("the login is wrong"), isRight ? { user } : undefined);
    },
  };
}

/** The subject, with encoded words (RFC 2047) put together again. */
function subjectOf(raw: string): string {
  const line = /^subject: (.*(?:\r\n[ \t].*)*)/im.exec(raw)?.[1] ?? "";
  const joined = line.replaceAll(/\r\n[ \t]/g, " ").replaceAll(/\?=\s+=\?/g, "?==?");
  return joined.replaceAll(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_match, form: string, word: string) => {
    if (form.toLowerCase() === "b") return Buffer.from(word, "base64").toString("utf8");
    return quotedPrintable(word.replaceAll("_", " ")).toString("utf8");
  });
}

function quotedPrintable(text: string): Buffer {
  const bytes = text
    .replaceAll("=\r\n", "")
    .replaceAll(/=([0-9A-F]{2})/g, (_match, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1");
}

/** One form of a mail, alone or of several. */
function partOf(raw: string, form: "plain" | "html"): string {
  const start = new RegExp(`content-type: text/${form}`, "i").exec(raw)?.index ?? 0;
  const head = raw.slice(start === 0 ? 0 : raw.lastIndexOf("\r\n\r\n", start) + 4);
  const bodyAt = raw.indexOf("\r\n\r\n", start) + 4;
  const encoding = /content-transfer-encoding: (\S+)/i.exec(raw.slice(Math.max(0, bodyAt - head.length), bodyAt))?.[1];
  const own = /content-transfer-encoding: (\S+)/i.exec(raw.slice(start, bodyAt))?.[1] ?? encoding;
  const body = raw.slice(bodyAt).split(/\r\n--/)[0] ?? "";
  if (own?.toLowerCase() === "base64") return Buffer.from(body, "base64").toString("utf8");
  if (own?.toLowerCase() !== "quoted-printable") return Buffer.from(body, "latin1").toString("utf8");
  return quotedPrintable(body).toString("utf8");
}

/** The path of the link in a mail to a signer. */
export function linkIn(mail: Pick<Mail, "text"> & Partial<Mail>): string {
  const path = /https?:\/\/[^/\s]+(\/sign\/[A-Za-z0-9_-]{43})(?![A-Za-z0-9_-])/.exec(mail.text)?.[1];
  if (path === undefined) throw new Error(`a mail without a link: ${mail.text}`);
  return path;
}
