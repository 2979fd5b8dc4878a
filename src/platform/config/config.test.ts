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
  ["TABELLION_SMTP_URL", "http://relay.example.org"],
  ["TABELLION_SMTP_URL", "smtp://user:pw@relay.example.org?tls=off"],
  ["TABELLION_SMTP_URL", "smtps://relay.example.org?tls=off"],
  ["TABELLION_MAIL_FROM", "Eve <a@b.test>, x@y.test"],
  ["TABELLION_MAIL_FROM", "Eve\nBcc: x <a@b.test>"],
  ["TABELLION_SMS_URL", "ftp://sms.example.org"],
  ["TABELLION_SMS_FROM", "a name that is too long"],
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

test("settings of mail and text messages are checked together", () => {
  const relay = {
    TABELLION_SMTP_URL: "smtps://me%40x.test:p%3Aw@relay.example.org",
    TABELLION_MAIL_FROM: "A B <a@b.test>",
  };
  const gateway = {
    TABELLION_SMS_URL: "https://sms.example.org/send?x=1",
    TABELLION_SMS_TOKEN: "t",
    TABELLION_SMS_FROM: "Etude",
  };
  readConfig({ ...relay, ...gateway });
  readConfig({ ...relay, TABELLION_SMTP_URL: "smtp://10.0.0.1:25?tls=off" });
  const dkim = { TABELLION_DKIM_DOMAIN: "b.test", TABELLION_DKIM_SELECTOR: "s1", TABELLION_DKIM_KEY: "/k.pem" };
  readConfig({ ...relay, ...dkim });
  const wrongTogether: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ TABELLION_SMTP_URL: relay.TABELLION_SMTP_URL }, /^TABELLION_MAIL_FROM/],
    [{ ...relay, TABELLION_DKIM_DOMAIN: "b.test" }, /^TABELLION_DKIM_KEY/],
    [dkim, /^TABELLION_DKIM_DOMAIN/],
    [{ TABELLION_SMS_URL: gateway.TABELLION_SMS_URL }, /^TABELLION_SMS_TOKEN/],
    [{ TABELLION_SMS_TOKEN: "t" }, /^TABELLION_SMS_URL/],
  ];
  for (const [environment, message] of wrongTogether) assert.throws(() => readConfig(environment), { message });
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
