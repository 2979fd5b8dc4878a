import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import {
  Decrypter,
  Encrypter,
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from "age-encryption";
import { openAge, sealAge } from "./age-file.ts";
import { BackupError } from "./backup-error.ts";

const CHUNK_BYTES = 64 * 1024;
const SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 300_001];

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += 10_007) yield bytes.subarray(at, at + 10_007);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe("age files", () => {
  test("what is sealed here the library opens, and the other way round, at every length around a chunk", async () => {
    const identity = await generateX25519Identity();
    const recipient = await identityToRecipient(identity);
    for (const size of SIZES) {
      const plain = randomBytes(size);
      const decrypter = new Decrypter();
      decrypter.addIdentity(identity);
      const sealed = await collect(sealAge(inPieces(plain), { age: recipient }));
      assert.ok(plain.equals(await decrypter.decrypt(sealed)), `${size} bytes sealed here`);
      const encrypter = new Encrypter();
      encrypter.addRecipient(recipient);
      const theirs = await encrypter.encrypt(plain);
      assert.ok(
        plain.equals(await collect(openAge(inPieces(theirs), { identities: [identity] }))),
        `${size} bytes of theirs`,
      );
    }
  });

  test("a passphrase and a hybrid recipient do as well", async () => {
    const plain = randomBytes(100_000);
    const decrypter = new Decrypter();
    decrypter.addPassphrase("pass phrase");
    const sealed = await collect(sealAge(inPieces(plain), { passphrase: "pass phrase", workFactor: 3 }));
    assert.ok(plain.equals(await decrypter.decrypt(sealed)));
    const identity = await generateHybridIdentity();
    const hybrid = await collect(sealAge(inPieces(plain), { age: await identityToRecipient(identity) }));
    assert.ok(plain.equals(await collect(openAge(inPieces(hybrid), { identities: [identity] }))));
  });

  test("a recipient or identity that is none is told apart from one that does not fit", async () => {
    for (const age of ["age1nonsense", "ssh-ed25519 AAAA", ""]) {
      await assert.rejects(collect(sealAge(inPieces(Buffer.alloc(1)), { age })), isUsage);
    }
    const sealed = await collect(sealAge(inPieces(Buffer.alloc(1)), { passphrase: "p", workFactor: 1 }));
    await assert.rejects(collect(openAge(inPieces(sealed), { identities: ["AGE-SECRET-KEY-1NO"] })), isUsage);
  });
});

function isUsage(error: unknown): boolean {
  return error instanceof BackupError && error.failure === "usage";
}
