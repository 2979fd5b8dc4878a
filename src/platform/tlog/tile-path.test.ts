import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readTilePath } from "./tile-path.ts";

describe("paths of tiles, as C2SP tlog-tiles writes them", () => {
  test("full and partial tiles", () => {
    assert.deepEqual(readTilePath("000"), { index: 0, width: 256 });
    assert.deepEqual(readTilePath("067"), { index: 67, width: 256 });
    assert.deepEqual(readTilePath("x001/x234/067"), { index: 1_234_067, width: 256 });
    assert.deepEqual(readTilePath("x001/000.p/1"), { index: 1000, width: 1 });
    assert.deepEqual(readTilePath("273.p/112"), { index: 273, width: 112 });
  });

  test("each tile has one name, and nothing else is one", () => {
    const wrong = [
      "",
      "7",
      "0067",
      "x000/001",
      "001/002",
      "x001",
      "x1/001",
      "001.p/0",
      "001.p/256",
      "001.p/999",
      "001.p",
      "001.p/07",
    ];
    for (const path of [...wrong, "../001", "001/", "x001//002", "-01", "abc"])
      assert.equal(readTilePath(path), null, path);
  });
});
