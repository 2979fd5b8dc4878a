import type { Clock } from "../clock/clock.ts";
import type { Database } from "../db/tx.ts";
import { platformError } from "../errors/platform-errors.ts";
import { limitKey } from "../limits/limit-keys.ts";
import { createWindowLimiter, type WindowRequest } from "../limits/sliding-window.ts";
import type { Log } from "../log/log.ts";

/** Holds back who guesses. Refuses, too, when the counts cannot be asked for. */
export type Throttle = {
  /** One sign-in: by account, known or not, by address, and by all together. */
  signIn(attempt: { accountHash: Buffer; remoteAddress: string }): Promise<void>;
  /** One password or code of a member who is known: signed in, or past the password. */
  proof(memberId: string): Promise<void>;
  /** One mail that somebody who is not known asks for. */
  mail(request: { accountHash: Buffer; remoteAddress: string }): Promise<void>;
};

export const SIGN_IN_LIMITS = {
  account: { limit: 20, windowSeconds: 900 },
  address: { limit: 100, windowSeconds: 900 },
  all: { limit: 1_200, windowSeconds: 60 },
  proof: { limit: 10, windowSeconds: 900 },
  mailAccount: { limit: 3, windowSeconds: 3_600 },
  mailAddress: { limit: 30, windowSeconds: 3_600 },
} as const;

export function createThrottle(options: { db: Database; clock: Clock; log: Log }): Throttle {
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
    signIn: ({ accountHash, remoteAddress }) =>
      take([
        { key: address(remoteAddress, "sign-in"), ...SIGN_IN_LIMITS.address },
        { key: `account:sign-in:${accountHash.toString("hex")}`, ...SIGN_IN_LIMITS.account },
        { key: "all:sign-in", ...SIGN_IN_LIMITS.all },
      ]),
    proof: (memberId) => take([{ key: `member:proof:${memberId}`, ...SIGN_IN_LIMITS.proof }]),
    mail: ({ accountHash, remoteAddress }) =>
      take([
        { key: address(remoteAddress, "member-mail"), ...SIGN_IN_LIMITS.mailAddress },
        { key: `account:member-mail:${accountHash.toString("hex")}`, ...SIGN_IN_LIMITS.mailAccount },
      ]),
  };
}
