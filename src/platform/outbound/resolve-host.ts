import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { within } from "./lifetime.ts";
import { OutboundError } from "./outbound-error.ts";
import type { AddressGuard } from "./address-guard.ts";

/** Turns a name into all of its literal addresses, in the order in which they should be tried. */
export type Resolver = (host: string) => Promise<readonly string[]>;

/** The checked addresses of a host. Connections go to these literals and nowhere else. */
export type Resolved = { readonly addresses: readonly string[]; readonly isListed: boolean };

/**
 * The operating system's resolver, so that /etc/hosts and the operator's search domains count. Calls for one name share
 * one pending lookup, because a lookup holds a thread of libuv's small pool until the system gives up on it.
 */
export function createSystemResolver(): Resolver {
  const pending = new Map<string, Promise<readonly string[]>>();
  return (host) => {
    const known = pending.get(host);
    if (known !== undefined) return known;
    const started = lookupAll(host).finally(() => pending.delete(host));
    pending.set(host, started);
    return started;
  };
}

async function lookupAll(host: string): Promise<readonly string[]> {
  const answers = await lookup(host, { all: true });
  return answers.map((answer) => answer.address);
}

/**
 * Resolves a host once and judges ALL answers: a single forbidden one refuses the host, because a name that mixes inner
 * and outer addresses is either an attack or a mistake. Throws `name_not_resolved` or `address_not_allowed`.
 */
export async function resolveHost(
  host: string,
  options: { guard: AddressGuard; resolver: Resolver; timeoutMs: number; signal: AbortSignal },
): Promise<Resolved> {
  const addresses = isIP(host) === 0 ? await askResolver(host, options) : [host];
  const standings = addresses.map((address) => options.guard.judge(address));
  const forbiddenAt = standings.indexOf("forbidden");
  if (forbiddenAt !== -1) {
    throw new OutboundError("address_not_allowed", `The host ${host} is at an address that is not allowed`, {
      cause: new Error(`${addresses[forbiddenAt]} is not public and not on the allow-list`),
    });
  }
  return { addresses, isListed: standings.every((standing) => standing === "listed") };
}

async function askResolver(
  host: string,
  options: { resolver: Resolver; timeoutMs: number; signal: AbortSignal },
): Promise<readonly string[]> {
  const { resolver, timeoutMs, signal } = options;
  const expired = () =>
    new OutboundError("name_not_resolved", `The name ${host} was not resolved within ${timeoutMs} ms`);
  const answers = await within(resolver(host), { signal, timeoutMs, expired }).catch((error: unknown) => {
    if (error instanceof OutboundError) throw error;
    throw new OutboundError("name_not_resolved", `The name ${host} cannot be resolved`, { cause: error });
  });
  if (answers.length === 0) throw new OutboundError("name_not_resolved", `The name ${host} has no address`);
  return answers;
}
