import type { Clock } from "../clock/clock.ts";
import type { Database } from "../db/tx.ts";
import { platformError } from "../errors/platform-errors.ts";
import type { Keyring } from "../keys/keyring.ts";
import { limitKey } from "../limits/limit-keys.ts";
import { createWindowLimiter, type WindowRequest } from "../limits/sliding-window.ts";
import type { Log } from "../log/log.ts";
import { knownHash } from "./known-address.ts";
import { findKnownAddress } from "./store/known-addresses.ts";

/** Holds back who guesses. Refuses, too, when the counts cannot be asked for. */
export type Throttle = {
  /**
   * One sign-in: by address, and by account at that address. Where nobody signed in to the account before, it also
   * counts among all strangers to that account, whether it exists or not, and all strangers together: a flood from
   * elsewhere holds back strangers alone.
   */
  signIn(attempt: { accountHash: Buffer; remoteAddress: string }): Promise<void>;
  /** One password or code of a member who is known: signed in, or past the password. */
  proof(memberId: string): Promise<void>;
  /** One mail that somebody who is not known asks for. */
  mail(request: { accountHash: Buffer; remoteAddress: string }): Promise<void>;
};

export const SIGN_IN_LIMITS = {
  address: { limit: 100, windowSeconds: 900 },
  accountAtAddress: { limit: 20, windowSeconds: 900 },
  strangersToAccount: { limit: 40, windowSeconds: 900 },
  allStrangers: { limit: 1_200, windowSeconds: 60 },
  proof: { limit: 10, windowSeconds: 900 },
  mailAccount: { limit: 3, windowSeconds: 3_600 },
  mailAddress: { limit: 30, windowSeconds: 3_600 },
} as const;

export function createThrottle(options: { db: Database; clock: Clock; log: Log; keyring: Keyring }): Throttle {
  const { db, keyring } = options;
  const limiter = createWindowLimiter(options);
  async function take(requests: readonly WindowRequest[]): Promise<void> {
    for (const request of requests) {
      const outcome = await limiter.take(request, "closed");
      if (outcome.isAllowed) continue;
      throw platformError("rate_limited", "Too many attempts; try again later.", {
        retryAfterSeconds: outcome.retryAfterSeconds,
      });
    }
  }
  const address = (remoteAddress: string, what: string): string =>
    limitKey({ kind: "address", address: remoteAddress }, what);
  return {
    async signIn({ accountHash, remoteAddress }) {
      const account = accountHash.toString("hex");
      await take([
        { key: address(remoteAddress, "sign-in"), ...SIGN_IN_LIMITS.address },
        { key: `${address(remoteAddress, "sign-in-account")}:${account}`, ...SIGN_IN_LIMITS.accountAtAddress },
      ]);
      const known = await db.lookup(findKnownAddress(knownHash(keyring, accountHash, remoteAddress)));
      if (known !== null) return;
      await take([
        { key: `account:sign-in:${account}`, ...SIGN_IN_LIMITS.strangersToAccount },
        { key: "all:sign-in", ...SIGN_IN_LIMITS.allStrangers },
      ]);
    },
    proof: (memberId) => take([{ key: `member:proof:${memberId}`, ...SIGN_IN_LIMITS.proof }]),
    mail: ({ accountHash, remoteAddress }) =>
      take([
        { key: address(remoteAddress, "member-mail"), ...SIGN_IN_LIMITS.mailAddress },
        { key: `account:member-mail:${accountHash.toString("hex")}`, ...SIGN_IN_LIMITS.mailAccount },
      ]),
  };
}
