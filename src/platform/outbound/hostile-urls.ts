import type { OutboundErrorCode } from "./outbound-error.ts";
import type { Resolver } from "./resolve-host.ts";

/** A URL that must be refused without a packet, and the refusal. Written for an empty allow-list. */
export type HostileUrl = { readonly url: string; readonly code: OutboundErrorCode };

/** What the tests' resolver answers. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  localhost: ["127.0.0.1", "::1"],
  "localhost.": ["127.0.0.1"],
  "localhost.localdomain": ["127.0.0.1"],
  "ip6-localhost": ["::1"],
  "app.localhost": ["127.0.0.1"],
  metadata: ["169.254.169.254"],
  "metadata.google.internal": ["169.254.169.254"],
  "instance-data": ["169.254.169.254"],
  "kubernetes.default.svc": ["10.96.0.1"],
  "host.docker.internal": ["192.168.65.2"],
  "router.lan": ["192.168.1.1"],
  "printer.local": ["169.254.7.7"],
  "127.0.0.1.nip.test": ["127.0.0.1"],
  "10-0-0-1.nip.test": ["10.0.0.1"],
  "mixed.test": ["93.184.216.34", "10.0.0.1"],
  "mixed-first.test": ["127.0.0.1", "93.184.216.34"],
  "mixed-family.test": ["93.184.216.34", "::1"],
  "mixed-mapped.test": ["93.184.216.34", "::ffff:10.0.0.1"],
  "mapped.test": ["::ffff:127.0.0.1"],
  "nat64.test": ["64:ff9b::7f00:1"],
  "6to4.test": ["2002:7f00:1::"],
  "zone.test": ["fe80::1%eth0"],
  "nonsense.test": ["not an address"],
  "number.test": ["2130706433"],
  "empty.test": [],
  "xn--bcher-kva.test": ["10.0.0.9"],
  "under_score.test": ["172.16.0.1"],
  "a.test": ["10.1.1.1"],
};

/** Answers from the table above; every other name does not exist. */
export const hostileResolver: Resolver = (host) => {
  const answer = NAMES[host];
  return answer === undefined ? Promise.reject(new Error("ENOTFOUND")) : Promise.resolve(answer);
};

/** Cuts a list that is easier to read without quotes. */
function words(list: string): readonly string[] {
  return list.trim().split(/\s+/);
}

// IPv4, one or more of every refused range: first, last and well-known addresses.
const IPV4_HOSTS = words(`
  0.0.0.0 0.1.2.3 0.255.255.255 10.0.0.0 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255
  127.0.0.0 127.0.0.1 127.1.2.3 127.255.255.255 169.254.0.1 169.254.169.254 169.254.170.2 169.254.255.255
  172.16.0.1 172.17.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.1.1
  192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.7 224.0.0.1 239.255.255.250 240.0.0.1
  255.255.255.255 168.63.129.16
`);

// The same numbers in other clothes: decimal, octal, hexadecimal, short, mixed, overlong.
const NUMBER_HOSTS = words(`
  2130706433 017700000001 0x7f000001 0X7F000001 127.1 127.0.1 0177.0.0.1 0177.0.0.01 0x7f.0.0.1 0x7f.1
  0x7f.0x0.0x0.0x1 00000177.0.0.1 127.0x1 127.0.01 3232235777 0xc0a80101 192.168.257 10.1 012.0.0.1 0xa.0.0.1
  2852039166 0xa9fea9fe 0251.0376.0251.0376 169.16689662 0xa9.254.0251.254 0 0x0 00 1 0.0 4294967295 0xffffffff
  2886729729 167772161 127.0.0.1. 2130706433. 0x7f.1. 10.0.0.1. %31%32%37.0.0.1 127%2e0%2e0%2e1 0%78%37f.1
`);

