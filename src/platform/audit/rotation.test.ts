import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { auditWorld, readLog, type AuditWorld } from "../../../test/support/audit-world.ts";
import { testLog } from "../../../test/support/database.ts";
import { eventually, look } from "../../../test/support/secufile-client.ts";
import { checkProof, readCheckpoint, readKey, type Verifier } from "../../../test/support/tlog-verifier.ts";
import { systemClock } from "../clock/clock.ts";
import { SERVER_TENANT, type Keyring } from "../keys/keyring.ts";
import { SealError } from "../keys/seal.ts";
import { auditJobs } from "./jobs.ts";
import { everyVerifier, logVerifierKey, openLogKeys, rotateLogKey, signerOf, signingAt } from "./log-key.ts";
import { proveEvent, proveEvents } from "./proofs.ts";
import type { Sequencer } from "./sequencer.ts";
import { verifyLog } from "./verify-log.ts";

const TENANT = "ten_rotated";
const ORIGIN = `log.test/audit/${TENANT}`;

describe("rotation of the log key", () => {
  let world: AuditWorld;
  let sequencer: Sequencer;
  before(async () => {
    world = await auditWorld();
    sequencer = await world.sequencer();
  });
  after(async () => {
    await sequencer.stop();
    await world.close();
  });

  const context = () => ({ db: world.db, keyring: world.keyring, clock: systemClock });
  const verifiers = async (): Promise<Verifier[]> =>
    (await openLogKeys(context())).map((key) => readKey(key.verifierKey(ORIGIN)));
  const rotate = async (overlapDays: number) => {
    const keys = await world.keyring.of(SERVER_TENANT);
    return world.db.tenant(SERVER_TENANT, (tx) => rotateLogKey(tx, { keys, now: systemClock.now(), overlapDays }));
  };
  const notes = async () => (await readLog(world, TENANT)).checkpoints.map((checkpoint) => checkpoint.note);
  const isSignedBy = (note: string, verifier: Verifier | undefined): boolean => {
    try {
      return verifier !== undefined && readCheckpoint(note, verifier).origin === ORIGIN;
    } catch {
      return false;
    }
  };
  const verifierKeyOf = (note: string) => logVerifierKey(context(), { tenantId: TENANT, log: "audit", note });
  const signaturesOf = (note: string): number => note.trimEnd().split("\n").length - 4;
  /** Records until a checkpoint has as many signatures: the sequencer looks for new keys once a second. */
  const untilSignedBy = (count: number) =>
    eventually(`a checkpoint of ${count} signatures`, async () => {
      await world.record(TENANT, "again");
      await world.settled();
      const note = (await notes()).at(-1) ?? "";
      return signaturesOf(note) === count ? note : null;
    });
  const findings = async () => {
    const checked = await verifyLog(
      world.db,
      { tenantId: TENANT, log: "audit" },
      { verifiers: (origin) => everyVerifier(context(), origin), isShredded: async () => false },
    );
    return checked.findings;
  };

  test("both keys sign for the overlap: whoever knows the old one follows on, and the new one verifies, too", async () => {
    const id = await world.record(TENANT, "before");
    await world.settled();
    const [earlier = ""] = await notes();
    assert.equal(signaturesOf(earlier), 1);
    const made = await rotate(30);
    assert.equal(made.id, "log-2");
    const [newer, older] = await verifiers();
    // What the new key has not signed yet is named with the key that did.
    assert.equal((await verifierKeyOf(earlier)).includes(older?.id.toString("hex") ?? "x"), true);
    const note = await untilSignedBy(2);
    assert.deepEqual([isSignedBy(note, newer), isSignedBy(note, older)], [true, true]);
    assert.deepEqual([isSignedBy(earlier, newer), isSignedBy(earlier, older)], [false, true]);
    const proof = await proveEvent(world.db, TENANT, id);
    assert.ok(proof !== null);
    for (const known of [newer, older]) {
      assert.ok(known !== undefined);
      assert.equal(checkProof(proof.proofText, proof.entry, known).index, 0);
    }
    assert.deepEqual(await findings(), []);
  });

  test("when the overlap is over the old key signs no more, and what it signed still verifies", async () => {
    await look(world.database.superUrl, "update platform.log_keys set previous_until = now() where id = 'log-2'");
    const note = await untilSignedBy(1);
    const [newer, older] = await verifiers();
    assert.deepEqual([isSignedBy(note, newer), isSignedBy(note, older)], [true, false]);
    const [first = ""] = await notes();
    for (const signed of [note, first]) assert.ok(isSignedBy(signed, readKey(await verifierKeyOf(signed))));
    await assert.rejects(verifierKeyOf(note.replace(ORIGIN, "log.test/audit/other")), /no key of this server/);
    const all = await notes();
    assert.ok(all.every((each) => isSignedBy(each, newer) || isSignedBy(each, older)));
    assert.deepEqual(await findings(), []);
    // Of before the rotation and of after it: one checkpoint, and its key, for both.
    const ids = (await readLog(world, TENANT)).leaves.map((leaf) => leaf.event_id);
    const { checkpoint, proofs } = await proveEvents(world.db, TENANT, [ids[0] ?? "", ids.at(-1) ?? "", "aud_none"]);
    assert.deepEqual(
      proofs.map((proof) => proof?.checkpoint),
      [checkpoint, checkpoint, undefined],
    );
    const key = readKey(await verifierKeyOf(checkpoint ?? ""));
    const sizes = proofs.flatMap((proof) =>
      proof === null ? [] : [checkProof(proof.proofText, proof.entry, key).size],
    );
    assert.deepEqual(sizes, [ids.length, ids.length]);
    assert.deepEqual(await proveEvents(world.db, "ten_empty", ["aud_none"]), { checkpoint: null, proofs: [null] });
  });

  test("without an overlap only the new key signs, and keys of before end with it", async () => {
    await rotate(30);
    await untilSignedBy(2);
    await rotate(0);
    const note = await untilSignedBy(1);
    const [newest, ...older] = await verifiers();
    assert.ok(isSignedBy(note, newest));
    assert.equal(older.length, 3);
    assert.deepEqual(
      older.filter((key) => isSignedBy(note, key)),
      [],
    );
    const keys = await openLogKeys(context());
    assert.deepEqual(
      keys.map((key) => key.id),
      ["log-4", "log-3", "log-2", "log-1"],
    );
    assert.deepEqual(
      signingAt(keys, systemClock.now()).map((key) => key.id),
      ["log-4"],
    );
    const [made = new Date(0)] = keys.map((key) => key.signsFrom);
    assert.ok(keys.slice(1).every((key) => key.signsUntil !== null && key.signsUntil <= made));
    assert.deepEqual(await findings(), []);
    assert.equal(signerOf(keys, ORIGIN, note)?.id, "log-4");
    for (const key of keys) assert.equal(key.signer(ORIGIN).verifierKey, key.verifierKey(ORIGIN));
  });

  test("a key that is made while the nightly check runs gives no alarm", async () => {
    const [verifying] = auditJobs({
      ...context(),
      log: testLog,
      isShredded: async () => false,
      async listTenants(lastSeen) {
        if (lastSeen !== "") return [];
        await rotate(0);
        const [newest] = await verifiers();
        await eventually("the new key signs", async () => {
          await world.record(TENANT, "rotated");
          await world.settled();
          return isSignedBy((await notes()).at(-1) ?? "", newest) ? true : null;
        });
        return [TENANT];
      },
    });
    assert.ok(verifying !== undefined);
    const run = { jobId: "1", attempt: 1, isLastAttempt: false, signal: new AbortController().signal, log: testLog };
    await verifying.handle({}, run);
    const told = await look(
      world.database.superUrl,
      "select event from platform.audit_events where action = 'platform.verifyAuditLogs'",
    );
    assert.deepEqual(told, []);
  });

  test("of many keys the newest is the one with the highest number", async () => {
    for (let number = 6; number <= 10; number++) assert.equal((await rotate(0)).id, `log-${number}`);
    const [newest] = await openLogKeys(context());
    assert.equal(newest?.id, "log-10");
  });

  test("a private key is unsealed to sign, not to name the public one; a row that was changed is no key", async () => {
    let opened = 0;
    const keyring: Keyring = {
      ...world.keyring,
      async of(tenantId) {
        const keys = await world.keyring.of(tenantId);
        return {
          ...keys,
          open(...args) {
            opened += 1;
            return keys.open(...args);
          },
        };
      },
    };
    const open = () => openLogKeys({ ...context(), keyring });
    const count = (await open()).length;
    assert.equal(opened, count);
    const [newest] = await open();
    assert.equal(newest?.verifier(ORIGIN).name, ORIGIN);
    assert.equal(newest?.verifierKey(ORIGIN).startsWith(`${ORIGIN}+`), true);
    assert.equal(opened, count);
    newest?.signer(ORIGIN);
    assert.equal(opened, count + 1);
    const swap = `update platform.log_keys k set sealed_seed = o.sealed_seed from platform.log_keys o
                   where (k.id, o.id) in (('log-1', 'log-2'), ('log-2', 'log-1'))`;
    await look(world.database.superUrl, swap);
    await assert.rejects(open(), SealError);
    await look(world.database.superUrl, swap);
    assert.equal((await open()).length, count);
  });

  test("of two rotations at once each makes a key, and the one without an overlap ends all keys of before", async () => {
    const keys = await world.keyring.of(SERVER_TENANT);
    const { planned, emergency } = await world.db.tenant(SERVER_TENANT, async (tx) => {
      const made = await rotateLogKey(tx, { keys, now: systemClock.now(), overlapDays: 30 });
      const waitingOne = rotate(0);
      // It stands before the number that this one has taken.
      await eventually("the second rotation waits", async () => {
        const waiting = await look(
          world.database.superUrl,
          `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
              and query like '%insert into platform.log_keys%'`,
        );
        return waiting.length > 0 ? true : null;
      });
      return { planned: made, emergency: waitingOne };
    });
    const second = await emergency;
    assert.deepEqual([planned.id, second.id], ["log-11", "log-12"]);
    const all = await openLogKeys(context());
    assert.deepEqual(
      signingAt(all, systemClock.now()).map((key) => key.id),
      ["log-12"],
    );
    assert.ok(all.slice(1).every((key) => key.signsUntil !== null && key.signsUntil <= second.created_at));
    const stored: { id: string; seed: string }[] = await look(
      world.database.superUrl,
      "select id, encode(sealed_seed, 'hex') as seed from platform.log_keys",
    );
    assert.equal(new Set(stored.map((row) => row.seed)).size, stored.length);
  });
});
