import { randomBytes } from "node:crypto";
import { createTestDatabase, openDatabase, testLog, type TestDatabase } from "../../../test/support/database.ts";
import { look } from "../../../test/support/secufile-client.ts";
import { heldClock } from "../clock/clock.ts";
import type { Database, Tx } from "../db/tx.ts";
import { newId } from "../ids/ids.ts";
import { createKeyring, SERVER_TENANT, type Keyring } from "../keys/keyring.ts";
import type { Call, CallingMember, OpenCall, Services } from "../product.ts";
import { createTenant, deleteTenant } from "../tenants/operations.ts";
import { addressHash, linkHash, newLinkToken, sealText } from "./member.ts";
import { createPasswordRules } from "./password-rules.ts";
import { createPasswordHasher } from "./password.ts";
import type { MemberRole } from "./roles.ts";
import { insertMember, insertPlace } from "./store/members.ts";

export const startAt = new Date("2026-11-25T09:00:00Z");
export const PASSWORD = "the lamp stands by the window";

/** Real parts of the server, as far as people need them, on two pools as of two processes. */
export class World {
  readonly database: TestDatabase;
  readonly dbs: readonly [Database, Database];
  readonly keyring: Keyring;
  readonly clock = heldClock(startAt);
  readonly rules = createPasswordRules();
  readonly hasher = createPasswordHasher({ cost: { memoryKib: 64, passes: 1, lanes: 1 }, maxWaiting: 1_000 });

  private constructor(parts: { database: TestDatabase; dbs: readonly [Database, Database]; keyring: Keyring }) {
    this.database = parts.database;
    this.dbs = parts.dbs;
    this.keyring = parts.keyring;
  }

  static async open(): Promise<World> {
    const database = await createTestDatabase();
    const dbs = [openDatabase(database), openDatabase(database)] as const;
    const root = { newest: { generation: 1, key: randomBytes(32) }, previous: null };
    return new World({ database, dbs, keyring: await createKeyring({ db: dbs[0], root }) });
  }

  async close(): Promise<void> {
    await Promise.all(this.dbs.map((db) => db.close()));
    await this.database.drop();
  }

  async tenant(name = "Étude"): Promise<string> {
    const order = { name, isDemo: false, now: this.clock.now() };
    return (await this.dbs[0].tenant(SERVER_TENANT, (tx) => createTenant(tx, this.keyring, order))).id;
  }

  /** A member whose password is `PASSWORD`, with an address of their own or the given one. */
  async member(
    tenantId: string,
    role: MemberRole = "owner",
    address?: string,
  ): Promise<{ memberId: string; email: string }> {
    const now = this.clock.now();
    const memberId = newId("mem", now);
    const email = address ?? `${memberId}@example.org`;
    const keys = await this.keyring.of(tenantId);
    const password = await this.hasher.hash(PASSWORD);
    const sealed = {
      sealed_email: sealText(keys, email, `email/${memberId}`),
      sealed_name: sealText(keys, "A. Person", `name/${memberId}`),
    };
    await this.dbs[0].tenant(tenantId, async (tx) => {
      await insertPlace(tx, { addressHash: addressHash(this.keyring, email), tenantId, memberId });
      await insertMember(tx, tenantId, { id: memberId, ...sealed, role, locale: "en", password, now });
    });
    return { memberId, email };
  }

  async shred(tenantId: string): Promise<void> {
    await this.dbs[0].tenant(SERVER_TENANT, (tx) =>
      deleteTenant(tx, this.keyring, tenantId, { now: this.clock.now() }),
    );
  }

  /** A request of nobody who is known, to the first or second process. */
  openCall(remoteAddress = "192.0.2.1", process: 0 | 1 = 0): OpenCall {
    const db = this.dbs[process];
    const { keyring, clock } = this;
    const parts = { db, keyring, clock, log: testLog, publicUrl: () => "https://tabellion.test" };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- people use no other part
    const services = parts as unknown as Services;
    return {
      requestId: "req_1",
      remoteAddress,
      now: clock.now(),
      log: testLog,
      signal: new AbortController().signal,
      services,
    };
  }

  /** A request of a member, or of the operator. */
  async call(
    tenantId: string,
    member: Pick<CallingMember, "memberId" | "role"> | null,
    process: 0 | 1 = 0,
  ): Promise<Call> {
    const within = async <T>(work: (tx: Tx) => Promise<T>): Promise<T> => this.dbs[process].tenant(tenantId, work);
    const person = member === null ? {} : { member: { ...member, sessionId: "ses_1", email: "", provedAt: startAt } };
    const caller = { tenantId, credentialId: member?.memberId ?? "operator", product: "platform", isLive: true };
    return {
      ...this.openCall("192.0.2.1", process),
      caller: { ...caller, scopes: new Set<string>(), ...person },
      keys: await this.keyring.of(tenantId),
      write: within,
      writeFor: async (answer, work) => {
        await within(work);
        return answer;
      },
      read: within,
    };
  }

  /** A token that opens the link of an invitation or member: the one in the mail is sealed. */
  async linkTo(subjectId: string): Promise<string> {
    const token = newLinkToken();
    const hash = linkHash(this.keyring, token);
    await look(
      this.database.superUrl,
      "update platform.member_links set token_hash = $1 where subject_id = $2 and used_at is null",
      [hash, subjectId],
    );
    return token;
  }

  async audits(action: string): Promise<number> {
    const rows = await look(this.database.superUrl, "select 1 from platform.audit_events where action = $1", [action]);
    return rows.length;
  }
}
