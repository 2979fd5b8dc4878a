import assert from "node:assert/strict";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { sql } from "../db/sql.ts";
import { isAppError } from "../errors/errors.ts";
import { enqueueMail, HOURLY_LIMITS, withdrawFamily, withdrawNotifications } from "./notify.ts";
import { sweepNotifications } from "./operations.ts";
import { mailOutbox, smsOutbox, sweepOutbox } from "./outbox.ts";
import type { Transports } from "./send.ts";
import { sender, World } from "./test-world.ts";
import type { Outcome } from "./transport.ts";

describe("notifications", () => {
  let world: World;
  before(async () => {
    world = await World.open();
  });
  after(() => world.close());

  async function fileOf(id: string): Promise<string> {
    const name = (await readdir(world.folder)).find((each) => each.includes(id));
    if (name === undefined) throw new Error(`no file of ${id}`);
    return readFile(join(world.folder, name), "utf8");
  }

  test("a mail that its transaction takes back is never sent, and leaves nothing", async () => {
    const keys = await world.keyring.of(world.tenantId);
    const mail = {
      to: "a@b.test",
      locale: "en",
      subject: "s",
      text: "t",
      purpose: "test.mail",
      at: new Date(),
    } as const;
    await assert.rejects(
      world.db.tenant(world.tenantId, async (tx) => {
        await enqueueMail(tx, keys, mail);
        throw new Error("taken back");
      }),
    );
    assert.equal(await world.contents(), 0);
  });

  test("without a relay a mail becomes one file, whatever is repeated, and its content is erased", async () => {
    const id = await world.mail({ toName: "Zoë Ærø", subject: "Contrat signé : « été »", text: "Bonjour à tous.\n" });
    const waiting = await world.row(id);
    assert.deepEqual([waiting.state, waiting.attempts, await world.contents()], ["waiting", 0, 1]);
    await Promise.all([world.attempt(id), world.attempt(id)]);
    const sent = await world.attempt(id);
    assert.deepEqual([sent.state, sent.error, sent.attempts, await world.contents()], ["sent", null, 1, 0]);
    const names = (await readdir(world.folder)).filter((name) => name.includes(id));
    assert.deepEqual(names, [`20261125T080000Z-${id}.eml`]);
    const text = await fileOf(id);
    assert.match(text, new RegExp(`^Message-ID: <${id}@tabellion.test>\r$`, "m"));
    assert.match(text, /^Auto-Submitted: auto-generated\r$/m);
    assert.match(text, /^Date: Wed, 25 Nov 2026 08:00:00 \+0000\r$/m);
    assert.match(text, /^From: =\?UTF-8\?[QB]\?\S+\?= <post@tabellion\.test>\r$/m);
    assert.match(text, /^To: =\?UTF-8\?[QB]\?\S+\?= <anna@example\.org>\r$/m);
    assert.match(text, /^Subject: =\?UTF-8\?/m);
    const { mode } = await stat(join(world.folder, names[0] ?? ""));
    assert.equal(mode & 0o777, 0o600);
    assert.ok(sender.name.startsWith("É"));
  });

  test("a text message becomes a file with number, id and text", async () => {
    const id = await world.sms({ text: "Code à usage unique : 123456" });
    assert.equal((await world.attempt(id)).state, "sent");
    assert.equal(await fileOf(id), `To: +33612345678\nId: ${id}\n\nCode à usage unique : 123456\n`);
  });

  test("what was not sent in time is dropped and erased", async () => {
    const at = world.clock.now();
    const id = await world.mail({ expiresAt: new Date(at.getTime() + 1_000) });
    world.clock.advance(1_000);
    const row = await world.attempt(id);
    assert.deepEqual([row.state, await world.contents()], ["expired", 0]);
    assert.ok(!(await readdir(world.folder)).some((name) => name.includes(id)));
  });

  test("what is withdrawn while it waits is erased at once, and is neither sent nor told of as a failure", async () => {
    const [gone, other] = [await world.mail({ about: "one" }), await world.mail({ about: "other" })];
    const held = await world.contents();
    await world.db.tenant(world.tenantId, (tx) =>
      withdrawNotifications(tx, world.tenantId, { abouts: ["one"], at: world.clock.now() }),
    );
    assert.equal(await world.contents(), held - 1);
    const row = await world.attempt(gone);
    assert.deepEqual([row.state, row.attempts, row.error, await world.audits(gone)], ["withdrawn", 0, null, []]);
    assert.equal((await world.attempt(other)).state, "sent");
    const names = await readdir(world.folder);
    assert.deepEqual(
      [gone, other].map((id) => names.some((name) => name.includes(id))),
      [false, true],
    );
  });

  test("what certainly was not sent is told of once, to whoever asked for it; what is uncertain is not", async (t) => {
    t.after(() => {
      world.unsent = {};
    });
    const told: string[] = [];
    world.unsent = { "test.mail": async (_tx, _tenantId, { kind, about }) => void told.push(`${kind} ${about}`) };
    const ending = (outcome: Outcome): Pick<Transports, "mail"> => ({
      mail: {
        name: "ending",
        async deliver(_parcel, attempt) {
          await attempt.begin();
          return outcome;
        },
      },
    });
    const refused = await world.mail({ about: "refused" });
    for (let times = 0; times < 2; times++) await world.attempt(refused, ending({ kind: "refused", error: "no" }));
    await world.attempt(await world.mail({ about: "unclear" }), ending({ kind: "uncertain", error: "who knows" }));
    await world.attempt(await world.mail({ about: "sent" }), ending({ kind: "sent" }));
    await world.attempt(await world.mail(), ending({ kind: "refused", error: "about nothing" }));
    await world.attempt(await world.mail({ about: "late", expiresAt: world.clock.now() }));
    assert.deepEqual(told, ["mail refused", "mail late"]);
  });

  test("what is withdrawn by its family goes with all of it and nothing beside", async () => {
    const abouts = ["app/1", "app/2", "app", "app0", "ap/1"];
    const ids = await Promise.all(abouts.map((about) => world.mail({ about })));
    await world.db.tenant(world.tenantId, (tx) =>
      withdrawFamily(tx, world.tenantId, { family: "app", at: world.clock.now() }),
    );
    const states = await Promise.all(ids.map(async (id) => (await world.row(id)).state));
    assert.deepEqual(states, ["withdrawn", "withdrawn", "waiting", "waiting", "waiting"]);
  });

  test("what nobody waits for any more is dropped before it goes, also while the far end is being called", async (t) => {
    t.after(() => {
      world.wanted = {};
    });
    const asked: string[] = [];
    let isWanted = false;
    world.wanted = {
      "test.mail": async (_tx, _tenantId, { about }) => {
        asked.push(about);
        return isWanted;
      },
    };
    const id = await world.mail({ about: "one" });
    const early = await world.attempt(id);
    assert.deepEqual([early.state, early.attempts, await world.audits(id), asked], ["withdrawn", 0, [], ["one"]]);
    isWanted = true;
    const second = await world.mail({ about: "two" });
    const calling: Transports["mail"] = {
      name: "calling",
      async deliver(_parcel, attempt) {
        isWanted = false;
        await attempt.begin();
        assert.fail("it was sent");
      },
    };
    assert.equal((await world.attempt(second, { mail: calling })).state, "withdrawn");
    assert.equal((await world.attempt(await world.mail())).state, "sent", "about nothing: nobody is asked");
  });

  test("a failed attempt is not repeated later than its mail expires", async () => {
    const at = world.clock.now();
    const id = await world.mail({ expiresAt: new Date(at.getTime() + 10_000) });
    const busy: Transports["mail"] = { name: "busy", deliver: async () => ({ kind: "later", error: "busy" }) };
    assert.equal((await world.attempt(id, { mail: busy })).state, "waiting");
    const jobs = await world.db.directory((tx) =>
      tx.many(sql<{ seconds: number }>`
        select extract(epoch from max(run_at) - now())::float8 as seconds
          from graphile_worker._private_jobs where payload->>'id' = ${id}`),
    );
    // Without that it would be half a minute, less a fifth.
    assert.ok((jobs[0]?.seconds ?? 60) <= 10, JSON.stringify(jobs));
  });

  test("files are for the server's account alone, and go once they have expired or are old; others stay", async () => {
    const folder = join(world.folder, "outbox");
    const transports = { mail: mailOutbox(folder, sender), sms: smsOutbox(folder) };
    const at = world.clock.now();
    const day = 86_400_000;
    const lasting = await world.mail();
    const short = await world.sms({ expiresAt: new Date(at.getTime() + 6 * 3_600_000) });
    for (const id of [lasting, short]) assert.equal((await world.attempt(id, transports)).state, "sent");
    const left = `.20261125T080000Z-${lasting}.eml.att_01KB2Q6V9XJ4M8T3RZ5C7D1E0F.unfinished`;
    for (const name of [left, "notes.txt"]) await writeFile(join(folder, name), "");
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    const sweep = async (ms: number): Promise<string[]> => {
      const run = { signal: new AbortController().signal };
      await sweepOutbox(folder, { keptDays: 7, now: new Date(at.getTime() + ms) }, run);
      return (await readdir(folder)).toSorted();
    };
    const stamp = (ms: number): string => new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, "");
    const [mail, sms] = [
      `${stamp(at.getTime())}-${lasting}.eml`,
      `${stamp(at.getTime())}-${short}-until-${stamp(at.getTime() + 6 * 3_600_000)}.txt`,
    ];
    assert.equal((await stat(join(folder, sms))).mode & 0o777, 0o600);
    assert.deepEqual(await sweep(6 * 3_600_000 - 1_000), [left, mail, sms, "notes.txt"].toSorted());
    assert.deepEqual(await sweep(6 * 3_600_000 + 1_000), [left, mail, "notes.txt"].toSorted());
    assert.deepEqual(await sweep(7 * day - 1_000), [left, mail, "notes.txt"].toSorted());
    assert.deepEqual(await sweep(7 * day + 1_000), ["notes.txt"]);
    await sweepOutbox(join(folder, "none"), { keptDays: 7, now: at }, { signal: new AbortController().signal });
  });

  test("no line end in a name, subject or address can begin a header", async () => {
    const breaks = ["\r\n", "\n", "\r", "\u0000", "\u0085", "\u2028", "\u2029", "\u000b", "\r\n\r\n", "%0d%0a"];
    for (const line of breaks) {
      const id = await world.mail({
        subject: `Hello${line}Bcc: eve@evil.test`,
        toName: `Anna${line}Bcc: eve@evil.test`,
      });
      await world.attempt(id);
      const head = (await fileOf(id)).split("\r\n\r\n")[0] ?? "";
      assert.ok(!/^bcc/im.test(head.replaceAll(/\r\n[ \t]/g, " ")), JSON.stringify(line));
      for (const to of [`a${line}@b.test`, `a@b.test${line}`, `a@b${line}c.test`, `a@b.test${line}Bcc: e@evil.test`]) {
        if (line === "%0d%0a" && to.startsWith("a%")) continue; // legal in a local part
        await assert.rejects(world.mail({ to }), (error) => isAppError(error, "notify", "invalid_address"), to);
      }
    }
  });

  test("addresses that are none are refused", async () => {
    const wrong = [
      ...["", "@", "a", "a@", "@b.test", "a b@c.test", "a@b", "a@b..test", "a@-b.test", ".a@b.test", "a..b@c.test"],
      ...['"a b"@c.test', "a@b.test,c@d.test", "<a@b.test>", "A <a@b.test>", "a@[127.0.0.1]", "é@b.test"],
      ...[`${"a".repeat(65)}@b.test`, `a@${"b".repeat(64)}.test`, "a@b.test>", "a@b.te%73t", "a@b.test/c"],
    ];
    for (const to of wrong) {
      await assert.rejects(world.mail({ to }), (error) => isAppError(error, "notify", "invalid_address"), to);
    }
    for (const to of ["", "0612345678", "+0612345678", "+33", "+33612345678\n", "+3361234567890123", "+33 612345678"]) {
      await assert.rejects(world.sms({ to }), (error) => isAppError(error, "notify", "invalid_address"), to);
    }
    const id = await world.mail({ to: "o'brien+tag@münchen.example" });
    await world.attempt(id);
    assert.match(await fileOf(id), /<?o'brien\+tag@xn--mnchen-3ya\.example>?/);
  });

  test("an organisation sends so many in an hour, and is told when it may go on", async () => {
    await world.db.directory((tx) => tx.run(sql`delete from platform.rate_windows`));
    for (let sent = 0; sent < HOURLY_LIMITS.sms; sent++) await world.sms();
    await assert.rejects(world.sms(), (error) => {
      assert.ok(isAppError(error, "notify", "too_many_notifications"));
      assert.ok((error.retryAfterSeconds ?? 0) > 0);
      return true;
    });
    await world.mail();
  });

  test("what was over 90 days ago is forgotten, what waits is not", async () => {
    const old = await world.mail();
    await world.attempt(old);
    const waiting = await world.mail();
    world.clock.advance(90 * 86_400_000 + 1_000);
    await sweepNotifications(world, { signal: new AbortController().signal });
    await assert.rejects(world.row(old));
    assert.equal((await world.row(waiting)).state, "waiting");
  });

  test("neither address nor content stands in a job, in the open row, or readable in the sealed one", async () => {
    const id = await world.mail({ to: "canary-address@example.org", text: "canary-text", subject: "canary-subject" });
    const dump = await world.db.tenant(world.tenantId, (tx) =>
      tx.many(sql<{ line: string }>`
        select n::text as line from platform.notifications n where id = ${id}
        union all select encode(sealed, 'escape')
          from platform.notification_contents where tenant_id = ${world.tenantId} and id = ${id}
        union all select j.payload::text from graphile_worker._private_jobs j where payload->>'id' = ${id}`),
    );
    assert.equal(dump.length, 3);
    assert.ok(dump.every(({ line }) => !line.includes("canary")));
  });
});
