import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startLocalServer } from "../support/local-server.ts";
import { clientOf, expected, expectedProblem, look, type Client, type Json } from "../support/secufile-client.ts";
import { startSigningPlace, type SigningPlace } from "../support/signing-place.ts";

const HOSTILE = `"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;'\u202egnp.fdp`;
const SIGN = { act: "sign", name: "Ada Lovelace", consent: "yes" };

describe("signature requests", () => {
  let place: SigningPlace;
  before(async () => {
    place = await startSigningPlace();
  });
  after(() => place.stop());

  const stateOf = async (id: string): Promise<Json> => expected(await place.api.get(`/signatures/${id}`), 200);

  async function opened(members: Json = {}): Promise<{ id: string; email: string; path: string; envelope: string }> {
    const email = place.person();
    const { id, envelope } = await place.requested({ signers: [{ email, role: "buyer" }], ...members });
    return { id, email, path: await place.openedBy(email), envelope };
  }

  test("SF-20 SF-22 SF-49 two signers, one after the other, by mail and plain forms, to the end", async () => {
    const [first, second] = [place.person(), place.person()];
    const made = expected(
      await place.api.post("/documents", {
        filename: "promesse.pdf",
        key_wrap: "k",
        signers: [
          { email: first, role: "buyer", order: 1 },
          { email: second, role: "seller", order: 2, name: "Ève Ñandú" },
        ],
      }),
      201,
    );
    const envelope = new URL(made.signature_url).pathname;
    assert.match((await place.visitor.look(envelope)).text, /Signature request/);
    assert.equal(
      place.mailbox.mails.some(({ to }) => to === first),
      false,
      "nobody is written to before the content is there",
    );
    expected(await place.api.call("PUT", `/documents/${made.document_id}/content`, { raw: "ciphertext" }), 200);
    const path = await place.linkOf(first);
    const closed = await place.visitor.look(path);
    assert.match(closed.text, /Show the request/);
    assert.equal(closed.text.includes("promesse.pdf"), false);
    const open = await place.visitor.send(path, { act: "open" });
    assert.ok(open.text.includes(createHash("sha256").update("ciphertext").digest("hex")));
    const done = await place.visitor.send(path, SIGN);
    assert.match(done.text, /You have signed[\s\S]*aud_/);
    const evidence = /aud_[0-9A-Z]{26}/.exec(done.text)?.[0];
    assert.equal(
      /aud_[0-9A-Z]{26}/.exec((await place.visitor.send(path, SIGN)).text)?.[0],
      evidence,
      "sent again, it is the same",
    );
    const { data } = expected(await place.api.get(`/signatures?document_id=${made.document_id}`), 200);
    assert.deepEqual([data[0].status, data[0].signers[0].state], ["partially_signed", "signed"]);
    const next = await place.linkOf(second);
    await place.visitor.send(next, { act: "open" });
    assert.match((await place.visitor.send(`${next}?lang=fr`, { ...SIGN, name: "Ève Ñandú" })).text, /Vous avez signé/);
    const ended = await stateOf(data[0].signature_id);
    assert.equal(ended.status, "completed");
    assert.equal((await place.visitor.look(envelope)).status, 410);
    assert.match((await place.visitor.look(path)).text, /You have signed/);
  });

  test("SF-20 SF-22 one call with ciphertext_url and signers: once it is fetched the signer is written to, and signs", async () => {
    const bytes = Buffer.from("ciphertext that lies elsewhere");
    const source = await startLocalServer((_request, response) => response.end(bytes));
    try {
      const email = place.person();
      const signers = [{ email, role: "buyer" }];
      const order = { filename: "acte.pdf", key_wrap: "k", ciphertext_url: `${source.url}/secret-place`, signers };
      const made = expected(await place.api.post("/documents", order), 201);
      assert.match((await place.visitor.look(new URL(made.signature_url).pathname)).text, /Signature request/);
      const path = await place.openedBy(email);
      assert.deepEqual(
        source.received.map((request) => request.path),
        ["/secret-place"],
      );
      assert.equal(expected(await place.api.get(`/documents/${made.document_id}`), 200).status, "stored");
      assert.match((await place.visitor.send(path, SIGN)).text, /You have signed/);
      const { data } = expected(await place.api.get(`/signatures?document_id=${made.document_id}`), 200);
      assert.deepEqual([data.length, data[0].status], [1, "completed"]);
      const evidence = await place.api.get(`/signatures/${data[0].signature_id}/evidence.json`);
      const facts = JSON.parse(JSON.parse(evidence.bytes.toString()).records[0].signed_text);
      assert.equal(facts.document.ciphertext_sha256, createHash("sha256").update(bytes).digest("hex"));
    } finally {
      await source.close();
    }
  });

  test("SF-49 the evidence verifies with nothing but node:crypto, and one changed byte does not", async () => {
    const email = place.person();
    const plaintext = "ab".repeat(32);
    const { id, documentId } = await place.requested({
      signers: [{ email, role: "buyer" }],
      plaintext_sha256: plaintext,
    });
    const path = await place.linkOf(email);
    await place.visitor.send(path, { act: "open" });
    await place.visitor.send(path, { ...SIGN, name: "Zoë Ω 李" });
    const answer = await place.api.get(`/signatures/${id}/evidence.json`);
    const bundle = JSON.parse(answer.bytes.toString());
    const published = expected(await clientOf(place.server.origin, "").get("/signature-keys"), 200).data;
    const [record] = bundle.records;
    assert.equal(published[0].key_id, record.key_id);
    const key = createPublicKey(String(published[0].public_key_pem));
    const isGenuine = (text: string): boolean =>
      verify(null, Buffer.from(text), key, Buffer.from(record.signature, "base64"));
    assert.equal(isGenuine(String(record.signed_text)), true);
    assert.equal(isGenuine(String(record.signed_text).replace("Zoë", "Zoe")), false);
    const facts = JSON.parse(record.signed_text);
    assert.deepEqual(
      [facts.document.document_id, facts.document.ciphertext_sha256, facts.document.plaintext_sha256, facts.typed_name],
      [documentId, createHash("sha256").update("ciphertext").digest("hex"), plaintext, "Zoë Ω 李"],
    );
    assert.deepEqual(
      [facts.address, facts.user_agent, facts.proof.mail.sent_to],
      ["127.0.0.1", "TestBrowser/1", email],
    );
    const rows = await look(
      place.server.database.superUrl,
      `select event from platform.audit_events where id = '${record.audit.event_id}'`,
    );
    await assertLogged(id);
    const { details } = JSON.parse(String(rows[0]?.["event"]));
    assert.equal(details.evidence_sha256, createHash("sha256").update(record.signed_text).digest("hex"));
  });

  /** The way from the event to the root of a signed checkpoint (RFC 9162, section 2.1.3.2), by hashes alone. */
  async function assertLogged(id: string): Promise<void> {
    let proof: Json = null;
    for (let tries = 0; proof === null && tries < 300; tries++) {
      if (tries > 0) await pause(100);
      const { bytes } = await place.api.get(`/signatures/${id}/evidence.json`);
      ({ proof } = JSON.parse(bytes.toString()).records[0].audit);
    }
    assert.notEqual(proof, null, "the log covers the event in time");
    const hash = (...parts: readonly Uint8Array[]): Buffer =>
      createHash("sha256").update(Buffer.concat(parts)).digest();
    const entry = hash(Buffer.from(String(proof.salt), "base64"), Buffer.from(String(proof.event)));
    assert.equal(entry.toString("base64"), proof.entry);
    let node = hash(Buffer.of(0), entry);
    assert.equal(node.toString("base64"), proof.leaf_hash);
    const [, size, root] = String(proof.checkpoint).split("\n");
    let [at, last] = [Number(proof.index), Number(size) - 1];
    for (const text of proof.path as readonly string[]) {
      const sibling = Buffer.from(text, "base64");
      if (at % 2 === 1 || at === last) {
        node = hash(Buffer.of(1), sibling, node);
        while (at % 2 === 0 && at !== 0) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
      } else node = hash(Buffer.of(1), node, sibling);
      [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
    }
    assert.equal(last, 0);
    assert.equal(node.toString("base64"), root);
  }

  test("SF-49 the certificate is a PDF that holds the evidence", async () => {
    const { id, path } = await opened();
    await place.visitor.send(path, SIGN);
    const one = await place.api.get(`/signatures/${id}/evidence.pdf`);
    assert.equal(one.status, 200);
    assert.equal(one.headers.get("content-type"), "application/pdf");
    assert.equal(one.bytes.subarray(0, 5).toString(), "%PDF-");
    assert.ok(one.bytes.includes("evidence.json"));
  });

  test("SF-20 looking changes nothing, by whatever method", async () => {
    const email = place.person();
    const { id } = await place.requested({ signers: [{ email, role: "buyer" }] });
    const path = await place.linkOf(email);
    const kept = (): Promise<Json> =>
      look(
        place.server.database.superUrl,
        `select g::text as row from secufile.signatures g where id = '${id}'
         union all select s::text from secufile.signature_signers s where signature_id = '${id}'
         union all select l::text from secufile.sign_links l where signature_id = '${id}'
         union all select a.id from platform.audit_events a
          where resource_id = '${id}' and action <> 'secufile.showSignPage' order by 1`,
      );
    const earlier = await kept();
    for (let visit = 0; visit < 3; visit++) assert.equal((await place.visitor.look(path)).status, 200);
    assert.equal((await clientOf(place.server.origin, "").call("HEAD", path)).status, 200);
    for (const method of ["PUT", "PATCH", "DELETE"]) {
      expectedProblem(await clientOf(place.server.origin, "").call(method, path), 405, "method_not_allowed");
    }
    assert.deepEqual(await kept(), earlier);
    const looks = await look(
      place.server.database.superUrl,
      `select actor_type, event::json #>> '{actor,email}' as email from platform.audit_events
        where resource_id = $1 and action = 'secufile.showSignPage'`,
      [id],
    );
    const one = { actor_type: "signer", email };
    assert.deepEqual(looks, [one, one, one, one], "each look is on record");
  });

  test("SF-20 the envelope answers the same whatever address is typed, and writes to the listed one only", async () => {
    const { email, path, envelope } = await opened();
    const listed = await place.visitor.send(envelope, { act: "ask", email });
    const stranger = await place.visitor.send(envelope, { act: "ask", email: "stranger@example.com" });
    assert.equal(listed.text, stranger.text);
    assert.deepEqual([listed.status, stranger.status], [200, 200]);
    const fresh = await place.linkOf(email, 2);
    assert.notEqual(fresh, path);
    assert.equal((await place.visitor.look(fresh)).status, 200);
    const replaced = await place.visitor.look(path);
    assert.equal(replaced.status, 410);
    assert.match(replaced.text, /newer link/);
    assert.equal((await place.visitor.send(path, SIGN)).status, 410, "a replaced link signs nothing");
    assert.equal(
      place.mailbox.mails.some(({ to }) => to === "stranger@example.com"),
      false,
    );
  });

  test("SF-20 tokens that nobody was given are all alike: 404, whatever is sent to them", async () => {
    const { path } = await opened();
    const token = path.slice("/sign/".length);
    const flipped = `${token.startsWith("A") ? "B" : "A"}${token.slice(1)}`;
    const nothing = await place.visitor.look(`/sign/${"A".repeat(43)}`);
    for (const wrong of [flipped, token.slice(0, -1), `${token}A`, `${token}=`, "x", "a%20b", "x".repeat(99)]) {
      const seen = await place.visitor.look(`/sign/${wrong}`);
      assert.deepEqual([seen.status, seen.text], [404, nothing.text], wrong);
      const sent = await place.visitor.send(`/sign/${wrong}`, SIGN);
      assert.deepEqual([sent.status, sent.text], [404, nothing.text], wrong);
    }
  });

  test("SF-49 64 signs at once have one effect, and all answers say signed", async () => {
    const { id, path } = await opened();
    const answers = await Promise.all(Array.from({ length: 64 }, () => place.visitor.send(path, SIGN)));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    for (const { text } of answers) assert.match(text, /You have signed/);
    const rows = await look(
      place.server.database.superUrl,
      `select count(*)::int as signed from platform.audit_events
        where action = 'secufile.signDocument' and resource_id = '${id}'`,
    );
    assert.equal(rows[0]?.["signed"], 1);
  });

  test("SF-49 a one-time code: five wrong tries of 64 count, then even the right one is of no use", async () => {
    const { id, email, path } = await opened({ require_code: true });
    assert.match((await place.visitor.send(path, { act: "code" })).text, /on its way/);
    const code = /\b(\d{6})\b/.exec((await place.mailbox.mailTo(email, 2)).text)?.[1] ?? "";
    const wrong = code === "000000" ? "000001" : "000000";
    await Promise.all(Array.from({ length: 64 }, () => place.visitor.send(path, { ...SIGN, code: wrong })));
    const rows = await look(
      place.server.database.superUrl,
      `select code_tries from secufile.signature_signers where signature_id = '${id}'`,
    );
    assert.equal(rows[0]?.["code_tries"], 5);
    assert.match((await place.visitor.send(path, { ...SIGN, code })).text, /no valid code/);
    await place.visitor.send(path, { act: "code" });
    const fresh = /\b(\d{6})\b/.exec((await place.mailbox.mailTo(email, 3)).text)?.[1] ?? "";
    assert.match((await place.visitor.send(path, { ...SIGN, code: fresh })).text, /You have signed/);
    const bundle = JSON.parse((await place.api.get(`/signatures/${id}/evidence.json`)).bytes.toString());
    assert.equal(JSON.parse(bundle.records[0].signed_text).proof.code.sent_to, email);
  });

  test("SF-49 declining ends the request and its reason reaches the sender", async () => {
    const { id, path } = await opened();
    assert.match((await place.visitor.send(path, { act: "decline", reason: "" })).text, /say why/);
    assert.match((await place.visitor.send(path, { act: "decline", reason: "Wrong <price>" })).text, /You declined/);
    const { status, signers } = await stateOf(id);
    assert.deepEqual([status, signers[0].state, signers[0].decline_reason], ["declined", "declined", "Wrong <price>"]);
    assert.match((await place.visitor.send(path, SIGN)).text, /You declined/);
  });

  test("SF-49 delegation only where it is allowed; the delegate signs by a link of its own", async () => {
    const refused = await opened();
    const other = place.person();
    const form = { act: "delegate", name: "Bob", email: other };
    await place.visitor.send(refused.path, form);
    assert.equal((await stateOf(refused.id)).signers.length, 1);
    const allowed = await opened({ delegation: true });
    assert.match((await place.visitor.send(allowed.path, form)).text, /named another person/);
    const path = await place.linkOf(other);
    await place.visitor.send(path, { act: "open" });
    assert.match((await place.visitor.send(path, { ...SIGN, name: "Bob" })).text, /You have signed/);
    const { status, signers } = await stateOf(allowed.id);
    assert.deepEqual([status, signers[0].state, signers[1].state], ["completed", "delegated", "signed"]);
    assert.equal(signers[1].delegated_from, signers[0].signer_id);
  });

  test("SF-49 name and consent are needed, unseen marks are refused, markup stays text", async () => {
    const email = place.person();
    const { id } = await place.requested({
      signers: [{ email, role: HOSTILE, name: HOSTILE }],
      message: `${HOSTILE}\nsecond line`,
    });
    const path = await place.linkOf(email);
    assert.doesNotMatch((await place.visitor.send(path, { act: "open" })).text, /<script|<img/i);
    const cases: [Record<string, string>, RegExp][] = [
      [{ ...SIGN, name: "" }, /type your full name/],
      [{ ...SIGN, name: "x".repeat(201) }, /type your full name/],
      [{ ...SIGN, name: "Ada\u202eecalevoL" }, /type your full name/],
      [{ ...SIGN, name: "Ada\u0007" }, /type your full name/],
      [{ ...SIGN, consent: "" }, /tick the box/],
    ];
    for (const [form, wanted] of cases) assert.match((await place.visitor.send(path, form)).text, wanted);
    assert.equal((await place.visitor.send(path, { ...SIGN, name: "x".repeat(10_000) })).status, 403);
    assert.equal((await place.visitor.send(path, { ...SIGN, reason: "x".repeat(100_000) })).status, 403);
    assert.equal((await stateOf(id)).status, "viewed");
    assert.match((await place.visitor.send(path, { ...SIGN, name: "<b>Ada</b>" })).text, /You have signed/);
  });

  test("SF-20 a form from another site does nothing", async () => {
    const { id, path } = await opened();
    for (const headers of [{ "sec-fetch-site": "cross-site" }, { "sec-fetch-site": "same-site" }]) {
      assert.equal((await place.visitor.send(path, SIGN, headers)).status, 403);
    }
    const foreign = await fetch(`${place.server.origin}${path}`, {
      method: "POST",
      body: new URLSearchParams(SIGN),
      headers: { origin: "https://evil.example" },
    });
    assert.equal(foreign.status, 403);
    assert.equal((await stateOf(id)).status, "viewed");
  });

  test("SF-49 cancelling ends the links with 410; so does deleting the document", async () => {
    const one = await opened();
    assert.equal(expected(await place.api.post(`/signatures/${one.id}/cancel`), 200).status, "cancelled");
    assert.equal(expected(await place.api.post(`/signatures/${one.id}/cancel`), 200).status, "cancelled");
    assert.equal((await place.visitor.look(one.path)).status, 410);
    assert.equal((await place.visitor.send(one.path, SIGN)).status, 410);
    expectedProblem(await place.api.post(`/signatures/${one.id}/remind`), 409, "signature_ended");
    const email = place.person();
    const two = await place.requested({ signers: [{ email, role: "buyer" }] });
    const path = await place.linkOf(email);
    expected(await place.api.call("DELETE", `/documents/${two.documentId}`), 204);
    assert.equal((await place.visitor.look(path)).status, 410);
    assert.equal((await stateOf(two.id)).status, "cancelled");
  });

  test("SF-49 a reminder brings a fresh link, and a second one within the hour is refused", async () => {
    const { id, email, path } = await opened();
    expected(await place.api.post(`/signatures/${id}/remind`), 200);
    const fresh = await place.linkOf(email, 2);
    assert.equal((await place.visitor.look(path)).status, 410);
    assert.equal((await place.visitor.look(fresh)).status, 200);
    const again = await place.api.post(`/signatures/${id}/remind`);
    expectedProblem(again, 429, "rate_limited");
    assert.match(again.headers.get("retry-after") ?? "", /^\d+$/);
  });

  test("SF-26 SF-49 signatures:create asks, signatures:read looks, and neither does the other's work", async () => {
    const { id, documentId } = await place.requested({ signers: [{ email: place.person(), role: "buyer" }] });
    const tokenWith = async (scopes: string[]): Promise<Client> =>
      clientOf(place.server.origin, expected(await place.api.post("/tokens", { name: "t", scopes }), 201).token);
    const asks = await tokenWith(["signatures:create"]);
    const looks = await tokenWith(["signatures:read"]);
    const order = { signers: [{ email: place.person(), role: "buyer" }] };
    expected(await asks.post(`/v1/documents/${documentId}/signatures`, order), 201);
    expectedProblem(await looks.post(`/documents/${documentId}/signatures`, order), 403, "insufficient_scope");
    expectedProblem(await asks.get(`/signatures/${id}`), 403, "insufficient_scope");
    expected(await looks.get(`/v1/signatures/${id}`), 200);
    expectedProblem(await looks.get("/signatures/sig_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"), 404, "signature_not_found");
  });

  test("SF-20 no token of a link is in a table, in the log or in the audit", async () => {
    const { path, envelope } = await opened();
    await place.visitor.send(path, SIGN);
    const rows = await look(
      place.server.database.superUrl,
      `select l::text as row from secufile.sign_links l union all select a::text from platform.audit_events a
       union all select s::text from secufile.signatures s union all select e::text from platform.events e`,
    );
    const kept = rows.map(({ row }) => String(row)).join("\n");
    for (const link of [path, envelope]) {
      const token = link.slice("/sign/".length);
      const hex = Buffer.from(token, "base64url").toString("hex");
      assert.equal(kept.includes(token) || kept.includes(hex), false);
      assert.equal(place.server.output().includes(token), false);
    }
  });
});
