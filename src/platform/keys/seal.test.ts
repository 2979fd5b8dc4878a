import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { generationOf, openWith, SealError, sealWith } from "./seal.ts";

const key = Buffer.from(Array.from({ length: 32 }, (_, at) => at));

describe("sealed bytes", () => {
  test("bytes that another implementation of AES-256-GCM sealed in this layout open", () => {
    const sealed = Buffer.from(
      "0100000007a0a1a2a3a4a5a6a7a8a9aaab876c084c26a022de1645e3b27014e5511b7389ab9b53c3d460f1ffec1432",
      "hex",
    );
    assert.equal(generationOf(sealed), 7);
    assert.equal(openWith(key, sealed, "tenant-key/ten_é/7").toString(), "attack at dawn");
  });

  test("what was sealed opens again, from nothing to a megabyte, 33 bytes longer", () => {
    for (const size of [0, 1, 15, 16, 17, 1024, 1024 * 1024]) {
      const plain = randomBytes(size);
      const sealed = sealWith(key, 0xffff_ffff, plain, "place");
      assert.equal(sealed.length, size + 33);
      assert.equal(generationOf(sealed), 0xffff_ffff);
      assert.deepEqual(openWith(key, sealed, "place"), plain);
    }
  });

  test("a view into a larger buffer seals and opens as what it shows", () => {
    const large = Buffer.concat([randomBytes(7), Buffer.from("inner"), randomBytes(7)]);
    const sealed = sealWith(key, 1, large.subarray(7, 12), "place");
    const placed = new Uint8Array([...randomBytes(3), ...sealed, ...randomBytes(3)]).subarray(3, 3 + sealed.length);
    assert.equal(openWith(key, placed, "place").toString(), "inner");
  });

  test("the same bytes sealed twice look different", () => {
    const sealed = new Set(Array.from({ length: 100 }, () => sealWith(key, 1, Buffer.from("x"), "p").toString("hex")));
    assert.equal(sealed.size, 100);
  });

  test("whichever single bit is flipped, nothing opens", () => {
    const sealed = sealWith(key, 1, Buffer.from("some plain text"), "place");
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const damaged = Buffer.from(sealed);
      damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      assert.throws(() => openWith(key, damaged, "place"), SealError, `bit ${bit}`);
    }
  });

  test("cut short anywhere, or with bytes behind, nothing opens", () => {
    const sealed = sealWith(key, 1, Buffer.from("some plain text"), "place");
    for (let length = 0; length < sealed.length; length++) {
      assert.throws(() => openWith(key, sealed.subarray(0, length), "place"), SealError, `${length} bytes`);
    }
    assert.throws(() => openWith(key, Buffer.concat([sealed, Buffer.of(0)]), "place"), SealError);
  });

  test("in another place, or with another key, nothing opens, and the error tells nothing", () => {
    const sealed = sealWith(key, 1, Buffer.from("plain"), "place");
    for (const context of ["", "plac", "place ", "Place", "place\u0000"]) {
      assert.throws(() => openWith(key, sealed, context), SealError);
    }
    assert.throws(
      () => openWith(randomBytes(32), sealed, "place"),
      (error: Error) => error.message === "sealed bytes cannot be opened" && error.cause === undefined,
    );
  });
});
