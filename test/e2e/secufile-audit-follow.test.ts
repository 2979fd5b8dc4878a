import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { allPlaced, follow, type ServerSentEvent } from "../support/audit-reader.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { clientOf, look, type Client } from "../support/secufile-client.ts";
import { freePort, startServer, type TestServer } from "../support/server.ts";

const WRITERS = 64;
const WRITES_EACH = 5;

describe("the followed audit log", () => {
  let database: TestDatabase;
  let dataDirectory: string;
  let port: number;
  let server: TestServer;

  before(async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), "tabellion-follow-"));
    database = await createTestDatabase();
    port = await freePort();
    server = await startServer({ dataDirectory, database, port });
    // Commits in an order that has nothing to do with that of the requests.
    await look(
      database.superUrl,
      `create function platform.delay_row() returns trigger language plpgsql as $$
         begin perform pg_sleep(random() * 0.03); return new; end $$;
       create trigger delayed before insert on platform.audit_events for each row execute function platform.delay_row()`,
    );
  });
  after(async () => {
    await server.stop();
    await database.drop();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  /** Writes with a key of its own until an answer comes, whatever happens to the server meanwhile. */
  async function write(client: Client, filename: string): Promise<string> {
    const key = randomUUID();
    for (let attempt = 0; attempt < 1_000; attempt++) {
      const order = { filename, key_wrap: "vault://kms/key/1" };
      const answer = await client.post("/documents", order, { "idempotency-key": key }).catch(() => null);
      if (answer?.status === 201) return String(answer.body.document_id);
      // The server is being started anew; nothing tells a client when.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("no answer came");
  }

  async function writeAll(client: Client): Promise<string[]> {
    const ids = Array.from({ length: WRITERS }, async (_, writer) => {
      const made: string[] = [];
      for (let number = 0; number < WRITES_EACH; number++) made.push(await write(client, `${writer}-${number}.age`));
      return made;
    });
    return (await Promise.all(ids)).flat();
  }

  test("A3 SF-51 SF-55 64 writers with random delays: a reader gets each record once, in order, without a gap, across a restart", async () => {
    const client = clientOf(server.origin, server.apiKey);
    const events: ServerSentEvent[] = [];
    const size = { wanted: Number.POSITIVE_INFINITY };
    let lastEventId = "";
    const reading = (async () => {
      while (events.length < size.wanted) {
        const isDone = (came: readonly ServerSentEvent[]): boolean => events.length + came.length >= size.wanted;
        const part = await follow(client, "", { lastEventId, isDone }).catch(() => null);
        if (part === null) {
          // As any reader does that lost its server: a pause, then it goes on from the last id.
          await new Promise((resolve) => setTimeout(resolve, 20));
          continue;
        }
        events.push(...part.events);
        ({ lastEventId } = part);
      }
    })();
    const writing = writeAll(client);
    await write(client, "before.age");
    await server.stop();
    server = await startServer({ dataDirectory, database, port });
    const ids = await writing;
    await allPlaced(database.superUrl);
    const tenant = "select tenant_id from platform.audit_events where action = 'secufile.createDocument' limit 1";
    const [row] = await look(
      database.superUrl,
      `select count(*)::int as size from platform.audit_leaves where tenant_id = (${tenant})`,
    );
    size.wanted = row.size;
    // One more, so that a reader that has all already sees that it is done.
    await write(client, "last.age");
    await reading;
    const indexes = events.map((event) => Number(event.id));
    assert.deepEqual(
      indexes,
      indexes.map((_index, place) => place),
    );
    for (const event of events) assert.equal(event.data.index, Number(event.id));
    // A write that the stop cut off leaves a record, too, of a failure.
    const created = events.filter(
      ({ data }) => data.action === "secufile.createDocument" && data.outcome === "success",
    );
    const seen = new Set(created.map((event) => event.data.resource.id));
    for (const id of ids) assert.ok(seen.has(id), `${id} is in the log`);
  });
});
