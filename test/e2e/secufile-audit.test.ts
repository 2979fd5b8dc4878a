import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { allPlaced, allRecords } from "../support/audit-reader.ts";
import { growLog } from "../support/log-growth.ts";
import {
  clientOf,
  expected,
  expectedProblem,
  look,
  newDocument,
  newOrganisation,
  withScopes,
  type Client,
  type Json,
} from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { readLogAt } from "../support/tlog-monitor.ts";
import { checkConsistency, readKey, rootOfLeaves } from "../support/tlog-verifier.ts";

describe("the audit log of SecuFile", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let client: Client;
  before(async () => {
    server = await startTestServer();
    client = clientOf(server.origin, server.apiKey);
  });
  after(() => server.remove());

  const placed = (): Promise<void> => allPlaced(server.database.superUrl);

  test("SF-27 the scope audit:read opens the log, no other does; an export needs audit:export as well", async () => {
    const reader = await withScopes(client, ["audit:read"]);
    const other = await withScopes(client, ["documents:read", "audit:export"]);
    const exporter = await withScopes(client, ["audit:read", "audit:export"]);
    for (const path of ["/audit", "/v1/audit", "/audit/streams", "/audit/log/key"]) {
      expected(await reader.get(path), 200);
      expectedProblem(await other.get(path), 403, "insufficient_scope");
    }
    expectedProblem(await reader.get("/audit/export"), 403, "insufficient_scope");
    expectedProblem(await other.get("/audit/export"), 403, "insufficient_scope");
    expected(await exporter.get("/audit/export"), 200);
  });

  test("SF-51 every request is in the log, in one order without gaps, with who, what, when, from where, and what came of it", async () => {
    const organisation = await newOrganisation(server);
    const id = await newDocument(organisation, { bucket: "deeds" });
    expected(await organisation.get(`/documents/${id}`), 200);
    expectedProblem(await organisation.get("/documents/doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"), 404, "document_not_found");
    await placed();
    const records = await allRecords(organisation);
    assert.deepEqual(
      records.map((record) => record.index),
      records.map((_record, place) => place),
    );
    const mine = records.filter((record) => String(record.action).startsWith("secufile."));
    assert.ok(mine.length >= 3);
    const created = mine.find((record) => record.action === "secufile.createDocument");
    assert.deepEqual(created.resource, { type: "document", id });
    assert.equal(created.bucket, "deeds");
    assert.equal(created.actor.type, "token");
    assert.equal(created.actor.ip, "127.0.0.1");
    assert.equal(created.outcome, "success");
    assert.match(created.leaf_hash, /^[0-9a-f]{64}$/);
    const refused = mine.find((record) => record.outcome === "failed");
    assert.equal(refused.action, "secufile.getDocument");
    assert.equal(refused.details.code, "document_not_found");
    assert.deepEqual(expected(await organisation.get(`/audit/${created.id}`), 200), created);
  });

  test("SF-51 nothing changes or deletes a record: no route, not the serving role", async () => {
    await placed();
    const [record] = await allRecords(client);
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      for (const path of ["/audit", `/audit/${record.id}`, "/audit/export"]) {
        expected(await client.call(method, path), 405);
      }
    }
    for (const statement of ["update platform.audit_events set outcome = 'x'", "delete from platform.audit_leaves"]) {
      await assert.rejects(look(server.database.url, statement), /permission denied|append-only/);
      await assert.rejects(look(server.database.superUrl, statement), /append-only/);
    }
  });

  test("SF-51 another organisation's records are not seen, not even that there are some", async () => {
    const organisation = await newOrganisation(server);
    await placed();
    const [record] = await allRecords(client);
    expectedProblem(await organisation.get(`/audit/${record.id}`), 404, "audit_record_not_found");
    const theirs = await allRecords(organisation);
    assert.ok(theirs.every((each) => each.id !== record.id));
  });

  test("SF-51 pages and both orders give each record once", async () => {
    await Promise.all(Array.from({ length: 30 }, () => newDocument(client)));
    await placed();
    const up = await allRecords(client, "&to=2099-01-01T00:00:00Z");
    const newest = expected(await client.get("/audit?order=desc&limit=7"), 200);
    assert.equal(newest.data.length, 7);
    const older = expected(await client.get(`/audit?order=desc&limit=7&cursor=${newest.next_cursor}`), 200);
    const indexes = [...newest.data, ...older.data].map((record: Json) => record.index);
    assert.deepEqual(
      indexes,
      indexes.map((_index, place) => indexes[0] - place),
    );
    assert.deepEqual(
      up.map((record) => record.index),
      up.map((_record, place) => place),
    );
  });

  test("by tiles alone: two full ones, one of the level above, every entry, and a later log that begins with the earlier one", async () => {
    const organisation = await newOrganisation(server);
    const own = readKey(expected(await organisation.get("/audit/log/key"), 200).audit[0]);
    const { superUrl } = server.database;
    const [{ tenant_id: tenantId }] = await look(
      superUrl,
      "select tenant_id from platform.audit_events where action = 'secufile.getAuditKeys' order by id desc limit 1",
    );
    const grown = async (prefix: string) => {
      await growLog(server.database, tenantId, 300);
      return readLogAt(organisation, prefix, own);
    };
    const earlier = await grown("/audit/log");
    const later = await grown("/v1/audit/log");
    const [from, to] = [earlier.checkpoint.size, later.checkpoint.size];
    assert.ok(from > 256 && from < 512 && to > 600 && to < 700, "one full tile, then two, each a hash of level 1");
    assert.deepEqual(rootOfLeaves(later.leaves.slice(0, from)), earlier.checkpoint.root);
    const { path } = expected(await organisation.get(`/audit/log/consistency?from=${from}&to=${to}`), 200);
    checkConsistency(earlier.checkpoint, later.checkpoint, path);
    const records: Json[] = expected(await organisation.get(`/audit?limit=500&cursor=${to - 401}`), 200).data;
    assert.deepEqual(
      records.slice(0, 400).map((record) => record.leaf_hash),
      later.leaves.slice(-400).map((leaf) => leaf.toString("hex")),
    );
    // What monitors ask for while a log grows: partial tiles stay, and no tile is there before it is full.
    const [full, cut] = await Promise.all(
      ["000", "000.p/255"].map((tile) => organisation.get(`/audit/log/tile/0/${tile}`)),
    );
    assert.deepEqual(full?.bytes.subarray(0, 255 * 32), cut?.bytes);
    for (const tile of ["0/002", "1/000", "2/000.p/1"])
      expectedProblem(await organisation.get(`/audit/log/tile/${tile}`), 404, "audit_tile_not_found");
    const flip = `update platform.log_tiles set hashes = set_byte(hashes, 4000, get_byte(hashes, 4000) # 1)
      where tenant_id = $1 and level = 0 and tile_index = 1`;
    await look(superUrl, flip, [tenantId]);
    await assert.rejects(readLogAt(organisation, "/audit/log", own), /tile 0\/1 is not what stands below it/);
  });

  test("what is done has a signed checkpoint soon, by the server's own times", async () => {
    const writer = await withScopes(client, ["documents:write"]);
    const made = [await newDocument(writer), await newDocument(writer)];
    await allPlaced(server.database.superUrl);
    const rows: { seconds: number; resource_id: string }[] = await look(
      server.database.superUrl,
      `select e.resource_id, extract(epoch from signed.at - e.at)::float as seconds
         from platform.audit_events e
         join platform.audit_leaves l on l.tenant_id = e.tenant_id and l.event_id = e.id
         join lateral (select min(c.signed_at) as at from platform.log_checkpoints c
                        where c.tenant_id = e.tenant_id and c.log = 'audit' and c.size > l.index) signed on true
        where e.action = 'secufile.createDocument' and e.actor_type = 'token' and e.actor_id = $1`,
      [writer.tokenId],
    );
    assert.deepEqual(rows.map((row) => row.resource_id).toSorted(), made.toSorted());
    // A second is meant, and held by the sequencer's own test; a busy machine is no failure.
    for (const { seconds } of rows) assert.ok(seconds < 10, `${seconds} s`);
  });

  test("SF-52 by user: the id of the token that acted", async () => {
    const writer = await withScopes(client, ["documents:write"]);
    await newDocument(writer);
    await placed();
    const found = await allRecords(client, `&user=${writer.tokenId}`);
    assert.deepEqual(
      found.map((record) => [record.action, record.actor.id]),
      [["secufile.createDocument", writer.tokenId]],
    );
    assert.deepEqual(await allRecords(client, "&user=nobody@example.org"), []);
  });

  test("SF-53 by bucket", async () => {
    const bucket = `deeds-${randomUUID()}`;
    await newDocument(client, { bucket });
    await newDocument(client);
    await placed();
    const found = await allRecords(client, `&bucket=${bucket}`);
    assert.ok(found.length > 0);
    for (const record of found) assert.equal(record.bucket, bucket);
    assert.equal(found[0].action, "secufile.createDocument");
  });

  test("SF-54 by action, exactly or by its beginning", async () => {
    await newDocument(client);
    await placed();
    const exact = await allRecords(client, "&action=secufile.createDocument");
    assert.ok(exact.length > 0);
    for (const record of exact) assert.equal(record.action, "secufile.createDocument");
    const all = await allRecords(client, "&action=secufile.*");
    assert.ok(all.length > exact.length);
    for (const record of all) assert.match(record.action, /^secufile\./);
    expectedProblem(await client.get("/audit?action=%25"), 422, "validation_failed");
  });

  test("by resource, outcome and time", async () => {
    const id = await newDocument(client);
    expectedProblem(await client.get("/documents/doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"), 404, "document_not_found");
    await placed();
    for (const resource of [id, `document:${id}`]) {
      const found = await allRecords(client, `&resource=${resource}`);
      assert.deepEqual(
        found.map((record) => record.resource),
        [{ type: "document", id }],
      );
    }
    assert.deepEqual(await allRecords(client, `&resource=token:${id}`), []);
    const failed = await allRecords(client, "&outcome=failed");
    assert.ok(failed.length > 0);
    for (const record of failed) assert.equal(record.outcome, "failed");
    assert.deepEqual(await allRecords(client, "&to=2020-01-01T00:00:00Z"), []);
    assert.deepEqual(await allRecords(client, "&from=2099-01-01T00:00:00Z"), []);
    expectedProblem(await client.get("/audit?from=yesterday"), 422, "validation_failed");
  });

  test("a record tells when it happened in UTC, as the database holds it; from is the first instant, to the one after the last", async () => {
    const earliest = Date.now();
    const id = await newDocument(client);
    const latest = Date.now();
    await placed();
    const [record] = await allRecords(client, `&resource=${id}`);
    assert.match(record.at, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
    const at = Date.parse(record.at);
    assert.ok(at >= earliest && at <= latest, `${record.at} lies outside of the request`);
    const rows: { at: Date; said: string; exact: string }[] = await look(
      server.database.superUrl,
      `select at, event::json ->> 'at' as said, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') as exact
         from platform.audit_events where id = $1`,
      [record.id],
    );
    assert.deepEqual(rows, [
      { at: new Date(at), said: record.at, exact: new Date(at).toISOString().replace("Z", "000") },
    ]);
    const later = new Date(at + 1).toISOString();
    const counts: Readonly<Record<string, number>> = {
      [`from=${record.at}`]: 1,
      [`from=${later}`]: 0,
      [`to=${record.at}`]: 0,
      [`to=${later}`]: 1,
      [`from=${record.at}&to=${later}&bucket=default&action=secufile.createDocument`]: 1,
    };
    for (const [query, count] of Object.entries(counts))
      assert.equal((await allRecords(client, `&resource=document:${id}&${query}`)).length, count, query);
    for (const elsewhere of ["2026-11-22T09:30:00%2B01:00", "2026-11-22T09:30:00", "2026-11-31T09:30:00Z"])
      expectedProblem(await client.get(`/audit?from=${elsewhere}`), 422, "validation_failed");
  });

  test("the server's own log is read by its operator alone", async () => {
    const operator = clientOf(server.origin, server.operatorToken);
    expected(await operator.get("/v1/tenants"), 200);
    await placed();
    const data: Json[] = expected(
      await operator.get("/v1/platform/audit?action=platform.listTenants&limit=500"),
      200,
    ).data;
    assert.ok(data.length > 0);
    assert.equal(data.at(-1).actor.type, "operator");
    expected(await operator.get(`/v1/platform/audit/${data.at(-1).id}`), 200);
    assert.equal((await client.get("/v1/platform/audit")).status, 401);
  });

  test("a followed log ends when its token is revoked, and a token holds only so many", async () => {
    const follower = await withScopes(client, ["audit:read", "audit:export"]);
    const url = `${server.origin}/v1/audit/export?follow=true`;
    const headers = { authorization: `Bearer ${follower.token}` };
    const open: Response[] = [];
    for (let place = 0; place < 4; place++) open.push(await fetch(url, { headers }));
    for (const answer of open) assert.equal(answer.status, 200);
    expectedProblem(await follower.get("/audit/export?follow=true"), 429, "audit_followers_exceeded");
    expected(await client.call("DELETE", `/tokens/${follower.tokenId}`), 204);
    // Each has an end.
    await Promise.all(open.map((answer) => answer.text()));
  });
});
