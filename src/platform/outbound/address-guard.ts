import { BlockList, isIPv4, isIPv6 } from "node:net";

/** What we think of a literal address. `listed` means that the operator's allow-list names it, whatever it is. */
export type Standing = "public" | "listed" | "forbidden";

export type AddressGuard = {
  /** Whether the operator listed nothing, so that no address can ever be `listed`. */
  readonly isListEmpty: boolean;
  /** Judges one literal address. Anything that is not a plain IPv4 or IPv6 literal (names, zone ids) is `forbidden`. */
  judge(address: string): Standing;
};

// IANA's IPv4 special-purpose registry, except its globally reachable rows.
const FORBIDDEN_IPV4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  // A public number that Azure answers inside every virtual machine, with instance metadata behind it.
  "168.63.129.16/32",
];

// Global unicast. Outside it lie ::, ::1, IPv4-compatible ::/96, IPv4-mapped ::ffff:0:0/96, NAT64 64:ff9b::/96 and
// 64:ff9b:1::/48, 100::/64, 5f00::/16, fc00::/7, fe80::/10, fec0::/10 and ff00::/8, all refused by not being inside.
const GLOBAL_IPV6 = "2000::/3";

// What is refused inside global unicast: IETF protocol assignments with Teredo, documentation, 6to4, 6bone, documentation.
const FORBIDDEN_IPV6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3ffe::/16", "3fff::/20"];

const CIDR = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/;

type Cidr = { readonly family: "ipv4" | "ipv6"; readonly address: string; readonly prefix: number };

/** IPv4 and IPv6 apart: one BlockList for both would let an IPv4 rule match a mapped IPv6 address. */
type AddressSet = { readonly ipv4: BlockList; readonly ipv6: BlockList };

/**
 * The guard for one allow-list. Every text may hold several CIDR blocks, parted by commas or blanks; a bare address is a
 * block of one.
 * Throws an Error that names the first block that is not well formed.
 */
export function createAddressGuard(allow: readonly string[]): AddressGuard {
  const blocks = allow.flatMap((text) => text.split(/[\s,]+/)).filter((block) => block !== "");
  const listed = addressSet(blocks);
  const forbidden = addressSet([...FORBIDDEN_IPV4, ...FORBIDDEN_IPV6]);
  const global = addressSet([GLOBAL_IPV6]);
  return {
    isListEmpty: blocks.length === 0,
    judge(address) {
      if (isIPv4(address)) {
        if (listed.ipv4.check(address, "ipv4")) return "listed";
        return forbidden.ipv4.check(address, "ipv4") ? "forbidden" : "public";
      }
      if (!isIPv6(address) || address.includes("%")) return "forbidden";
      if (listed.ipv6.check(address, "ipv6")) return "listed";
      if (!global.ipv6.check(address, "ipv6") || forbidden.ipv6.check(address, "ipv6")) return "forbidden";
      return isIsatap(address) ? "forbidden" : "public";
    },
  };
}

/** Whether two texts name the same address. */
export function isSameAddress(left: string, right: string): boolean {
  return canonical(left) === canonical(right);
}

function canonical(address: string): string {
  return isIPv6(address) ? ipv6Groups(address).join(":") : address;
}

function addressSet(blocks: readonly string[]): AddressSet {
  const set = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const block of blocks) {
    const { family, address, prefix } = parseCidr(block);
    set[family].addSubnet(address, prefix, family);
  }
  return set;
}

function parseCidr(text: string): Cidr {
  const [, address = "", digits] = CIDR.exec(text) ?? [];
  const prefix = Number(digits ?? (isIPv4(address) ? 32 : 128));
  if (isIPv4(address) && prefix <= 32) return { family: "ipv4", address, prefix };
  if (isIPv6(address) && prefix <= 128) return { family: "ipv6", address, prefix };
  throw new Error(`"${text}" is not an address block such as 10.1.2.0/24 or fd00::/8`);
}

/** RFC 5214 section 6.1: interface identifier 0000:5efe or 0200:5efe, then an IPv4 address, below any prefix. */
function isIsatap(address: string): boolean {
  const groups = ipv6Groups(address);
  return (groups[4] === 0 || groups[4] === 0x0200) && groups[5] === 0x5efe;
}

/** The eight 16-bit groups of a well-formed IPv6 literal without a zone. */
function ipv6Groups(address: string): readonly number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const plain =
    dotted === null ? address : `${dotted[1]}${hexPair(dotted[2], dotted[3])}:${hexPair(dotted[4], dotted[5])}`;
  const [head = "", tail] = plain.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const gap = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...gap, ...after].map((group) => Number.parseInt(group, 16));
}

function hexPair(high: string | undefined, low: string | undefined): string {
  return (Number(high) * 256 + Number(low)).toString(16);
}
