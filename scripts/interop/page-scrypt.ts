/**
 * Scrypt as a page must bring it along: WebCrypto has PBKDF2 alone. It stands in the place of `test/support/ssks-scrypt.ts`
 * there, and imports nothing.
 */

type Bytes = Uint8Array<ArrayBuffer>;

const COST = 16_384;
const BLOCK_WORDS = 256;
const KEY_BITS = 512;

async function pbkdf2(password: Bytes, salt: Bytes, bits: number): Promise<Bytes> {
  const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  return new Uint8Array(
    await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations: 1 }, key, bits),
  );
}

/** RFC 7914 with N = 16384, r = 8, p = 1 and 64 bytes. */
export async function scrypt(password: Bytes, salt: Bytes): Promise<Bytes> {
  const block = await pbkdf2(password, salt, BLOCK_WORDS * 32);
  const words = new Uint32Array(block.buffer);
  const kept = new Uint32Array(COST * BLOCK_WORDS);
  for (let turn = 0; turn < COST; turn++) {
    kept.set(words, turn * BLOCK_WORDS);
    mixBlock(words);
  }
  for (let turn = 0; turn < COST; turn++) {
    const from = ((words[BLOCK_WORDS - 16] ?? 0) % COST) * BLOCK_WORDS;
    for (let at = 0; at < BLOCK_WORDS; at++) words[at] = (words[at] ?? 0) ^ (kept[from + at] ?? 0);
    mixBlock(words);
  }
  return pbkdf2(password, block, KEY_BITS);
}

/** RFC 7914, section 4: 16 pieces of 64 bytes; those of even numbers first. */
function mixBlock(words: Uint32Array): void {
  const mixed = new Uint32Array(BLOCK_WORDS);
  const x = words.slice(BLOCK_WORDS - 16);
  for (let piece = 0; piece < 16; piece++) {
    for (let at = 0; at < 16; at++) x[at] = (x[at] ?? 0) ^ (words[piece * 16 + at] ?? 0);
    salsa8(x);
    mixed.set(x, ((piece >> 1) + (piece % 2) * 8) * 16);
  }
  words.set(mixed);
}

/** Which words a quarter of a double round takes: columns, then rows. */
const QUARTERS = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
] as const;

function salsa8(x: Uint32Array): void {
  const before = x.slice();
  const add = (to: number, one: number, two: number, turn: number): void => {
    // Too large for 32 bits until it is shifted, which cuts it.
    const sum = (x[one] ?? 0) + (x[two] ?? 0);
    x[to] = (x[to] ?? 0) ^ ((sum << turn) | (sum >>> (32 - turn)));
  };
  for (let round = 0; round < 4; round++) {
    for (const [a, b, c, d] of QUARTERS) {
      add(b, a, d, 7);
      add(c, b, a, 9);
      add(d, c, b, 13);
      add(a, d, c, 18);
    }
  }
  for (let at = 0; at < 16; at++) x[at] = (x[at] ?? 0) + (before[at] ?? 0);
}
