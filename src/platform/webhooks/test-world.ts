import { randomBytes } from "node:crypto";
import { once } from "node:events";
import http, { type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { createTestDatabase, openDatabase, testLog, type TestDatabase } from "../../../test/support/database.ts";
import { systemClock, type Clock } from "../clock/clock.ts";
import { sql } from "../db/sql.ts";
import { createDatabase, type Database } from "../db/tx.ts";
import { createEventHints, emitEvent, type EventHints } from "../events/events.ts";
import { newId } from "../ids/ids.ts";
import { createKeyring, type Keyring } from "../keys/keyring.ts";
import { createOutbound, type Outbound } from "../outbound/outbound.ts";
import type { Call, Services } from "../product.ts";
import type { WebhookScope } from "./operations/endpoints.ts";
import { startWebhooks, type WebhookOptions, type Webhooks } from "./dispatcher.ts";

export const scope: WebhookScope = {
  product: "secufile",
  eventNames: ["object.uploaded", "share.accessed", "retention.expired"],
};

export type Received = {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly atMs: number;
};

export type Receiver = {
  readonly url: string;
  readonly received: Received[];
  close(): Promise<void>;
};

/** A receiver that keeps what it got. `answer` decides what comes back; without it, 204. */
export async function receive(answer?: (got: Received, response: ServerResponse) => void): Promise<Receiver> {
  const received: Received[] = [];
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => void chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      const got = { path: request.url ?? "", headers: request.headers, body, atMs: performance.now() };
      received.push(got);
      if (answer === undefined) response.writeHead(204).end();
      else answer(got, response);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    received,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Real parts of the server, as far as webhooks need them. */
export class World {
  readonly database: TestDatabase;
  readonly db: Database;
  readonly keyring: Keyring;
  outbound: Outbound;
  readonly eventHints: EventHints = createEventHints();
  clock: Clock = systemClock;
  readonly #running: Webhooks[] = [];
  readonly #receivers: Receiver[] = [];

  private constructor(database: TestDatabase, db: Database, keyring: Keyring, rootKeyText: string) {
    this.database = database;
    this.db = db;
    this.keyring = keyring;
    this.rootKeyText = rootKeyText;
    this.outbound = createOutbound({ allow: ["127.0.0.0/8"], userAgent: "Tabellion-Test" });
  }

  readonly rootKeyText: string;

  /** `commitFaultPercent` of all commits fail as on a busy database. */
  static async open(options: { commitFaultPercent?: number } = {}): Promise<World> {
    const database = await createTestDatabase();
    const { pool } = openDatabase(database);
    const db = createDatabase({ pool, log: testLog, commitFaultPercent: options.commitFaultPercent ?? 0 });
    const key = randomBytes(32);
    const keyring = await createKeyring({ db, root: { newest: { generation: 1, key }, previous: null } });
    return new World(database, db, keyring, `1:${key.toString("base64")}`);
  }

  async close(): Promise<void> {
    await this.stopAll();
    for (const receiver of this.#receivers) await receiver.close();
    this.outbound.close();
    await this.db.close();
    await this.database.drop();
  }

  /** Ends dispatchers between tests. */
  async stopAll(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((webhooks) => webhooks.stop()));
  }

  start(options: { clock?: Clock } & Pick<WebhookOptions, "drainMs" | "onDisabled"> = {}): Webhooks {
    const { clock = this.clock, drainMs = 0, ...hook } = options;
    const services = { ...this.parts(), clock };
    const webhooks = startWebhooks({ services, products: [{ name: "secufile" }], drainMs, ...hook });
    this.#running.push(webhooks);
    return webhooks;
  }

  async receive(answer?: Parameters<typeof receive>[0]): Promise<Receiver> {
    const receiver = await receive(answer);
    this.#receivers.push(receiver);
    return receiver;
  }

  async tenant(): Promise<string> {
    const tenantId = newId("ten");
    await this.db.directory((tx) => this.keyring.createTenantKeys(tx, tenantId));
    return tenantId;
  }

  /** A call as the pipeline would make it. */
  async call(tenantId: string): Promise<Call> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- webhooks use no other part
    const services = this.parts() as unknown as Services;
    return {
      requestId: "req_test",
      remoteAddress: "127.0.0.1",
      now: this.clock.now(),
      log: testLog,
      signal: new AbortController().signal,
      services,
      caller: { tenantId, credentialId: "tok_test", product: "secufile", scopes: new Set(), isLive: true },
      keys: await this.keyring.of(tenantId),
      write: (work) => this.db.tenant(tenantId, work),
      writeFor: (answer, work) => this.db.tenant(tenantId, (tx) => work(tx).then(() => answer)),
      read: (work) => this.db.tenant(tenantId, work),
    };
  }

  async emit(tenantId: string, data: Record<string, unknown> = {}, type = "object.uploaded"): Promise<string> {
    const event = { product: "secufile", type, isLive: true, data, at: this.clock.now() };
    const id = await this.db.tenant(tenantId, (tx) => emitEvent(tx, tenantId, event));
    this.eventHints.hint();
    return id;
  }

  /** Many events in one transaction. */
  async emitMany(tenantId: string, count: number): Promise<void> {
    const event = { product: "secufile", type: "object.uploaded", isLive: true, at: this.clock.now() };
    await this.db.tenant(tenantId, async (tx) => {
      await Promise.all(Array.from({ length: count }, (_, n) => emitEvent(tx, tenantId, { ...event, data: { n } })));
    });
    this.eventHints.hint();
  }

  async deliveries(
    tenantId: string,
  ): Promise<{ id: string; state: string; attempts: number; next_attempt_at: Date | null }[]> {
    return this.db.tenant(tenantId, (tx) =>
      tx.many(sql<{ id: string; state: string; attempts: number; next_attempt_at: Date | null }>`
        select id, state, attempts, next_attempt_at from platform.webhook_deliveries
         where tenant_id = ${tenantId} order by endpoint_id, seq`),
    );
  }

  async settled(tenantId: string): Promise<void> {
    await until(async () => (await this.deliveries(tenantId)).every((row) => row.state !== "pending"));
  }

  private parts() {
    const { db, keyring, outbound, eventHints, clock } = this;
    return { db, keyring, outbound, eventHints, clock, log: testLog };
  }
}

/** Waits until `check` holds; a test that needs longer than `limitMs` fails. */
export async function until(check: () => boolean | Promise<boolean>, limitMs = 15_000): Promise<void> {
  const endsAtMs = performance.now() + limitMs;
  while (!(await check())) {
    if (performance.now() > endsAtMs) throw new Error("what was waited for did not happen");
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, 10);
    await promise;
  }
}
