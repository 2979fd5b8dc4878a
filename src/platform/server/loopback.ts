import { networkSet } from "../config/settings.ts";

const loopback = networkSet(["127.0.0.0/8", "::1"]);

/** Whether a request comes from this very machine. */
export function isLoopback(address: string): boolean {
  return loopback.has(address);
}
