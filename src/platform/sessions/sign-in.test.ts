import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { testLog } from "../../../test/support/database.ts";
import { look } from "../../../test/support/secufile-client.ts";
import { AppError } from "../errors/errors.ts";
import { limitKey } from "../limits/limit-keys.ts";
import { takeFromWindow } from "../limits/sliding-window.ts";
import { MAX_KNOWN_ADDRESSES } from "../members/known-address.ts";
import { removeMember } from "../members/operations/members.ts";
import { completeReset, mailReset, requestReset } from "../members/operations/passwords.ts";
import { sealText } from "../members/member.ts";
import type { RoleScopes } from "../members/roles.ts";
import { updateTotp, updateTotpConfirmed } from "../members/store/members.ts";
import { PASSWORD, World } from "../members/test-world.ts";
import { createThrottle, SIGN_IN_LIMITS } from "../members/throttle.ts";
import { createAccessTokens } from "./access-token.ts";
import { createFailedSignIns, type FailedSignIns } from "./failed-sign-ins.ts";
import { endSessions } from "./operations.ts";
import { logIn, refresh, type SignInTools } from "./sign-in.ts";
import { createSigningKeys } from "./signing-keys.ts";

const { strangersToAccount, accountAtAddress } = SIGN_IN_LIMITS;
const HOME = "192.0.2.1";
const WRONG = "not the password of anybody";
const stranger = (index: number): string => `198.51.100.${index % 250}`;

