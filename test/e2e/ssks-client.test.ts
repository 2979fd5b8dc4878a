import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { openMailbox, type Mailbox } from "../support/mailbox.ts";
import { expected } from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { FAKE_CHALLENGE, newApp, openSession, wideLimits } from "../support/ssks-app.ts";
import { newUser, type SsksClient } from "../support/ssks-client.ts";
import { keyOf, open, seal, secretOf, type Bytes } from "../support/ssks-crypto.ts";
import { PasswordClient, TwoManRuleClient, type Factor } from "../support/ssks-front-client.ts";
import { VECTOR_IDENTITY, VECTOR_SECRET, vectorOwner, vectorRandomness, vectors } from "../support/ssks-vectors.ts";

const OWNER = vectorOwner;
const { salt: SALT } = vectorRandomness;
const IDENTITY = new TextEncoder().encode(VECTOR_IDENTITY);

describe("the client of key storage that the tests use", () => {
  for (const { name, text, label, key, data } of vectors) {
    test(`seals under ${name} as the published vector does, and opens that`, async () => {
      const sealing = { kind: "derived", text, label } as const;
      assert.equal((await keyOf(text, { ...OWNER, label, salt: SALT })).toHex(), key);
      assert.equal(await seal(IDENTITY, OWNER, sealing, vectorRandomness), data);
      assert.deepEqual(await open(data, OWNER, sealing), IDENTITY);
      const raw = { kind: "raw", key: Buffer.from(key, "hex") } as const;
      const unsalted = Buffer.from(data, "base64").subarray(SALT.length).toString("base64");
      assert.equal(await seal(IDENTITY, OWNER, raw, vectorRandomness), unsalted);
      assert.deepEqual(await open(unsalted, OWNER, raw), IDENTITY);
      assert.equal(await open(data, { ...OWNER, userId: "bob" }, sealing), null);
      const broken = Buffer.from(data, "base64");
      broken.writeUInt8(broken.readUInt8(50) ^ 1, 50);
      assert.equal(await open(broken.toString("base64"), OWNER, sealing), null);
    });
  }

  test("derives the secret of a password as the published vector does, however the password was composed", async () => {
    assert.equal(await secretOf("correct horse", OWNER), VECTOR_SECRET);
    assert.equal(await secretOf("caf\u00e9 \ufb01n", OWNER), await secretOf("cafe\u0301 fin", OWNER));
  });

  test("an empty buffer, sealed, is 96 bytes", async () => {
    const sealing = { kind: "derived", text: "p", label: "seald-ssks-encryption" } as const;
    assert.equal(Buffer.from(await seal(Buffer.alloc(0), OWNER, sealing), "base64").length, 96);
  });
});

