import { test } from "node:test";
import assert from "node:assert/strict";
import { describeConfig, readConfig, settings, unknownVariables } from "./config.ts";
import { networkSet } from "./settings.ts";

test("an empty environment gives the documented defaults, frozen", () => {
  const config = readConfig({});
  assert.equal(config.port, 8080);
  assert.equal(config.host, "127.0.0.1");
  assert.equal(config.role, "all");
  assert.ok(Object.isFrozen(config));
});

const wrong: readonly [string, string][] = [
  ["TABELLION_PORT", "80a"],
  ["TABELLION_PORT", "70000"],
  ["TABELLION_ROLE", "boss"],
  ["TABELLION_DEMO", "yes"],
  ["TABELLION_PUBLIC_URL", "https://example.org/path"],
  ["TABELLION_PUBLIC_URL", "ftp://example.org"],
  ["TABELLION_TRUSTED_PROXIES", "10.0.0.0/33"],
  ["TABELLION_OUTBOUND_ALLOW", "localhost"],
  ["DATABASE_URL", "mysql://x"],
  ["DATABASE_URL", "postgres://host-without-role/x"],
  ["DATABASE_URL", "postgres://role:password@/no-host?host=/socket"],
];
for (const [variable, value] of wrong) {
  test(`${variable}=${value} stops the start and the message names variable, value and what is allowed`, () => {
    assert.throws(
      () => readConfig({ [variable]: value }),
      (error: Error) => error.message.startsWith(variable) && /allowed: \S/.test(error.message),
    );
  });
}

test("a misspelt TABELLION_ variable is told", () => {
  assert.deepEqual(unknownVariables({ TABELLION_PROT: "1", TABELLION_PORT: "1", HOME: "/" }), ["TABELLION_PROT"]);
});

test("one database URL without the other stops the start", () => {
  assert.throws(() => readConfig({ DATABASE_URL: "postgres://a@b/c" }), /DATABASE_OWNER_URL/);
});

test("a secret value is never repeated, neither in an error nor in the printed configuration", () => {
  const secret = "mysql://role:hunter2@host/db";
  assert.throws(
    () => readConfig({ DATABASE_URL: secret }),
    (error: Error) => !error.message.includes("hunter2"),
  );
  assert.ok(!describeConfig({ DATABASE_URL: secret }).includes("hunter2"));
});

test("the printed configuration names every variable with its meaning", () => {
  const printed = describeConfig({});
  for (const row of Object.values(settings)) {
    assert.ok(printed.includes(row.variable) && printed.includes(row.meaning));
  }
});

test("a network set covers its networks, mapped IPv4 included, and nothing else", () => {
  const set = networkSet(["127.0.0.0/8", "fd00::/8", "10.1.2.3"]);
  for (const address of ["127.9.9.9", "::ffff:127.0.0.1", "fd12::1", "10.1.2.3"]) assert.ok(set.has(address), address);
  for (const address of ["128.0.0.1", "10.1.2.4", "fe80::1", "x"]) assert.ok(!set.has(address), address);
});
