import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { testLog } from "../../../test/support/database.ts";
import { look } from "../../../test/support/secufile-client.ts";
import type { Database } from "../db/tx.ts";
import { isAppError } from "../errors/errors.ts";
import { linkHash, newLinkToken } from "../members/member.ts";
import { changeMember, removeMember } from "../members/operations/members.ts";
import { changePassword, completeReset } from "../members/operations/passwords.ts";
import { createPasswordHasher } from "../members/password.ts";
import type { RoleScopes } from "../members/roles.ts";
import { insertLink } from "../members/store/links.ts";
import { findMember, updateTotp, updateTotpConfirmed } from "../members/store/members.ts";
import { PASSWORD, World } from "../members/test-world.ts";
import { createThrottle } from "../members/throttle.ts";
import { totpAt, totpStep } from "../members/totp.ts";
import type { OpenCall } from "../product.ts";
import { createAccessTokens } from "./access-token.ts";
import { createFailedSignIns, type FailedSignIns } from "./failed-sign-ins.ts";
import { endSessions } from "./operations.ts";
import { logIn, logInByCode, type SignInTools } from "./sign-in.ts";
import { createSigningKeys } from "./signing-keys.ts";

const NEXT_PASSWORD = "another lamp by another window";
const SECRET = Buffer.from("12345678901234567890");
const loginFailed = (error: unknown): boolean => isAppError(error, "sessions", "login_failed");

/** Something that happens to an account while a sign-in to it is under way. */
type Change = (memberId: string) => Promise<unknown>;

