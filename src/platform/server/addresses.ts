/** What an address answers to, for those who come by another method. */
export type Address = {
  /** Grows while routes are added. */
  readonly methods: Set<string>;
  /** What every answer there says to pages of other origins. */
  readonly cors: Readonly<Record<string, string>>;
};

/** Every address at which some method answers, by the router's pattern: `/things/:id`, `/files/*`. */
export class Addresses {
  readonly #byPattern = new Map<string, Address & { readonly form: RegExp }>();

  /** The address of `pattern`, made on the first call. */
  take(pattern: string, cors: Address["cors"]): Address {
    const known = this.#byPattern.get(pattern);
    if (known !== undefined) return known;
    const made = { methods: new Set<string>(), cors, form: formOf(pattern) };
    this.#byPattern.set(pattern, made);
    return made;
  }

  /** The address that a path leads to; of several the one that spells out most of it. Slow: for what no route took. */
  find(path: string): Address | null {
    let best: { readonly address: Address; readonly spelled: number } | null = null;
    for (const [pattern, address] of this.#byPattern) {
      const spelled = pattern.replaceAll(/:[a-z_]+|\*/g, "").length;
      if (spelled > (best?.spelled ?? -1) && address.form.test(path)) best = { address, spelled };
    }
    return best?.address ?? null;
  }
}

function formOf(pattern: string): RegExp {
  const spelled = pattern.replace(/\/$/, "").replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`);
  const open = spelled.replaceAll(/:[a-z_]+/g, "[^/]+").replace("*", ".*");
  return new RegExp(`^${open}/?$`);
}
