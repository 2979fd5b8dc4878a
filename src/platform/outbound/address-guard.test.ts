import assert from "node:assert/strict";
import { test } from "node:test";
import { createAddressGuard, isSameAddress } from "./address-guard.ts";

const none = createAddressGuard([]);

test("public addresses beside every refused range are public", () => {
  const edges = [
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
  ];
  edges.push(
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.3.0",
  );
  edges.push(
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
  );
  edges.push("198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255", "168.63.129.15", "93.184.216.34");
  edges.push(
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:2800:220:1:248:1893:25c8:1946",
    "2a00::1",
    "3ffd::1",
    "2620:4f:8000::",
  );
  for (const address of edges) assert.equal(none.judge(address), "public", address);
});

test("what is not a plain literal is forbidden", () => {
  for (const text of [
    "",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "[::1]",
    "fe80::1%eth0",
    "2a00::1%1",
    "1.2.3.4/32",
  ]) {
    assert.equal(none.judge(text), "forbidden", text);
  }
});

test("the operator can list forbidden blocks, several in one text", () => {
  const guard = createAddressGuard(["127.0.0.0/8, ::1/128", "10.1.2.0/24 fd00:1::/32"]);
  for (const address of ["127.0.0.1", "127.255.0.1", "::1", "0:0::1", "10.1.2.255", "fd00:1:2::3"]) {
    assert.equal(guard.judge(address), "listed", address);
  }
  for (const address of ["::2", "10.1.3.0", "fd00:2::1", "192.168.0.1"])
    assert.equal(guard.judge(address), "forbidden", address);
});

test("listing an IPv4 block does not list the IPv6 forms that embed it", () => {
  const guard = createAddressGuard(["127.0.0.0/8", "0.0.0.0/0"]);
  for (const address of ["::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]) {
    assert.equal(guard.judge(address), "forbidden", address);
  }
});

test("listing an IPv6 block does not list IPv4 addresses", () => {
  const guard = createAddressGuard(["::/0"]);
  assert.equal(guard.judge("127.0.0.1"), "forbidden");
  assert.equal(guard.judge("fe80::1"), "listed");
});

test("a bare address is a block of one, as the settings take it", () => {
  const guard = createAddressGuard(["10.1.2.3", "fd00::7"]);
  assert.deepEqual(
    ["10.1.2.3", "10.1.2.4", "fd00::7", "fd00::8"].map((address) => guard.judge(address)),
    ["listed", "forbidden", "listed", "forbidden"],
  );
});

test("a malformed block is named by the error", () => {
  const malformed = [
    "10.0.0",
    "10.0.0.0/",
    "10.0.0.0/33",
    "::/129",
    "10.0.0/8",
    "010.0.0.0/8",
    "localhost/8",
    "10.0.0.0/-1",
    "10.0.0.0/8x",
  ];
  for (const block of malformed) {
    assert.throws(
      () => createAddressGuard(["127.0.0.0/8", block]),
      (error: Error) => error.message.includes(`"${block}"`),
    );
  }
});

test("spellings of one IPv6 address are the same address", () => {
  assert.ok(isSameAddress("2001:db8:0:0:0:0:0:1", "2001:DB8::1"));
  assert.ok(isSameAddress("::ffff:127.0.0.1", "::ffff:7f00:1"));
  assert.ok(!isSameAddress("::1", "::2"));
  assert.ok(!isSameAddress("127.0.0.1", "::ffff:127.0.0.1"));
});
