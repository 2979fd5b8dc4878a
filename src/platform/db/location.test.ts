import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { findLocation, locate, noteLocation } from "./location.ts";

describe("where the embedded PostgreSQL lives", () => {
  let data: string;
  beforeEach(async () => {
    data = await mkdtemp(join(tmpdir(), "tabellion-location-"));
    await chmod(data, 0o755); // started by root, another account must reach it
  });
  afterEach(() => rm(data, { recursive: true }));

  test("nothing is noted before it is there, so that a killed first start does not stop the next", async () => {
    const base = join(data, "db");
    const wanted = { base: (await locate(data, base)).base, again: (await locate(data, base)).base };
    assert.deepEqual(wanted, { base, again: base });
    assert.equal(await findLocation(data), null);
    assert.equal((await readdir(data)).includes("postgres.location"), false);
  });

  test("once noted it is found there, whatever is wanted later", async () => {
    const base = join(data, "db");
    await locate(data, base);
    await mkdir(join(base, "cluster"), { recursive: true });
    await noteLocation(data, base);
    assert.equal((await locate(data, join(data, "other"))).base, base);
    assert.equal((await findLocation(data))?.base, base);
  });

  test("a note of a place where nothing is stops the start", async () => {
    await writeFile(join(data, "postgres.location"), join(data, "gone"));
    await assert.rejects(
      locate(data, null),
      /postgres\.location says that the database is in .*gone, which is not there/,
    );
    assert.equal((await readdir(data)).includes("gone"), false);
  });

  test("a path too long for a socket gets a short folder of its own for it", async () => {
    const base = join(data, "a".repeat(60), "b".repeat(60));
    const { socketFolder } = await locate(data, base);
    assert.ok(Buffer.byteLength(`${socketFolder}/.s.PGSQL.5432`) < 107, socketFolder);
    assert.equal((await locate(data, base)).socketFolder, socketFolder);
  });
});
