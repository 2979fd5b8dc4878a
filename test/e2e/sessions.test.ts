import assert from "node:assert/strict";
import { createHmac, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { allPlaced, allRecords } from "../support/audit-reader.ts";
import { openMailbox, type Mailbox } from "../support/mailbox.ts";
import {
  codeAt,
  demoTenant,
  lastOther,
  newPerson,
  signIn,
  startTwo,
  PASSWORD,
  type Person,
} from "../support/people.ts";
import { clientOf, expected, expectedProblem, look, newOrganisation, type Json } from "../support/secufile-client.ts";
import { part, sessionSigner } from "../support/session-signer.ts";

const LIMIT_MS = 1_000;

describe("sessions of members, on two processes", () => {
  let mailbox: Mailbox;
  let world: Awaited<ReturnType<typeof startTwo>>;
  let tenantId: string;
  let owner: Person;
  before(async () => {
    mailbox = await openMailbox();
    world = await startTwo(mailbox.env);
    tenantId = await demoTenant(world.database.superUrl);
    owner = await newPerson(world.one, mailbox, { tenantId, role: "owner" });
  });
  after(async () => {
    await world.remove();
    await mailbox.close();
  });

  test("a sign-in gives tokens that every process takes, and a session that is new each time", async () => {
    const first = await signIn(world.one.origin, owner);
    const second = await signIn(world.one.origin, owner);
    assert.notEqual(first.tokens.session_id, second.tokens.session_id);
    const elsewhere = clientOf(world.two.origin, first.token);
    const me = expected(await elsewhere.get("/v1/auth/me"), 200);
    assert.equal(me.member_id, owner.memberId);
    assert.equal(me.email, owner.email);
    expected(await elsewhere.get("/documents"), 200);
    const [row] = await look(
      world.database.superUrl,
      "select event from platform.audit_events where actor_type = 'member' and action = 'secufile.listDocuments'",
    );
    const { actor } = JSON.parse(row.event);
    assert.equal(actor.email, owner.email);
    assert.equal(actor.ip, "127.0.0.1");
  });

  test("a session that somebody brings along is not taken over by a sign-in", async () => {
    const planted = await signIn(world.one.origin, owner);
    const { email } = owner;
    const answer = await clientOf(world.one.origin, planted.token).call("POST", "/v1/auth/login", {
      body: { email, password: PASSWORD },
      headers: { cookie: `session=${planted.tokens.session_id}` },
    });
    assert.notEqual(expected(answer, 200).session_id, planted.tokens.session_id);
    const withSession = { email, password: PASSWORD, session_id: planted.tokens.session_id };
    expected(await clientOf(world.one.origin, "").post("/v1/auth/login", withSession), 422);
  });

  test("64 refreshes at once by one client give one successor, and the session lives", async () => {
    const { tokens } = await signIn(world.one.origin, owner);
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_none, index) =>
        clientOf(index % 2 === 0 ? world.one.origin : world.two.origin, "").post("/v1/auth/refresh", {
          refresh_token: tokens.refresh_token,
        }),
      ),
    );
    const successors = new Set(answers.map((answer) => expected(answer, 200).refresh_token));
    assert.equal(successors.size, 1);
    const [successor] = successors;
    expected(await clientOf(world.two.origin, "").post("/v1/auth/refresh", { refresh_token: successor }), 200);
    const rows = await look(
      world.database.superUrl,
      `select event::json -> 'details' ->> 'is_retry' as is_retry, count(*)::int as count from platform.audit_events
        where action = 'platform.refreshSession' and resource_id = $1 and outcome = 'success' group by 1 order by 1`,
      [tokens.session_id],
    );
    assert.deepEqual(rows, [
      { is_retry: "false", count: 2 },
      { is_retry: "true", count: 63 },
    ]);
  });

  test("a spent refresh token shown by somebody else ends the session, on the other process within a second", async () => {
    const victim = await signIn(world.one.origin, owner);
    const elsewhere = clientOf(world.two.origin, victim.token);
    expected(await elsewhere.get("/v1/auth/me"), 200);
    const nobody = clientOf(world.one.origin, "");
    const refresh_token = victim.tokens.refresh_token;
    const next = expected(await nobody.post("/v1/auth/refresh", { refresh_token }), 200);
    const thief = await nobody.post("/v1/auth/refresh", { refresh_token }, { "user-agent": "another one" });
    const endedAt = performance.now();
    expectedProblem(thief, 401, "session_ended");
    const last = await lastOther(async () => (await elsewhere.get("/v1/auth/me")).status, 401, endedAt);
    assert.ok(last < LIMIT_MS, `${last} ms`);
    expectedProblem(await nobody.post("/v1/auth/refresh", { refresh_token: next.refresh_token }), 401, "session_ended");
  });

  test("signing out, and ending a session from another one, hold on the other process within a second", async () => {
    const one = await signIn(world.one.origin, owner);
    const two = await signIn(world.one.origin, owner);
    const { data } = expected(await one.get("/v1/auth/sessions"), 200) as { data: { session_id: string }[] };
    assert.ok(data.some((session) => session.session_id === two.tokens.session_id));
    for (const [act, session] of [
      [() => one.call("DELETE", `/v1/auth/sessions/${two.tokens.session_id}`), two],
      [() => one.call("POST", "/v1/auth/logout"), one],
    ] as const) {
      const elsewhere = clientOf(world.two.origin, session.token);
      expected(await elsewhere.get("/v1/auth/me"), 200);
      expected(await act(), 204);
      const endedAt = performance.now();
      const last = await lastOther(async () => (await elsewhere.get("/documents")).status, 401, endedAt);
      assert.ok(last < LIMIT_MS, `${last} ms`);
    }
  });

  test("a session of somebody else does not exist", async () => {
    const other = await newPerson(world.one, mailbox, { tenantId, role: "reader" });
    const [mine, theirs] = [await signIn(world.one.origin, owner), await signIn(world.one.origin, other)];
    const answer = await mine.call("DELETE", `/v1/auth/sessions/${theirs.tokens.session_id}`);
    expectedProblem(answer, 404, "session_not_found");
    expected(await theirs.get("/v1/auth/me"), 200);
  });

  test("tokens changed, re-signed by another algorithm or of another audience are refused over HTTP", async () => {
    const { token } = await signIn(world.one.origin, owner);
    const published = expected(await clientOf(world.one.origin, "").get("/.well-known/jwks.json"), 200);
    const { keys } = published as { keys: Record<string, string>[] };
    const [jwk = {}] = keys;
    assert.ok(keys.length > 0 && keys.every((key) => key["d"] === undefined));
    const [head = "", body = "", mark = ""] = token.split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString());
    const header = JSON.parse(Buffer.from(head, "base64url").toString());
    const publicKey = createPublicKey({ key: jwk, format: "jwk" });
    const hmacOf = (secret: string | Buffer): string => {
      const signed = `${part({ ...header, alg: "HS256" })}.${body}`;
      return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
    };
    const pair = generateKeyPairSync("ed25519");
    const bySelf = (head_: object): string => {
      const signed = `${part(head_)}.${body}`;
      return `${signed}.${sign(null, Buffer.from(signed), pair.privateKey).toString("base64url")}`;
    };
    const wrong = {
      none: `${part({ ...header, alg: "none" })}.${body}.`,
      hmacOfPem: hmacOf(publicKey.export({ format: "pem", type: "spki" })),
      hmacOfRaw: hmacOf(Buffer.from(String(jwk["x"]), "base64url")),
      audience: `${head}.${part({ ...claims, aud: "another" })}.${mark}`,
      tenant: `${head}.${part({ ...claims, tid: "ten_01KB2Q6V9XJ4M8T3RZ5C7D1E0F" })}.${mark}`,
      ownKey: bySelf(header),
      broughtKey: bySelf({ ...header, jwk: pair.publicKey.export({ format: "jwk" }) }),
      cut: `${head}.${body}.`,
    };
    for (const [name, forged] of Object.entries(wrong)) {
      for (const path of ["/documents", "/v1/auth/me", "/v1/tenants"]) {
        assert.equal((await clientOf(world.two.origin, forged).get(path)).status, 401, `${name} ${path}`);
      }
    }
  });

  test("SF-52 what a member did is found by address, however it is written, and by id: the same records", async () => {
    const person = await newPerson(world.one, mailbox, { tenantId, role: "reader" });
    const member = await signIn(world.one.origin, person);
    expected(await member.get("/documents"), 200);
    const { refresh_token } = member.tokens;
    expected(await clientOf(world.two.origin, "").post("/v1/auth/refresh", { refresh_token }), 200);
    expected(await member.post("/v1/auth/logout"), 204);
    await allPlaced(world.database.superUrl);
    const api = clientOf(world.one.origin, world.one.apiKey);
    const byAddress = await allRecords(api, `&user=${person.email.toUpperCase()}`);
    assert.deepEqual(
      byAddress.map((record) => [record.action, record.actor.type, record.actor.id, record.actor.email]),
      [
        "platform.acceptInvitation",
        "platform.logIn",
        "secufile.listDocuments",
        "platform.refreshSession",
        "platform.logOut",
      ].map((action) => [action, "member", person.memberId, person.email]),
    );
    assert.deepEqual(await allRecords(api, `&user=${person.memberId}`), byAddress);
  });

  /** Verifies as a stranger would who has the published keys and nothing else (RFC 7515, RFC 8037). */
  const verifiedBy = (keys: readonly Json[], token: string): { head: Json; claims: Json } | null => {
    const [head = "", body = "", mark = ""] = token.split(".");
    const read = (text: string): Json => JSON.parse(Buffer.from(text, "base64url").toString());
    const jwk = keys.find((key) => key.kid === read(head).kid);
    if (jwk === undefined) return null;
    const key = createPublicKey({ key: { kty: jwk.kty, crv: jwk.crv, x: jwk.x }, format: "jwk" });
    const isGenuine = verify(null, Buffer.from(`${head}.${body}`), key, Buffer.from(mark, "base64url"));
    return isGenuine ? { head: read(head), claims: read(body) } : null;
  };

  test("an access token of one process verifies by the keys that the other one publishes, and by nothing else", async () => {
    const { token, tokens } = await signIn(world.one.origin, owner);
    const answer = await clientOf(world.two.origin, "").get("/.well-known/jwks.json");
    const { keys }: { keys: Json[] } = expected(answer, 200);
    for (const key of keys) {
      assert.deepEqual(Object.keys(key).toSorted(), ["alg", "crv", "kid", "kty", "use", "x"], "nothing private");
      assert.deepEqual([key.kty, key.crv, key.alg, key.use], ["OKP", "Ed25519", "EdDSA", "sig"]);
    }
    const seen = verifiedBy(keys, token);
    assert.ok(seen !== null);
    const { iat, exp, auth_time, jti, scope, ...who } = seen.claims;
    assert.deepEqual(seen.head, { alg: "EdDSA", kid: seen.head.kid, typ: "at+jwt" });
    const wanted = { iss: "https://tabellion.test", aud: "tabellion", sub: owner.memberId, tid: tenantId };
    assert.deepEqual(who, { ...wanted, sid: tokens.session_id });
    assert.equal(exp - iat, tokens.expires_in);
    assert.ok(Math.abs(Date.now() / 1000 - iat) < 60 && auth_time <= iat && jti !== "" && scope !== "");
    const [head = "", body = "", mark = ""] = token.split(".");
    const other = `${head}.${part({ ...seen.claims, sub: "mem_other" })}.${mark}`;
    assert.equal(verifiedBy(keys, other), null);
    assert.equal(
      verifiedBy(keys, `${head}.${body}.${mark.replace(/^./, (first) => (first === "A" ? "B" : "A"))}`),
      null,
    );
  });

  test("what the server's own key signed for another audience, issuer, type, time or algorithm is refused over HTTP", async () => {
    const { token } = await signIn(world.one.origin, owner);
    const signer = await sessionSigner(world.database, world.one.dataDirectory);
    const { keys } = expected(await clientOf(world.one.origin, "").get("/.well-known/jwks.json"), 200);
    const { head, claims } = verifiedBy(keys, token) ?? assert.fail("it does not verify");
    assert.equal(head.kid, signer.kid);
    const statuses = (presented: string) =>
      Promise.all(
        ["/documents", "/v1/auth/me", "/v1/tenants"].map(
          async (path) => (await clientOf(world.two.origin, presented).get(path)).status,
        ),
      );
    assert.deepEqual(await statuses(signer.sign(head, claims)), [200, 200, 403], "the key is the right one");
    const heads: Record<string, object> = {
      "the type of an ID token": { typ: "JWT" },
      "no type": { typ: undefined },
      "another algorithm's name": { alg: "ES256" },
      "no algorithm": { alg: "none" },
      "an algorithm of secrets": { alg: "HS256" },
      "what must be understood": { crit: ["exp"] },
      "no key": { kid: undefined },
    };
    const bodies: Record<string, object> = {
      "another audience": { aud: "another" },
      "no audience": { aud: undefined },
      "another issuer": { iss: "https://tabellion.example" },
      "the issuer's name as its beginning": { iss: "https://tabellion.test.example" },
      "no issuer": { iss: undefined },
      "an end that is over": { exp: claims.iat },
      "no end": { exp: undefined },
      "a time to come": { iat: claims.iat + 3_600, exp: claims.exp + 3_600 },
      "no id": { jti: undefined },
    };
    const wrong = [
      ...Object.entries(heads).map(([what, members]) => [what, signer.sign({ ...head, ...members }, claims)] as const),
      ...Object.entries(bodies).map(([what, members]) => [what, signer.sign(head, { ...claims, ...members })] as const),
    ];
    for (const [what, presented] of wrong) assert.deepEqual(await statuses(presented), [401, 401, 401], what);
  });

  test("a member sees their own organisation alone, and is no operator", async () => {
    const other = await newOrganisation(world.one);
    const made = expected(await other.post("/documents", { filename: "a.age", key_wrap: "vault://x" }), 201);
    const member = await signIn(world.one.origin, owner);
    expected(await member.get(`/documents/${made.document_id}`), 404);
    expected(await member.get("/v1/tenants"), 403);
    expected(await member.post(`/v1/tenants/${tenantId}/invitations`, { email: "a@example.org" }), 403);
    expected(await clientOf(world.one.origin, world.one.apiKey).get("/v1/auth/me"), 401);
    expected(await clientOf(world.one.origin, world.one.operatorToken).get("/v1/auth/me"), 403);
  });

  test("unknown address, wrong password and suspended member get one answer, and each leaves one row", async () => {
    const gone = await newPerson(world.one, mailbox, { tenantId, role: "reader" });
    const operator = clientOf(world.one.origin, world.one.operatorToken);
    const path = `/v1/tenants/${tenantId}/members/${gone.memberId}`;
    expected(await operator.call("PATCH", path, { body: { state: "suspended" } }), 200);
    const nobody = clientOf(world.one.origin, "");
    const tries = [
      { email: "nobody@example.org", password: PASSWORD },
      { email: owner.email, password: "another password altogether" },
      { email: gone.email, password: PASSWORD },
      { email: owner.email, password: PASSWORD, tenant_id: "ten_01KB2Q6V9XJ4M8T3RZ5C7D1E0F" },
    ];
    const refusals = async (): Promise<number> => {
      const [row] = await look(
        world.database.superUrl,
        "select count(*)::int as count from platform.audit_events where action = 'platform.logIn' and outcome = 'denied'",
      );
      return row.count;
    };
    const seen = new Set<string>();
    for (const body of tries) {
      const earlier = await refusals();
      const answer = await nobody.post("/v1/auth/login", body);
      const problem = expectedProblem(answer, 401, "login_failed");
      seen.add(JSON.stringify({ ...problem, request_id: "" }));
      assert.equal(await refusals(), earlier + 1);
    }
    assert.equal(seen.size, 1);
  });

  test("a flood of sign-ins to one account is bounded, whether it exists or not, and leaves few rows that count it", async () => {
    const target = await newPerson(world.one, mailbox, { tenantId, role: "reader" });
    for (const email of [target.email, "nobody-at-all@example.org"]) {
      const statuses: number[] = [];
      for (let attempt = 0; attempt < 22; attempt++) {
        const origin = attempt % 2 === 0 ? world.one.origin : world.two.origin;
        const answer = await clientOf(origin, "").post("/v1/auth/login", { email, password: "wrong wrong wrong" });
        statuses.push(answer.status);
        if (answer.status === 429) assert.ok(Number(answer.headers.get("retry-after")) >= 1);
      }
      assert.deepEqual(new Set(statuses.slice(0, 20)), new Set([401]));
      assert.deepEqual(statuses.slice(20), [429, 429]);
    }
    // What is counted of the running minute is written at the stop.
    await Promise.all([world.one.stop(), world.two.stop()]);
    const rows = await look(
      world.database.superUrl,
      `select event::json -> 'details' ->> 'reason' as reason, coalesce((event::json -> 'details' ->> 'tries')::int, 1) as tries
         from platform.audit_events
        where tenant_id = $1 and resource_id = $2 and action = 'platform.logIn' and outcome = 'denied'`,
      [tenantId, target.memberId],
    );
    const sumOf = (reason: string): number =>
      rows.filter((row) => row.reason === reason).reduce((all, row) => all + Number(row.tries), 0);
    assert.deepEqual([sumOf("login_failed"), sumOf("rate_limited")], [20, 2]);
    // A first one, a count and a count of those held back of each process, twice where the minute ended meanwhile.
    assert.ok(rows.length <= 12, `${rows.length} rows`);
  });
});

