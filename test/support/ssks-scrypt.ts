import { scrypt as scryptOfNode } from "node:crypto";

const COST = { N: 16_384, r: 8, p: 1 } as const;
const KEY_BYTES = 64;

/** RFC 7914 with N = 16384, r = 8, p = 1 and 64 bytes. WebCrypto has none: a page has this file's place taken by its own. */
export function scrypt(password: Uint8Array, salt: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    scryptOfNode(password, salt, KEY_BYTES, COST, (error, key) =>
      error === null ? resolve(new Uint8Array(key)) : reject(error),
    );
  });
}