describe("signing in while strangers flood the account", () => {
  let world: World;
  let tenantId: string;
  let processes: readonly SignInTools[];
  const failures: FailedSignIns[] = [];
  before(async () => {
    world = await World.open();
    tenantId = await world.tenant();
    processes = world.dbs.map((db) => toolsOf(db));
  });
  after(async () => {
    await Promise.all(failures.map((each) => each.stop()));
    await world.close();
  });

  function toolsOf(db: World["dbs"][number]): SignInTools {
    const { keyring, clock, hasher } = world;
    const keys = createSigningKeys({ db, keyring, clock });
    const tokens = createAccessTokens({ db, clock, keys, issuer: () => "https://tabellion.test" });
    const none: RoleScopes = { owner: [], admin: [], operator: [], auditor: [], reader: [] };
    const parts = { db, clock, log: testLog, keyring };
    const own = createFailedSignIns(parts);
    failures.push(own);
    return { hasher, throttle: createThrottle(parts), tokens, failures: own, roleScopes: none };
  }

  /** `ok`, or the code of the refusal. */
  async function attempt(email: string, from: string, password = WRONG, process: 0 | 1 = 0): Promise<string> {
    const tools = processes[process];
    assert.ok(tools !== undefined);
    return logIn(world.openCall(from, process), tools, { email, password }).then(
      () => "ok",
      (error: unknown) => {
        if (error instanceof AppError) return error.code;
        throw error;
      },
    );
  }
  async function counted(answers: readonly Promise<string>[]): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const answer of await Promise.all(answers)) counts[answer] = (counts[answer] ?? 0) + 1;
    return counts;
  }
  const flood = (email: string, tries = strangersToAccount.limit + 24): Promise<Record<string, number>> =>
    counted(Array.from({ length: tries }, (_none, index) => attempt(email, stranger(index), WRONG, index % 2 ? 1 : 0)));
  const knownOf = async (memberId: string): Promise<number> => {
    const text = "select 1 from platform.known_addresses where member_id = $1";
    return (await look(world.database.superUrl, text, [memberId])).length;
  };

  test("a flood from 64 addresses on two processes is bounded alike for an account and for none, and the member gets in", async () => {
    const { email } = await world.member(tenantId);
    assert.equal(await attempt(email, HOME, PASSWORD), "ok");
    const limit = strangersToAccount.limit;
    // The member's own first sign-in was a stranger's.
    assert.deepEqual(await flood(email), { login_failed: limit - 1, rate_limited: 25 });
    assert.deepEqual(await flood("nobody@example.org"), { login_failed: limit, rate_limited: 24 });
    for (const process of [0, 1] as const) assert.equal(await attempt(email, HOME, PASSWORD, process), "ok");
    // Wherever nobody has signed in to the account, the right password waits, too.
    assert.equal(await attempt(email, "203.0.113.9", PASSWORD), "rate_limited");
    assert.equal(await attempt("nobody@example.org", HOME), "rate_limited");
  });

  test("one stranger's flood is bounded at its address, before it uses up what all strangers have", async () => {
    const { email } = await world.member(tenantId);
    const tries = Array.from({ length: accountAtAddress.limit + 10 }, () => attempt(email, "198.51.100.251"));
    assert.deepEqual(await counted(tries), { login_failed: accountAtAddress.limit, rate_limited: 10 });
    assert.equal(await attempt(email, HOME, PASSWORD), "ok");
  });

  test("a known address is bounded, too, and known for its own account alone", async () => {
    const [one, other] = [await world.member(tenantId), await world.member(tenantId)];
    assert.equal(await attempt(one.email, "192.0.2.2", PASSWORD), "ok");
    const tries = Array.from({ length: accountAtAddress.limit }, () => attempt(one.email, "192.0.2.2"));
    assert.deepEqual(await counted(tries), { login_failed: accountAtAddress.limit - 1, rate_limited: 1 });
    await flood(other.email);
    assert.equal(await attempt(other.email, "192.0.2.2", PASSWORD), "rate_limited");
  });

  test("all networks of one IPv6 customer are one address", async () => {
    const { email } = await world.member(tenantId);
    assert.equal(await attempt(email, "2001:db8:1:2::1", PASSWORD), "ok");
    await flood(email);
    assert.equal(await attempt(email, "2001:db8:1:2:ffff::2", PASSWORD), "ok");
    assert.equal(await attempt(email, "2001:db8:1:3::1", PASSWORD), "rate_limited");
  });

  test("the password alone makes no address known where codes are asked for", async () => {
    const { memberId, email } = await world.member(tenantId);
    const keys = await world.keyring.of(tenantId);
    await world.dbs[0].tenant(tenantId, async (tx) => {
      const sealed = sealText(keys, "12345678901234567890", `totp/${memberId}`);
      await updateTotp(tx, tenantId, { id: memberId, sealed, version: 1, now: world.clock.now() });
      await updateTotpConfirmed(tx, tenantId, { id: memberId, step: 1, version: 2, now: world.clock.now() });
    });
    assert.equal(await attempt(email, HOME, PASSWORD), "ok");
    assert.equal(await knownOf(memberId), 0);
  });

  test("a mailed link to a new password lets the member in from a new place, and forgets the others", async () => {
    const { memberId, email } = await world.member(tenantId);
    assert.equal(await attempt(email, HOME, PASSWORD), "ok");
    await flood(email);
    const call = world.openCall("203.0.113.5");
    const [tools] = processes;
    assert.ok(tools !== undefined);
    await requestReset(call, tools.throttle, { email });
    const { keyring } = world;
    const target = { tenantId, memberId, expiresAt: "2026-11-26T09:00:00Z" };
    await mailReset({ db: world.dbs[0], keyring, publicUrl: () => "" }, target, call.now);
    const password = "another lamp by another window";
    await completeReset(
      call,
      { ...tools, endSessions, rules: world.rules },
      { token: await world.linkTo(memberId), password },
    );
    assert.equal(await attempt(email, "203.0.113.5", password), "ok");
    assert.equal(await attempt(email, HOME, password), "rate_limited");
  });

  test("only so many places of a member are remembered, and none once the member is removed", async () => {
    const { memberId, email } = await world.member(tenantId, "reader");
    for (let place = 0; place <= MAX_KNOWN_ADDRESSES; place++) {
      world.clock.advance(1000);
      assert.equal(await attempt(email, `192.0.2.${100 + place}`, PASSWORD), "ok");
    }
    assert.equal(await knownOf(memberId), MAX_KNOWN_ADDRESSES);
    // Signing in again from one of them forgets none.
    for (let times = 0; times < 2; times++) {
      world.clock.advance(1000);
      assert.equal(await attempt(email, `192.0.2.${100 + MAX_KNOWN_ADDRESSES}`, PASSWORD), "ok");
      assert.equal(await knownOf(memberId), MAX_KNOWN_ADDRESSES);
    }
    await flood(email);
    assert.equal(await attempt(email, "192.0.2.101", PASSWORD), "ok");
    assert.equal(await attempt(email, `192.0.2.${100 + MAX_KNOWN_ADDRESSES}`, PASSWORD), "ok");
    assert.equal(await attempt(email, "192.0.2.100", PASSWORD), "rate_limited");
    await world.member(tenantId);
    await removeMember(await world.call(tenantId, null), memberId, endSessions);
    assert.equal(await knownOf(memberId), 0);
  });

  test("an address names its organisation only where several live, however many were shredded", async () => {
    const email = "notary@example.org";
    const places = [await world.tenant(), await world.tenant(), await world.tenant(), await world.tenant()];
    for (const place of places) await world.member(place, "owner", email);
    assert.equal(await attempt(email, HOME, PASSWORD), "login_failed");
    const [living = ""] = places.splice(1, 1);
    for (const place of places) await world.shred(place);
    assert.equal(await attempt(email, HOME, PASSWORD), "ok");
    await world.shred(living);
    assert.equal(await attempt(email, HOME, PASSWORD), "login_failed");
  });

  test("while what is known cannot be read nobody signs in", async () => {
    const { email } = await world.member(tenantId);
    const url = world.database.superUrl;
    await look(url, "alter table platform.known_addresses rename to known_addresses_away");
    try {
      await assert.rejects(attempt(email, HOME, PASSWORD), (error: unknown) => !(error instanceof AppError));
    } finally {
      await look(url, "alter table platform.known_addresses_away rename to known_addresses");
    }
  });

  test("refresh tokens that renew nothing are counted by address, and beyond the limit refused as such", async () => {
    const [tools] = processes;
    assert.ok(tools !== undefined);
    const address = "203.0.113.200";
    const key = limitKey({ kind: "address", address }, "stray-token");
    const { limit, windowSeconds } = SIGN_IN_LIMITS.strayToken;
    await takeFromWindow(world.dbs[0], { key, limit, windowSeconds, cost: limit - 1 });
    for (const code of ["session_ended", "rate_limited"]) {
      const asked = refresh(world.openCall(address), tools, { refresh_token: "noise", userAgent: "" });
      await assert.rejects(asked, { code });
    }
  });
});
