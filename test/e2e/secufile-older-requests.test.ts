import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { migrate } from "../../src/platform/db/migrate.ts";
import { sql } from "../../src/platform/db/sql.ts";
import { createKeyring, SERVER_TENANT, type Keyring } from "../../src/platform/keys/keyring.ts";
import { writeRootKey } from "../../src/platform/keys/root-key.ts";
import { platformMigrations } from "../../src/platform/platform-migrations.ts";
import { createTenant } from "../../src/platform/tenants/operations.ts";
import { APP_ROLE, newRootKey } from "../support/backup-place.ts";
import { createEmptyDatabase, openDatabase, testLog, type TestDatabase } from "../support/database.ts";
import { linkIn, openMailbox, type Mailbox } from "../support/mailbox.ts";
import { clientOf, expected, look, type Client } from "../support/secufile-client.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { visitorOf, type Visitor } from "../support/sign-visitor.ts";

const SHIPPED = new URL("../../src/products/secufile/migrations/0001_documents.sql", import.meta.url);
const STORED = "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F";
const PENDING = "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0G";
const WITHOUT_SIGNERS = "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0H";

describe("requests that were made before there was a table for them", () => {
  let folder: string;
  let mailbox: Mailbox;
  let database: TestDatabase;
  let server: TestServer;
  let visitor: Visitor;
  let api: Client;
  const token = randomBytes(32).toString("base64url");
  const pendingToken = randomBytes(32).toString("base64url");

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tabellion-older-"));
    mailbox = await openMailbox();
    database = await createEmptyDatabase();
    const tenantId = await fillOlder();
    server = await startServer({ dataDirectory: join(folder, "data"), database, env: mailbox.env });
    visitor = visitorOf(server.origin);
    const operator = clientOf(server.origin, server.operatorToken);
    const made = expected(await operator.post(`/v1/tenants/${tenantId}/secufile-tokens`, { name: "first" }), 201);
    api = clientOf(server.origin, made.token);
  });
  after(async () => {
    await server.stop();
    await mailbox.close();
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });

  /** A place as the version before left it: its schema, its keys, an organisation with documents, signers and links. */
  async function fillOlder(): Promise<string> {
    const older = join(folder, "older");
    await mkdir(older);
    await mkdir(join(folder, "data"));
    await copyFile(SHIPPED, join(older, "0001_documents.sql"));
    await migrate({
      ownerUrl: database.ownerUrl,
      appRole: APP_ROLE,
      folders: [...platformMigrations, { area: "secufile", folder: pathToFileURL(`${older}/`) }],
      log: testLog,
    });
    const root = newRootKey();
    await writeRootKey(join(folder, "data"), root);
    const db = openDatabase(database, 2);
    try {
      const keyring = await createKeyring({ db, root });
      const { id: tenantId } = await db.tenant(SERVER_TENANT, (tx) =>
        createTenant(tx, keyring, { name: "Étude ancienne", isDemo: false, now: new Date() }),
      );
      await db.tenant(tenantId, async (tx) => {
        for (const id of [STORED, PENDING, WITHOUT_SIGNERS]) {
          const isStored = id === STORED;
          await tx.run(sql`insert into secufile.documents (tenant_id, id, filename, content_type, bucket, object_key, status,
              blob_ref, sha256, size_bytes, key_wrap, metadata, is_live, created_by, created_at)
            values (${tenantId}, ${id}, ${`${id}.pdf`}, 'application/pdf', 'default', ${id}, ${isStored ? "stored" : "pending"},
              ${isStored ? "blob" : null}, ${isStored ? randomBytes(32) : null}, ${isStored ? 7 : null}, 'k', '{}', true, 'crd_1',
              '2026-01-02T03:04:05Z')`);
        }
        for (const id of [STORED, PENDING]) {
          await tx.run(sql`insert into secufile.signers (tenant_id, document_id, position, email, role, name, signing_order, phone)
            values (${tenantId}, ${id}, 1, ${`first-${id}@example.com`}, 'buyer', 'Ève', 1, '+33612345678'),
                   (${tenantId}, ${id}, 50, ${`second-${id}@example.com`}, 'seller', null, 2, null)`);
        }
        await addLink(tx, keyring, { token, tenantId, id: STORED });
        await addLink(tx, keyring, { token: pendingToken, tenantId, id: PENDING });
      });
      return tenantId;
    } finally {
      await db.close();
    }
  }

  type Tx = Parameters<Parameters<ReturnType<typeof openDatabase>["tenant"]>[1]>[0];
  async function addLink(tx: Tx, keyring: Keyring, of: { token: string; tenantId: string; id: string }): Promise<void> {
    await tx.run(sql`insert into secufile.sign_links (token_mac, tenant_id, document_id, created_at)
      values (${keyring.mac("link-tokens", of.token)}, ${of.tenantId}, ${of.id}, now())`);
  }

  test("SF-20 each document with signers is a request of its own, open and with all that was known of them", async () => {
    const { data } = expected(await api.get("/signatures"), 200);
    assert.deepEqual(
      data.map((row: { document_id: string; signature_id: string; status: string }) => [
        row.document_id,
        row.signature_id.slice(4),
        row.status,
      ]),
      [STORED, PENDING].map((id) => [id, id.slice(4), "pending"]),
    );
    const [first, second] = data[0].signers;
    assert.deepEqual(
      [first.email, first.role, first.name, first.order, first.phone, first.state],
      [`first-${STORED}@example.com`, "buyer", "Ève", 1, "+33612345678", "waiting"],
    );
    assert.match(second.signer_id, /^sgn_[0-9A-Z]{26}$/);
    const rows = await look(database.superUrl, "select count(*)::int as n from secufile.signature_signers");
    assert.equal(rows[0].n, 4);
    const forced = await look(
      database.superUrl,
      "select relname from pg_class where relname in ('documents', 'signers') and not relforcerowsecurity",
    );
    assert.deepEqual(forced, [], "the wall stands again");
  });

  test("SF-20 its old link shows it, gets the first signer a link, and both sign to the end", async () => {
    const shown = await visitor.look(`/sign/${token}`);
    assert.equal(shown.status, 200);
    assert.match(shown.text, /Étude ancienne[\s\S]*Ève/);
    for (const who of ["first", "second"]) {
      const email = `${who}-${STORED}@example.com`;
      if (who === "first") await visitor.send(`/sign/${token}`, { act: "ask", email });
      const path = linkIn(await mailbox.mailTo(email));
      await visitor.send(path, { act: "open" });
      const signed = await visitor.send(path, { act: "sign", name: "Ève", consent: "yes" });
      assert.match(signed.text, /You have signed/);
    }
    const { data } = expected(await api.get(`/signatures?document_id=${STORED}`), 200);
    assert.equal(data[0].status, "completed");
    const evidence = await api.get(`/signatures/${data[0].signature_id}/evidence.json`);
    assert.equal(JSON.parse(evidence.bytes.toString()).records.length, 2);
  });

  test("SF-20 one that waits for its content writes to its signer when the content comes", async () => {
    assert.match((await visitor.look(`/sign/${pendingToken}`)).text, /has not arrived/);
    expected(await api.call("PUT", `/documents/${PENDING}/content`, { raw: "ciphertext" }), 200);
    const path = linkIn(await mailbox.mailTo(`first-${PENDING}@example.com`));
    assert.equal((await visitor.look(path)).status, 200);
    expected(await api.call("DELETE", `/documents/${PENDING}`), 204);
    assert.equal((await visitor.look(path)).status, 410);
    assert.equal((await visitor.look(`/sign/${pendingToken}`)).status, 410);
  });
});
