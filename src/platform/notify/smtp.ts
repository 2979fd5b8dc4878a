import { Readable } from "node:stream";
import type { Socket } from "node:net";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import { createAddressGuard } from "../outbound/address-guard.ts";
import { OutboundError } from "../outbound/outbound-error.ts";
import type { Outbound } from "../outbound/outbound.ts";
import type { MailContent } from "./content.ts";
import { mailMessage, type DkimKey, type Sender } from "./mail-message.ts";
import type { Relay } from "./smtp-url.ts";
import type { Attempt, Outcome, Transport } from "./transport.ts";

export type SmtpOptions = {
  readonly outbound: Outbound;
  /** The operator's allow-list: only there a relay may be spoken to without TLS. */
  readonly allow: readonly string[];
  readonly relay: Relay;
  readonly sender: Sender;
  readonly dkim: DkimKey | null;
  /** Further certificate authorities in PEM, for STARTTLS as for the Outbound. */
  readonly ca?: string | Buffer;
  readonly limits?: Partial<SmtpLimits>;
};

export type SmtpLimits = {
  /** Silence of the relay at any step. */
  readonly idleMs: number;
  /** The whole attempt, so that a relay that drips holds no worker. */
  readonly totalMs: number;
};

const USUAL_LIMITS: SmtpLimits = { idleMs: 60_000, totalMs: 240_000 };

/** About this mail, and not about the relay or our login: a 5xx there is the mail's end. */
const ABOUT_THE_MAIL = /^(?:MAIL FROM|RCPT TO|DATA|API)$/;

/** Hands each mail to the operator's relay, one connection for each. */
export function smtpTransport(options: SmtpOptions): Transport<MailContent> {
  return {
    name: "smtp",
    async deliver(parcel, attempt) {
      const message = await mailMessage(parcel, options.sender, options.dkim);
      let socket: Socket;
      try {
        socket = await connect(options, attempt.signal);
      } catch (error) {
        if (!(error instanceof OutboundError)) throw error;
        return { kind: "later", error: `${error.message}${hintOf(error)}` };
      }
      const session = new Session(options, socket, attempt);
      return session.send({ from: options.sender.address, to: [parcel.content.to], size: message.length }, message);
    },
  };
}

async function connect({ outbound, relay, allow }: SmtpOptions, signal: AbortSignal): Promise<Socket> {
  const target = { host: relay.host, port: relay.port, signal };
  if (relay.tls === "at-once") return outbound.connectTls(target);
  const socket = await outbound.connectTcp(target);
  const isListed = createAddressGuard(allow).judge(socket.remoteAddress ?? "") === "listed";
  if (relay.tls === "none" && !isListed) {
    socket.destroy();
    throw new OutboundError(
      "address_not_allowed",
      `${relay.host} may be spoken to without TLS only where TABELLION_OUTBOUND_ALLOW lists its address`,
    );
  }
  return socket;
}

function hintOf(error: OutboundError): string {
  return error.code === "address_not_allowed"
    ? " (a relay in a private network must be listed in TABELLION_OUTBOUND_ALLOW)"
    : "";
}

type Envelope = { readonly from: string; readonly to: string[]; readonly size: number };

/** One conversation. Owns its socket, and knows whether the point of no return was passed. */
class Session {
  readonly #options: SmtpOptions;
  readonly #socket: Socket;
  readonly #attempt: Attempt;
  readonly #connection: SMTPConnection;
  readonly #limits: SmtpLimits;
  /** Set when the relay asked for the mail's bytes; settles when the point of no return is durable, or cannot be. */
  #begun: Promise<void> | null = null;

