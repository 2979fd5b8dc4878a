import { isIPv4, isIPv6 } from "node:net";

/** Whom a limit counts. */
export type LimitSubject =
  | { readonly kind: "token"; readonly id: string }
  | { readonly kind: "tenant"; readonly id: string }
  | { readonly kind: "address"; readonly address: string };

const OPERATION_CLASS = /^[a-z][a-zA-Z0-9.-]{0,63}$/;
const PREFIX_GROUPS = 4;
const ALL_GROUPS = 8;

/** The key of a limit: whom it counts, and for which class of operations (`api`, `login`, `sms` ...). */
export function limitKey(subject: LimitSubject, operationClass: string): string {
  if (!OPERATION_CLASS.test(operationClass)) throw new RangeError(`${operationClass} is not a class of operations`);
  const value = subject.kind === "address" ? addressPrefix(subject.address) : subject.id;
  return `${subject.kind}:${operationClass}:${value}`;
}

/**
 * The part of an address that stands for one client: all of an IPv4 address, the first 64 bits of an IPv6 address,
 * because its holder chooses the rest. What is no address at all shares the one prefix `unknown`.
 */
export function addressPrefix(address: string): string {
  if (isIPv4(address)) return address;
  const bare = address.split("%", 1)[0] ?? "";
  if (!isIPv6(bare)) return "unknown";
  const groups = groupsOf(bare);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped)
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join(".");
  return `${groups
    .slice(0, PREFIX_GROUPS)
    .map((group) => group.toString(16))
    .join(":")}::/64`;
}

function groupsOf(address: string): number[] {
  // The URL parser writes every form, the dotted one included, as hexadecimal groups.
  const written = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = "", tail] = written.split("::");
  const front = parseGroups(head);
  if (tail === undefined) return front;
  const back = parseGroups(tail);
  return [...front, ...Array.from({ length: ALL_GROUPS - front.length - back.length }, () => 0), ...back];
}

function parseGroups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}