describe("a sign-in under way while the account changes", () => {
  let world: World;
  let tenantId: string;
  let tools: SignInTools;
  let failures: FailedSignIns;
  before(async () => {
    world = await World.open();
    tenantId = await world.tenant();
    // Somebody else is the owner who stays.
    await world.member(tenantId);
    const { keyring, clock, hasher, dbs } = world;
    const keys = createSigningKeys({ db: dbs[0], keyring, clock });
    const tokens = createAccessTokens({ db: dbs[0], clock, keys, issuer: () => "https://tabellion.test" });
    const none: RoleScopes = { owner: [], admin: [], operator: [], auditor: [], reader: [] };
    failures = createFailedSignIns({ db: dbs[0], clock, log: testLog, keyring });
    tools = {
      hasher,
      throttle: createThrottle({ db: dbs[0], clock, log: testLog, keyring }),
      failures,
      tokens,
      roleScopes: none,
    };
  });
  after(async () => {
    await failures.stop();
    await world.close();
  });

  async function resetPassword(memberId: string): Promise<void> {
    const now = world.clock.now();
    const token = newLinkToken();
    const link = { hash: linkHash(world.keyring, token), purpose: "reset", tenantId, subjectId: memberId } as const;
    const expiresAt = new Date(now.getTime() + 3600 * 1000);
    await world.dbs[1].tenant(tenantId, (tx) => insertLink(tx, { ...link, now, expiresAt }));
    const request = { token, password: NEXT_PASSWORD };
    await completeReset(world.openCall("203.0.113.7", 1), { ...tools, endSessions, rules: world.rules }, request);
  }
  async function changeOwnPassword(memberId: string): Promise<void> {
    const call = await world.call(tenantId, { memberId, role: "reader" }, 1);
    const request = { current_password: PASSWORD, new_password: NEXT_PASSWORD };
    await changePassword(call, { ...tools, endSessions, rules: world.rules }, request);
  }
  async function suspendAndBack(memberId: string): Promise<void> {
    const operator = await world.call(tenantId, null, 1);
    await changeMember(operator, memberId, { state: "suspended" }, endSessions);
    await changeMember(operator, memberId, { state: "active" }, endSessions);
  }
  const changes: Readonly<Record<string, Change>> = {
    "the password is set by a mailed link": resetPassword,
    "the password is changed": changeOwnPassword,
    "the member is suspended": async (id) =>
      changeMember(await world.call(tenantId, null, 1), id, { state: "suspended" }, endSessions),
    "the member is suspended and taken back": suspendAndBack,
    "the member is removed": async (id) => removeMember(await world.call(tenantId, null, 1), id, endSessions),
  };

  /** As the hasher, but the account changes right after a password was found right. */
  function changing(memberId: string, change: Change, { hasher } = tools): SignInTools {
    let isDone = false;
    const verify: typeof hasher.verify = async (password, stored) => {
      const checked = await hasher.verify(password, stored);
      if (checked.isRight && !isDone) {
        isDone = true;
        await change(memberId);
      }
      return checked;
    };
    return { ...tools, hasher: { ...hasher, verify } };
  }
  /** As the first process's call, but the account changes after it was read: before the second transaction on it. */
  function changingCall(memberId: string, change: Change): OpenCall {
    const call = world.openCall();
    const { db } = call.services;
    let count = 0;
    const tenant: Database["tenant"] = async (wall, work, options) => {
      count += 1;
      if (count === 2) await change(memberId);
      return db.tenant(wall, work, options);
    };
    return { ...call, services: { ...call.services, db: { ...db, tenant } } };
  }
  const left = async (memberId: string): Promise<unknown> => {
    const [row] = await look(
      world.database.superUrl,
      `select (select count(*)::int from platform.sessions where member_id = $1 and revoked_at is null) as sessions,
              (select count(*)::int from platform.known_addresses where member_id = $1) as places,
              (select count(*)::int from platform.recovery_codes where member_id = $1 and used_at is not null) as spent`,
      [memberId],
    );
    return row;
  };
  async function withCodes(): Promise<{ memberId: string; email: string }> {
    const member = await world.member(tenantId, "reader");
    const { memberId: id } = member;
    const keys = await world.keyring.of(tenantId);
    const now = world.clock.now();
    await world.dbs[0].tenant(tenantId, async (tx) => {
      await updateTotp(tx, tenantId, {
        id,
        sealed: keys.seal("member-secrets", SECRET, `totp/${id}`),
        version: 1,
        now,
      });
      await updateTotpConfirmed(tx, tenantId, { id, step: 1, version: 2, now });
    });
    return member;
  }

  for (const [name, change] of Object.entries(changes)) {
    // The reset alone leaves a place behind: the one where the link was used.
    const places = change === resetPassword ? 1 : 0;

    test(`opens no session when ${name} between the password's proof and the session`, async () => {
      const { memberId, email } = await world.member(tenantId, "reader");
      const denials = await world.audits("platform.logIn");
      const signingIn = logIn(world.openCall(), changing(memberId, change), { email, password: PASSWORD });
      await assert.rejects(signingIn, loginFailed);
      assert.deepEqual(await left(memberId), { sessions: 0, places, spent: 0 });
      assert.equal(await world.audits("platform.logIn"), denials + 1, "one row tells of the refusal");
    });

    test(`opens no session when ${name} between the account's reading and the code`, async () => {
      const { memberId, email } = await withCodes();
      const half = await logIn(world.openCall(), tools, { email, password: PASSWORD });
      assert.ok("mfa_token" in half);
      const code = totpAt(SECRET, totpStep(world.clock.now()));
      const second = logInByCode(changingCall(memberId, change), tools, { mfa_token: half.mfa_token, code });
      await assert.rejects(second, loginFailed);
      assert.deepEqual(await left(memberId), { sessions: 0, places, spent: 0 });
    });
  }

  test("goes on when the same password is hashed anew by another sign-in at once", async () => {
    const { memberId, email } = await world.member(tenantId, "reader");
    const hasher = createPasswordHasher({ cost: { memoryKib: 128, passes: 1, lanes: 1 } });
    const dearer = { ...tools, hasher };
    const signIn = (how: SignInTools) => logIn(world.openCall(), how, { email, password: PASSWORD });
    const answer = await signIn(changing(memberId, () => signIn(dearer), dearer));
    assert.ok("refresh_token" in answer);
    const row = await world.dbs[0].tenant(tenantId, (tx) => findMember(tx, tenantId, memberId));
    assert.match(row?.password ?? "", /m=128,/);
    assert.deepEqual(await left(memberId), { sessions: 2, places: 1, spent: 0 });
  });
});