describe("a client of key storage", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let mailbox: Mailbox;
  let app: SsksClient;
  let twoManRule: TwoManRuleClient;
  let passwords: PasswordClient;
  before(async () => {
    mailbox = await openMailbox();
    server = await startTestServer(mailbox.env);
    app = await newApp(server, { limits: wideLimits });
    twoManRule = new TwoManRuleClient(app);
    passwords = new PasswordClient(app);
  });
  after(async () => {
    await server.remove();
    await mailbox.close();
  });

  const identityOf = (name: string): Bytes => new Uint8Array(Buffer.concat([Buffer.from(name), randomBytes(7_300)]));
  const notRenewed = (): never => assert.fail("it was renewed");
  const appended = (identity: Bytes): Bytes => new Uint8Array(Buffer.concat([identity, randomBytes(2_000)]));

  const keys = {
    twoManRuleKey: { twoManRuleKey: "a text that the application’s server keeps, é" },
    rawTwoManRuleKey: { rawTwoManRuleKey: randomBytes(64).toString("base64") },
  } as const;
  for (const [name, key] of Object.entries(keys)) {
    test(`two-man-rule with ${name}: saved without a challenge, got back with one, renewed once`, async () => {
      const { user_id: userId, auth_factor: authFactor } = newUser();
      const user = { user_id: userId, auth_factor: authFactor };
      const identity = identityOf("first");
      const opened = await openSession(app, user);
      assert.equal(opened.mustAuthenticate, false);
      const saved = await twoManRule.saveIdentity({ userId, authFactor, sessionId: opened.sessionId }, key, identity);
      const second = await openSession(app, user);
      assert.equal(second.mustAuthenticate, true);
      const proof = { userId, authFactor, challenge: FAKE_CHALLENGE };
      const back = await twoManRule.retrieveIdentity({ ...proof, sessionId: second.sessionId }, key, appended);
      assert.ok(back.isRenewed, "it was stored by a session that had proved nothing");
      assert.deepEqual(back.identity.subarray(0, identity.length), identity);
      const third = await openSession(app, user);
      const again = await twoManRule.retrieveIdentity({ ...proof, sessionId: third.sessionId }, key, notRenewed);
      assert.deepEqual(again.identity, back.identity);
      const changed = identityOf("changed");
      const kept = await twoManRule.saveIdentity({ userId, authFactor, sessionId: again.sessionId }, key, changed);
      assert.equal(kept.id, saved.id, "a session that has proved itself goes on, and the id stays");
      const fourth = await openSession(app, user);
      const last = await twoManRule.retrieveIdentity({ ...proof, sessionId: fourth.sessionId }, key, notRenewed);
      assert.deepEqual(last.identity, changed);
      const fifth = await openSession(app, user);
      const other =
        "rawTwoManRuleKey" in key
          ? { rawTwoManRuleKey: randomBytes(64).toString("base64") }
          : { twoManRuleKey: "other" };
      await assert.rejects(twoManRule.retrieveIdentity({ ...proof, sessionId: fifth.sessionId }, other, notRenewed), {
        message: "rawTwoManRuleKey" in key ? "Invalid rawTwoManRuleKey" : "Invalid appId, userId, or twoManRuleKey",
      });
    });
  }

  test("two-man-rule: saved with a challenge at once, where the application asks for that", async () => {
    const { user_id: userId, auth_factor: authFactor } = newUser();
    const user = { user_id: userId, auth_factor: authFactor };
    const opened = await openSession(app, user, { force_auth: true });
    assert.equal(opened.mustAuthenticate, true);
    const proof = { userId, authFactor, challenge: FAKE_CHALLENGE };
    const unproved = { userId, authFactor, sessionId: opened.sessionId };
    await assert.rejects(twoManRule.saveIdentity(unproved, keys.twoManRuleKey, IDENTITY), {
      message: /^SSKS push failed: 403 /,
    });
    const saved = await twoManRule.saveIdentity(
      { ...proof, sessionId: opened.sessionId },
      keys.twoManRuleKey,
      IDENTITY,
    );
    assert.notEqual(saved.sessionId, opened.sessionId);
    const next = await openSession(app, user);
    const back = await twoManRule.retrieveIdentity(
      { ...proof, sessionId: next.sessionId },
      keys.twoManRuleKey,
      notRenewed,
    );
    assert.deepEqual(back.identity, IDENTITY);
    const token = await twoManRule.getFactorToken({ userId, authFactor, sessionId: back.sessionId });
    assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  });

  test("two factors of one user: an identity each, neither is the other's, and only the asked one is authenticated", async () => {
    const { user_id: userId, auth_factor: mail } = newUser();
    const phone: Factor = { type: "SMS", value: `+1206${String(server.pid).padStart(7, "5")}` };
    const ids = new Map<string, string>();
    for (const authFactor of [mail, phone]) {
      const { sessionId, mustAuthenticate } = await openSession(app, { user_id: userId, auth_factor: authFactor });
      assert.equal(mustAuthenticate, false, "the other factor's identity is not this one's");
      const proof = { userId, authFactor, sessionId };
      const saved = await twoManRule.saveIdentity(proof, keys.twoManRuleKey, Buffer.from(authFactor.type));
      ids.set(authFactor.type, saved.id);
    }
    assert.notEqual(ids.get("EM"), ids.get("SMS"));
    const count = async (more: object): Promise<number> =>
      expected(await app.back("/tmr/back/identity_check/", { user_id: userId, ...more }), 200).identities_count;
    assert.equal(await count({}), 2);
    assert.equal(await count({ auth_factor: phone }), 1);
    const sessions = new Map<string, string>();
    for (const authFactor of [mail, phone]) {
      sessions.set(authFactor.type, (await openSession(app, { user_id: userId, auth_factor: authFactor })).sessionId);
    }
    const proof = { userId, challenge: FAKE_CHALLENGE };
    const asMail = { ...proof, authFactor: mail, sessionId: sessions.get("SMS") ?? "" };
    await assert.rejects(twoManRule.validate(asMail), { message: "Invalid challenge" });
    for (const authFactor of [mail, phone]) {
      const own = { ...proof, authFactor, sessionId: sessions.get(authFactor.type) ?? "" };
      const back = await twoManRule.retrieveIdentity(own, keys.twoManRuleKey, (identity) => identity);
      assert.equal(Buffer.from(back.identity).toString(), authFactor.type);
    }
  });

  test("one factor of two users: whoever comes second is challenged, and neither gets the other's identity", async () => {
    const [one, two] = [newUser(), newUser()];
    const authFactor = one.auth_factor;
    const first = await openSession(app, one);
    await twoManRule.saveIdentity(
      { userId: one.user_id, authFactor, sessionId: first.sessionId },
      keys.twoManRuleKey,
      IDENTITY,
    );
    const second = await openSession(app, { user_id: two.user_id, auth_factor: authFactor });
    assert.equal(second.mustAuthenticate, true);
    const proof = { userId: two.user_id, authFactor, challenge: FAKE_CHALLENGE, sessionId: second.sessionId };
    await assert.rejects(twoManRule.retrieveIdentity(proof, keys.twoManRuleKey, notRenewed), {
      message: "Could not find this identity",
    });
  });

  test("a password: saved, got back, wrong, changed; what is left under the old one is nothing", async () => {
    const { user_id: userId } = newUser();
    const identity = identityOf("password");
    const [old, wanted] = ["correct horse é", "battery staple"];
    await assert.rejects(passwords.retrieveIdentity(userId, { password: old }), {
      message: "Couldn't find identity with this user id",
    });
    const id = await passwords.saveIdentity(userId, { password: old }, identity);
    assert.deepEqual(await passwords.retrieveIdentity(userId, { password: old.normalize("NFD") }), identity);
    await assert.rejects(passwords.retrieveIdentity(userId, { password: wanted }), {
      message: "Password is invalid for this user id",
    });
    assert.equal(await passwords.changePassword(userId, old, old), null);
    const changed = await passwords.changePassword(userId, old, wanted);
    assert.notEqual(changed, id);
    assert.deepEqual(await passwords.retrieveIdentity(userId, { password: wanted }), identity);
    await assert.rejects(passwords.retrieveIdentity(userId, { password: old }), {
      message: "Unable to load identity. Have you changed your password?",
    });
    assert.equal(await passwords.saveIdentity(userId, { password: old }, identity), id, "the slot kept its id");
    const check = await app.back("/strict/back/identity_check/", { user_id: userId });
    assert.equal(expected(check, 200).identities_count, 2);
  });

  test("raw keys: any storage key that clients take, a wrong one and a wrong encryption key are told apart", async () => {
    const { user_id: userId } = newUser();
    const rawEncryptionKey = randomBytes(64).toString("base64");
    for (const rawStorageKey of ["../../etc/passwd", "a", "=-_@.+/Aa0", "k".repeat(256)]) {
      const identity = identityOf(rawStorageKey);
      await passwords.saveIdentity(userId, { rawStorageKey, rawEncryptionKey }, identity);
      assert.deepEqual(await passwords.retrieveIdentity(userId, { rawStorageKey, rawEncryptionKey }), identity);
    }
    await assert.rejects(passwords.retrieveIdentity(userId, { rawStorageKey: "another", rawEncryptionKey }), {
      message: "rawStorageKey is invalid for this user id",
    });
    const other = { rawStorageKey: "a", rawEncryptionKey: randomBytes(64).toString("base64") };
    await assert.rejects(passwords.retrieveIdentity(userId, other), { message: "Invalid rawEncryptionKey" });
  });

  test("user ids of any letters keep apart, up to 64 of them, however they are composed", async () => {
    const users = [
      "🔑".repeat(32),
      "é",
      "e\u0301",
      "a b",
      "%2e%2e/",
      `"'; drop table ssks.users; --`,
      "ALICE",
      "alice",
    ];
    const key = { rawStorageKey: "the-same", rawEncryptionKey: randomBytes(64).toString("base64") };
    for (const userId of users) await passwords.saveIdentity(userId, key, Buffer.from(userId));
    for (const userId of users) {
      assert.equal(Buffer.from(await passwords.retrieveIdentity(userId, key)).toString(), userId);
    }
  });

  test("a challenge that came by mail opens the session, an old one and one of another session do not", async () => {
    const { user_id: userId, auth_factor: authFactor } = newUser();
    const order = { force_auth: true, fake_otp: false };
    const user = { user_id: userId, auth_factor: authFactor };
    const address = authFactor.value;
    const first = await openSession(app, user, order);
    const old = challengeIn((await mailbox.mailTo(address)).text);
    const second = await openSession(app, user, {
      ...order,
      subject: "Votre code — é\r\nBcc: evil@example.org",
      template: "<b>$$CHALLENGE$$</b>",
    });
    const mail = await mailbox.mailTo(address, 2);
    const challenge = challengeIn(mail.text);
    assert.equal(mail.subject, "Votre code — é Bcc: evil@example.org");
    assert.ok(mailbox.mails.every(({ to }) => to !== "evil@example.org"));
    assert.match(mail.html, new RegExp(`<b>${challenge}</b>`));
    assert.notEqual(challenge, old);
    const proof = { userId, authFactor, sessionId: second.sessionId };
    await assert.rejects(twoManRule.validate({ ...proof, challenge: old }), { message: "Invalid challenge" });
    await assert.rejects(twoManRule.validate({ ...proof, sessionId: first.sessionId, challenge: old }), {
      message: 'SSKS challengeValidate failed: 404 {"model":"TMRSession"}',
    });
    const sessionId = await twoManRule.validate({ ...proof, challenge });
    await assert.rejects(twoManRule.validate({ ...proof, challenge }), {
      message: 'SSKS challengeValidate failed: 404 {"model":"TMRSession"}',
    });
    await assert.rejects(twoManRule.search(sessionId), { message: "Could not find this identity" });
  });

  test("the fifth wrong challenge ends the session: the right one from the mail is a 404 then", async () => {
    const { user_id: userId, auth_factor: authFactor } = newUser();
    const order = { force_auth: true, fake_otp: false };
    const { sessionId } = await openSession(app, { user_id: userId, auth_factor: authFactor }, order);
    const challenge = challengeIn((await mailbox.mailTo(authFactor.value)).text);
    const proof = { userId, authFactor, sessionId };
    const wrong = challenge.replace(/^./, (letter) => (letter === "a" ? "b" : "a"));
    for (let tries = 1; tries <= 5; tries++) {
      await assert.rejects(twoManRule.validate({ ...proof, challenge: wrong }), { message: "Invalid challenge" });
    }
    await assert.rejects(twoManRule.validate({ ...proof, challenge }), {
      message: 'SSKS challengeValidate failed: 404 {"model":"TMRSession"}',
    });
  });
});

/** The challenge that a mail holds, of the form that clients take. */
function challengeIn(text: string): string {
  const found = /(?<![a-z0-9])[abcdefghjkmnpqrstuvwxyz23456789]{8}(?![a-z0-9])/.exec(text)?.[0];
  assert.ok(found !== undefined, text);
  return found;
}
