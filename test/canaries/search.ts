/** A secret that was planted, and the door through which it went in. */
export type Canary = { readonly door: string; readonly bytes: Buffer };

/** A place where a canary was found, and in which form. */
export type Finding = { readonly place: string; readonly door: string; readonly form: string };

/** Looks through bytes for all canaries in all forms at once. */
export type Search = {
  readonly canaryCount: number;
  /** Each canary and form at most once for a place. */
  in(place: string, bytes: Buffer): Finding[];
};

type Pattern = { readonly bytes: Buffer; readonly canary: Canary; readonly form: string };

/** Eight letters of a challenge are found nowhere by chance; shorter ones would be. */
const MIN_PATTERN_BYTES = 8;
const HEAD_BYTES = 4;
const FILTER_BITS = 22;
/** Spreads heads over the filter: 2^32 divided by the golden ratio. */
const SPREAD = 0x9e3779b1;

/**
 * Of each canary: the bytes themselves, UTF-16, hex of both cases and turned round, and base64 in both alphabets wherever
 * in a longer text it may begin. Built as a table of the first four bytes of each form, so that one pass finds all.
 */
export function searchFor(canaries: readonly Canary[]): Search {
  const byHead = new Map<number, Pattern[]>();
  const filter = new Uint8Array(1 << FILTER_BITS);
  for (const pattern of canaries.flatMap(patternsOf)) {
    if (pattern.bytes.length < MIN_PATTERN_BYTES) throw new Error(`the canary of ${pattern.canary.door} is too short`);
    const head = pattern.bytes.readUInt32BE(0);
    const known = byHead.get(head);
    if (known === undefined) byHead.set(head, [pattern]);
    else known.push(pattern);
    filter[slotOf(head)] = 1;
  }
  return {
    canaryCount: canaries.length,
    in(place, bytes) {
      const found = new Map<Pattern, Finding>();
      let head = 0;
      for (let at = 0; at < bytes.length; at++) {
        head = ((head << 8) | (bytes[at] ?? 0)) >>> 0;
        if (filter[slotOf(head)] === 0) continue;
        const start = at - HEAD_BYTES + 1;
        if (start < 0) continue;
        for (const pattern of byHead.get(head) ?? []) {
          if (start + pattern.bytes.length > bytes.length) continue;
          if (bytes.compare(pattern.bytes, 0, undefined, start, start + pattern.bytes.length) !== 0) continue;
          found.set(pattern, { place, door: pattern.canary.door, form: pattern.form });
        }
      }
      return [...found.values()];
    },
  };
}

/** The findings in few lines: one for each place, door and form. */
export function summaryOf(findings: readonly Finding[]): string[] {
  const lines = findings.map(({ place, door, form }) => `${place}: ${door} (${form})`);
  return [...Map.groupBy(lines, (line) => line)].map(([line, same]) => `${line} × ${same.length}`);
}

function slotOf(head: number): number {
  return Math.imul(head, SPREAD) >>> (32 - FILTER_BITS);
}

function patternsOf(canary: Canary): Pattern[] {
  return Object.entries(formsOf(canary.bytes)).map(([form, bytes]) => ({ bytes, canary, form }));
}

/** The forms in which bytes lie about, each as it would stand in a file. */
export function formsOf(bytes: Buffer): Record<string, Buffer> {
  const turned = Buffer.from(bytes.toReversed());
  const forms: Record<string, Buffer> = {
    raw: bytes,
    "UTF-16": Buffer.from(bytes.toString("latin1"), "utf16le"),
    hex: Buffer.from(bytes.toString("hex")),
    "upper-case hex": Buffer.from(bytes.toString("hex").toUpperCase()),
    "reversed hex": Buffer.from(turned.toString("hex")),
    "reversed bytes": turned,
  };
  for (const before of [0, 1, 2]) {
    forms[`base64 after ${before}`] = Buffer.from(middleOfBase64(bytes, before, "base64"));
    const urlForm = middleOfBase64(bytes, before, "base64url");
    if (/[-_]/.test(urlForm)) forms[`base64url after ${before}`] = Buffer.from(urlForm);
  }
  return forms;
}

/** What of the base64 text does not depend on the bytes around, when `before` bytes of a group stand before. */
function middleOfBase64(bytes: Buffer, before: number, alphabet: "base64" | "base64url"): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString(alphabet);
  return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
}
