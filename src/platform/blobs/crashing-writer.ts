import { randomBytes, randomInt } from "node:crypto";
import { argv, stdout } from "node:process";
import { createLocalBlobs } from "./local-blobs.ts";
import { singleKeyring } from "./single-keyring.ts";

/*
 * A process for the crash test: puts objects of many sizes, several at a time, and prints ref and SHA-256 of each once
 * its put has returned. It ends only by being killed. Arguments: directory, tenant, root key in hex.
 */
const WRITERS = 6;
const LARGEST_BYTES = 3_000_000;

const [directory = "", tenantId = "", rootKey = ""] = argv.slice(2);
const store = await createLocalBlobs({ directory, keyring: singleKeyring(Buffer.from(rootKey, "hex")) });

async function* pieces(sizeBytes: number): AsyncGenerator<Uint8Array, void, void> {
  for (let left = sizeBytes; left > 0; left -= 65_536) yield randomBytes(Math.min(left, 65_536));
}

async function putForEver(): Promise<void> {
  for (;;) {
    const receipt = await store.put(tenantId, pieces(randomInt(LARGEST_BYTES)));
    stdout.write(`${receipt.ref} ${receipt.sha256.toString("hex")}\n`);
  }
}

await Promise.all(Array.from({ length: WRITERS }, putForEver));
