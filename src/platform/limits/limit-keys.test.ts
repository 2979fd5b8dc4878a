import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { addressPrefix, limitKey } from "./limit-keys.ts";

describe("keys of limits", () => {
  test("an IPv4 address counts alone, an IPv6 address with all others of its /64", () => {
    const cases: [string, string][] = [
      ["192.0.2.7", "192.0.2.7"],
      ["::ffff:192.0.2.7", "192.0.2.7"],
      ["::FFFF:C000:0207", "192.0.2.7"],
      ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
      ["2001:0DB8:0001:0002::", "2001:db8:1:2::/64"],
      ["2001:db8::1", "2001:db8:0:0::/64"],
      ["::1", "0:0:0:0::/64"],
      ["fe80::1%eth0", "fe80:0:0:0::/64"],
      ["64:ff9b::192.0.2.33", "64:ff9b:0:0::/64"],
    ];
    for (const [address, prefix] of cases) assert.equal(addressPrefix(address), prefix, address);
  });

  test("what is no address shares one key", () => {
    for (const address of ["", "localhost", "1.2.3", "12345::", "[::1]"])
      assert.equal(addressPrefix(address), "unknown");
  });

  test("keys of two kinds, classes or subjects never meet", () => {
    const keys = [
      limitKey({ kind: "token", id: "a" }, "api"),
      limitKey({ kind: "tenant", id: "a" }, "api"),
      limitKey({ kind: "token", id: "a" }, "login"),
      limitKey({ kind: "token", id: "api:a" }, "api"),
      limitKey({ kind: "address", address: "192.0.2.7" }, "api"),
    ];
    assert.equal(new Set(keys).size, keys.length);
    assert.throws(() => limitKey({ kind: "token", id: "a" }, "api:x"), RangeError);
  });
});
