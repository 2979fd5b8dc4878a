import { createHash } from "node:crypto";
import type { Tx } from "../db/tx.ts";
import { insertUsedValue } from "./store.ts";

/** A value that may be used once: a nonce, the id of a one-time token, a signature. */
export type OneTimeValue = {
  /** What the value is for, for example `shadline.token`: equal values of two spaces do not meet. At most 64 characters. */
  readonly space: string;
  readonly value: string | Uint8Array;
  /** Until when the caller would accept the value, leeway for clocks included. */
  readonly expiresAt: Date;
};

/**
 * Uses the value up; true for the first use ever, false for every later one and for a value that has expired by the
 * database's clock. The use counts if and only if the caller's transaction commits, and is as durable as that: never
 * call it in a `buffered` transaction. A second use waits until the first one's transaction has ended, and wins when
 * that was rolled back. Values of one tenant only must hold the tenant's id in `value` or `space`.
 */
export async function consume(tx: Tx, once: OneTimeValue): Promise<boolean> {
  const valueHash = createHash("sha256").update(once.value).digest();
  return (await insertUsedValue(tx, { space: once.space, valueHash, expiresAt: once.expiresAt })) === 1;
}
