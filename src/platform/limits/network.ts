import { isIPv4, isIPv6 } from "node:net";

/** The network of an address: enough to block it by, and no single person's. IPv4 by 24 bits, IPv6 by 48. */
export function networkOf(address: string): string {
  const plain = address.startsWith("::ffff:") ? address.slice(7) : address;
  if (isIPv4(plain)) return `${plain.split(".").slice(0, 3).join(".")}.0/24`;
  const [bare = ""] = plain.split("%");
  if (!isIPv6(bare)) return "unknown";
  const [head = "", tail] = bare.split("::");
  const groups = head === "" ? [] : head.split(":");
  // What `::` leaves out are zeros; of the first three groups only those before it can be others.
  const filled = tail === undefined ? groups : fillZeros(groups, tail);
  const network = filled.slice(0, 3).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(":")}::/48`;
}

function fillZeros(head: readonly string[], tail: string): string[] {
  const rest = tail === "" ? [] : tail.split(":");
  return [...head, ...Array.from({ length: Math.max(0, 8 - head.length - rest.length) }, () => "0"), ...rest];
}
