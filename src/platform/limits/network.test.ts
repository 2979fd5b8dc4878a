import assert from "node:assert/strict";
import { test } from "node:test";
import { networkOf } from "./network.ts";

test("an address is known by its network only", () => {
  const networks: Readonly<Record<string, string>> = {
    "203.0.113.77": "203.0.113.0/24",
    "::ffff:203.0.113.77": "203.0.113.0/24",
    "::1": "0:0:0::/48",
    "2001:db8::": "2001:db8:0::/48",
    "2001:db8:a:b:c:d:e:f": "2001:db8:a::/48",
    "fe80::1%eth0": "fe80:0:0::/48",
    "": "unknown",
    nonsense: "unknown",
  };
  for (const [address, network] of Object.entries(networks)) assert.equal(networkOf(address), network);
});
