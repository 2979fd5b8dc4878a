import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, createVerify, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { after, before, describe, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { createOutbound } from "../outbound/outbound.ts";
import { testAuthority } from "../outbound/test-servers.ts";
import type { DkimKey } from "./mail-message.ts";
import { smtpTransport, type SmtpOptions } from "./smtp.ts";
import { startMisbehaving, startRelay, type Step } from "./test-relays.ts";
import { sender, World } from "./test-world.ts";

/** Silence is waited for; everything else must have time enough on a busy machine. */
const IDLE_MS = 1_500;
const PATIENT_MS = 60_000;
const allow = ["127.0.0.0/8"];

describe("mails by SMTP", () => {
  let world: World;
  before(async () => {
    world = await World.open();
  });
  after(() => world.close());

  function transport(port: number, given: Partial<SmtpOptions> = {}) {
    return smtpTransport({
      outbound: world.outbound,
      allow,
      relay: { host: "localhost.test", port, tls: "starttls", login: null },
      sender,
      dkim: null,
      ca: testAuthority,
      ...given,
    });
  }

  function clear(port: number): Partial<SmtpOptions> {
    return { relay: { host: "127.0.0.1", port, tls: "none", login: null } };
  }

  async function relay(t: TestContext, ...args: Parameters<typeof startRelay>) {
    const started = await startRelay(...args);
    t.after(() => started.close());
    return started;
  }

  test("a mail goes over STARTTLS with login, in both forms, and is never sent again", async (t) => {
    const logins: string[] = [];
    const server = await relay(t, {
      authOptional: false,
      onAuth(auth, session, done) {
        logins.push(`${auth.username}/${auth.password}/${session.secure}`);
        done(null, { user: "anyone" });
      },
    });
    const login = { user: "mailer@x.test", password: "p:w" };
    const mail = transport(server.port, {
      relay: { host: "localhost.test", port: server.port, tls: "starttls", login },
    });
    const id = await world.mail({ text: "Une ligne.\n.\n..suite\n" });
    const [first, second] = await Promise.all([world.attempt(id, { mail }), world.attempt(id, { mail })]);
    await world.attempt(id, { mail });
    assert.ok([first, second].some((row) => row.state === "sent"));
    assert.equal((await world.row(id)).state, "sent");
    assert.equal(server.got.length, 1);
    assert.equal(logins[0], "mailer@x.test/p:w/true");
    assert.match(String(server.got[0]), /\r\n\.\r\n\.\.suite/);
  });

  test("a mail goes over TLS from the first byte", async (t) => {
    const server = await relay(t, { secure: true });
    const options = { relay: { host: "localhost.test", port: server.port, tls: "at-once", login: null } } as const;
    const id = await world.mail();
    assert.equal((await world.attempt(id, { mail: transport(server.port, options) })).state, "sent");
    assert.equal(server.got.length, 1);
  });

  for (const tls of ["starttls", "at-once"] as const) {
    test(`a certificate of another name or of an unknown authority is refused (${tls})`, async (t) => {
      const server = await relay(t, { secure: tls === "at-once" });
      const strange = createOutbound({ allow, userAgent: "Tabellion-Test", resolver: async () => ["127.0.0.1"] });
      t.after(() => strange.close());
      const { ca: _, ...withoutAuthority } = { ca: testAuthority, outbound: strange, allow, sender, dkim: null };
      const attempts = [
        transport(server.port, { relay: { host: "other.test", port: server.port, tls, login: null } }),
        smtpTransport({ ...withoutAuthority, relay: { host: "localhost.test", port: server.port, tls, login: null } }),
      ];
      for (const mail of attempts) {
        const row = await world.attempt(await world.mail(), { mail });
        assert.deepEqual([row.state, row.attempts], ["waiting", 1], row.error ?? "");
        assert.match(row.error ?? "", /TLS|CERT|SIGNED/i);
      }
      assert.equal(server.got.length, 0);
    });
  }

  test("a relay that offers no STARTTLS gets no mail and no login", async (t) => {
    let logins = 0;
    const onAuth = (_auth: unknown, _session: unknown, done: (error: null, answer: { user: string }) => void): void => {
      logins++;
      done(null, { user: "x" });
    };
    const server = await relay(t, {
      hideSTARTTLS: true,
      disabledCommands: ["STARTTLS"],
      allowInsecureAuth: true,
      onAuth,
    });
    const login = { user: "u", password: "p" };
    const mail = transport(server.port, {
      relay: { host: "localhost.test", port: server.port, tls: "starttls", login },
    });
    const row = await world.attempt(await world.mail(), { mail });
    assert.deepEqual([row.state, logins, server.got.length], ["waiting", 0, 0]);
  });

  test("without TLS only a listed address is spoken to, and a private relay must be listed at all", async (t) => {
    const server = await relay(t);
    assert.equal(
      (await world.attempt(await world.mail(), { mail: transport(server.port, clear(server.port)) })).state,
      "sent",
    );
    const refusing = createOutbound({ allow: [], userAgent: "Tabellion-Test" });
    t.after(() => refusing.close());
    for (const given of [{ allow: [] }, { allow: [], outbound: refusing }]) {
      const row = await world.attempt(await world.mail(), {
        mail: transport(server.port, { ...clear(server.port), ...given }),
      });
      assert.equal(row.state, "waiting");
      assert.match(row.error ?? "", /TABELLION_OUTBOUND_ALLOW/);
    }
    assert.equal(server.got.length, 1);
  });

  const steps: readonly Step[] = ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "dot"];
  for (const step of steps) {
    const misbehave = async (t: TestContext, reply: string | null) => {
      const server = await startMisbehaving({ step, reply });
      t.after(() => server.close());
      const mail = transport(server.port, {
        ...clear(server.port),
        limits: { idleMs: reply === "silence" ? IDLE_MS : PATIENT_MS },
      });
      const id = await world.mail({ to: "private-person@example.org" });
      const row = await world.attempt(id, { mail });
      assert.ok(!/private-person|secret words/.test(row.error ?? ""), "no address and no stranger's text");
      return { row, dots: server.dots(), id, again: () => world.attempt(id, { mail }), server };
    };

    test(`a connection lost at ${step}: ${step === "dot" ? "uncertain, and never again" : "tried again"}`, async (t) => {
      for (const reply of [null, "silence"] as const) {
        const { row, again, server, id } = await misbehave(t, reply);
        assert.equal(row.state, step === "dot" ? "uncertain" : "waiting", `${reply}: ${row.error}`);
        if (step !== "dot") continue;
        await again();
        assert.equal(server.dots(), 1);
        assert.match((await world.audits(id)).join(), /"state":"uncertain"/);
      }
    });

    test(`4xx at ${step}: tried again`, async (t) => {
      const { row } = await misbehave(t, "451 4.3.0 secret words <private-person@example.org>");
      assert.deepEqual([row.state, row.attempts], ["waiting", 1], row.error ?? "");
    });

    const isOver = ["MAIL", "RCPT", "DATA", "dot"].includes(step);
    test(`5xx at ${step}: ${isOver ? "over at once" : "the relay's, so tried again"}`, async (t) => {
      const { row, id } = await misbehave(t, "554 5.7.1 secret words <private-person@example.org>");
      assert.equal(row.state, isOver ? "failed" : "waiting", row.error ?? "");
      if (isOver) assert.match((await world.audits(id)).join(), /"state":"failed"/);
    });
  }

  test("a mail that keeps failing ends after ten attempts, with its content erased", async () => {
    const already = await world.contents();
    const mail = transport(1, clear(1));
    const id = await world.mail();
    for (let attempt = 1; attempt <= 9; attempt++) assert.equal((await world.attempt(id, { mail })).state, "waiting");
    const row = await world.attempt(id, { mail });
    assert.deepEqual([row.state, row.attempts, await world.contents()], ["failed", 10, already]);
  });

  test("a process killed between the mail and its record leaves it uncertain, and it is not sent again", async (t) => {
    let seen = (): void => undefined;
    const arrived = new Promise<void>((resolve) => {
      seen = resolve;
    });
    const got: string[] = [];
    const server = await relay(t, {
      onData(stream, _session, _done) {
        // Taken, and never answered.
        stream.on("data", (chunk: Buffer) => void got.push(String(chunk)));
        stream.on("end", () => seen());
      },
    });
    const id = await world.mail();
    const program = fileURLToPath(new URL("./crashing-sender.ts", import.meta.url));
    const { tenantId, rootKeyText: rootKey, database } = world;
    const argument = JSON.stringify({ url: database.url, rootKey, port: server.port, tenantId, id });
    const child = spawn(process.execPath, [program, argument], { stdio: ["ignore", "ignore", "inherit"] });
    t.after(() => child.kill("SIGKILL"));
    await arrived;
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.equal((await world.row(id)).state, "sending");
    const next = await relay(t);
    const row = await world.attempt(id, { mail: transport(next.port) });
    assert.equal(row.state, "uncertain");
    await world.attempt(id, { mail: transport(next.port) });
    assert.equal(next.got.length, 0);
    assert.match((await world.audits(id)).join(), /"state":"uncertain"/);
    assert.ok(got.join("").includes(id));
  });

  test("a mail is signed by DKIM as RFC 6376 verifies it", async (t) => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const dkim: DkimKey = {
      domainName: "tabellion.test",
      keySelector: "s1",
      privateKey: privateKey.export({ type: "pkcs8", format: "pem" }),
    };
    const server = await relay(t);
    const id = await world.mail({ subject: "Accentué  et   espacé", text: "Fin  de ligne \n\n\nFin\n\n\n" });
    await world.attempt(id, { mail: transport(server.port, { dkim }) });
    const mail = String(server.got[0]);
    const pem = publicKey.export({ type: "spki", format: "pem" });
    assert.ok(isDkimValid(mail, pem));
    assert.ok(!isDkimValid(mail.replace("Fin", "fin"), pem));
    assert.ok(!isDkimValid(mail.replace(/^Subject: /m, "Subject: x"), pem));
  });
});

