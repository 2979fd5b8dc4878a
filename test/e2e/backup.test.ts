import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { Webhook } from "standardwebhooks";
import {
  clientAt,
  fillOrganisation,
  fillSecondOrganisation,
  makeKeyedRequests,
  makeTokens,
  releasedKey,
  type Filled,
  type KeyedRequest,
  type Tokens,
} from "../support/backed-up-server.ts";
import { assertWhole, contentOf, listAll, seededDocument, startLoad } from "../support/document-load.ts";
import { newEmbeddedFolder, type EmbeddedFolder } from "../support/embedded-folder.ts";
import { startLocalServer, type LocalServer, type Received } from "../support/local-server.ts";
import { publishedVerify } from "../support/published-verify.ts";
import { runMain, type Ended } from "../support/run-program.ts";
import {
  clientOf,
  eventually,
  expected,
  expectedProblem,
  newDocument,
  settled,
  type Client,
} from "../support/secufile-client.ts";
import { freePort, startServer, type TestServer } from "../support/server.ts";
import { killRestore, tabellion } from "../support/tabellion-command.ts";

const PASSPHRASE = "a passphrase of the test";
const OWN_SECRET = "a-secret-of-my-own-choice";
const verify = await publishedVerify();
const FAST = { TABELLION_REQUESTS_PER_SECOND: "10000" };

const backupCommand = (folder: EmbeddedFolder, args: readonly string[], passphrase = PASSPHRASE): Promise<Ended> =>
  tabellion(["backup", ...args], { TABELLION_DATA: folder.data, TABELLION_BACKUP_PASSPHRASE: passphrase });

/** A failure that an operator is told in one line, after those that tell how far it had come. */
function assertFailed(ended: Ended, reason: RegExp): void {
  assert.equal(ended.code, 1, ended.stderr);
  assert.match(ended.stderr, reason);
  assert.match(ended.stderr, /^(?:(?:rows|blobs) [^\n]+\n)*backup: [^\n]+\n$/, "one line, no trace");
}

/** By the signature that the contract prints and by the standard one. */
function assertSigned({ headers, body }: Received, secret: string): void {
  assert.equal(verify(String(headers["x-secufile-signature"]), body, secret), true);
  const standard = secret.startsWith("whsec_") ? new Webhook(secret) : new Webhook(secret, { format: "raw" });
  standard.verify(body, {
    "webhook-id": String(headers["webhook-id"]),
    "webhook-timestamp": String(headers["webhook-timestamp"]),
    "webhook-signature": String(headers["webhook-signature"]),
  });
}

/** Names and contents of what a restore would write beside the database. */
async function fingerprint(folder: EmbeddedFolder): Promise<string> {
  const hash = createHash("sha256").update(await readFile(join(folder.data, "root.key")));
  const names = await readdir(join(folder.data, "blobs"), { recursive: true });
  return hash.update(names.toSorted().join("\n")).digest("hex");
}