// IDNA: fullwidth, circled and superscript digits, ideographic and fullwidth stops, soft hyphen.
const IDNA_HOSTS = words(`
  １２７.０.０.１ ①②⑦.⓪.⓪.① 127。0。0。1 127．0．0．1 127｡0｡0｡1 ¹²⁷.0.0.1 １２７。１ 𝟏𝟐𝟕.𝟎.𝟎.𝟏 𝟙𝟘.𝟘.𝟘.𝟙 ０ｘ７ｆ．１ 127\u00AD.0.0.1
  １６９.２５４.１６９.２５４ ２１３０７０６４３３ １０.１
`);

// IPv6: unspecified, loopback, unique local, link-local, site-local, multicast, documentation, discard, assignments.
const IPV6_HOSTS = words(`
  [::] [::1] [0:0:0:0:0:0:0:1] [0000::0001] [fc00::1] [fd00::1] [fd00:ec2::254] [FDFF::1] [fe80::1] [febf::1]
  [fec0::1] [feff::1] [ff02::1] [ff0e::1] [2001:db8::1] [3fff::1] [100::1] [3ffe::1] [5f00::1] [4000::1]
  [1fff::1] [2001:2::1] [2001:10::1] [e000::1] [::2] [1::]
`);

// IPv6 that embeds an IPv4: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP; a public one changes nothing.
const EMBEDDING_HOSTS = words(`
  [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:1] [::ffff:10.0.0.1] [::FFFF:169.254.169.254]
  [::ffff:93.184.216.34] [::127.0.0.1] [::7f00:1] [::93.184.216.34] [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1]
  [64:ff9b::7f00:1] [64:ff9b::93.184.216.34] [64:ff9b:1::1] [64:ff9b:1:ffff::a00:1] [2002:7f00:1::]
  [2002:a00:1::1] [2002:5db8:d822::1] [2001::1] [2001:0:7f00:1::] [2001:0:4136:e378:8000:63bf:80ff:fffe]
  [2606:2800::5efe:127.0.0.1] [2606:2800::200:5efe:10.0.0.1] [2606:2800:1:2:0:5efe:7f00:1]
  [fe80::5efe:192.168.0.1]
`);

// Names that lead inside, alone or among outer answers.
const INWARD_NAMES = words(`
  localhost LOCALHOST localhost. ⓛⓞⓒⓐⓛⓗⓞⓢⓣ ｌｏｃａｌｈｏｓｔ loc\u00ADalhost loc%61lhost localhost.localdomain
  ip6-localhost app.localhost metadata metadata.google.internal METADATA.Google.Internal instance-data
  kubernetes.default.svc host.docker.internal router.lan printer.local 127.0.0.1.nip.test 10-0-0-1.nip.test
  mixed.test mixed-first.test mixed-family.test mixed-mapped.test mapped.test nat64.test 6to4.test zone.test
  nonsense.test number.test bücher.test BÜCHER.test under_score.test
`);

const FORBIDDEN_HOSTS = [
  ...IPV4_HOSTS,
  ...NUMBER_HOSTS,
  ...IDNA_HOSTS,
  ...IPV6_HOSTS,
  ...EMBEDDING_HOSTS,
  ...INWARD_NAMES,
];

const FORBIDDEN_WITH_PATHS = [
  "https://127.0.0.1:443/",
  "https://127.0.0.1:8443/admin",
  "https://[::1]:8443/",
  "https://169.254.169.254/latest/meta-data/iam/security-credentials/",
  "HTTPS://LOCALHOST/",
  "https://a.test/#@93.184.216.34/",
  "https://a.test?@93.184.216.34/",
  "https://a.test/?url=https://93.184.216.34/",
  "https://a.test:0443/",
];