describe("one-time codes and stepping up, on two processes", () => {
  let mailbox: Mailbox;
  let world: Awaited<ReturnType<typeof startTwo>>;
  let tenantId: string;
  before(async () => {
    mailbox = await openMailbox();
    world = await startTwo(mailbox.env);
    tenantId = await demoTenant(world.database.superUrl);
  });
  after(async () => {
    await world.remove();
    await mailbox.close();
  });

  /** Somebody with codes on; the step that confirmed them is spent. */
  async function withCodes() {
    const person = await newPerson(world.one, mailbox, { tenantId, role: "owner" });
    const client = await signIn(world.one.origin, person);
    const { secret } = expected(await client.post("/v1/auth/totp", undefined), 201);
    const at = new Date();
    const body = { code: codeAt(secret, at) };
    const { recovery_codes: codes } = expected(await client.post("/v1/auth/totp/confirm", body), 200);
    assert.equal(codes.length, 10);
    return { person, client, secret: String(secret), codes: codes as string[], at };
  }
  async function firstHalf(email: string): Promise<string> {
    const nobody = clientOf(world.one.origin, "");
    const answer = expected(await nobody.post("/v1/auth/login", { email, password: PASSWORD }), 200);
    assert.equal(answer.mfa_required, true);
    assert.equal(answer.access_token, undefined);
    return String(answer.mfa_token);
  }

  test("a code signs in once, by whichever process it is shown", async () => {
    const { person, secret, at } = await withCodes();
    const mfa_token = await firstHalf(person.email);
    const send = (origin: string, code: string) =>
      clientOf(origin, "").post("/v1/auth/login/totp", { mfa_token, code });
    expectedProblem(await send(world.one.origin, codeAt(secret, at)), 401, "code_failed");
    // The step after the one that was spent is taken, too.
    const code = codeAt(secret, new Date(at.getTime() + 30_000));
    const statuses = await Promise.all(
      [world.one, world.two, world.one, world.two].map(async ({ origin }) => (await send(origin, code)).status),
    );
    assert.deepEqual(
      statuses.toSorted((a, b) => a - b),
      [200, 401, 401, 401],
    );
  });

  test("a recovery code that nine requests show at once on two processes signs in one", async () => {
    const { person, codes } = await withCodes();
    const mfa_token = await firstHalf(person.email);
    const [code = ""] = codes;
    const statuses = await Promise.all(
      Array.from({ length: 9 }, async (_none, index) => {
        const { origin } = index % 2 === 0 ? world.one : world.two;
        return (await clientOf(origin, "").post("/v1/auth/login/totp", { mfa_token, code })).status;
      }),
    );
    assert.equal(statuses.filter((status) => status === 200).length, 1, statuses.join(" "));
    assert.equal(statuses.filter((status) => status === 401).length, 8, statuses.join(" "));
  });

  test("guesses of codes are bounded, and a token of the first half that was changed is nothing", async () => {
    const { person } = await withCodes();
    const mfa_token = await firstHalf(person.email);
    const nobody = clientOf(world.two.origin, "");
    const changed = `${mfa_token.slice(0, -1)}${mfa_token.endsWith("A") ? "B" : "A"}`;
    expectedProblem(
      await nobody.post("/v1/auth/login/totp", { mfa_token: changed, code: "000000" }),
      401,
      "login_failed",
    );
    const statuses: number[] = [];
    for (let guess = 0; guess < 12; guess++) {
      const code = `0000-0000-${String(guess).padStart(2, "0")}`;
      statuses.push((await nobody.post("/v1/auth/login/totp", { mfa_token, code })).status);
    }
    assert.equal(statuses.at(-1), 429);
    assert.equal(statuses.includes(200), false);
  });

  test("what needs it asks a member to step up once five minutes are over; a program's token is not asked", async () => {
    const person = await newPerson(world.one, mailbox, { tenantId, role: "owner" });
    const client = await signIn(world.one.origin, person);
    const order = { name: "by a member", scopes: ["documents:read"] };
    expected(await client.post("/tokens", order), 201);
    // Five minutes and more since the sign-in, as the database and a new access token tell it.
    await look(
      world.database.superUrl,
      "update platform.sessions set created_at = created_at - interval '6 minutes' where id = $1",
      [client.tokens.session_id],
    );
    const nobody = clientOf(world.two.origin, "");
    const { refresh_token } = client.tokens;
    const later = expected(await nobody.post("/v1/auth/refresh", { refresh_token }), 200);
    const stale = clientOf(world.two.origin, later.access_token);
    expectedProblem(await stale.post("/tokens", order), 403, "step_up_required");
    expectedProblem(await stale.post("/v1/members/invitations", { email: "x@example.org" }), 403, "step_up_required");
    const id = "01KB2Q6V9XJ4M8T3RZ5C7D1E0F";
    for (const [method, path] of [
      ["POST", `/tokens/tok_${id}/rotate`],
      ["POST", `/documents/doc_${id}/key-release`],
      ["POST", `/webhooks/whk_${id}/rotate-secret`],
      ["POST", "/audit/streams"],
      ["PATCH", `/v1/members/mem_${id}`],
      ["DELETE", `/v1/members/mem_${id}`],
      ["DELETE", `/v1/members/invitations/inv_${id}`],
      ["POST", "/v1/auth/totp"],
      ["DELETE", "/v1/auth/totp"],
      ["POST", "/v1/auth/recovery-codes"],
    ] as const) {
      expectedProblem(await stale.call(method, path, { body: {} }), 403, "step_up_required");
    }
    expected(await stale.get("/documents"), 200);
    expectedProblem(await stale.post("/v1/auth/step-up", { password: "not the password" }), 422, "code_wrong");
    const fresh = expected(await stale.post("/v1/auth/step-up", { password: PASSWORD }), 200);
    expected(await clientOf(world.one.origin, fresh.access_token).post("/tokens", order), 201);
    expected(await stale.post("/tokens", order), 201);
    expected(await clientOf(world.one.origin, world.one.apiKey).post("/tokens", order), 201);
  });
});