describe("a backup taken under load, on an empty machine", () => {
  let scratch: string;
  let receiver: LocalServer;
  /** While it is so, the receiver answers nothing below /held. */
  let isHolding = true;
  /** How many requests came from the machine that was lost. */
  let receivedBeforeLoss = 0;
  /** The machine that is lost, the one that takes its place, and one where the restore is killed. */
  let lost: EmbeddedFolder;
  let next: EmbeddedFolder;
  let third: EmbeddedFolder;
  let server: TestServer;
  let api: Client;
  let first: Filled;
  let second: Filled;
  let tokens: Tokens;
  let operatorToken: string;
  let keyed: readonly KeyedRequest[];
  let held: {
    readonly hook: { webhook_id: string; secret: string };
    readonly stored: string;
    readonly fetched: string;
  };
  /** Documents acknowledged before the backup began and not deleted since, and those that load deleted. */
  let surviving: readonly string[];
  /** Sealed to an age recipient, without the root key. */
  let plain: string;
  let toRecipient: readonly string[];
  let byIdentity: readonly string[];
  /** Sealed with the passphrase, and the root key in it. */
  let withKey: string;

  const answerReceived = ({ path, method }: Received, response: ServerResponse): void => {
    if (path.startsWith("/held") && isHolding) return;
    response.end(method === "GET" ? contentOf("fetched", 70_000) : "");
  };

  /** Work that is under way when the backup is taken: a delivery that hangs and a download that hangs. */
  async function hold(client: Client): Promise<typeof held> {
    const order = { url: `${receiver.url}/held`, events: ["object.uploaded"] };
    const hook = expected(await client.post("/webhooks", order), 201);
    const stored = await seededDocument(client, { seed: "held", sizeBytes: 10 });
    const metadata = { seed: "fetched", size: "70000" };
    const fetched = await newDocument(client, { ciphertext_url: `${receiver.url}/held-content`, metadata });
    await receiver.waitFor(({ path, body }) => path === "/held" && body.includes(stored));
    await receiver.waitFor(({ path }) => path === "/held-content");
    return { hook, stored, fetched };
  }

  async function fillLost(): Promise<void> {
    server = await startServer({ dataDirectory: lost.data, env: FAST });
    api = clientOf(server.origin, server.apiKey);
    const hook = `${receiver.url}/first`;
    first = await fillOrganisation(api, "first", { documents: 45, hook, secret: OWN_SECRET });
    second = await fillSecondOrganisation(server, { documents: 15, hook: `${receiver.url}/second` });
    tokens = await makeTokens(api);
    operatorToken = server.operatorToken;
    keyed = await makeKeyedRequests(api, first);
  }

  /** Two backups at once, without and with the root key, while writers write. */
  async function backUpUnderLoad(): Promise<string> {
    const doomed = await Promise.all(
      Array.from({ length: 12 }, (_, index) => seededDocument(api, { seed: `doomed-${index}`, sizeBytes: 30_000 })),
    );
    held = await hold(clientOf(server.origin, second.token));
    const load = startLoad(api, doomed);
    await eventually("the load is under way", async () => (load.acknowledged() >= 20 ? true : null));
    const keptAtStart = load.kept();
    const atStart = load.acknowledged();
    const made = await Promise.all([
      backupCommand(lost, ["create", plain, ...toRecipient]),
      backupCommand(lost, ["create", withKey, "--with-root-key"]),
    ]);
    const meanwhile = load.acknowledged() - atStart;
    const stillKept = new Set(load.kept());
    await load.stop();
    for (const { code, stderr } of made) assert.equal(code, 0, stderr);
    assert.match(made[0].stderr, /to restore it, keep root\.key \(generation 1, fingerprint [0-9a-f]{16}\)/);
    assert.ok(meanwhile > 20, `${meanwhile} uploads were acknowledged during the backup`);
    surviving = keptAtStart.filter((id) => stillKept.has(id));
    return `${keptAtStart.length} documents of load before, ${meanwhile} uploads during the backup`;
  }

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "tabellion-backups-"));
    plain = join(scratch, "plain.backup");
    withKey = join(scratch, "with-key.backup");
    const identity = await generateX25519Identity();
    await writeFile(join(scratch, "identity"), `${identity}\n`);
    toRecipient = ["--recipient", await identityToRecipient(identity)];
    byIdentity = ["--identity-file", join(scratch, "identity")];
    receiver = await startLocalServer(answerReceived);
    [lost, next, third] = await Promise.all([newEmbeddedFolder(), newEmbeddedFolder(), newEmbeddedFolder()]);
    await fillLost();
  });
  after(async () => {
    await server.stop();
    await receiver.close();
    await Promise.all([lost, next, third].map((folder) => folder.remove()));
    await rm(scratch, { recursive: true, force: true });
  });

  /** Asserts that every document of `client` that has content has the right one; answers how many there are. */
  async function assertAllWhole(client: Client): Promise<ReadonlySet<string>> {
    const documents = await listAll(client, "/documents");
    for (const document of documents) await assertWhole(client, document);
    return new Set(documents.map((document) => document.document_id));
  }

  /** The next upload comes to the webhook, signed with the secret of before; answers its number. */
  async function deliveredSeq(client: Client, filled: Filled, path: string): Promise<number> {
    const id = await seededDocument(client, { seed: `after${path}`, sizeBytes: 100 });
    const delivery = await receiver.waitFor((request) => request.path === path && request.body.includes(id));
    assertSigned(delivery, filled.webhook.secret);
    return JSON.parse(delivery.body.toString()).seq;
  }

  test("backups are made while clients write, and nobody is refused meanwhile", async (t) => {
    t.diagnostic(await backUpUnderLoad());
  });

  test("verify reads a whole backup and tries every key of the tenants", async () => {
    const verified = await backupCommand(lost, ["verify", plain, ...byIdentity]);
    assert.equal(verified.code, 0, verified.stderr);
    assert.match(verified.stderr, /^backup: sound: .* without root key; the root key opens all 3 keys$/m);
  });

  test("the machine is lost; on an empty one root.key and the backup are all that a restore needs", async () => {
    await server.kill();
    receivedBeforeLoss = receiver.received.length;
    process.kill(await lost.postgresPid(), "SIGKILL");
    const withoutKey = await backupCommand(next, ["restore", plain, ...byIdentity]);
    assertFailed(withoutKey, /put root\.key of generation 1 .* into the data folder/);
    await copyFile(join(lost.data, "root.key"), join(next.data, "root.key"));
    const restored = await backupCommand(next, ["restore", plain, ...byIdentity]);
    assert.equal(restored.code, 0, restored.stderr);
    assert.match(restored.stderr, /^backup: restored bak_/m);
    isHolding = false;
    server = await startServer({ dataDirectory: next.data, env: FAST });
    api = clientOf(server.origin, first.token);
  });

  test("every document that was acknowledged is there with its bytes, metadata and wrapped key", async () => {
    const ids = await assertAllWhole(api);
    for (const known of first.documents) {
      assert.deepEqual(expected(await api.get(`/documents/${known.document_id}`), 200), known);
    }
    const missing = surviving.filter((id) => !ids.has(id));
    assert.deepEqual(missing, []);
    assert.ok(surviving.length > 0);
  });

  test("keys are released as before, and the key service wraps on", async () => {
    const releaser = clientAt(server, tokens.releaser);
    for (const [id, dataKey] of first.dataKeys) assert.equal(await releasedKey(releaser, id), dataKey);
    assert.deepEqual(expected(await api.get(`/kms/keys/${first.kmsKey.key_id}`), 200), first.kmsKey);
    expected(await api.post(`/kms/keys/${first.kmsKey.key_id}/data-key`), 201);
  });

  test("tokens open what they opened and nothing more; a revoked one stays revoked", async () => {
    const path = `/documents/${first.documents[0]?.document_id}`;
    for (const token of [tokens.reader, tokens.rotated, tokens.successor]) {
      const client = clientAt(server, token);
      expected(await client.get(path), 200);
      expectedProblem(await client.post("/documents", { filename: "a", key_wrap: "k" }), 403, "insufficient_scope");
    }
    expectedProblem(await clientAt(server, tokens.writer).get(path), 403, "insufficient_scope");
    await newDocument(clientAt(server, tokens.writer));
    expectedProblem(await clientAt(server, tokens.elsewhere).get(path), 403, "address_not_allowed");
    expectedProblem(await clientAt(server, tokens.revoked).get(path), 401, "unauthorized");
    const tenants = expected(await clientAt(server, operatorToken).get("/v1/tenants"), 200);
    assert.equal(tenants.data.length, 2);
    assert.notEqual(server.apiKey, first.token, "demo.env names a token of its own");
  });

  test("a request repeated with its Idempotency-Key gets the answer of the lost machine", async () => {
    for (const { path, body, key, answer } of keyed) {
      const replay = await api.post(path, body, { "idempotency-key": key });
      assert.equal(replay.headers.get("idempotent-replayed"), "true");
      assert.equal(replay.status, answer.status);
      assert.deepEqual(replay.bytes, answer.bytes);
    }
  });

  test("a delivery and a download that were under way are taken up again", async () => {
    const client = clientAt(server, second.token);
    const isHeld = ({ path, body }: Received): boolean => path === "/held" && body.includes(held.stored);
    const earlier = await receiver.waitFor(isHeld);
    const again = await eventually("the new machine delivers it", async () => {
      return receiver.received.slice(receivedBeforeLoss).find(isHeld) ?? null;
    });
    assert.deepEqual(again.body, earlier.body);
    assert.equal(again.headers["webhook-id"], earlier.headers["webhook-id"]);
    assertSigned(again, held.hook.secret);
    assert.ok(await assertWhole(client, await settled(client, held.fetched)));
  });

  test("webhooks sign with the secrets of before, and their numbers go on without gap or repetition", async () => {
    const client = clientAt(server, second.token);
    const isFetched = ({ path, body }: Received): boolean => path === "/second" && body.includes(held.fetched);
    await receiver.waitFor(isFetched);
    // Its documents, the one held up and the one fetched since.
    assert.equal(await deliveredSeq(client, second, "/second"), second.documents.length + 3);
    const last = await deliveredSeq(api, first, "/first");
    const deliveries = await listAll(api, `/webhooks/${first.webhook.webhook_id}/deliveries`);
    const numbers = deliveries.map((delivery) => Number(delivery.seq)).toSorted((a, b) => a - b);
    assert.deepEqual(
      numbers,
      [...numbers.keys()].map((index) => index + 1),
    );
    assert.equal(last, numbers.at(-1));
  });

  test("the second organisation has its own documents and sees no others", async () => {
    const client = clientAt(server, second.token);
    const ids = await assertAllWhole(client);
    for (const known of second.documents) {
      assert.deepEqual(expected(await client.get(`/documents/${known.document_id}`), 200), known);
    }
    for (const [id, dataKey] of second.dataKeys) assert.equal(await releasedKey(client, id), dataKey);
    for (const { document_id: id } of first.documents) assert.equal(ids.has(id), false);
    const foreign = `/documents/${first.documents[0]?.document_id}`;
    for (const path of [foreign, `${foreign}/content`]) {
      expectedProblem(await client.get(path), 404, "document_not_found");
    }
    assert.equal((await listAll(client, "/webhooks")).length, 2);
  });

  test("a wrong passphrase ends with 1 and one line", async () => {
    assertFailed(
      await backupCommand(next, ["restore", withKey], "another passphrase"),
      /the passphrase does not open this backup/,
    );
  });

  test("a restore where a server has data is refused in one line and changes nothing", async () => {
    const earlier = { files: await fingerprint(next), documents: await listAll(api, "/documents") };
    assertFailed(
      await backupCommand(next, ["restore", plain, ...byIdentity]),
      /there is data here already, in .*; nothing was changed/,
    );
    assert.equal(await server.stop(), 0);
    assertFailed(
      await backupCommand(next, ["restore", withKey]),
      /there is data here already, in .*; nothing was changed/,
    );
    server = await startServer({ dataDirectory: next.data, env: FAST });
    api = clientOf(server.origin, first.token);
    assert.deepEqual({ files: await fingerprint(next), documents: await listAll(api, "/documents") }, earlier);
  });

  test("a restore killed half-way stops the start, and the same restore again makes it whole", async () => {
    assert.equal(await server.stop(), 0);
    const env = { TABELLION_DATA: third.data, TABELLION_BACKUP_PASSPHRASE: PASSPHRASE };
    await killRestore(withKey, /^blobs /m, env);
    const startEnv = { TABELLION_DATA: third.data, TABELLION_PORT: String(await freePort()) };
    const refused = await runMain(startEnv);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /^tabellion: the restore of backup bak_\w+ into this database has not finished; [^\n]+\n$/,
    );
    assertFailed(await backupCommand(third, ["create", join(scratch, "half.backup")]), /nothing to back up/);
    const restored = await backupCommand(third, ["restore", withKey]);
    assert.equal(restored.code, 0, restored.stderr);
    assert.equal((await stat(join(third.data, "root.key"))).mode & 0o777, 0o600);
    server = await startServer({ dataDirectory: third.data, env: FAST });
    const ids = await assertAllWhole(clientAt(server, first.token));
    for (const { document_id: id } of first.documents) assert.ok(ids.has(id));
  });
});