const MALFORMED = [
  "",
  "https",
  "https:",
  "https:/",
  "https://",
  "https:///",
  "https:///127.0.0.1/",
  "https:127.0.0.1",
  "https:/127.0.0.1/",
  "//127.0.0.1/",
  "/webhook",
  "127.0.0.1",
  "https:\\\\127.0.0.1\\",
  "https://93.184.216.34\\@127.0.0.1/",
  "https://exa\nmple.test/",
  "https://exa\tmple.test/",
  "htt\nps://127.0.0.1/",
  " https://127.0.0.1/",
  "https://127.0.0.1 /",
  "https://127.0.0.1\u0000.test/",
  "https://127.0.0.1\r\nHost: a.test/",
  "https://[fe80::1%25eth0]/",
  "https://[fe80::1%eth0]/",
  "https://[::1%25lo]/",
  "https://[::1/",
  "https://::1/",
  "https://[127.0.0.1]/",
  "https://[::ffff:127.0.0.1.]/",
  "https://256.256.256.256/",
  "https://127.0.0.1.5/",
  "https://0x1ffffffff/",
  "https://1.2.3.08x.0x/",
  "https://127.0.0.1:65536/",
  "https://127.0.0.1:-1/",
  "https://127.0.0.1:443:80/",
  "https://127.0.0.1:8o/",
  "https://a..test/",
  "https://a.test../",
  "https://.a.test/",
  "https://./",
  "https://../",
  "https://a_b%20c.test/",
  "https://a%00.test/",
  "https://a%2f.test/",
  "https://a%40b.test/",
  "https://a%09.test/",
  "https://a,b.test/",
  "https://a'b.test/",
  "https://a*b.test/",
  "https://$(id).test/",
  "https://a;b.test/",
  "https://a|b.test/",
  "https://<a>.test/",
  "https://\u00AD/",
  `https://${"a".repeat(254)}/`,
  `https://${"a.".repeat(130)}test/`,
  `https://a.test/${"x".repeat(2048)}`,
  `https://a.test/?${"ü".repeat(400)}`,
];

const WRONG_SCHEMES = words(`
  ftp file gopher dict ldap ldaps ws wss tftp sftp ssh telnet
  redis smb jar netdoc blob about unix phar expect httpss view-source
`).map((scheme) => `${scheme}://127.0.0.1/`);

const OPAQUE_SCHEMES = [
  "localhost:443",
  "data:text/plain,x",
  "javascript:alert(1)",
  "mailto:a@b.test",
  "file:/etc/passwd",
  "jar:https://a.test!/",
];

const PLAIN_HTTP = [
  "http://93.184.216.34/",
  "http://127.0.0.1/",
  "http://localhost/",
  "HTTP://a.test/",
  "http://[::1]:443/",
];

const WITH_CREDENTIALS = [
  "https://user@127.0.0.1/",
  "https://user:secret@93.184.216.34/",
  "https://@93.184.216.34/",
  "https://:@93.184.216.34/",
  "https://:secret@93.184.216.34/",
  "https://93.184.216.34@127.0.0.1/",
  "https://93.184.216.34:443@127.0.0.1/",
  "https://93.184.216.34%2f@127.0.0.1/",
  "https://a@b@127.0.0.1/",
  "https://93.184.216.34&@127.0.0.1/",
  "http://user@127.0.0.1/",
];

const CLOSED_PORTS = [
  0, 1, 22, 25, 53, 80, 110, 389, 442, 444, 465, 587, 2375, 3306, 5432, 6379, 8080, 8442, 9200, 65535,
];

const UNRESOLVED = [
  "https://absent.test/",
  "https://xn--a.test/",
  "https://empty.test/",
  "https://a%E2%80%8Bb.test/",
  "https://absent./",
];

function each(urls: readonly string[], code: OutboundErrorCode): HostileUrl[] {
  return urls.map((url) => ({ url, code }));
}

export const hostileUrls: readonly HostileUrl[] = [
  ...each(
    FORBIDDEN_HOSTS.map((host) => `https://${host}/`),
    "address_not_allowed",
  ),
  ...each(FORBIDDEN_WITH_PATHS, "address_not_allowed"),
  ...each(MALFORMED, "invalid_url"),
  ...each([...WRONG_SCHEMES, ...OPAQUE_SCHEMES, ...PLAIN_HTTP], "scheme_not_allowed"),
  ...each(WITH_CREDENTIALS, "credentials_in_url"),
  ...each(
    CLOSED_PORTS.map((port) => `https://93.184.216.34:${port}/`),
    "port_not_allowed",
  ),
  ...each(UNRESOLVED, "name_not_resolved"),
];
