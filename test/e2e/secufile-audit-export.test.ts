import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ExportError, verifyExport } from "../../cli/audit-proofs/export-file.ts";
import { allPlaced } from "../support/audit-reader.ts";
import { exportFaults, type Fault } from "../support/export-faults.ts";
import {
  clientOf,
  eventually,
  expected,
  expectedProblem,
  newDocument,
  type Client,
} from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { tabellion } from "../support/tabellion-command.ts";
import {
  checkConsistency,
  checkProof,
  hashOfLeaf,
  readBundle,
  readCheckpoint,
  readKey,
  rootOfLeaves,
} from "../support/tlog-verifier.ts";

const MUTATIONS = 3_000;

type LogKeys = {
  readonly audit: readonly string[];
  readonly top: readonly string[];
  readonly validity: { readonly audit: readonly { key: string; signs_until: string | null }[] };
};

/** Numbers that look random and are the same in every run: the generator that ANSI C gives as an example. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = Number((BigInt(state) * 1_103_515_245n + 12_345n) % 2_147_483_648n);
    // Its low bits repeat soon.
    return Math.floor(state / 64) % below;
  };
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

describe("exports of the audit log", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let client: Client;
  let folder: string;
  before(async () => {
    server = await startTestServer();
    client = clientOf(server.origin, server.apiKey);
    folder = await mkdtemp(join(tmpdir(), "tabellion-export-"));
    await Promise.all(
      Array.from({ length: 40 }, (_, number) => newDocument(client, { bucket: `bucket-${number % 4}` })),
    );
  });
  after(async () => {
    await server.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const command = (args: readonly string[]) =>
    tabellion(args, { SECUFILE_URL: server.origin, SECUFILE_API_KEY: server.apiKey });

  async function proved(query = ""): Promise<Buffer> {
    await allPlaced(server.database.superUrl);
    // A checkpoint over the last record may come a moment after its place.
    const answer = await eventually("the log is signed", async () => {
      const got = await client.get(`/audit/export?proofs=true${query}`);
      return got.status === 200 ? got : null;
    });
    return answer.bytes;
  }

  async function key(): Promise<string> {
    return expected(await client.get("/audit/log/key"), 200).audit[0];
  }

  test("SF-55 every format gives each record that stood in the log, with its index and leaf hash, and the same filters", async () => {
    await allPlaced(server.database.superUrl);
    const types: Readonly<Record<string, RegExp>> = {
      jsonl: /^application\/jsonl/,
      csv: /^text\/csv/,
      cef: /^text\/plain/,
      ocsf: /^application\/jsonl/,
      rfc5424: /^text\/plain/,
    };
    const native = expected(
      await client.get("/audit?limit=500&bucket=bucket-1&action=secufile.createDocument"),
      200,
    ).data;
    assert.equal(native.length, 10);
    for (const [format, type] of Object.entries(types)) {
      const answer = await client.get(`/audit/export?format=${format}&bucket=bucket-1&action=secufile.createDocument`);
      assert.equal(answer.status, 200);
      assert.match(answer.headers.get("content-type") ?? "", type);
      assert.match(answer.headers.get("content-disposition") ?? "", /^attachment; filename="audit-/);
      const lines = answer.bytes
        .toString("utf8")
        .trimEnd()
        .split(/\r?\n/)
        .slice(format === "csv" ? 1 : 0);
      assert.equal(lines.length, native.length, format);
      for (const [place, line] of lines.entries()) {
        assert.ok(line.includes(native[place].leaf_hash), `${format} has the leaf hash`);
        assert.match(line, new RegExp(`\\b${native[place].index}\\b`), `${format} has the index`);
        assert.ok(line.includes(native[place].id), `${format} has the id`);
      }
    }
    expectedProblem(await client.get("/audit/export?format=xml"), 422, "validation_failed");
    expectedProblem(await client.get("/audit/export?format=csv&proofs=true"), 422, "validation_failed");
  });

  test("SF-55 an export with proofs verifies without the server, pinned to the log's key", async () => {
    const file = join(folder, "whole.jsonl");
    await writeFile(file, await proved());
    const pinned = await command(["audit", "verify", file, "--key", await key()]);
    assert.equal(pinned.code, 0, pinned.stderr);
    assert.match(pinned.stdout, /is as the log signed it/);
    assert.equal(pinned.stderr, "");
    const trusting = await command(["audit", "verify", file, "--json"]);
    assert.equal(trusting.code, 0, trusting.stderr);
    assert.match(trusting.stderr, /trusted the key/);
    assert.equal(JSON.parse(trusting.stdout).key, await key());
    const other = (await key()).replace(/^./, (first) => (first === "x" ? "y" : "x"));
    const foreign = await command(["audit", "verify", file, "--key", other]);
    assert.equal(foreign.code, 1);
    assert.match(foreign.stderr, /DOES NOT VERIFY/);
  });

  test("SF-55 the command ends with 1 and one line that names the fault, whatever was done to the file", async () => {
    const plain = async (format: string): Promise<string> =>
      (await client.get(`/audit/export?format=${format}`)).bytes.toString("utf8");
    const faults: Fault[] = [
      ...exportFaults((await proved()).toString("utf8")),
      { what: "without proofs", text: await plain("jsonl"), said: /line 1: is not the head of an export with proofs/ },
      { what: "CSV", text: await plain("csv"), said: /line 1: is no JSON object/ },
    ];
    const pinned = await key();
    await Promise.all(
      faults.map(async ({ what, text, said }, number) => {
        const file = join(folder, `fault-${number}.jsonl`);
        await writeFile(file, text);
        // Without any server to ask.
        const ended = await tabellion(["audit", "verify", file, "--key", pinned], {});
        assert.deepEqual([ended.code, ended.stdout], [1, ""], what);
        assert.match(ended.stderr, /^tabellion: \S+ DOES NOT VERIFY: [^\n]+\n$/, what);
        assert.match(ended.stderr, said, what);
      }),
    );
  });

  test("SF-55 a filtered export verifies, and says what was asked for", async () => {
    const found = await verifyExport(once(await proved("&bucket=bucket-2")), [await key()]);
    assert.deepEqual(found.filters, { bucket: "bucket-2" });
    assert.equal(found.records, 10);
  });

  test("SF-55 any flipped bit of an export is found", async () => {
    const bytes = await proved("&bucket=bucket-3");
    const vkey = await key();
    const next = numbers(55);
    for (let mutation = 0; mutation < MUTATIONS; mutation++) {
      const at = next(bytes.length);
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << next(8));
      for (const pinned of [[vkey], []]) {
        await assert.rejects(verifyExport(once(changed), pinned), ExportError, `bit at ${at}`);
      }
    }
  });

  test("SF-55 a line that is dropped, doubled or moved, and a file that is cut off, are found", async () => {
    const bytes = await proved();
    const vkey = await key();
    await verifyExport(once(bytes), [vkey]);
    const lines = bytes.toString("utf8").split(/(?<=\n)/);
    const refused = (changed: readonly string[], what: string) =>
      assert.rejects(verifyExport(once(Buffer.from(changed.join(""))), [vkey]), ExportError, what);
    for (let place = 0; place < lines.length; place++) {
      await refused(lines.toSpliced(place, 1), `without line ${place}`);
      await refused(lines.toSpliced(place, 0, lines[place] ?? ""), `line ${place} twice`);
      const [line = "", following] = lines.slice(place, place + 2);
      if (following !== undefined) await refused(lines.toSpliced(place, 2, following, line), `line ${place} moved`);
    }
    const next = numbers(56);
    for (let cut = 0; cut < 200; cut++) {
      const end = next(bytes.length);
      await assert.rejects(verifyExport(once(bytes.subarray(0, end)), [vkey]), ExportError, `cut at ${end}`);
    }
    await refused([...lines, lines.at(-1) ?? ""], "two ends");
    await refused([...lines, "\n"], "something after the end");
  });

  test("SF-51 one record is proved alone: text, salt, path and checkpoint, and as a C2SP proof", async () => {
    const id = await newDocument(client);
    await allPlaced(server.database.superUrl);
    const [record] = expected(await client.get(`/audit?resource=${id}`), 200).data;
    const proof = await eventually("the record is covered by a checkpoint", async () => {
      const got = await client.get(`/audit/${record.id}/proof`);
      return got.status === 200 ? got.body : null;
    });
    assert.equal(proof.index, record.index);
    assert.equal(proof.leaf_hash, record.leaf_hash);
    assert.equal(JSON.parse(proof.event).id, record.id);
    const text = await client.get(`/audit/${record.id}/proof?format=tlog`);
    assert.equal(text.status, 200);
    assert.match(text.headers.get("content-type") ?? "", /^text\/plain/);
    assert.match(text.bytes.toString("utf8"), /^c2sp\.org\/tlog-proof@v1\n/);
  });

  test("the command lists, exports to a new file and follows no one's overwriting", async () => {
    const listed = await command(["audit", "list", "--limit", "5", "--json"]);
    assert.equal(listed.code, 0, listed.stderr);
    assert.equal(JSON.parse(listed.stdout).length, 5);
    const file = join(folder, "command.jsonl");
    await proved();
    const exported = await command(["audit", "export", "--proofs", "--output", file]);
    assert.equal(exported.code, 0, exported.stderr);
    assert.equal((await command(["audit", "verify", file, "--key", await key()])).code, 0);
    assert.equal((await command(["audit", "export", "--output", file])).code, 1);
    assert.equal((await command(["audit", "export", "--format", "xml"])).code, 2);
    assert.equal((await command(["audit", "verify", join(folder, "none")])).code, 1);
  });

  test("the command makes, lists, pauses and deletes a stream", async () => {
    const made = await command(["audit", "stream", "create", "SIEM", "--url", "http://127.0.0.1:9/in", "--json"]);
    assert.equal(made.code, 0, made.stderr);
    const { stream_id: id, secret } = JSON.parse(made.stdout);
    assert.match(secret, /^whsec_/);
    const paused = await command(["audit", "stream", "pause", id, "--json"]);
    assert.equal(JSON.parse(paused.stdout).status, "paused");
    const listed = await command(["audit", "stream", "list", "--json"]);
    const streams: { stream_id: string }[] = JSON.parse(listed.stdout);
    assert.deepEqual(
      streams.map((stream) => stream.stream_id),
      [id],
    );
    assert.equal((await command(["audit", "stream", "delete", id])).code, 0);
    assert.equal((await command(["audit", "stream", "show", id])).code, 1);
    assert.match((await command(["audit", "--help"])).stdout, /audit stream create <name>/);
  });

  test("the log's checkpoint, tiles, entries and consistency are there for a monitor", async () => {
    await proved();
    const note = (await client.get("/audit/log/checkpoint")).bytes.toString("utf8");
    const size = Number(note.split("\n")[1]);
    assert.ok(size > 40);
    const tile = await client.get(`/audit/log/tile/0/000.p/${size}`);
    assert.equal(tile.bytes.length, size * 32);
    const entries = await client.get(`/v1/audit/log/tile/entries/000.p/${size}`);
    const leaves = readBundle(entries.bytes).map((entry) => hashOfLeaf(entry));
    assert.deepEqual(Buffer.concat(leaves), tile.bytes, "entries of 32 bytes, whose hashes the tile holds");
    expectedProblem(await client.get("/audit/log/tile/0/001"), 404, "audit_tile_not_found");
    expectedProblem(await client.get("/audit/log/tile/0/1"), 422, "validation_failed");
    const { path } = expected(await client.get(`/audit/log/consistency?from=3&to=${size}`), 200);
    assert.ok(path.length > 0);
    expectedProblem(await client.get(`/audit/log/consistency?from=3&to=${size + 10_000}`), 422, "validation_failed");
  });

  test("an operator rotates the log's key; exports and proofs of before and of after verify with the keys of both", async () => {
    const operator = { TABELLION_URL: server.origin, TABELLION_OPERATOR_TOKEN: server.operatorToken };
    const older = await key();
    const [before_, after_, single, above] = ["before", "after", "proof", "above"].map((name) => join(folder, name));
    await writeFile(before_ ?? "", await proved());
    const rotated = await tabellion(["audit", "rotate-key", "--overlap-days", "0", "--json"], operator);
    assert.equal(rotated.code, 0, rotated.stderr);
    assert.equal(JSON.parse(rotated.stdout).key_id, "log-2");
    assert.equal((await tabellion(["audit", "rotate-key", "--overlap-days", "x"], operator)).code, 2);
    const keys: LogKeys = expected(await client.get("/audit/log/key"), 200);
    const [newer = ""] = keys.audit;
    assert.deepEqual(keys.audit, [newer, older]);
    assert.deepEqual(
      keys.validity.audit.map((entry) => [entry.key, entry.signs_until === null]),
      [
        [newer, true],
        [older, false],
      ],
    );
    // From now on the older key signs no export: until a checkpoint of the newer one is there, none is answered.
    await newDocument(client);
    await writeFile(after_ ?? "", await proved());
    assert.equal((await command(["audit", "verify", after_ ?? "", "--key", newer])).code, 0);
    const both = ["--key", newer, "--key", older];
    for (const file of [before_, after_])
      assert.equal((await command(["audit", "verify", file ?? "", ...both])).code, 0);
    assert.equal((await command(["audit", "verify", before_ ?? "", "--key", newer])).code, 1);
    assert.equal((await command(["audit", "verify", after_ ?? "", "--key", older])).code, 1);
    const [record] = expected(await client.get("/audit?limit=1"), 200).data;
    const proof = expected(await client.get(`/audit/proofs/${record.id}`), 200);
    await writeFile(single ?? "", JSON.stringify(proof));
    const checked = await command(["audit", "verify-proof", single ?? "", "--json", ...both]);
    assert.equal(checked.code, 0, checked.stderr);
    assert.deepEqual([JSON.parse(checked.stdout).index, checked.stderr], [record.index, ""]);
    const { size } = JSON.parse(checked.stdout);
    const top = await eventually("it has its place above", async () => {
      const got = await client.get(`/audit/log/top/proof?size=${size}`);
      return got.status === 200 ? got.bytes : null;
    });
    await writeFile(above ?? "", top);
    const [topKey = ""] = keys.top;
    const proves = await command(["audit", "verify-proof", above ?? "", "--key", topKey, "--json"]);
    assert.deepEqual([proves.code, JSON.parse(proves.stdout).content], [0, proof.checkpoint]);
    const foreign = await command(["audit", "verify-proof", above ?? "", "--key", newer]);
    assert.equal(foreign.code, 1);
    assert.match(foreign.stderr, /DOES NOT VERIFY/);
  });

  test("by the published routes alone: from an event to its log, its checkpoint, the top log and every later top checkpoint", async () => {
    const id = await newDocument(client);
    await allPlaced(server.database.superUrl);
    const keys = expected(await client.get("/audit/log/key"), 200);
    const [own, top] = [readKey(keys.audit[0]), readKey(keys.top[0])];
    const [record] = expected(await client.get(`/audit?resource=${id}`), 200).data;
    const event = await eventually("the record is covered", async () => {
      const got = await client.get(`/audit/${record.id}/proof`);
      return got.status === 200 ? got.body : null;
    });
    const entry = createHash("sha256").update(Buffer.from(event.salt, "base64")).update(event.event).digest();
    const text = ["c2sp.org/tlog-proof@v1", `index ${event.index}`, ...event.path, "", event.checkpoint].join("\n");
    const { size } = checkProof(text, entry, own);
    const above = await eventually("the checkpoint has its place above", async () => {
      const got = await client.get(`/audit/log/top/proof?size=${size}`);
      return got.status === 200 ? got.body : null;
    });
    assert.equal(above.checkpoint, event.checkpoint);
    const hash = createHash("sha256").update(event.checkpoint).digest();
    assert.equal(above.entry, hash.toString("base64"));
    const proof = (await client.get(`/v1/audit/log/top/proof?format=tlog&size=${size}`)).bytes.toString("utf8");
    const seen = checkProof(proof, hash, top);
    assert.equal(seen.index, above.index);
    assert.throws(() => checkProof(proof, entry, top), /another root/);
    // The top checkpoint is one of the log that everybody else sees: its entries make its root.
    const width = Math.min(seen.size, 255);
    const bundle = await client.get(`/audit/log/top/tile/entries/000.p/${width}`);
    const leaves = readBundle(bundle.bytes).map((each) => hashOfLeaf(each));
    const tile = await client.get(`/audit/log/top/tile/0/000.p/${width}`);
    assert.deepEqual(Buffer.concat(leaves), tile.bytes);
    assert.ok(seen.size < 256, "one tile is enough for what this server has signed");
    assert.deepEqual(rootOfLeaves(leaves), seen.root);
    await newDocument(client);
    const later = await eventually("a later top checkpoint", async () => {
      const note = readCheckpoint((await client.get("/audit/log/top/checkpoint")).bytes.toString("utf8"), top);
      return note.size > seen.size ? note : null;
    });
    const { path } = expected(await client.get(`/audit/log/top/consistency?from=${seen.size}&to=${later.size}`), 200);
    checkConsistency(seen, later, path);
    assert.throws(() => checkConsistency({ ...seen, root: hash }, later, path), /does not/);
  });

  test("a checkpoint that was never signed is not proved", async () => {
    const note = (await client.get("/audit/log/checkpoint")).bytes.toString("utf8");
    const size = Number(note.split("\n")[1]);
    expectedProblem(await client.get(`/audit/log/top/proof?size=${size + 100_000}`), 404, "audit_checkpoint_not_found");
    expectedProblem(await client.get("/audit/log/top/proof?size=0"), 422, "validation_failed");
    expectedProblem(await client.get("/audit/log/top/tile/entries/001"), 404, "audit_tile_not_found");
  });

  test("the log over all organisations has a signed checkpoint and tiles of hashes, too", async () => {
    const note = await eventually("the top log is signed", async () => {
      const answer = await client.get("/audit/log/top/checkpoint");
      return answer.status === 200 ? answer.bytes.toString("utf8") : null;
    });
    const size = Number(note.split("\n")[1]);
    assert.ok(size > 0);
    const tile = await client.get(`/audit/log/top/tile/0/000.p/${Math.min(size, 255)}`);
    assert.equal(tile.bytes.length, Math.min(size, 255) * 32);
  });
});
