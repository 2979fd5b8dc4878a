import { createHash, generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { inParallel } from "../faults/clients.ts";
import { say } from "../support/raw-client.ts";
import type { Canary } from "./search.ts";

export type Server = { readonly origin: string; readonly apiKey: string; readonly operatorToken: string };

const AT_ONCE = 8;
const SETTLE_LIMIT_MS = 60_000;
const SCOPES = ["documents:read"];
const PREFIX = "/v1/secufile";

/** Puts secrets in through every door that takes one or gives one out, and keeps a list of them. */
export class Planter {
  readonly canaries: Canary[] = [];
  readonly #server: Server;

  constructor(server: Server) {
    this.#server = server;
  }

  /** A secret to hand over, as text. */
  #text(door: string): string {
    const text = `cnry${randomBytes(15).toString("base64url").replaceAll(/[-_]/g, "x")}`;
    this.canaries.push({ door, bytes: Buffer.from(text) });
    return text;
  }

  /** A secret that the server made or that was handed over in another form. */
  note(door: string, secret: string | Buffer): void {
    this.#note(door, secret);
  }

  #note(door: string, secret: string | Buffer): void {
    this.canaries.push({ door, bytes: Buffer.isBuffer(secret) ? secret : Buffer.from(secret) });
  }

  async #ask(method: string, path: string, options: Ask = {}): Promise<Answer> {
    const headers: Record<string, string> = {
      authorization: `Bearer ${options.token ?? this.#server.apiKey}`,
      ...(options.body === undefined ? {} : { "content-type": "application/json" }),
      ...(method === "POST" ? { "idempotency-key": options.key ?? randomUUID() } : {}),
      ...options.headers,
    };
    const body = options.raw ?? (options.body === undefined ? null : JSON.stringify(options.body));
    const answer = await fetch(`${this.#server.origin}${path}`, { method, headers, body, redirect: "manual" });
    const text = await answer.text();
    return { status: answer.status, text, json: () => JSON.parse(text) as Record<string, string> };
  }

  async #make(path: string, options: Ask = {}): Promise<Record<string, string>> {
    const answer = await this.#ask("POST", path, options);
    if (answer.status >= 300) throw new Error(`POST ${path} was answered ${answer.status}: ${answer.text}`);
    return answer.json();
  }

  #times<T>(count: number, work: (at: number) => Promise<T>): Promise<readonly T[]> {
    return inParallel(
      AT_ONCE,
      Array.from({ length: count }, (_, at) => at),
      work,
    );
  }

  /** Tokens: made, replayed, rotated, revoked, and the first ones of new organisations. */
  async tokens(count: number): Promise<void> {
    await this.#times(count, async (at) => {
      const order = { body: { name: `token ${at}`, scopes: SCOPES }, key: randomUUID() };
      const made = await this.#make(`${PREFIX}/tokens`, order);
      this.#noteToken("token", made["token"] ?? "");
      if (at % 3 === 0) await this.#ask("POST", `${PREFIX}/tokens`, order);
      if (at % 5 === 0) {
        const next = await this.#make(`${PREFIX}/tokens/${made["token_id"]}/rotate`);
        this.#noteToken("rotated token", next["token"] ?? "");
      }
      if (at % 2 === 0) await this.#ask("GET", `${PREFIX}/documents?limit=1`, { token: made["token"] ?? "" });
      if (at % 7 === 0) await this.#ask("DELETE", `${PREFIX}/tokens/${made["token_id"]}`);
    });
    const token = this.#server.operatorToken;
    await this.#times(5, async (at) => {
      const tenant = await this.#make("/v1/tenants", { token, body: { name: `organisation ${at}` } });
      const first = await this.#make(`/v1/tenants/${tenant["tenant_id"]}/secufile-tokens`, {
        token,
        body: { name: "first" },
      });
      this.#noteToken("first token", first["token"] ?? "");
    });
  }

  /** Its 43 secret characters by themselves: what is before them may be known. */
  #noteToken(door: string, token: string): void {
    this.#note(door, token.slice(-49, -6));
  }

  /** Webhook secrets, own and generated, at registration and at rotation; and URLs that let in whoever knows them. */
  async webhooks(count: number, origin: string): Promise<void> {
    const paths = await this.#times(count, async (at) => {
      const url = this.#webhookUrl(at % 16 === 0 ? DEAD_ORIGIN : origin);
      const secret = at % 2 === 0 ? { secret: this.#text("own webhook secret") } : {};
      const key = randomUUID();
      const order = { body: { url, events: ["*"], ...secret }, key };
      const made = await this.#make(`${PREFIX}/webhooks`, order);
      if (at % 2 === 1) this.#note("webhook secret", keyOf(made["secret"] ?? ""));
      if (at % 4 === 1) await this.#ask("POST", `${PREFIX}/webhooks`, order);
      const path = `${PREFIX}/webhooks/${made["webhook_id"]}`;
      if (at % 4 === 2) await this.#make(`${path}/rotate-secret`, { body: { secret: this.#text("rotated secret") } });
      if (at % 4 === 3)
        this.#note("rotated secret", keyOf((await this.#make(`${path}/rotate-secret`))["secret"] ?? ""));
      if (at % 3 === 0) await this.#ask("PATCH", path, { body: { url: this.#webhookUrl(origin) } });
      if (at % 8 === 0) await this.#make(`${path}/test`);
      await this.#ask("GET", path);
      return path;
    });
    await this.#ask("GET", `${PREFIX}/webhooks?limit=100`);
    await this.#refusedWebhooks(paths[0] ?? "");
    await this.#untilAttempted(paths.filter((_, at) => at % 8 === 0));
  }

  /** As chats give them out: whoever knows the path, or the query, may post. */
  #webhookUrl(origin: string): string {
    return `${origin}/${this.#text("path of a webhook URL")}/in?key=${this.#text("query of a webhook URL")}`;
  }

  async #refusedWebhooks(path: string): Promise<void> {
    const origins = [
      "ftp://example.org",
      "http://192.0.2.1",
      "https://no-such-host.invalid",
      "https://ada:x@example.org",
    ];
    for (const origin of origins) {
      await this.#ask("POST", `${PREFIX}/webhooks`, { body: { url: this.#webhookUrl(origin), events: ["*"] } });
      await this.#ask("PATCH", path, { body: { url: this.#webhookUrl(origin) } });
    }
  }

  /** Until the test event of each was sent once, or met with nobody. */
  async #untilAttempted(paths: readonly string[]): Promise<void> {
    const deadline = Date.now() + SETTLE_LIMIT_MS;
    for (const path of paths) {
      while (!/"attempt_count": ?[1-9]/.test((await this.#ask("GET", `${path}/deliveries`)).text)) {
        if (Date.now() > deadline) throw new Error(`nothing was sent for ${path}`);
        await delay(100);
      }
    }
  }

  /** Data keys: wrapped, made, and released to a recipient. */
  async keys(count: number): Promise<void> {
    const key = await this.#make(`${PREFIX}/kms/keys`, { body: { name: "canaries" } });
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const recipient = publicKey.export({ format: "jwk" });
    await this.#times(count, async (at) => {
      const own = randomBytes(32);
      this.#note("wrapped data key", own);
      const order = { body: { plaintext_key: own.toString("base64") }, key: randomUUID() };
      const wrapped = await this.#make(`${PREFIX}/kms/keys/${key["key_id"]}/wrap`, order);
      if (at % 3 === 0) await this.#ask("POST", `${PREFIX}/kms/keys/${key["key_id"]}/wrap`, order);
      const made = await this.#make(`${PREFIX}/kms/keys/${key["key_id"]}/data-key`);
      this.#note("made data key", Buffer.from(made["plaintext_key"] ?? "", "base64"));
      if (at % 4 !== 0) return;
      const document = await this.#make(`${PREFIX}/documents`, {
        body: { filename: "x.age", key_wrap: key["key_wrap"], wrapped_key: wrapped["wrapped_key"] },
      });
      await this.#make(`${PREFIX}/documents/${document["document_id"]}/key-release`, {
        body: { recipient_public_key: recipient, reason: "a canary" },
      });
      // A key that the recipient should have kept to itself.
      await this.#ask("POST", `${PREFIX}/documents/${document["document_id"]}/key-release`, {
        body: { recipient_public_key: { ...recipient, d: this.#text("private key of a recipient") }, reason: "wrong" },
      });
    });
  }

  /** Documents whose "ciphertext" is none: uploaded, broken off, of the wrong size. */
  async contents(count: number): Promise<void> {
    await this.#times(count, async (at) => {
      const made = await this.#make(`${PREFIX}/documents`, {
        body: {
          ...{ filename: `plain-${at}.txt`, key_wrap: "vault://elsewhere" },
          ...(at % 5 === 0 ? { size: 1 } : {}),
          ...(at % 2 === 0 ? { signers: [{ email: "ada@example.org", role: "signer" }] } : {}),
        },
      });
      const secret = this.#text("document content");
      const raw = Buffer.from(`${"plain text ".repeat(at * 20)}${secret}${" and more".repeat(at * 20)}`);
      const path = `${PREFIX}/documents/${made["document_id"]}/content`;
      const headers = { "content-type": "application/octet-stream" };
      if (at % 7 === 0) await this.#breakOff(path, raw);
      await this.#ask("PUT", path, { raw, headers });
      await this.#ask("GET", path);
      await this.#visit(made["signature_url"] ?? null);
    });
  }

  async #visit(url: string | null): Promise<void> {
    if (url === null) return;
    const token = url.slice(url.lastIndexOf("/") + 1);
    this.#note("signature link", token);
    await this.#ask("GET", `/sign/${token}`);
    await this.#ask("POST", `/sign/${token}`);
    await this.#ask("GET", `/sign/${this.#text("made-up signature link")}`);
    await this.#ask("GET", `/sign/${this.#text("longer path below /sign")}/more`);
  }

  async #breakOff(path: string, raw: Buffer): Promise<void> {
    await this.#say([
      `PUT ${path} HTTP/1.1`,
      "host: x",
      "connection: close",
      `authorization: Bearer ${this.#server.apiKey}`,
      "content-type: application/octet-stream",
      "transfer-encoding: chunked",
      "",
      `${raw.length.toString(16)}\r\n${raw.toString()}\r\nzz`,
    ]);
  }

  async #say(lines: readonly string[]): Promise<void> {
    await say(this.#server.origin, lines.join("\r\n"));
  }

  /** URLs with secrets in their queries: that work, that fail, that lead on to others. */
  async urls(count: number): Promise<void> {
    const source = await startSource((door) => this.#text(door));
    try {
      const ids = await this.#times(count, async (at) => {
        const kind = URL_KINDS[at % URL_KINDS.length] ?? "ok";
        const made = await this.#make(`${PREFIX}/documents`, {
          body: {
            filename: `linked-${at}.txt`,
            key_wrap: "vault://elsewhere",
            ...(kind === "mismatch" ? { sha256: createHash("sha256").digest("hex") } : {}),
            ciphertext_url: urlOf(kind, source.origin, this.#text(`ciphertext_url (${kind})`)),
          },
        });
        return made["document_id"] ?? "";
      });
      await this.#ask("POST", `${PREFIX}/documents`, {
        body: {
          ...{ filename: "x", key_wrap: "vault://elsewhere" },
          ciphertext_url: `https://ada:${this.#text("password in a URL")}@example.org/`,
        },
      });
      // Those that fail for a while are not waited for; the first try is over when none runs.
      await this.#untilTried(ids);
    } finally {
      await source.close();
    }
  }

  async #untilTried(ids: readonly string[]): Promise<void> {
    const deadline = Date.now() + SETTLE_LIMIT_MS;
    const lasting = ids.filter((_, at) => LASTING_KINDS.has(URL_KINDS[at % URL_KINDS.length] ?? "ok"));
    for (const id of lasting) {
      while ((await this.#ask("GET", `${PREFIX}/documents/${id}`)).json()["status"] === "pending") {
        if (Date.now() > deadline) throw new Error(`the document ${id} still waits for its content`);
        await delay(100);
      }
    }
  }

  /** Authorization headers that are none, and tokens where no token belongs. */
  async headers(count: number): Promise<void> {
    await this.#times(count, async (at) => {
      const secret = this.#text("malformed Authorization");
      const given = [
        `Bearer ${secret}`,
        `bearer ${secret} ${secret}`,
        `Basic ${Buffer.from(`ada:${secret}`).toString("base64")}`,
        `Bearer sfk_live_aaaaaaaaaaaa_${secret.padEnd(49, "0")}`,
        secret,
        `Digest username="ada", response="${secret}"`,
      ];
      const authorization = given[at % given.length] ?? "";
      await this.#ask("GET", `${PREFIX}/documents`, { headers: { authorization } });
      await this.#ask("GET", `/metrics`, { headers: { authorization, "x-forwarded-for": "203.0.113.9" } });
      await this.#ask("GET", `${PREFIX}/documents?access_token=${this.#text("token in a query")}`);
      await this.#ask("POST", `${PREFIX}/documents`, { key: this.#text("malformed Idempotency-Key"), body: {} });
      await this.#ask("GET", `${PREFIX}/documents`, { headers: { cookie: `session=${this.#text("cookie")}` } });
      await this.#strayRefreshToken();
      const bad = this.#text("request that cannot be read");
      const malformed = [
        [`GET / HTTP/1.1`, "host: x", `authorization Bearer ${bad}`, "", ""],
        [`GET / HTTP/9.9`, "host: x", `authorization: Bearer ${bad}`, "", ""],
        [`GET / HTTP/1.1`, "host: x", "content-length: 1", "content-length: 2", `authorization: Bearer ${bad}`, "", ""],
        [`GET / HTTP/1.1`, `authorization: Bearer ${bad}\u0000`, "", ""],
      ];
      await this.#say(malformed[at % malformed.length] ?? []);
    });
  }

  /** A member's refresh token where it does not belong. */
  async #strayRefreshToken(): Promise<void> {
    const id = "01KB2Q6V9XJ4M8T3RZ5C7D1E0F";
    const proof = randomBytes(32).toString("base64url");
    this.#note("refresh token", proof);
    const token = `tbr_${id}_${id}_1_${proof}`;
    await this.#ask("GET", `${PREFIX}/documents`, { token });
    await this.#ask("GET", `${PREFIX}/documents?refresh_token=${token}`, { headers: { cookie: `refresh=${token}` } });
    await this.#ask("POST", `${PREFIX}/tokens`, { body: { name: "x", refresh_token: token } });
    await this.#ask("GET", `/sign/${token}`);
  }

  /** Bodies that are refused: secrets in members that do not exist, in values of the wrong form, in what is not JSON. */
  async bodies(count: number): Promise<void> {
    await this.#times(count, async (at) => {
      const secret = this.#text("refused body");
      const wrong: readonly Ask[] = [
        { body: { filename: "x", key_wrap: "y", password: secret } },
        { body: { filename: "x", key_wrap: "y", [secret]: 1 } },
        { body: { filename: { password: secret }, key_wrap: "y" } },
        { body: { filename: "x", key_wrap: "y", wrapped_key: `!${secret}` } },
        { body: { filename: "x", key_wrap: "y", signers: [{ email: secret, role: "x" }] } },
        { raw: Buffer.from(`{"password": "${secret}"`), headers: { "content-type": "application/json" } },
        { raw: Buffer.from(`password=${secret}`), headers: { "content-type": "application/x-www-form-urlencoded" } },
        { body: [secret] },
      ];
      await this.#ask("POST", `${PREFIX}/documents`, wrong[at % wrong.length]);
      const elsewhere = this.#text("refused secret");
      await this.#ask("POST", `${PREFIX}/webhooks`, {
        body: { url: "https://example.org/", events: ["*"], secret: `${elsewhere} with a space` },
      });
      await this.#ask("POST", `${PREFIX}/kms/keys/01KB2Q6V9XJ4M8T3RZ5C7D1E0F/wrap`, {
        body: { plaintext_key: Buffer.from(this.#text("data key for no key")).toString("base64") },
      });
    });
  }

  /** Known to the test alone: the settings that are secrets. */
  setting(door: string): string {
    return this.#text(door);
  }
}

