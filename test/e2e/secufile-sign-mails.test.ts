import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually, expected, look, type Json } from "../support/secufile-client.ts";
import { linkIn } from "../support/mailbox.ts";
import type { Shown } from "../support/sign-visitor.ts";
import { startSigningPlace, type SigningPlace } from "../support/signing-place.ts";

const HOSTILE = `<script>alert(1)</script><a href="https://evil.example">`;
const NARROW = "\u202f";
const SIGN = { act: "sign", name: "Ada Lovelace", consent: "yes" };

describe("mails to signers", () => {
  let place: SigningPlace;
  before(async () => {
    place = await startSigningPlace();
  });
  after(() => place.stop());

  const countTo = (email: string): number => place.mailbox.mails.filter(({ to }) => to === email).length;

  /** The signers that the log says were told, once the job has nothing left to do. */
  async function told(id: string): Promise<string[]> {
    await eventually("nobody is left to be told", async () => {
      const [jobs] = await look(
        place.server.database.superUrl,
        `select count(*)::int as jobs from graphile_worker._private_jobs where payload::text like '%' || $1 || '%'
            and task_id = (select id from graphile_worker._private_tasks where identifier = 'secufile.tellSigners')`,
        [id],
      );
      return jobs?.["jobs"] === 0 ? true : null;
    });
    const rows = await look(
      place.server.database.superUrl,
      `select event::json #>> '{details,signer_id}' as signer from platform.audit_events
        where action = 'secufile.tellSigner' and resource_id = $1`,
      [id],
    );
    return rows.map(({ signer }) => String(signer)).toSorted();
  }

  test("SF-49 an invitation has two forms with the same link, in the request's language; what others wrote stays text", async () => {
    const email = place.person();
    await place.requested({
      signers: [{ email, role: HOSTILE }],
      message: `Bonjour !\n${HOSTILE}`,
      locale: "fr",
    });
    const mail = await place.mailbox.mailTo(email);
    assert.equal(mail.subject, "Signature demandée\u00a0: promesse.pdf");
    assert.ok(
      mail.text.includes(`Bonjour${NARROW}!\n${HOSTILE}`) || mail.text.includes(`Bonjour${NARROW}!\r\n${HOSTILE}`),
    );
    assert.match(mail.html, /<html lang="fr">/);
    assert.match(mail.html, new RegExp(`href="[^"]+${linkIn(mail)}"`));
    assert.doesNotMatch(mail.html, /<script|evil\.example">/);
    assert.ok(mail.html.includes(`Bonjour${NARROW}!<br />&lt;script&gt;`));
    await place.requested({ signers: [{ email, role: "buyer" }] });
    assert.match((await place.mailbox.mailTo(email, 2)).html, /<html lang="en">[\s\S]*Your signature is requested/);
  });

  test("SF-49 all who signed are told once that it is complete; who named another person is not", async () => {
    const [first, second, delegate] = [place.person(), place.person(), place.person()];
    const { id } = await place.requested({
      signers: [
        { email: first, role: "buyer", order: 1 },
        { email: second, role: "seller", order: 2 },
      ],
      delegation: true,
    });
    await place.visitor.send(await place.openedBy(first), SIGN);
    await place.visitor.send(await place.openedBy(second), { act: "delegate", name: "Bob", email: delegate });
    await place.visitor.send(await place.openedBy(delegate), { ...SIGN, name: "Bob" });
    const view = expected(await place.api.get(`/signatures/${id}`), 200);
    assert.equal(view.status, "completed");
    for (const email of [first, delegate]) {
      const mail = await place.mailbox.mailTo(email, 2);
      assert.equal(mail.subject, "Signed by all: promesse.pdf");
      assert.match(mail.text, /Evidence: aud_[0-9A-Z]{26}/);
      assert.doesNotMatch(mail.text + mail.html, /\/sign\//, "a fresh link would end the reader's own");
    }
    const signers = view.signers as readonly { readonly signer_id: string; readonly state: string }[];
    const signed = signers.filter(({ state }) => state === "signed").map((one) => one.signer_id);
    const [tenant] = await look(
      place.server.database.superUrl,
      "select tenant_id from secufile.signatures where id = $1",
      [id],
    );
    await look(place.server.database.superUrl, "select graphile_worker.add_job('secufile.tellSigners', $1::json)", [
      JSON.stringify({ tenantId: tenant?.["tenant_id"], signatureId: id }),
    ]);
    assert.deepEqual(await told(id), signed.toSorted(), "the job run again tells nobody");
    assert.deepEqual([countTo(first), countTo(second), countTo(delegate)], [2, 1, 2]);
  });

  test("SF-49 of a decline hear those who were written to, but neither who it was nor why", async () => {
    const [signed, declined, later] = [place.person(), place.person(), place.person()];
    const { id } = await place.requested({
      signers: [signed, declined, later].map((email, at) => ({ email, role: "buyer", order: at + 1 })),
      locale: "fr",
    });
    await place.visitor.send(await place.openedBy(signed), SIGN);
    await place.visitor.send(await place.openedBy(declined), { act: "decline", reason: "Wrong price" });
    const mail = await place.mailbox.mailTo(signed, 2);
    assert.equal(mail.subject, "Refusé\u00a0: promesse.pdf");
    assert.match(mail.text, /Un signataire a refusé[\s\S]*Votre propre signature reste enregistrée[\s\S]*aud_/);
    for (const secret of ["Wrong price", declined]) assert.equal((mail.text + mail.html).includes(secret), false);
    assert.equal((await told(id)).length, 1);
    assert.deepEqual([countTo(declined), countTo(later)], [1, 0]);
  });

  test("SF-49 of a cancelled request, and of a deleted document, hear those who were written to", async () => {
    const [one, next, other] = [place.person(), place.person(), place.person()];
    const cancelled = await place.requested({
      signers: [one, next].map((email, at) => ({ email, role: "buyer", order: at + 1 })),
    });
    await place.mailbox.mailTo(one);
    expected(await place.api.post(`/signatures/${cancelled.id}/cancel`), 200);
    assert.match(
      (await place.mailbox.mailTo(one, 2)).text,
      /The sender cancelled the request, or the document is gone/,
    );
    assert.equal((await told(cancelled.id)).length, 1);
    assert.equal(countTo(next), 0);
    const { documentId } = await place.requested({ signers: [{ email: other, role: "buyer" }] });
    await place.mailbox.mailTo(other);
    expected(await place.api.call("DELETE", `/documents/${documentId}`), 204);
    assert.equal((await place.mailbox.mailTo(other, 2)).subject, "Cancelled: promesse.pdf");
  });

  /** How many invitations a request has had, once no job is left to write another. */
  async function invitations(id: string): Promise<number> {
    const url = place.server.database.superUrl;
    await eventually("nobody is left to be invited", async () => {
      const [jobs] = await look(
        url,
        `select count(*)::int as jobs from graphile_worker._private_jobs where payload::text like '%' || $1 || '%'
            and task_id = (select id from graphile_worker._private_tasks where identifier = 'secufile.inviteSigners')`,
        [id],
      );
      return jobs?.["jobs"] === 0 ? true : null;
    });
    const [rows] = await look(
      url,
      `select count(*)::int as n from platform.audit_events where action = 'secufile.inviteSigner' and resource_id = $1`,
      [id],
    );
    return rows?.["n"];
  }

  test("SF-20 a listed address gets five links an hour by the envelope; the page always says the same", async () => {
    const [email, other] = [place.person(), place.person()];
    const { id, envelope } = await place.requested({
      signers: [email, other].map((one) => ({ email: one, role: "r" })),
    });
    await place.mailbox.mailTo(email);
    await place.mailbox.mailTo(other);
    const ask = (one: string): Promise<Shown> => place.visitor.send(envelope, { act: "ask", email: one });
    const first = await ask(email);
    for (let count = 0; count < 5; count++) {
      const { status, text } = await ask(email);
      assert.deepEqual([status, text], [200, first.text]);
    }
    assert.equal(await invitations(id), 7);
    await ask(other);
    assert.equal(await invitations(id), 8, "what one has used up is not the other's");
  });

  test("SF-20 beyond sixty questions an hour an envelope sends no further mail, and its page says the same", async () => {
    const email = place.person();
    const { id, envelope } = await place.requested({ signers: [{ email, role: "buyer" }] });
    await place.mailbox.mailTo(email);
    const ask = (one: string): Promise<Shown> => place.visitor.send(envelope, { act: "ask", email: one });
    const first = await ask(email);
    for (let left = 58; left > 0; left--) await ask("nobody@example.com");
    await ask(email);
    assert.equal(await invitations(id), 3);
    const beyond = await ask(email);
    assert.deepEqual([beyond.status, beyond.text], [200, first.text]);
    assert.equal(await invitations(id), 3);
    const asked = await look(
      place.server.database.superUrl,
      `select outcome, count(*)::int as count from platform.audit_events
        where action = 'secufile.askForLink' and resource_id = $1 group by outcome order by outcome`,
      [id],
    );
    assert.deepEqual(
      asked.map((row) => [row.outcome, row.count]),
      [
        ["denied", 59],
        ["success", 2],
      ],
    );
    // An hour passes: what it counted is gone.
    await look(place.server.database.superUrl, "delete from platform.rate_windows");
    await ask(email);
    assert.equal(await invitations(id), 4);
  });

  test("SF-49 where the organisation's messages of the hour are used up, a page says so, and the code of before holds", async () => {
    const email = place.person();
    const { id } = await place.requested({
      signers: [{ email, role: "buyer", phone: "+33612345678" }],
      require_code: "sms",
    });
    const path = await place.openedBy(email);
    assert.match((await place.visitor.send(path, { act: "code" })).text, /on its way/);
    const codes = (): Promise<Json[]> =>
      look(
        place.server.database.superUrl,
        "select tenant_id, code_mac from secufile.signature_signers where signature_id = $1",
        [id],
      );
    const [earlier] = await codes();
    const url = place.server.database.superUrl;
    const windowOf = "where key_hash = sha256(convert_to('3600:notify:' || $1 || ':' || $2, 'UTF8'))";
    const fill = (kind: string, limit: number): Promise<Json[]> =>
      look(
        url,
        `update platform.rate_windows
            set ends = array[(extract(epoch from clock_timestamp()) * 1000000)::bigint], counts = array[$3::int]
          ${windowOf}`,
        [kind, earlier?.["tenant_id"], limit],
      );
    await fill("sms", 100);
    const limited = await place.visitor.send(path, { act: "code" });
    assert.equal(limited.status, 200);
    assert.match(limited.headers.get("content-type") ?? "", /^text\/html/);
    assert.match(limited.text, /No more codes can be sent/);
    assert.deepEqual((await codes())[0], earlier);
    // A delegate, whose telephone nobody knows, gets codes by mail; so it is the mail that could not go.
    await look(url, "update secufile.signature_signers set phone = null where signature_id = $1", [id]);
    await fill("mail", 1_000);
    assert.match((await place.visitor.send(path, { act: "code" })).text, /No more codes can be sent/);
    await look(url, `delete from platform.rate_windows ${windowOf}`, ["mail", earlier?.["tenant_id"]]);
    const tries = await look(
      url,
      `select event::json ->> 'outcome' as outcome, event::json -> 'details' ->> 'channel' as channel
         from platform.audit_events where action = 'secufile.sendCode' and resource_id = $1 order by id`,
      [id],
    );
    assert.deepEqual(tries.map(({ outcome, channel }) => `${String(outcome)} ${String(channel)}`).toSorted(), [
      "failed mail",
      "failed sms",
      "success sms",
    ]);
  });
});
