import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { stealAnswer, proxyDatabase } from "../support/cutting-proxies.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { embeddedDatabase } from "../support/embedded-database.ts";
import { holdTable } from "../support/held-table.ts";
import { clientOf, eventually, expected, expectedProblem, look, type Answer } from "../support/secufile-client.ts";
import { startServer, type TestServer } from "../support/server.ts";

const ORDER = { key_wrap: "vault://kms/key/01HX..." };

function create(server: TestServer, key: string, filename: string): Promise<Answer> {
  const order = { ...ORDER, filename };
  return clientOf(server.origin, server.apiKey).post("/documents", order, { "idempotency-key": key });
}

/** What the creations of documents with this name have left: documents, audit rows, and waiting jobs of theirs. */
async function effects(superUrl: string, filename: string): Promise<Record<string, number>> {
  const [row] = await look(
    superUrl,
    `with made as (select id from secufile.documents where filename = $1)
     select (select count(*)::int from made) as documents,
            (select count(*)::int from platform.audit_events
              where action = 'secufile.createDocument' and resource_id in (select id from made)) as audits`,
    [filename],
  );
  return row;
}

const ONE = { documents: 1, audits: 1 };

describe("Idempotency-Key when things break off", () => {
  let database: TestDatabase;
  let dataDirectory: string;
  let server: TestServer;
  const start = (env: Record<string, string> = {}): Promise<TestServer> =>
    startServer({ dataDirectory, database, env: { TABELLION_REQUESTS_PER_SECOND: "1000", ...env } });
  before(async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), "tabellion-crash-"));
    database = await createTestDatabase();
  });
  beforeEach(async () => {
    server = await start();
  });
  after(async () => {
    await server.stop();
    await database.drop();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  const restart = async (env: Record<string, string> = {}): Promise<void> => {
    await server.stop();
    server = await start(env);
  };

  test("idempotency case 5: after a kill -9 between claim and commit the retry waits for the lease, then runs once", async () => {
    const key = randomUUID();
    const held = await holdTable(database.superUrl, "secufile.documents");
    const first = create(server, key, "killed").catch((error: unknown) => error);
    await held.waiting(1);
    await server.kill();
    await held.letGo();
    assert.ok((await first) instanceof Error);
    server = await start();
    const waiting = await create(server, key, "killed");
    expectedProblem(waiting, 409, "idempotency_key_in_flight");
    assert.match(waiting.headers.get("retry-after") ?? "", /^[1-5]$/);
    await look(
      database.superUrl,
      "update platform.idempotency_keys set lease_until = clock_timestamp() - interval '1 second' where key = $1",
      [key],
    );
    const retried = await create(server, key, "killed");
    expected(retried, 201);
    assert.equal(retried.headers.get("idempotent-replayed"), null);
    assert.deepEqual(await effects(database.superUrl, "killed"), ONE);
    await server.stop();
  });

  test("idempotency case 6: after a kill -9 between commit and answer the retry gets that very answer", async () => {
    const key = randomUUID();
    const thief = await stealAnswer(server.origin);
    const lost = create({ ...server, origin: thief.origin }, key, "unanswered").catch((error: unknown) => error);
    const stolen = (await thief.stolen).toString("latin1");
    await server.kill();
    await thief.close();
    assert.ok((await lost) instanceof Error);
    server = await start();
    const retried = await create(server, key, "unanswered");
    expected(retried, 201);
    assert.equal(retried.headers.get("idempotent-replayed"), "true");
    assert.equal(retried.bytes.toString("latin1"), stolen.slice(stolen.indexOf("\r\n\r\n") + 4));
    for (const name of ["date", "x-request-id", "content-type"]) {
      assert.match(stolen.toLowerCase(), new RegExp(`\\n${name}: ${retried.headers.get(name)?.toLowerCase()}\r\n`));
    }
    assert.deepEqual(await effects(database.superUrl, "unanswered"), ONE);
    await server.stop();
  });

  test("idempotency case 9: when the connection breaks after COMMIT was sent the retry replays, one effect", async () => {
    const proxy = await proxyDatabase(database.url);
    await restart({ DATABASE_URL: proxy.through(database.url), DATABASE_OWNER_URL: database.ownerUrl });
    for (const attempt of [1, 2, 3]) {
      const key = randomUUID();
      const cut = proxy.armFor("unacknowledged");
      const broken = await create(server, key, `unacknowledged ${attempt}`);
      await cut;
      expectedProblem(broken, 503, "unavailable");
      const retried = await create(server, key, `unacknowledged ${attempt}`);
      expected(retried, 201);
      assert.equal(retried.headers.get("idempotent-replayed"), "true");
      assert.deepEqual(await effects(database.superUrl, `unacknowledged ${attempt}`), ONE);
    }
    await server.stop();
    await proxy.close();
  });

  test("idempotency case 14: a server whose clock is two hours ahead or behind still replays", async () => {
    const key = randomUUID();
    const first = await create(server, key, "clocks");
    for (const hours of [2, -2]) {
      await restart({ TABELLION_TEST_CLOCK_OFFSET_MS: String(hours * 3_600_000) });
      const replayed = await create(server, key, "clocks");
      assert.equal(replayed.headers.get("idempotent-replayed"), "true");
      assert.deepEqual(replayed.bytes, first.bytes);
      const key2 = randomUUID();
      const made = expected(await create(server, key2, `clocks ${hours}`), 201);
      assert.equal(expected(await create(server, key2, `clocks ${hours}`), 201).document_id, made.document_id);
    }
    assert.deepEqual(await effects(database.superUrl, "clocks"), ONE);
    await server.stop();
  });

  test("with 5 of 100 commits failing, each of 300 acknowledged creations is there once, with one audit row", async () => {
    await restart({ TABELLION_TEST_COMMIT_FAULTS: "5" });
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, number) => create(server, randomUUID(), `faulty ${number}`)),
    );
    const ids = answers.map((answer) => expected(answer, 201).document_id);
    const rows = await look(
      database.superUrl,
      `select d.id, count(a.id)::int as audits
         from secufile.documents d
         left join platform.audit_events a on a.resource_id = d.id and a.action = 'secufile.createDocument'
        where d.filename like 'faulty %' group by d.id`,
    );
    assert.equal(rows.length, ids.length);
    assert.deepEqual(new Set(rows.map((row) => row.id)), new Set(ids));
    assert.ok(rows.every((row) => row.audits === 1));
    const [left] = await look(
      database.superUrl,
      "select count(*)::int as running from platform.idempotency_keys where state = 'running'",
    );
    assert.equal(left.running, 0);
    await server.stop();
  });

  test("idempotency case 17: no case above has left an effect twice (no product charges; documents, audit rows, keys counted)", async () => {
    const [counts] = await look(
      database.superUrl,
      `select (select count(*)::int from secufile.documents) as documents,
              (select count(distinct filename)::int from secufile.documents) as names,
              (select count(*)::int from platform.audit_events where action = 'secufile.createDocument' and resource_type = 'document') as audits,
              (select count(*)::int from platform.idempotency_keys where state = 'done') as answers`,
    );
    assert.ok(counts.documents > 300);
    assert.deepEqual(new Set(Object.values(counts)), new Set([counts.documents]));
  });
});

