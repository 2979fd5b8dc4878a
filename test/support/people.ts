import { createHmac, randomUUID } from "node:crypto";
import type { TestDatabase } from "./database.ts";
import type { Mailbox } from "./mailbox.ts";
import { clientOf, expected, look, type Client, type Json } from "./secufile-client.ts";
import { startServer, startTestServer, type TestServer } from "./server.ts";

export const PASSWORD = "correct horse battery staple";

export type TwoServers = {
  readonly one: TestServer;
  readonly two: TestServer;
  readonly database: TestDatabase;
  remove(): Promise<void>;
};

/** Two processes that are one server to the outside: one database, one keyring, one public address. */
export async function startTwo(env: Readonly<Record<string, string>> = {}): Promise<TwoServers> {
  const shared = { TABELLION_PUBLIC_URL: "https://tabellion.test", ...env };
  const one = await startTestServer(shared);
  const two = await startServer({ dataDirectory: one.dataDirectory, database: one.database, env: shared });
  return {
    one,
    two,
    database: one.database,
    async remove(): Promise<void> {
      await two.stop();
      await one.remove();
    },
  };
}

/** The demo organisation of a test server. */
export async function demoTenant(superUrl: string): Promise<string> {
  const [row] = await look(superUrl, "select id from platform.tenants where is_demo");
  return String(row.id);
}

export type Person = { readonly email: string; readonly memberId: string; readonly tenantId: string };

/** The token at the end of a mailed link. */
export function tokenIn(text: string): string {
  const token = /\/(?:invite|reset)\/([A-Za-z0-9_-]{43})(?![A-Za-z0-9_-])/.exec(text)?.[1];
  if (token === undefined) throw new Error(`a mail without a link: ${text}`);
  return token;
}

/** Somebody who was invited by the operator and accepted. */
export async function newPerson(
  server: Pick<TestServer, "origin" | "operatorToken">,
  mailbox: Pick<Mailbox, "mails" | "mailTo">,
  order: { tenantId: string; role: string; email?: string },
): Promise<Person> {
  const email = order.email ?? `${order.role}-${randomUUID()}@example.org`;
  const { tenantId, role } = order;
  const operator = clientOf(server.origin, server.operatorToken);
  const count = mailbox.mails.filter(({ to }) => to === email).length + 1;
  expected(await operator.post(`/v1/tenants/${tenantId}/invitations`, { email, role }), 201);
  const token = tokenIn((await mailbox.mailTo(email, count)).text);
  const nobody = clientOf(server.origin, "");
  const made = expected(
    await nobody.post("/v1/auth/invitations/accept", { token, name: "A. Person", password: PASSWORD }),
    201,
  );
  return { email, memberId: made.member_id, tenantId };
}

/** Signs in by password alone. */
export async function signIn(origin: string, person: Person, password = PASSWORD): Promise<Client & { tokens: Json }> {
  const { email, tenantId } = person;
  const answer = await clientOf(origin, "").post("/v1/auth/login", { email, password, tenant_id: tenantId });
  const tokens = expected(answer, 200);
  return { ...clientOf(origin, tokens.access_token), tokens };
}

/** The code that an authenticator app would show (RFC 6238). */
export function codeAt(secret: string, at: Date): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = Array.from(secret, (letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at.getTime() / 30_000)));
  const mac = createHmac("sha1", key).update(counter).digest();
  const offset = mac.readUInt8(19) & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/**
 * Asks again and again until the answer has `status`; answers how long after `sinceMs` the last request that was still
 * answered otherwise had been asked. -1: none was.
 */
export async function lastOther(ask: () => Promise<number>, status: number, sinceMs: number): Promise<number> {
  let last = -1;
  for (let asked = 0; asked < 2_000; asked++) {
    const askedAt = performance.now();
    if ((await ask()) === status) return last;
    last = askedAt - sinceMs;
  }
  throw new Error(`it was never answered with ${status}`);
}
