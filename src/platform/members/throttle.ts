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
  /** One password or code of a member who is signed in. */
  proof(memberId: string): Promise<void>;
  /**
   * One code of somebody past the password. The day's count is of the account as it was then: whoever knows an old
   * password uses up nothing of a member who chose another one.
   */
  secondStep(step: { readonly memberId: string; readonly version: number }): Promise<void>;
  /** One mail that somebody who is not known asks for. */
  mail(request: { accountHash: Buffer; remoteAddress: string }): Promise<void>;
  /** One look at the page of a mailed link, whether it opens or not: each look at one that opens leaves a row. */
  look(remoteAddress: string): Promise<void>;
  /** One refresh token that renews nothing. */
  strayToken(remoteAddress: string): Promise<void>;
};

export const SIGN_IN_LIMITS = {
  address: { limit: 100, windowSeconds: 900 },
  accountAtAddress: { limit: 20, windowSeconds: 900 },
  strangersToAccount: { limit: 40, windowSeconds: 900 },
  allStrangers: { limit: 1_200, windowSeconds: 60 },
  proof: { limit: 10, windowSeconds: 900 },
  // Eight hours of work, with a proof each five minutes.
  proofADay: { limit: 100, windowSeconds: 86_400 },
  // 1,500 in a month, each right by chance three times in a million: 0.45 %.
  secondStepADay: { limit: 50, windowSeconds: 86_400 },
  mailAccount: { limit: 3, windowSeconds: 3_600 },
  mailAddress: { limit: 30, windowSeconds: 3_600 },
  // Pages are looked at by many behind one address, and by the programs that check their mails.
  look: { limit: 300, windowSeconds: 300 },
  strayToken: { limit: 300, windowSeconds: 300 },
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
    proof: (memberId) =>
      take([
        { key: `member:proof:${memberId}`, ...SIGN_IN_LIMITS.proof },
        { key: `member:proof:${memberId}`, ...SIGN_IN_LIMITS.proofADay },
      ]),
    secondStep: ({ memberId, version }) =>
      take([
        { key: `member:proof:${memberId}`, ...SIGN_IN_LIMITS.proof },
        { key: `member:second-step:${memberId}:${version}`, ...SIGN_IN_LIMITS.secondStepADay },
      ]),
    mail: ({ accountHash, remoteAddress }) =>
      take([
        { key: address(remoteAddress, "member-mail"), ...SIGN_IN_LIMITS.mailAddress },
        { key: `account:member-mail:${accountHash.toString("hex")}`, ...SIGN_IN_LIMITS.mailAccount },
      ]),
    look: (remoteAddress) => take([{ key: address(remoteAddress, "member-look"), ...SIGN_IN_LIMITS.look }]),
    strayToken: (remoteAddress) => take([{ key: address(remoteAddress, "stray-token"), ...SIGN_IN_LIMITS.strayToken }]),
  };
}