/** RFC 6376 section 3.4.2 and 3.4.4, relaxed/relaxed, written apart from the library that signs. */
function isDkimValid(mail: string, publicKey: string): boolean {
  const [head = "", ...rest] = mail.split("\r\n\r\n");
  const fields = head.split(/\r\n(?![ \t])/);
  const signature = fields.find((field) => /^dkim-signature:/i.test(field)) ?? "";
  const tags = new Map(
    signature
      .slice(signature.indexOf(":") + 1)
      .replaceAll(/\s+/g, " ")
      .split(";")
      .map((tag) => [tag.slice(0, tag.indexOf("=")).trim(), tag.slice(tag.indexOf("=") + 1).replaceAll(" ", "")]),
  );
  const body = rest
    .join("\r\n\r\n")
    .replaceAll(/[ \t]+/g, " ")
    .replaceAll(/ (?=\r\n)/g, "")
    .replace(/(?:\r\n)*$/, "\r\n");
  if (createHash("sha256").update(body, "latin1").digest("base64") !== tags.get("bh")) return false;
  const relaxed = (field: string): string => {
    const colon = field.indexOf(":");
    const value = field
      .slice(colon + 1)
      .replaceAll("\r\n", "")
      .replaceAll(/[ \t]+/g, " ")
      .trim();
    return `${field.slice(0, colon).toLowerCase().trim()}:${value}`;
  };
  const left = [...fields];
  const signed = (tags.get("h") ?? "").split(":").flatMap((name) => {
    const at = left.findLastIndex((field) => field.toLowerCase().startsWith(`${name.toLowerCase()}:`));
    return at === -1 ? [] : left.splice(at, 1).map((field) => `${relaxed(field)}\r\n`);
  });
  const bare = relaxed(signature).replace(/(\bb=)[^;]*/, "$1");
  const verify = createVerify("rsa-sha256").update(`${signed.join("")}${bare}`);
  return verify.verify(publicKey, tags.get("b") ?? "", "base64");
}