  constructor(options: SmtpOptions, socket: Socket, attempt: Attempt) {
    this.#options = options;
    this.#socket = socket;
    this.#attempt = attempt;
    this.#limits = { ...USUAL_LIMITS, ...options.limits };
    const { relay, ca } = options;
    this.#connection = new SMTPConnection({
      host: relay.host,
      port: relay.port,
      connection: socket,
      secure: relay.tls === "at-once",
      secured: relay.tls === "at-once",
      requireTLS: relay.tls === "starttls",
      ignoreTLS: relay.tls === "none",
      // Said outright, because NODE_TLS_REJECT_UNAUTHORIZED would else decide.
      tls: { rejectUnauthorized: true, minVersion: "TLSv1.2", ...(ca === undefined ? {} : { ca: [ca] }) },
      greetingTimeout: this.#limits.idleMs,
      connectionTimeout: this.#limits.idleMs,
      socketTimeout: this.#limits.idleMs,
      // A name of this machine is nobody's business; RFC 5321, 4.1.3 allows an address.
      name: "[127.0.0.1]",
      logger: false,
    });
  }

  async send(envelope: Envelope, message: Buffer): Promise<Outcome> {
    const total = setTimeout(() => this.#socket.destroy(), this.#limits.totalMs);
    // Before the point of no return a stop may cut; after it, only the relay knows.
    const cut = (): void => {
      if (this.#begun === null) this.#connection.close();
    };
    this.#attempt.signal.addEventListener("abort", cut);
    try {
      await this.#converse(envelope, message);
      return { kind: "sent" };
    } catch (error) {
      return await this.#judge(error);
    } finally {
      clearTimeout(total);
      this.#attempt.signal.removeEventListener("abort", cut);
      this.#connection.close();
      this.#socket.destroy();
    }
  }

  async #converse(envelope: Envelope, message: Buffer): Promise<void> {
    const { login } = this.#options.relay;
    // A failure may be told by the event, by the callback, or by the end of the connection alone.
    const failed = new Promise<never>((_resolve, reject) => {
      this.#connection.on("error", reject);
      this.#connection.once("end", () => reject(new Error("the connection ended")));
    });
    failed.catch(() => undefined);
    const step = (run: (done: (error?: Error | null) => void) => void): Promise<void> =>
      Promise.race([
        failed,
        new Promise<void>((resolve, reject) => {
          run((error) => (error === undefined || error === null ? resolve() : reject(error)));
        }),
      ]);
    await step((done) => this.#connection.connect(done));
    if (login !== null) {
      const { user, password } = login;
      await step((done) => this.#connection.login({ user, credentials: { user, pass: password } }, done));
    }
    await step((done) => this.#connection.send(envelope, this.#bytesOf(message), done));
  }

  /** Read only after the relay answered 354; ends, and with it the mail, only when the point of no return is durable. */
  #bytesOf(message: Buffer): Readable {
    const begin = (): Promise<void> => (this.#begun ??= this.#attempt.begin());
    return Readable.from(
      (async function* bytes() {
        await begin();
        yield message;
      })(),
      { objectMode: false },
    );
  }

  async #judge(error: unknown): Promise<Outcome> {
    // The relay may hang up while the database is still being asked.
    await this.#begun;
    const facts = factsOf(error);
    const isBegun = this.#begun !== null;
    if (facts.status !== null) {
      const text = `The mail server answered ${facts.status} to ${facts.command}`;
      const isFinal = facts.status >= 500 && (isBegun || ABOUT_THE_MAIL.test(facts.command));
      return { kind: isFinal ? "refused" : "later", error: text };
    }
    if (isBegun) return { kind: "uncertain", error: `The mail server took the mail and then: ${facts.code}` };
    return { kind: "later", error: `The conversation with the mail server failed at ${facts.command}: ${facts.code}` };
  }
}

/** Codes alone: what a stranger's server writes may hold addresses. */
function factsOf(error: unknown): { status: number | null; command: string; code: string } {
  const facts = typeof error === "object" && error !== null ? error : {};
  const status = "responseCode" in facts && typeof facts.responseCode === "number" ? facts.responseCode : 0;
  // The library hides OpenSSL's code behind its own.
  const isCertificate = error instanceof Error && /certificate|altnames|issuer/i.test(error.message);
  const code = "code" in facts && typeof facts.code === "string" ? facts.code : "connection lost";
  return {
    status: status >= 400 && status <= 599 ? status : null,
    command: "command" in facts && typeof facts.command === "string" ? facts.command : "CONN",
    code: isCertificate ? "its certificate is not valid for its name" : code,
  };
}
