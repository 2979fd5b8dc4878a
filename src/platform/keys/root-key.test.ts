import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { formatRootKey, loadRootKey, parseRootKey, RootKeyError, writeRootKey } from "./root-key.ts";

const entry = (generation: number | string, byte: number): string =>
  `${generation}:${Buffer.alloc(32, byte).toString("base64")}`;

describe("the root key", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tabellion-root-key-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test("one generation or two are read, the newest last, and written as they were", () => {
    const one = parseRootKey(entry(1, 7));
    assert.deepEqual([one.newest.generation, one.previous], [1, null]);
    assert.deepEqual(one.newest.key, Buffer.alloc(32, 7));
    for (const separator of [",", "\n", "\r\n", " , "]) {
      const two = parseRootKey(`${entry(3, 1)}${separator}${entry(4, 2)}\n`);
      assert.deepEqual([two.previous?.generation, two.newest.generation], [3, 4]);
      assert.deepEqual(parseRootKey(formatRootKey(two)), two);
    }
  });

  const wrong = {
    "nothing at all": "",
    "three generations": [entry(1, 1), entry(2, 2), entry(3, 3)].join(","),
    "generations that fall": [entry(2, 1), entry(1, 2)].join(","),
    "one generation twice": [entry(1, 1), entry(1, 2)].join(","),
    "a key of 31 bytes": `1:${Buffer.alloc(31).toString("base64")}`,
    "a key of 33 bytes": `1:${Buffer.alloc(33).toString("base64")}`,
    "a key without its padding": entry(1, 1).slice(0, -1),
    "a key in base64url": `1:${Buffer.alloc(32, 0xff).toString("base64url")}=`,
    "no generation": Buffer.alloc(32).toString("base64"),
    "a generation that is no number": entry("x", 1),
    "a generation of seven digits": entry(1_000_000, 1),
  };
  for (const [what, text] of Object.entries(wrong)) {
    test(`${what} is refused, and the message shows no key`, () => {
      assert.throws(
        () => parseRootKey(text),
        (error: Error) => error instanceof RootKeyError && !/[A-Za-z0-9+/]{20}/.test(error.message),
      );
    });
  }

  test("a first start makes a key that only its owner can read, and the next start finds it", async () => {
    const made = await loadRootKey(folder, null, true);
    assert.equal(made.newest.generation, 1);
    assert.notDeepEqual(made.newest.key, Buffer.alloc(32));
    assert.equal((await stat(join(folder, "root.key"))).mode & 0o777, 0o600);
    assert.deepEqual(await loadRootKey(folder, null, false), made);
    assert.deepEqual(await readdir(folder), ["root.key"]);
  });

  test("of many that start on one folder at once all use one key", async () => {
    const loaded = await Promise.all(Array.from({ length: 20 }, () => loadRootKey(folder, null, true)));
    const inFile = parseRootKey(await readFile(join(folder, "root.key"), "utf8"));
    for (const root of loaded) assert.deepEqual(root, inFile);
    assert.deepEqual(await readdir(folder), ["root.key"]);
  });

  test("where data exists no key is made in place of one that is missing", async () => {
    await assert.rejects(loadRootKey(folder, null, false), /root\.key is missing, but the database holds data/);
    assert.deepEqual(await readdir(folder), []);
  });

  test("a key that others can read is refused with the command that mends it", async () => {
    await loadRootKey(folder, null, true);
    for (const mode of [0o640, 0o604, 0o620, 0o601]) {
      await chmod(join(folder, "root.key"), mode);
      await assert.rejects(loadRootKey(folder, null, true), /run: chmod 600 .*root\.key/);
    }
  });

  test("a file that cannot be read, or that is damaged, is never taken for absent", async () => {
    await mkdir(join(folder, "root.key"));
    await assert.rejects(loadRootKey(folder, null, true), /root\.key cannot be read/);
    await rm(join(folder, "root.key"), { recursive: true });
    await writeFile(join(folder, "root.key"), "", { mode: 0o600 });
    await assert.rejects(loadRootKey(folder, null, true), RootKeyError);
  });

  test("a key from the setting wins over the file, and makes none", async () => {
    const root = await loadRootKey(folder, entry(5, 5), true);
    assert.equal(root.newest.generation, 5);
    assert.deepEqual(await readdir(folder), []);
  });

  test("a new key replaces the old file as a whole, with the same rights", async () => {
    const first = await loadRootKey(folder, null, true);
    const both = { newest: { generation: 2, key: Buffer.alloc(32, 2) }, previous: first.newest };
    await writeRootKey(folder, both);
    assert.deepEqual(await loadRootKey(folder, null, false), both);
    assert.equal((await stat(join(folder, "root.key"))).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(folder), ["root.key"]);
  });
});
