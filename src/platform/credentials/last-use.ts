import type { Database } from "../db/tx.ts";
import type { Log } from "../log/log.ts";
import { updateLastUsed } from "./store.ts";

export type Use = {
  readonly tenantId: string;
  readonly credentialId: string;
  readonly at: Date;
  readonly ip: string;
};

/** Remembers when and from where each token was used last, and writes it to the database now and then. */
export type LastUses = {
  note(use: Use): void;
  /** Writes what is not in the database yet. What cannot be written now is kept for the next time. */
  flush(): Promise<void>;
  stop(): Promise<void>;
};

const FLUSH_MS = 10_000;
/** Each token's row is written at most so often. */
const LAST_USE_EVERY_MS = 60_000;

/** At most `maxRemembered` tokens; when there are more, all are forgotten, and some are written more often. */
export function createLastUses(options: { db: Database; log: Log; maxRemembered: number }): LastUses {
  const { db, log, maxRemembered } = options;
  const pending = new Map<string, Use>();
  const notedAtMs = new Map<string, number>();

  async function flush(): Promise<void> {
    for (const [credentialId, use] of pending) {
      pending.delete(credentialId);
      try {
        await db.tenant(use.tenantId, (tx) => updateLastUsed(tx, use.tenantId, use), { durability: "buffered" });
      } catch (error) {
        if (!pending.has(credentialId)) pending.set(credentialId, use);
        throw error;
      }
    }
  }

  const flushOrTell = (): Promise<void> =>
    flush().catch((error: unknown) => log.warn({ error }, "last uses of tokens could not be written"));
  const timer = setInterval(() => void flushOrTell(), FLUSH_MS);
  timer.unref();

  return {
    note(use) {
      const lastMs = notedAtMs.get(use.credentialId) ?? -Infinity;
      if (Math.abs(use.at.getTime() - lastMs) < LAST_USE_EVERY_MS) return;
      if (notedAtMs.size >= maxRemembered) notedAtMs.clear();
      notedAtMs.set(use.credentialId, use.at.getTime());
      pending.set(use.credentialId, use);
    },
    flush,
    async stop() {
      clearInterval(timer);
      await flushOrTell();
    },
  };
}
