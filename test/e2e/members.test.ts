import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openMailbox, type Mailbox } from "../support/mailbox.ts";
import {
  demoTenant,
  lastOther,
  newPerson,
  PASSWORD,
  signIn,
  startTwo,
  tokenIn,
  type Person,
} from "../support/people.ts";
import { clientOf, expected, expectedProblem, look, type Client } from "../support/secufile-client.ts";
import { visitorOf } from "../support/sign-visitor.ts";

const LIMIT_MS = 1_000;

describe("members, on two processes", () => {
  let mailbox: Mailbox;
  let world: Awaited<ReturnType<typeof startTwo>>;
  let tenantId: string;
  let operator: Client;
  let nobody: Client;
  let owner: Person;
  before(async () => {
    mailbox = await openMailbox();
    world = await startTwo(mailbox.env);
    tenantId = await demoTenant(world.database.superUrl);
    operator = clientOf(world.one.origin, world.one.operatorToken);
    nobody = clientOf(world.one.origin, "");
    owner = await newPerson(world.one, mailbox, { tenantId, role: "owner" });
  });
  after(async () => {
    await world.remove();
    await mailbox.close();
  });

  async function invited(email: string, order: Readonly<Record<string, string>> = {}): Promise<string> {
    expected(await operator.post(`/v1/tenants/${tenantId}/invitations`, { email, ...order }), 201);
    return tokenIn((await mailbox.mailTo(email, mailbox.mails.filter(({ to }) => to === email).length + 1)).text);
  }
  const accept = (token: string, password = PASSWORD) =>
    nobody.post("/v1/auth/invitations/accept", { token, name: "Somebody", password });

  test("an invitation is accepted once: of 16 at once, by one; never after its time, nor changed", async () => {
    const token = await invited("raced@example.org");
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_none, index) =>
        clientOf(index % 2 === 0 ? world.one.origin : world.two.origin, "").post("/v1/auth/invitations/accept", {
          token,
          name: "Somebody",
          password: PASSWORD,
        }),
      ),
    );
    const statuses = answers.map((answer) => answer.status).toSorted((a, b) => a - b);
    assert.deepEqual(statuses, [201, ...Array.from({ length: 15 }, () => 410)]);
    expectedProblem(await accept(token), 410, "link_not_valid");
    expectedProblem(await accept("A".repeat(43)), 410, "link_not_valid");

    const late = await invited("late@example.org");
    await look(
      world.database.superUrl,
      "update platform.member_links set expires_at = now() where purpose = 'invitation' and used_at is null",
    );
    expectedProblem(await accept(late), 410, "link_not_valid");
    expectedProblem(
      await operator.post(`/v1/tenants/${tenantId}/invitations`, { email: "raced@example.org" }),
      409,
      "member_exists",
    );
    expectedProblem(
      await operator.post(`/v1/tenants/${tenantId}/invitations`, { email: " RACED@Example.org" }),
      409,
      "member_exists",
    );
  });

  test("a pending invitation is listed and withdrawn, after which its link and page are dead on every process", async () => {
    const token = await invited("unwanted@example.org");
    const boss = await signIn(world.one.origin, owner);
    const auditor = await signIn(world.one.origin, await newPerson(world.one, mailbox, { tenantId, role: "auditor" }));
    const pending = async (client: Client, path = "/v1/members/invitations") => {
      const { data } = expected(await client.get(path), 200) as { data: { invitation_id: string; email: string }[] };
      return data.find(({ email }) => email === "unwanted@example.org")?.invitation_id;
    };
    const id = await pending(boss);
    assert.ok(id !== undefined);
    const operatorPath = `/v1/tenants/${tenantId}/invitations`;
    assert.deepEqual([await pending(auditor), await pending(operator, operatorPath)], [id, id]);
    expected(await auditor.call("DELETE", `/v1/members/invitations/${id}`), 403);
    expected(await boss.call("DELETE", `/v1/members/invitations/${id}`), 204);
    expectedProblem(await boss.call("DELETE", `/v1/members/invitations/${id}`), 409, "invitation_over");
    expectedProblem(await operator.call("DELETE", `${operatorPath}/${id}`), 409, "invitation_over");
    const elsewhere = clientOf(world.two.origin, "");
    const answer = await elsewhere.post("/v1/auth/invitations/accept", { token, name: "A", password: PASSWORD });
    expectedProblem(answer, 410, "link_not_valid");
    assert.equal((await visitorOf(world.two.origin).look(`/invite/${token}`)).status, 410);
    assert.equal(await pending(boss), undefined);
  });

  test("a password that is short, the address or among the first guesses is refused, and the link still works after that", async () => {
    const token = await invited("choosy@example.org");
    expectedProblem(await accept(token, "eleven char"), 422, "password_refused");
    expectedProblem(await accept(token, "Choosy@example.org"), 422, "password_refused");
    expectedProblem(await accept(token, "Password1234"), 422, "password_guessable");
    expected(await accept(token), 201);
  });

  test("an invitation is no reset link, nor the other way round", async () => {
    const token = await invited("mixed@example.org");
    const reset = await nobody.post("/v1/auth/password-reset/complete", { token, password: PASSWORD });
    expectedProblem(reset, 410, "link_not_valid");
    expected(await accept(token), 201);
  });

  test("the page of an invitation works without script, in English and French", async () => {
    const token = await invited("page@example.org", { locale: "fr" });
    const visitor = visitorOf(world.one.origin);
    const french = await visitor.look(`/invite/${token}?lang=fr`);
    assert.equal(french.status, 200);
    assert.match(french.text, /<html lang="fr">/);
    assert.match(french.text, /Accepter l’invitation/);
    assert.match(french.headers.get("content-security-policy") ?? "", /default-src 'none'/);
    assert.equal(/<script/i.test(french.text), false);
    // As mail programs make of it.
    const followed = await visitor.look(`/invite/${token}?lang=fr&lang=en&utm_source=mail&fbclid=1&lang=xx`);
    assert.equal(followed.status, 200);
    assert.match(followed.text, /<html lang="fr">/);
    const short = await visitor.send(`/invite/${token}?utm_source=mail`, { name: "Élise <b>", password: "short" });
    assert.equal(short.status, 422);
    assert.match(short.text, /Élise &lt;b&gt;/);
    const guessed = await visitor.send(`/invite/${token}?lang=fr`, { name: "Élise", password: "Motdepasse2026" });
    assert.equal(guessed.status, 422);
    assert.match(guessed.text, /de ceux que l’on essaie d’abord/);
    const foreign = { "sec-fetch-site": "cross-site" };
    const crossed = await visitor.send(`/invite/${token}`, { name: "Élise", password: PASSWORD }, foreign);
    assert.equal(crossed.status, 403);
    const done = await visitor.send(`/invite/${token}`, { name: "Élise", password: PASSWORD });
    assert.equal(done.status, 200);
    assert.match(done.text, /Welcome/);
    assert.equal((await visitor.look(`/invite/${token}`)).status, 410);
    assert.equal((await visitor.look("/v1/platform/pages.css")).status, 200);
    await signIn(world.one.origin, { email: "page@example.org", memberId: "", tenantId });
    assert.equal(world.one.output().includes(token), false);
  });

  test("a role that is taken, and a suspension, hold on the other process within a second", async () => {
    const person = await newPerson(world.one, mailbox, { tenantId, role: "admin" });
    const here = await signIn(world.one.origin, person);
    const elsewhere = clientOf(world.two.origin, here.token);
    expected(await elsewhere.get("/tokens"), 200);
    const boss = await signIn(world.one.origin, owner);
    const path = `/v1/members/${person.memberId}`;
    expected(await boss.call("PATCH", path, { body: { role: "reader" } }), 200);
    const demotedAt = performance.now();
    const lastAllowed = await lastOther(async () => (await elsewhere.get("/tokens")).status, 403, demotedAt);
    assert.ok(lastAllowed < LIMIT_MS, `${lastAllowed} ms`);
    expected(await elsewhere.get("/documents"), 200);
    expected(await boss.call("PATCH", path, { body: { state: "suspended" } }), 200);
    const suspendedAt = performance.now();
    const last = await lastOther(async () => (await elsewhere.get("/documents")).status, 401, suspendedAt);
    assert.ok(last < LIMIT_MS, `${last} ms`);
    const { refresh_token } = here.tokens;
    expectedProblem(await nobody.post("/v1/auth/refresh", { refresh_token }), 401, "session_ended");
    // Resumed, the sessions from before stay over.
    expected(await boss.call("PATCH", path, { body: { state: "active" } }), 200);
    expectedProblem(await nobody.post("/v1/auth/refresh", { refresh_token }), 401, "session_ended");
    await signIn(world.two.origin, person);
  });

  test("an admin neither makes nor changes owners; a reader sees nobody", async () => {
    const admin = await signIn(world.one.origin, await newPerson(world.one, mailbox, { tenantId, role: "admin" }));
    const reader = await signIn(world.one.origin, await newPerson(world.one, mailbox, { tenantId, role: "reader" }));
    const invite = { email: "boss@example.org", role: "owner" };
    expectedProblem(await admin.post("/v1/members/invitations", invite), 403, "owner_needed");
    const path = `/v1/members/${owner.memberId}`;
    expectedProblem(await admin.call("PATCH", path, { body: { role: "reader" } }), 403, "owner_needed");
    expectedProblem(await admin.call("DELETE", path), 403, "owner_needed");
    expected(await admin.get("/v1/members"), 200);
    expected(await reader.get("/v1/members"), 403);
    expected(await reader.call("DELETE", path), 403);
  });

  test("the last owner stays: alone, and when the two last ones demote each other at once", async () => {
    const made = expected(await operator.post("/v1/tenants", { name: "Two owners" }), 201);
    const there = { tenantId: String(made.tenant_id), role: "owner" };
    const [one, two] = [await newPerson(world.one, mailbox, there), await newPerson(world.one, mailbox, there)];
    const [first, second] = [await signIn(world.one.origin, one), await signIn(world.two.origin, two)];
    const statuses = await Promise.all([
      first.call("PATCH", `/v1/members/${two.memberId}`, { body: { role: "reader" } }),
      second.call("PATCH", `/v1/members/${one.memberId}`, { body: { role: "reader" } }),
    ]);
    assert.equal(statuses.filter(({ status }) => status === 200).length, 1);
    const path = `/v1/tenants/${there.tenantId}/members`;
    const { data } = expected(await operator.get(path), 200) as { data: { role: string; member_id: string }[] };
    const owners = data.filter((member) => member.role === "owner");
    assert.equal(owners.length, 1);
    const last = `${path}/${owners[0]?.member_id}`;
    expectedProblem(await operator.call("PATCH", last, { body: { role: "admin" } }), 409, "last_owner");
    expectedProblem(await operator.call("PATCH", last, { body: { state: "suspended" } }), 409, "last_owner");
    expectedProblem(await operator.call("DELETE", last), 409, "last_owner");
  });

  test("a member who is removed is gone within a second, and the address can be invited again", async () => {
    const person = await newPerson(world.one, mailbox, { tenantId, role: "reader" });
    const elsewhere = clientOf(world.two.origin, (await signIn(world.one.origin, person)).token);
    expected(await elsewhere.get("/documents"), 200);
    expected(await operator.call("DELETE", `/v1/tenants/${tenantId}/members/${person.memberId}`), 204);
    const removedAt = performance.now();
    const last = await lastOther(async () => (await elsewhere.get("/documents")).status, 401, removedAt);
    assert.ok(last < LIMIT_MS, `${last} ms`);
    const { email } = person;
    expectedProblem(await nobody.post("/v1/auth/login", { email, password: PASSWORD }), 401, "login_failed");
    await newPerson(world.one, mailbox, { tenantId, role: "reader", email });
  });

  test("a reset link sets a password once and ends every session; an unknown address gets the same answer", async () => {
    const person = await newPerson(world.one, mailbox, { tenantId, role: "reader" });
    const before_ = await signIn(world.one.origin, person);
    const { email } = person;
    const known = await nobody.post("/v1/auth/password-reset", { email });
    const unknown = await nobody.post("/v1/auth/password-reset", { email: "nobody@example.org" });
    assert.deepEqual(expected(known, 202), expected(unknown, 202));
    const token = tokenIn((await mailbox.mailTo(email, 2)).text);
    const asked = (log: string): Promise<unknown[]> =>
      look(
        world.database.superUrl,
        "select 1 from platform.audit_events where action = 'platform.requestPasswordReset' and tenant_id = $1",
        [log],
      );
    assert.equal((await asked(tenantId)).length, 1, "the link that was mailed is on record");
    assert.equal((await asked("server")).length, 2, "and both questions, which tell nothing of who has the address");
    const visitor = visitorOf(world.two.origin);
    assert.equal((await visitor.look(`/reset/${token}?utm_source=mail&lang=fr&lang=en`)).status, 200);
    const password = "an entirely new password";
    const guessed = await visitor.send(`/reset/${token}?utm_source=mail`, { password: "qwertyuiop123" });
    assert.equal(guessed.status, 422);
    assert.match(guessed.text, /one of those that are tried first/);
    assert.equal((await visitor.send(`/reset/${token}`, { password })).status, 200);
    assert.equal((await visitor.send(`/reset/${token}`, { password })).status, 410);
    const { refresh_token } = before_.tokens;
    expectedProblem(await nobody.post("/v1/auth/refresh", { refresh_token }), 401, "session_ended");
    expectedProblem(await nobody.post("/v1/auth/login", { email, password: PASSWORD }), 401, "login_failed");
    await signIn(world.one.origin, person, password);
    assert.equal(
      mailbox.mails.some(({ to }) => to === "nobody@example.org"),
      false,
    );
  });

  test("changing the password ends every other session", async () => {
    const person = await newPerson(world.one, mailbox, { tenantId, role: "reader" });
    const [one, two] = [await signIn(world.one.origin, person), await signIn(world.one.origin, person)];
    const new_password = "another long enough one";
    const wrong = { current_password: "not the one", new_password };
    expectedProblem(await one.post("/v1/auth/password", wrong), 422, "password_refused");
    const guessed = { current_password: PASSWORD, new_password: "Tabellion-2026" };
    expectedProblem(await one.post("/v1/auth/password", guessed), 422, "password_guessable");
    expected(await one.post("/v1/auth/password", { current_password: PASSWORD, new_password }), 204);
    expected(await one.get("/v1/auth/me"), 200);
    const refreshed = await nobody.post("/v1/auth/refresh", { refresh_token: two.tokens.refresh_token });
    expectedProblem(refreshed, 401, "session_ended");
  });

  test("neither addresses nor passwords nor links stand readable in the tables of members", async () => {
    const rows = await look(
      world.database.superUrl,
      `select m::text as text from platform.members m union all select d::text from platform.member_directory d
        union all select l::text from platform.member_links l union all select i::text from platform.invitations i`,
    );
    const text = rows.map((row) => String(row.text)).join("\n");
    for (const secret of ["@example.org", Buffer.from("@example.org").toString("hex"), PASSWORD, "Somebody"]) {
      assert.equal(text.includes(secret), false, secret);
    }
  });
});
