/** Ends one request's stay; calling it again does nothing. */
export type Leave = () => void;

/**
 * How many requests of a key run at once in this process. A key is remembered only while one of its requests runs,
 * so `maxInFlight` bounds the memory as well.
 */
export type ConcurrencyGate = {
  /** Null when `limit` requests of the key, or `maxInFlight` of all keys, run already. */
  enter(key: string, limit: number): Leave | null;
  countOf(key: string): number;
  total(): number;
};

export function createConcurrencyGate(options: { readonly maxInFlight: number }): ConcurrencyGate {
  const running = new Map<string, number>();
  let total = 0;

  function leave(key: string): void {
    total--;
    const left = (running.get(key) ?? 1) - 1;
    if (left === 0) running.delete(key);
    else running.set(key, left);
  }

  return {
    enter(key, limit) {
      const count = running.get(key) ?? 0;
      if (count >= limit || total >= options.maxInFlight) return null;
      running.set(key, count + 1);
      total++;
      let isInside = true;
      return () => {
        if (!isInside) return;
        isInside = false;
        leave(key);
      };
    },
    countOf: (key) => running.get(key) ?? 0,
    total: () => total,
  };
}
