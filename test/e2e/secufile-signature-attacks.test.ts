import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startLocalServer, type LocalServer } from "../support/local-server.ts";
import {
  clientOf,
  expected,
  expectedProblem,
  look,
  newOrganisation,
  storedDocument,
  type Json,
} from "../support/secufile-client.ts";
import { startSigningPlace, type SigningPlace } from "../support/signing-place.ts";

const SIGN = { act: "sign", name: "Ada Lovelace", consent: "yes" };
const DECLINE = { act: "decline", reason: "The price is wrong" };
const RACES = 8;
const SMS_TOKEN = "sms-token-of-the-test";

describe("signature requests under attack", () => {
  let gateway: LocalServer;
  let place: SigningPlace;
  before(async () => {
    gateway = await startLocalServer((_request, response) => void response.writeHead(202).end());
    place = await startSigningPlace({
      TABELLION_SMS_URL: `${gateway.url}/send`,
      TABELLION_SMS_TOKEN: SMS_TOKEN,
    });
  });
  after(async () => {
    await place.stop();
    await gateway.close();
  });

  type Opened = { id: string; documentId: string; email: string; path: string; envelope: string };
  async function invited(members: Json = {}, client = place.api): Promise<Opened> {
    const email = place.person();
    const documentId = await storedDocument(client, Buffer.from("ciphertext"));
    const order = { signers: [{ email, role: "buyer" }], ...members };
    const made = expected(await client.post(`/documents/${documentId}/signatures`, order), 201);
    const to = order.signers[0].email;
    const envelope = new URL(made.signature_url).pathname;
    return { id: made.signature_id, documentId, email: to, path: await place.linkOf(to), envelope };
  }
  async function opened(members: Json = {}): Promise<Opened> {
    const one = await invited(members);
    assert.equal((await place.visitor.send(one.path, { act: "open" })).status, 200);
    return one;
  }
  const stateOf = async (id: string): Promise<Json> => expected(await place.api.get(`/signatures/${id}`), 200);
  const recordsOf = async (id: string): Promise<Json[]> =>
    JSON.parse((await place.api.get(`/signatures/${id}/evidence.json`)).bytes.toString()).records;
  const rows = (text: string, values: readonly unknown[] = []): Promise<Json[]> =>
    look(place.server.database.superUrl, text, values);
  const actsOn = async (id: string): Promise<string[]> =>
    (
      await rows(
        `select action from platform.audit_events
          where resource_id = $1 and event::jsonb ->> 'outcome' = 'success' order by id`,
        [id],
      )
    ).map((row) => row.action);

  test("SF-49 a code by SMS comes by SMS alone, and a delegate's, whose telephone nobody knows, by mail", async () => {
    const email = place.person();
    const phone = "+33612345678";
    const { id, path } = await opened({
      signers: [{ email, role: "buyer", phone }],
      require_code: "sms",
      delegation: true,
    });
    await place.visitor.send(path, { act: "code" });
    const sent = await gateway.waitFor(({ body }) => body.includes("33612345678"));
    assert.equal(sent.headers.authorization, `Bearer ${SMS_TOKEN}`);
    const { to, text } = JSON.parse(sent.body.toString());
    assert.equal(to, phone);
    assert.equal(place.mailbox.mails.filter((mail) => mail.to === email).length, 1, "no code by mail");
    const code = /\b(\d{6})\b/.exec(text)?.[1] ?? "";
    const [other, name] = [place.person(), "Bob"];
    assert.match(
      (await place.visitor.send(path, { act: "delegate", name, email: other })).text,
      /no valid code|code is wrong/,
    );
    await place.visitor.send(path, { act: "delegate", name, email: other, code });
    const next = await place.linkOf(other);
    assert.match((await place.visitor.send(next, { act: "open" })).text, /sent to your e-mail address/);
    await place.visitor.send(next, { act: "code" });
    const mailed = /\b(\d{6})\b/.exec((await place.mailbox.mailTo(other, 2)).text)?.[1] ?? "";
    assert.match((await place.visitor.send(next, { ...SIGN, name, code: mailed })).text, /You have signed/);
    const [record] = await recordsOf(id);
    const { proof } = JSON.parse(record.signed_text);
    assert.deepEqual([proof.code.channel, proof.code.sent_to], ["mail", other]);
    const sends = await rows(
      `select event::jsonb -> 'details' ->> 'channel' as channel from platform.audit_events
        where resource_id = $1 and action = 'secufile.sendCode' order by id`,
      [id],
    );
    assert.deepEqual(
      sends.map((row) => row.channel),
      ["sms", "mail"],
    );
  });

  test("SF-49 a thief of a link gets ten codes a day to guess, and a link that was replaced uses none up", async () => {
    const { id, email, path, envelope } = await opened({ require_code: true });
    const ask = async (): Promise<string> => (await place.visitor.send(path, { act: "code" })).text;
    for (let count = 0; count < 5; count++) assert.match(await ask(), /on its way/);
    assert.match(await ask(), /No more codes/);
    // An hour passes: what it counted is gone.
    const pass = "delete from platform.rate_windows where expires_at < now() + interval '2 hours'";
    await rows(pass);
    for (let count = 0; count < 5; count++) assert.match(await ask(), /on its way/);
    await rows(pass);
    assert.match(await ask(), /No more codes/);
    await place.visitor.send(envelope, { act: "ask", email });
    // Which of the twelve comes last is not said.
    await place.mailbox.mailTo(email, 12);
    assert.match(await ask(), /newer link/);
    assert.equal((await actsOn(id)).filter((act) => act === "secufile.sendCode").length, 10);
  });

  test("SF-22 before its turn a signer has no link, and one that it got somehow does nothing", async () => {
    const [first, second] = [place.person(), place.person()];
    const { id, envelope } = await invited({
      signers: [
        { email: first, role: "buyer", order: 1 },
        { email: second, role: "seller", order: 2 },
      ],
    });
    await place.visitor.send(envelope, { act: "ask", email: second });
    expected(await place.api.post(`/signatures/${id}/remind`), 200);
    await place.mailbox.mailTo(first, 2);
    assert.deepEqual(
      place.mailbox.mails.filter(({ to }) => to === second),
      [],
    );
    const both = place.person();
    const later = place.person();
    const other = await invited({
      signers: [
        { email: both, role: "buyer" },
        { email: later, role: "seller" },
      ],
      delegation: true,
    });
    const early = await place.linkOf(later);
    await rows("update secufile.signature_signers set signing_order = 2 where signature_id = $1 and email = $2", [
      other.id,
      later,
    ]);
    const kept = await rows("select s::text from secufile.signature_signers s where signature_id = $1", [other.id]);
    for (const form of [
      { act: "open" },
      { act: "code" },
      SIGN,
      DECLINE,
      { ...SIGN, act: "delegate", email: place.person() },
    ]) {
      const answer = await place.visitor.send(early, form);
      assert.equal(answer.status, 409, form.act);
      assert.match(answer.text, /not your turn yet[\s\S]*link is good/);
    }
    assert.deepEqual(
      await rows("select s::text from secufile.signature_signers s where signature_id = $1", [other.id]),
      kept,
    );
    const looked = await place.visitor.look(`${early}?lang=fr`);
    assert.equal(looked.status, 409);
    assert.match(looked.text, /pas encore votre tour/);
    const now = await place.linkOf(both);
    await place.visitor.send(now, { act: "open" });
    await place.visitor.send(now, SIGN);
    assert.match(
      (await place.visitor.send(early, { act: "open" })).text,
      /name="act" value="sign"/,
      "the same link, later",
    );
  });

  test("SF-49 nobody signs, declines or delegates what was never shown", async () => {
    const { id, path } = await invited({ delegation: true, require_code: true });
    for (const form of [SIGN, DECLINE, { act: "delegate", name: "Bob", email: place.person() }, { act: "code" }]) {
      assert.match((await place.visitor.send(path, form)).text, /Show the request/);
    }
    const { status, signers } = await stateOf(id);
    assert.deepEqual([status, signers.length, signers[0].state], ["pending", 1, "invited"]);
  });

  const codeOf = async (email: string, count: number): Promise<string> =>
    /\b(\d{6})\b/.exec((await place.mailbox.mailTo(email, count)).text)?.[1] ?? "";
  /** All that is kept of a request, and all that was done to it. */
  const keptOf = (id: string): Promise<Json[]> =>
    rows(
      `select s::text from secufile.signature_signers s where signature_id = $1
       union all select g::text from secufile.signatures g where id = $1
       union all select l::text from secufile.sign_links l where signature_id = $1
       union all select a.action from platform.audit_events a
         where resource_id = $1 and outcome = 'success' and action !~ 'SignPage$'
       union all select e.type from platform.events e where data ->> 'signature_id' = $1 order by 1`,
      [id],
    );

  test("SF-20 SF-49 the envelope signs, declines, delegates and sends no codes, whoever's address is typed", async () => {
    const { id, email, envelope } = await opened({ delegation: true, require_code: true });
    const kept = await keptOf(id);
    for (const typed of [email, place.person()]) {
      for (const form of [
        SIGN,
        DECLINE,
        { act: "delegate", name: "Bob" },
        { act: "code" },
        { act: "open" },
        { act: "" },
      ]) {
        const { status, text } = await place.visitor.send(envelope, { ...form, email: typed, code: "000000" });
        assert.equal(status, 200, form.act);
        assert.match(text, /Get your own link/);
        assert.doesNotMatch(text, /name="act" value="sign"|on its way/);
      }
    }
    assert.deepEqual(await keptOf(id), kept);
  });

  test("SF-49 a code lets its own signer in alone, also where another one signs the same request", async () => {
    const [first, second] = [place.person(), place.person()];
    const signers = [first, second].map((email) => ({ email, role: "buyer" }));
    const { id, path } = await opened({ signers, require_code: true });
    const other = await place.openedBy(second);
    await place.visitor.send(path, { act: "code" });
    const code = await codeOf(first, 2);
    assert.match((await place.visitor.send(other, { ...SIGN, code })).text, /no valid code/);
    await place.visitor.send(other, { act: "code" });
    // The code of the other is set aside, so that it cannot be the same by chance.
    await rows(
      `update secufile.signature_signers s set code_mac = o.code_mac from secufile.signature_signers o
        where s.signature_id = $1 and o.signature_id = $1 and s.email = $2 and o.email = $3`,
      [id, second, first],
    );
    for (const act of [SIGN, DECLINE]) {
      assert.match((await place.visitor.send(other, { ...act, code })).text, /code is wrong/, "not even with its hash");
    }
    const states = ((await stateOf(id)).signers as Json[]).map(({ state }) => state);
    assert.deepEqual(states, ["viewed", "viewed"]);
    assert.match((await place.visitor.send(path, { ...SIGN, code })).text, /You have signed/);
  });

  test("SF-49 a code is good for less than ten minutes, and a used one for nothing more", async () => {
    const { id, email, path } = await opened({ require_code: true });
    await place.visitor.send(path, { act: "code" });
    const code = await codeOf(email, 2);
    const sentBefore = (time: string): Promise<Json[]> =>
      rows("update secufile.signature_signers set code_sent_at = now() - $2::interval where signature_id = $1", [
        id,
        time,
      ]);
    await sentBefore("10 minutes 1 second");
    const kept = await keptOf(id);
    for (const form of [SIGN, DECLINE]) {
      assert.match((await place.visitor.send(path, { ...form, code })).text, /no valid code/);
    }
    assert.deepEqual(await keptOf(id), kept);
    await sentBefore("9 minutes");
    assert.match((await place.visitor.send(path, { ...SIGN, code })).text, /You have signed/);
    assert.equal((await actsOn(id)).filter((act) => act === "secufile.checkCode").length, 1);
    await place.visitor.send(path, { ...DECLINE, code });
    assert.equal((await stateOf(id)).status, "completed");
  });

  test("SF-20 the envelope of a request whose time is over shows so with 410 and sends no link", async () => {
    const { id, email, path, envelope } = await opened();
    await rows("update secufile.signatures set expires_at = now() - interval '1 second' where id = $1", [id]);
    const kept = await keptOf(id);
    for (const one of [envelope, path]) {
      const shown = await place.visitor.look(one);
      assert.equal(shown.status, 410);
      assert.match(shown.text, /time is over/);
      for (const form of [{ act: "ask", email }, SIGN, DECLINE, { act: "code" }]) {
        assert.equal((await place.visitor.send(one, form)).status, 410);
      }
    }
    assert.deepEqual(await keptOf(id), kept);
  });

  test("SF-49 back in the browser, whatever is sent again changes nothing that was done", async () => {
    const signed = await opened();
    await place.visitor.send(signed.path, SIGN);
    const [kept] = await recordsOf(signed.id);
    for (const form of [{ ...SIGN, name: "Somebody Else" }, DECLINE, { act: "open" }, { act: "code" }, { act: "" }]) {
      const answer = await place.visitor.send(signed.path, form);
      assert.equal(answer.status, 200);
      assert.match(answer.text, /You have signed/);
    }
    assert.equal(JSON.parse((await recordsOf(signed.id))[0].signed_text).typed_name, SIGN.name);
    assert.equal((await recordsOf(signed.id))[0].signature, kept.signature);
    const declined = await opened();
    await place.visitor.send(declined.path, DECLINE);
    for (const form of [SIGN, { ...DECLINE, reason: "Another reason" }]) {
      assert.match((await place.visitor.send(declined.path, form)).text, /You declined/);
    }
    assert.deepEqual(await recordsOf(declined.id), []);
    assert.equal((await stateOf(declined.id)).signers[0].decline_reason, DECLINE.reason);
  });

  test("SF-49 of sixteen people named at once one is asked, and only it gets a link", async () => {
    const { id, path } = await opened({ delegation: true });
    const others = Array.from({ length: 16 }, place.person);
    await Promise.all(others.map((email) => place.visitor.send(path, { act: "delegate", name: "Bob", email })));
    const { signers } = await stateOf(id);
    assert.equal(signers.length, 2);
    await place.linkOf(String(signers[1].email));
    assert.equal(place.mailbox.mails.filter(({ to }) => others.includes(to)).length, 1);
    assert.match((await place.visitor.send(path, SIGN)).text, /named another person/);
    assert.equal((await stateOf(id)).signers[1].state, "invited");
  });

  const rivals: Readonly<Record<string, (one: Opened) => Promise<unknown>>> = {
    "declining by the same person": ({ path }) => place.visitor.send(path, DECLINE),
    "cancelling by the sender": ({ id }) => place.api.post(`/signatures/${id}/cancel`),
    "deleting the document": ({ documentId }) => place.api.call("DELETE", `/documents/${documentId}`),
    "a fresh link": ({ id }) => place.api.post(`/signatures/${id}/remind`),
  };
  for (const [name, rival] of Object.entries(rivals)) {
    test(`SF-49 signing against ${name}: one comes first, and pages, API, log and evidence agree`, async () => {
      for (let round = 0; round < RACES; round++) {
        const one = await opened();
        const both = [(): Promise<unknown> => place.visitor.send(one.path, SIGN), (): Promise<unknown> => rival(one)];
        await Promise.all((round % 2 === 0 ? both : both.toReversed()).map((act) => act()));
        const { status, signers } = await stateOf(one.id);
        const isSigned = signers[0].state === "signed";
        const acts = await actsOn(one.id);
        assert.equal(acts.includes("secufile.signDocument"), isSigned);
        assert.equal((await recordsOf(one.id)).length, isSigned ? 1 : 0);
        const ends = new Set(["declineSignature", "cancelSignature", "completeSignature", "expireSignature"]);
        const ended = acts.filter((act) => ends.has(act.slice("secufile.".length)));
        assert.equal(ended.length, name === "a fresh link" && !isSigned ? 0 : 1, acts.join());
        if (isSigned) assert.equal(status, "completed");
        const page = await place.visitor.look(one.path);
        assert.equal(page.text.includes("You have signed"), isSigned, page.text);
      }
    });
  }

  test("SF-26 a link of one organisation shows nothing of another, and opens nothing of the API", async () => {
    const others = await newOrganisation(place.server);
    const foreign = await invited({}, others);
    const own = await opened();
    const shown = await place.visitor.send(foreign.path, { act: "open" });
    assert.match(shown.text, /Another organisation/);
    assert.doesNotMatch(shown.text, /Demo organisation/);
    for (const path of ["", "/evidence.json", "/evidence.pdf"]) {
      expectedProblem(await place.api.get(`/signatures/${foreign.id}${path}`), 404, "signature_not_found");
    }
    for (const act of ["remind", "cancel"]) {
      expectedProblem(await place.api.post(`/signatures/${foreign.id}/${act}`), 404, "signature_not_found");
    }
    const order = { signers: [{ email: place.person(), role: "buyer" }] };
    const asked = await place.api.post(`/documents/${foreign.documentId}/signatures`, order);
    expectedProblem(asked, 404, "document_not_found");
    assert.deepEqual(expected(await place.api.get(`/signatures?document_id=${foreign.documentId}`), 200).data, []);
    // An address that another request lists gets nothing by this envelope.
    await place.visitor.send(own.envelope, { act: "ask", email: foreign.email });
    await place.visitor.send(own.envelope, { act: "ask", email: own.email });
    await place.mailbox.mailTo(own.email, 2);
    assert.equal(place.mailbox.mails.filter(({ to }) => to === foreign.email).length, 1);
    const asBearer = clientOf(place.server.origin, own.path.slice("/sign/".length));
    expectedProblem(await asBearer.get(`/signatures/${own.id}`), 401, "unauthorized");
  });

  test("SF-20 line ends in names, roles and files are refused; long ones too; marks that turn are not shown", async () => {
    const documentId = await storedDocument(place.api, Buffer.from("x"));
    const wrong: Json[] = [
      { name: "Ada\r\nBcc: thief@example.com" },
      { role: "buyer\nX: y" },
      { role: "x".repeat(101) },
      { name: "x".repeat(10_000) },
      { email: "ada@example.com\r\nBcc: thief@example.com" },
      { email: "ada@example.com, thief@example.com" },
      { phone: "+33612345678\n" },
    ];
    for (const members of wrong) {
      const order = { signers: [{ email: place.person(), role: "buyer", ...members }] };
      expectedProblem(await place.api.post(`/documents/${documentId}/signatures`, order), 422, "validation_failed");
    }
    const file = { filename: "a\r\nBcc: thief@example.com", key_wrap: "k" };
    expectedProblem(await place.api.post("/documents", file), 422, "validation_failed");
    const email = place.person();
    const turned = "Ada\u202e\u2028Bcc: thief@example.com";
    const { path } = await opened({ signers: [{ email, role: turned, name: turned }] });
    assert.doesNotMatch((await place.visitor.look(path)).text, /[\u202e\u2028]/);
    assert.doesNotMatch((await place.mailbox.mailTo(email)).text, /[\u202e\u2028]/);
    assert.equal(
      place.mailbox.mails.some(({ to }) => to === "thief@example.com"),
      false,
    );
    const hebrew = { ...SIGN, name: "שרה כהן" };
    assert.match((await place.visitor.send(path, hebrew)).text, /You have signed/);
  });

  test("SF-20 no answer of a page leads elsewhere, is kept, or is told to others; HEAD is GET without its text", async () => {
    const { path, envelope } = await opened();
    const evil = {
      "x-forwarded-host": "evil.example",
      "x-forwarded-proto": "javascript",
      referer: "https://evil.example/",
    };
    const answers = [
      await place.visitor.look(path, evil),
      await place.visitor.look(`${path}?lang=//evil.example`, evil),
      await place.visitor.look(`${path}?lang=fr&next=https://evil.example`, evil),
      await place.visitor.look(`${path}?lang=fr&lang=${"x".repeat(1_000)}`, evil),
      await place.visitor.look(envelope, evil),
      await place.visitor.look("/sign/nothing", evil),
      await place.visitor.send(path, { ...SIGN, name: "" }, evil),
      await place.visitor.send(path, SIGN, { ...evil, "sec-fetch-site": "cross-site" }),
      await place.visitor.send(envelope, { act: "ask", email: "no address" }, evil),
      await place.visitor.send(path, { act: "https://evil.example" }, evil),
    ];
    for (const { status, headers, text } of answers) {
      assert.ok([200, 403, 404].includes(status), `${status} ${text.slice(0, 600)}`);
      assert.equal(headers.get("location"), null);
      assert.equal(headers.get("refresh"), null);
      assert.equal(headers.get("set-cookie"), null);
      assert.doesNotMatch(text, /evil\.example|javascript:|http-equiv/);
      assert.match(headers.get("cache-control") ?? "", /no-store/, String(status));
      assert.equal(headers.get("referrer-policy"), "no-referrer");
    }
    const one = clientOf(place.server.origin, "");
    const [get, head] = [await one.get(path), await one.call("HEAD", path)];
    assert.deepEqual([head.status, head.bytes.length], [get.status, 0]);
    for (const name of [
      "content-type",
      "content-security-policy",
      "cache-control",
      "referrer-policy",
      "x-robots-tag",
    ]) {
      assert.equal(head.headers.get(name), get.headers.get(name), name);
    }
    const made = await place.api.post(
      `/documents/${await storedDocument(place.api, Buffer.from("x"))}/signatures`,
      {
        signers: [{ email: place.person(), role: "buyer" }],
      },
      evil,
    );
    assert.equal(new URL(expected(made, 201).signature_url).origin, place.server.origin);
  });
});