describe("Idempotency-Key on the embedded database", () => {
  let dataDirectory: string;
  let server: TestServer;
  before(async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), "tabellion-embedded-"));
    await chmod(dataDirectory, 0o711); // else root's PostgreSQL lives elsewhere, and stays there
    server = await startServer({ dataDirectory });
  });
  after(async () => {
    await server.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  test("idempotency case 5: after a kill -9 a server that has the database to itself runs the retry at once", async () => {
    const key = randomUUID();
    const { superUrl } = await embeddedDatabase(dataDirectory);
    const held = await holdTable(superUrl, "secufile.documents");
    const operator = clientOf(server.origin, server.operatorToken);
    const first = create(server, key, "alone").catch((error: unknown) => error);
    await held.waiting(1);
    // The operator's keys stand behind the server's own wall, which is no organisation's.
    const heldTenants = await holdTable(superUrl, "platform.tenants");
    const tenantKey = { "idempotency-key": randomUUID() };
    const second = operator.post("/v1/tenants", { name: "alone" }, tenantKey).catch((error: unknown) => error);
    await heldTenants.waiting(1);
    await server.kill();
    assert.ok((await first) instanceof Error);
    assert.ok((await second) instanceof Error);
    server = await startServer({ dataDirectory });
    await Promise.all([held.letGo(), heldTenants.letGo()]);
    const retried = await create(server, key, "alone");
    expected(retried, 201);
    assert.equal(retried.headers.get("idempotent-replayed"), null);
    expected(
      await clientOf(server.origin, server.operatorToken).post("/v1/tenants", { name: "alone" }, tenantKey),
      201,
    );
    assert.deepEqual(await effects((await embeddedDatabase(dataDirectory)).superUrl, "alone"), ONE);
  });

  test("idempotency case 8: PostgreSQL is killed in the middle of a request; the retry runs once, when it is back", async () => {
    const key = randomUUID();
    const { superUrl, pid } = await embeddedDatabase(dataDirectory);
    const held = await holdTable(superUrl, "secufile.documents");
    const first = create(server, key, "restarted");
    await held.waiting(1);
    process.kill(pid, "SIGKILL");
    const broken = await first;
    await held.letGo();
    // The lock goes with its holder: a writer that wakes before it knows of the kill may still commit.
    if (broken.status !== 201) expectedProblem(broken, 503, "unavailable");
    const retried = await eventually("the retry is carried out", async () => {
      const answer = await create(server, key, "restarted");
      return answer.status === 201 ? answer : null;
    });
    if (broken.status === 201) assert.deepEqual(retried.bytes, broken.bytes);
    assert.deepEqual(await effects((await embeddedDatabase(dataDirectory)).superUrl, "restarted"), ONE);
  });
});
