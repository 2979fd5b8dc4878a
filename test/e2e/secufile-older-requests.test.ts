import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createEmptyDatabase, type TestDatabase } from "../support/database.ts";
import { linkIn, openMailbox, type Mailbox } from "../support/mailbox.ts";
import { fillOlderPlace, OLDER } from "../support/older-place.ts";
import { clientOf, expected, look, type Client } from "../support/secufile-client.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { visitorOf, type Visitor } from "../support/sign-visitor.ts";

const { stored: STORED, pending: PENDING } = OLDER;

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
    const tenantId = await fillOlderPlace({ database, folder, links: { [STORED]: token, [PENDING]: pendingToken } });
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

  test("SF-20 each document with signers is a request of its own, open and with all that was known of them", async () => {
    const { data } = expected(await api.get("/signatures"), 200);
    const rowsOf: readonly Record<string, string>[] = data;
    assert.deepEqual(
      rowsOf.map((row) => [row["document_id"], row["signature_id"]?.slice(4), row["status"]]),
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
    const buckets = await look(
      database.superUrl,
      `select s.bucket = d.bucket as is_same from secufile.signatures s
         join secufile.documents d on d.tenant_id = s.tenant_id and d.id = s.document_id`,
    );
    assert.deepEqual(buckets, [{ is_same: true }, { is_same: true }]);
    const forced = await look(
      database.superUrl,
      "select relname from pg_class where relname in ('documents', 'signers', 'signatures') and not relforcerowsecurity",
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
