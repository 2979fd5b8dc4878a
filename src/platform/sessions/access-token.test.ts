import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { SignJWT, type JWTHeaderParameters } from "jose";
import { createTestDatabase, openDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { heldClock } from "../clock/clock.ts";
import type { Database } from "../db/tx.ts";
import { isAppError } from "../errors/errors.ts";
import { createKeyring, SERVER_TENANT, type Keyring } from "../keys/keyring.ts";
import { createTenant } from "../tenants/operations.ts";
import { newId } from "../ids/ids.ts";
import { sealText } from "../members/member.ts";
import type { RoleScopes } from "../members/roles.ts";
import { insertMember } from "../members/store/members.ts";
import { ACCESS_SECONDS, createAccessTokens, type AccessClaims } from "./access-token.ts";
import { createMemberCheck } from "./member-check.ts";
import { endSession, startSession } from "./operations.ts";
import { createSigningKeys, ROTATE_AFTER_MS, SETTLE_MS } from "./signing-keys.ts";

const START = new Date("2026-11-25T09:00:00Z");
const ISSUER = "https://tabellion.example";
const ended = (error: unknown): boolean => isAppError(error, "sessions", "session_ended");

describe("access tokens", () => {
  let database: TestDatabase;
  let db: Database;
  let keyring: Keyring;
  let tenantId: string;
  before(async () => {
    database = await createTestDatabase();
    db = openDatabase(database);
    keyring = await createKeyring({ db, root: { newest: { generation: 1, key: randomBytes(32) }, previous: null } });
    const tenant = { name: "Étude", isDemo: false, now: START };
    tenantId = (await db.tenant(SERVER_TENANT, (tx) => createTenant(tx, keyring, tenant))).id;
  });
  after(async () => {
    await db.close();
    await database.drop();
  });

  const clock = heldClock(START);
  const process = (issuer = ISSUER) => {
    const keys = createSigningKeys({ db, keyring, clock });
    return { keys, tokens: createAccessTokens({ db, clock, keys, issuer: () => issuer }) };
  };
  async function session(): Promise<AccessClaims> {
    const now = clock.now();
    const made = await db.tenant(tenantId, (tx) => startSession(tx, tenantId, "mem_1", { keyring, now }));
    return { memberId: "mem_1", tenantId, sessionId: made.sessionId, scopes: ["documents:read"], authTime: now };
  }

  test("are taken by every process, for ten minutes", async () => {
    const claims = await session();
    const { accessToken, expiresIn } = await process().tokens.issue(claims);
    assert.equal(expiresIn, 600);
    const other = process().tokens;
    assert.deepEqual(await other.check(accessToken), claims);
    clock.advance((ACCESS_SECONDS - 1) * 1000);
    await other.check(accessToken);
    clock.advance(1000);
    await assert.rejects(other.check(accessToken), ended);
  });

  test("of a session that ended are refused, at once by a process that has not read it yet or was told", async () => {
    const claims = await session();
    const { tokens } = process();
    const { accessToken } = await tokens.issue(claims);
    await tokens.check(accessToken);
    const { sessionId } = claims;
    await db.tenant(tenantId, (tx) => endSession(tx, tenantId, { sessionId, reason: "logout", now: clock.now() }));
    await assert.rejects(process().tokens.check(accessToken), ended);
    tokens.forget(claims);
    await assert.rejects(tokens.check(accessToken), ended);
  });

  test("signed by another algorithm, key or name, or for another server, are refused", async () => {
    const claims = await session();
    const { keys, tokens } = process();
    const { accessToken } = await tokens.issue(claims);
    const { kid, key } = await keys.current();
    const publicKey = createPublicKey(key);
    const seconds = Math.floor(clock.now().getTime() / 1000);
    const good = { iss: ISSUER, aud: "tabellion", sub: "mem_1", tid: tenantId, sid: claims.sessionId, jti: "j" };
    const body = { ...good, scope: "", auth_time: seconds, iat: seconds, exp: seconds + 60 };
    const head: JWTHeaderParameters = { alg: "EdDSA", kid, typ: "at+jwt" };
    const sign = (header: object, payload: object, by: Parameters<SignJWT["sign"]>[0] = key): Promise<string> =>
      new SignJWT({ ...body, ...payload }).setProtectedHeader({ ...head, ...header }).sign(by);
    await tokens.check(await sign({}, {}));

    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const own = generateKeyPairSync("ed25519");
    const ownJwk = own.publicKey.export({ format: "jwk" });
    const secrets = [
      Buffer.from(publicKey.export({ format: "pem", type: "spki" })),
      publicKey.export({ format: "der", type: "spki" }),
      Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url"),
    ];
    const wrong: Record<string, string> = {
      none: `${encode({ ...head, alg: "none" })}.${encode(body)}.`,
      "another key under our name": await sign({}, {}, own.privateKey),
      "an unknown name": await sign({ kid: "sgk_unknown" }, {}),
      "no name": await sign({ kid: undefined }, {}),
      "a key in the head": await sign({ jwk: ownJwk }, {}, own.privateKey),
      "our key, and one in the head": await sign({ jwk: ownJwk }, {}),
      "the address of a key": await sign({ jku: "https://evil.example/keys" }, {}),
      "the address of a certificate": await sign({ x5u: "https://evil.example/cert" }, {}),
      "another type": await sign({ typ: "JWT" }, {}),
      "another server": await sign({}, { iss: "https://other.example" }),
      "another audience": await sign({}, { aud: "other" }),
      "not yet": await sign({}, { nbf: seconds + 60 }),
      over: await sign({}, { exp: seconds }),
      "no end": await sign({}, { exp: undefined }),
      "issued long ago, though it ends later": await sign({}, { iat: seconds - ACCESS_SECONDS - 1 }),
      "another member": await sign({}, { sub: "mem_2" }),
      "another organisation": await sign({}, { tid: "ten_01KB2Q6V9XJ4M8T3RZ5C7D1E0F" }),
      "no session": await sign({}, { sid: undefined }),
      "a changed payload": accessToken.replace(/\.[^.]+\./, `.${encode({ ...body, scope: "tokens:manage" })}.`),
      noise: "a.b.c",
    };
    for (const [index, secret] of secrets.entries()) {
      wrong[`the public key as a secret, ${index}`] = await sign({ alg: "HS256" }, {}, secret);
    }
    for (const [name, token] of Object.entries(wrong)) await assert.rejects(tokens.check(token), ended, name);
  });

  /** An organisation of its own, with an owner who is signed in. */
  async function owner(name: string): Promise<AccessClaims> {
    const now = clock.now();
    const { id } = await db.tenant(SERVER_TENANT, (tx) => createTenant(tx, keyring, { name, isDemo: false, now }));
    const keys = await keyring.of(id);
    const memberId = newId("mem", now);
    return db.tenant(id, async (tx) => {
      await insertMember(tx, id, {
        id: memberId,
        sealed_email: sealText(keys, "owner@example.org", `email/${memberId}`),
        sealed_name: sealText(keys, "Owner", `name/${memberId}`),
        role: "owner",
        locale: "en",
        password: null,
        now,
      });
      const { sessionId } = await startSession(tx, id, memberId, { keyring, now });
      return { memberId, tenantId: id, sessionId, scopes: ["documents:read"], authTime: now };
    });
  }

  test("of one organisation open nothing in another, though the server's own key signs the other one's name", async () => {
    const [mine, theirs] = [await owner("Mine"), await owner("Theirs")];
    const scopes: RoleScopes = { owner: ["all"], admin: [], operator: [], auditor: [], reader: [] };
    // `issue` signs whatever it is told, as a forger would who has the key of the day.
    const { tokens } = process();
    const bearer = async (claims: AccessClaims) => {
      const { accessToken } = await tokens.issue(claims);
      const check = createMemberCheck({ keyring, tokens, scopes: { secufile: scopes } });
      return check.bearer(`Bearer ${accessToken}`, "secufile");
    };
    const refused = (error: unknown): boolean => isAppError(error, "platform", "unauthorized");
    const swapped: Record<string, AccessClaims> = {
      "the tenant alone": { ...mine, tenantId: theirs.tenantId },
      "tenant and session": { ...mine, tenantId: theirs.tenantId, sessionId: theirs.sessionId },
      "tenant and member": { ...mine, tenantId: theirs.tenantId, memberId: theirs.memberId },
      "the session alone": { ...mine, sessionId: theirs.sessionId },
      "the server as tenant": { ...mine, tenantId: SERVER_TENANT },
      "no tenant that there is": { ...mine, tenantId: newId("ten", START) },
    };
    // Cold, and once more when this process remembers both sessions.
    for (const round of ["cold", "warm"]) {
      for (const [name, claims] of Object.entries(swapped)) {
        await assert.rejects(bearer(claims), refused, `${name}, ${round}`);
      }
      for (const claims of [mine, theirs]) {
        const caller = await bearer(claims);
        assert.deepEqual([caller.tenantId, caller.member?.memberId], [claims.tenantId, claims.memberId]);
        assert.ok(caller.scopes.has("all"));
      }
    }
  });

  test("are signed by one key, of however many processes begin at once; the next key overlaps", async () => {
    clock.advance(ROTATE_AFTER_MS + 1000);
    const processes = Array.from({ length: 8 }, () => process());
    const first = await Promise.all(processes.map(async ({ keys }) => (await keys.current()).kid));
    assert.equal(new Set(first).size, 1);
    const published = await process().keys.published();
    assert.equal(published.keys.length, 2);
    assert.ok(published.keys.every((key) => key.kty === "OKP" && key.crv === "Ed25519" && !("d" in key)));
    const claims = await session();
    const old = await process().tokens.issue(claims);
    clock.advance(SETTLE_MS - 2000);
    await process().tokens.check(old.accessToken);
    clock.advance(2000);
    const next = await process().keys.current();
    assert.notEqual(next.kid, first[0]);
    assert.ok((await process().keys.published()).keys.some((key) => "kid" in key && key.kid === first[0]));
  });
});
