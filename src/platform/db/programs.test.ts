import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { access, chmod, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { copyPrograms, findPrograms, isReachableBy } from "./programs.ts";

const STRANGER = 54_321;

describe("the programs of PostgreSQL", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tabellion-programs-"));
  });
  after(() => rm(folder, { recursive: true }));

  test("they are found and run", async () => {
    const { directory, version } = await findPrograms();
    const { stdout } = await promisify(execFile)(join(directory, "bin", "postgres"), ["--version"]);
    assert.match(stdout, /^postgres \(PostgreSQL\) 18\./);
    assert.match(version, /^18\./);
  });

  test("copies that are made at once are one whole copy, which runs and is not made again", async () => {
    const found = await findPrograms();
    const [first, second] = await Promise.all([copyPrograms(found, folder), copyPrograms(found, folder)]);
    assert.deepEqual(first, second);
    await promisify(execFile)(join(first.directory, "bin", "initdb"), ["--version"]);
    assert.deepEqual(await readdir(folder), [`programs-${found.version}`]);
    assert.deepEqual(await copyPrograms({ ...found, directory: "/nowhere" }, folder), first);
  });

  test("a folder can be reached by an account only when every folder above it lets others enter", async () => {
    const inner = join(folder, "open", "inner");
    await mkdir(inner, { recursive: true });
    await chmod(folder, 0o755);
    assert.equal(await isReachableBy(STRANGER, inner), true);
    assert.equal(await isReachableBy(STRANGER, join(inner, "not", "there")), true);
    await chmod(join(folder, "open"), 0o700);
    assert.equal(await isReachableBy(STRANGER, inner), false);
    await access(inner);
  });
});
