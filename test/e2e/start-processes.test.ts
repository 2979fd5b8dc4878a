import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { until } from "../support/embedded-folder.ts";
import { runMain } from "../support/run-program.ts";
import { freePort, startServer, type TestServer } from "../support/server.ts";

type Document = { document_id: string; state?: string; status?: string };

async function call(server: TestServer, path: string, body?: object): Promise<Response> {
  return fetch(`${server.origin}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      authorization: `Bearer ${server.apiKey}`,
      ...(body === undefined ? {} : { "idempotency-key": crypto.randomUUID(), "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

describe("processes that share one database", () => {
  const running: TestServer[] = [];
  let database: TestDatabase;
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tabellion-processes-"));
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.stop()));
    await database.drop();
  });
  after(() => rm(folder, { recursive: true }));

  const start = async (role: string, name: string): Promise<TestServer> => {
    const server = await startServer({ dataDirectory: join(folder, name), database, env: { TABELLION_ROLE: role } });
    running.push(server);
    return server;
  };

  test("an api process accepts a document, and nothing is fetched until a worker starts", async () => {
    database = await createTestDatabase();
    const bytes = randomBytes(2000);
    const source = await serve(bytes);
    const api = await start("api", "split");
    const made = await call(api, "/v1/secufile/documents", {
      filename: "fetched.pdf.age",
      ciphertext_url: source.url,
      key_wrap: "vault://kms/key/01HX...",
    });
    assert.equal(made.status, 201, await made.clone().text());
    const { document_id: id } = (await made.json()) as Document;
    const content = async (): Promise<Response> => call(api, `/v1/secufile/documents/${id}/content`);
    assert.equal((await content()).status, 409);
    assert.equal(source.requests(), 0);
    await start("worker", "split");
    await until("the content is stored", async () => (await content()).status === 200);
    assert.deepEqual(Buffer.from(await (await content()).arrayBuffer()), bytes);
    source.server.close();
  });

  test("two first starts at once on one empty database both serve the same organisation", async () => {
    database = await createEmptyDatabase();
    const [first, second] = await Promise.all([start("all", "race"), start("all", "race")]);
    const made = await call(first, "/v1/secufile/documents", {
      filename: "a.age",
      key_wrap: "vault://kms/key/01HX...",
    });
    assert.equal(made.status, 201, await made.clone().text());
    const { document_id: id } = (await made.json()) as Document;
    const key = /SECUFILE_API_KEY=(\S+)/.exec(await readFile(join(folder, "race", "demo.env"), "utf8"))?.[1] ?? "";
    const seen = await call({ ...second, apiKey: key }, `/v1/secufile/documents/${id}`);
    assert.equal(seen.status, 200, await seen.clone().text());
    const answer = await fetch(`${first.origin}/v1/tenants`, {
      headers: { authorization: `Bearer ${first.operatorToken}` },
    });
    const { data } = (await answer.json()) as { data: { is_demo: boolean }[] };
    assert.deepEqual(
      data.map((tenant) => tenant.is_demo),
      [true],
    );
  });

  test("a root key of two generations moves everything to the newest, and the old one can then be removed", async () => {
    database = await createTestDatabase();
    const file = join(folder, "rotated", "root.key");
    const first = await start("all", "rotated");
    const oldKey = await readFile(file, "utf8");
    await first.stop();
    const newKey = `2:${randomBytes(32).toString("base64")}\n`;
    await appendFile(file, newKey);
    const second = await start("all", "rotated");
    assert.equal((await call(second, "/v1/secufile/documents")).status, 200);
    await second.stop();
    await writeFile(file, newKey);
    const third = await start("all", "rotated");
    assert.equal(third.apiKey, first.apiKey);
    assert.equal((await call(third, "/v1/secufile/documents")).status, 200);
    await third.stop();
    await writeFile(file, oldKey);
    const refused = await runMain({
      TABELLION_DATA: join(folder, "rotated"),
      TABELLION_PORT: String(await freePort()),
      TABELLION_LOG_LEVEL: "error",
      DATABASE_URL: database.url,
      DATABASE_OWNER_URL: database.ownerUrl,
    });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^tabellion: .*root key generation 2.*\n$/);
  });
});

/** Serves `bytes` on loopback and counts how often they are asked for. */
async function serve(bytes: Buffer): Promise<{ server: Server; url: string; requests(): number }> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    request.resume();
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes.length });
    response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return { server, url: `http://127.0.0.1:${address.port}/content`, requests: () => requests };
}