type Ask = {
  readonly token?: string;
  readonly key?: string;
  readonly body?: unknown;
  readonly raw?: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
};

type Answer = { readonly status: number; readonly text: string; json(): Record<string, string> };

/** The bytes behind `whsec_`: the key itself, whatever is written before it. */
function keyOf(secret: string): Buffer {
  return Buffer.from(secret.slice("whsec_".length), "base64");
}

/** Nobody listens there. */
const DEAD_ORIGIN = "http://127.0.0.1:1";

const URL_KINDS = ["ok", "gone", "redirect", "mismatch", "broken", "refused", "nowhere", "loop"] as const;
const LASTING_KINDS = new Set<string>(["ok", "gone", "redirect", "mismatch", "loop"]);

function urlOf(kind: string, origin: string, secret: string): string {
  if (kind === "refused") return `${DEAD_ORIGIN}/x?signature=${secret}`;
  if (kind === "nowhere") return `https://no-such-host.invalid/x?signature=${secret}`;
  return `${origin}/${kind}?signature=${secret}`;
}

/** A customer's storage whose contents and redirects are secrets, too. */
async function startSource(secret: (door: string) => string): Promise<{ origin: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const kind = request.url?.slice(1).split("?")[0];
    if (kind === "gone") response.writeHead(404).end(secret("body of a refusal"));
    else if (kind === "loop") response.writeHead(302, { location: `/loop?next=${secret("redirect")}` }).end();
    else if (kind === "redirect") response.writeHead(307, { location: `/ok?next=${secret("redirect")}` }).end();
    else if (kind === "broken") response.writeHead(200, { "content-length": "1000" }).write(secret("broken content"));
    else response.writeHead(200).end(`linked plain text ${secret("linked content")}`);
    if (kind === "broken") setTimeout(() => response.destroy(), 20);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
