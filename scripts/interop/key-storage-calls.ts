import { randomBytes } from "node:crypto";
import type { SsksClient } from "../../test/support/ssks-client.ts";
import type { SsksPlace } from "../../test/support/ssks-front-client.ts";
import type { keyStorage } from "./key-storage-client.ts";

/** Calls the page's client, in the page. A failure is told as the text that it is thrown with. */
export type PageClient = (name: keyof typeof keyStorage, ...given: readonly unknown[]) => Promise<unknown>;

export const RAW_KEY = randomBytes(64).toString("base64");

/** The application as a page knows it, with every header that clients send. */
export function pageOf({ origin, appId }: SsksClient): SsksPlace {
  return { origin, appId, headers: { "x-seald-version": "sdk-js/browser/0.25.0", "x-seald-user-id": "for debugging" } };
}

export function memberOf(told: unknown, member: string): unknown {
  const value =
    typeof told === "object" && told !== null ? Object.entries(told).find(([name]) => name === member) : null;
  if (value === null || value === undefined) throw new Error(`no ${member}: ${JSON.stringify(told)}`);
  return value[1];
}

export function expectSame(what: string, seen: unknown, wanted: unknown): void {
  const [one, other] = [JSON.stringify(seen), JSON.stringify(wanted)];
  if (one !== other) throw new Error(`${what}: ${one}, not ${other}`);
}
