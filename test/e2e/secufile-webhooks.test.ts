import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Webhook } from "standardwebhooks";
import { startLocalServer, type LocalServer, type Received } from "../support/local-server.ts";
import { linkIn } from "../support/mailbox.ts";
import { outboxOf } from "../support/outbox.ts";
import { demoTenant, newPerson } from "../support/people.ts";
import { publishedVerify, type PublishedVerify } from "../support/published-verify.ts";
import {
  clientOf,
  eventually,
  expected,
  expectedProblem,
  look,
  newDocument,
  storedDocument,
  type Client,
  type Json,
} from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { visitorOf } from "../support/sign-visitor.ts";

const NOW_TOLERANCE_S = 60;

/** What the standard library of receivers reads of a delivery. */
function standardHeaders(request: Received): Record<string, string> {
  return {
    "webhook-id": String(request.headers["webhook-id"]),
    "webhook-timestamp": String(request.headers["webhook-timestamp"]),
    "webhook-signature": String(request.headers["webhook-signature"]),
  };
}

function signatureOf(request: Received): string {
  return String(request.headers["x-secufile-signature"]);
}

describe("webhooks of SecuFile", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let api: Client;
  let receiver: LocalServer;
  let verify: PublishedVerify;
  let failuresLeft = 1;
  before(async () => {
    server = await startTestServer();
    api = clientOf(server.origin, server.apiKey);
    verify = await publishedVerify();
    receiver = await startLocalServer(({ path }, response) => {
      if (path === "/fails-once" && failuresLeft-- > 0) response.writeHead(500);
      if (path === "/gone") response.writeHead(410);
      if (path === "/moved") response.writeHead(307, { location: "/target" });
      response.end();
    });
  });
  after(async () => {
    await server.remove();
    await receiver.close();
  });

  const register = async (path: string, events: readonly string[] = ["object.uploaded"]): Promise<Json> =>
    expected(await api.post("/webhooks", { url: receiver.url + path, events }), 201);
  const deliveryOf = (path: string, documentId: string): Promise<Received> =>
    receiver.waitFor((request) => request.path === path && request.body.includes(documentId));

  test("SF-06 SF-33 SF-35 SF-44 SF-45 SF-56 SF-57 SF-63 each registration signs with a secret of its own", async () => {
    const one = await register("/one");
    const two = await register("/two");
    assert.match(one.webhook_id, /^whk_[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
    assert.match(one.secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    assert.notEqual(one.secret, two.secret);
    const id = await storedDocument(api, Buffer.from("content"));
    for (const [path, own, other] of [
      ["/one", one.secret, two.secret],
      ["/two", two.secret, one.secret],
    ] as const) {
      const delivery = await deliveryOf(path, id);
      assert.equal(delivery.method, "POST");
      assert.equal(delivery.headers["content-type"]?.split(";")[0], "application/json");
      const hex = createHmac("sha256", own).update(delivery.body).digest("hex");
      assert.equal(signatureOf(delivery), `sha256=${hex}`);
      assert.equal(verify(signatureOf(delivery), delivery.body, own), true);
      assert.equal(verify(signatureOf(delivery), delivery.body, other), false);
      new Webhook(own).verify(delivery.body, standardHeaders(delivery));
      assert.throws(() => new Webhook(other).verify(delivery.body, standardHeaders(delivery)));
      const seconds = Number(delivery.headers["x-secufile-timestamp"]);
      assert.ok(Math.abs(Date.now() / 1000 - seconds) < NOW_TOLERANCE_S);
      assert.equal(delivery.headers["x-secufile-event"], "object.uploaded");
      assert.match(String(delivery.headers["x-secufile-delivery"]), /^dlv_/);
      const body = JSON.parse(delivery.body.toString("utf8"));
      assert.deepEqual(Object.keys(body), ["id", "type", "created_at", "endpoint_id", "seq", "livemode", "data"]);
      assert.equal(body.data.document_id, id);
    }
  });

  test("SF-06 the secret is shown once, and one of the caller's own is taken", async () => {
    const made = await register("/shown-once");
    const answer = await api.get(`/webhooks/${made.webhook_id}`);
    assert.equal(answer.bytes.includes(made.secret), false);
    assert.equal((await api.get("/webhooks")).bytes.includes(made.secret), false);
    const secret = "a secret of my own, long enough".replaceAll(" ", "-");
    const order = { url: `${receiver.url}/own-secret`, events: ["*"], secret };
    assert.equal(expected(await api.post("/webhooks", order), 201).secret, secret);
    const id = await storedDocument(api, Buffer.from("x"));
    const delivery = await deliveryOf("/own-secret", id);
    assert.equal(verify(signatureOf(delivery), delivery.body, secret), true);
    for (const weak of ["", "short", "x".repeat(257)]) {
      expectedProblem(await api.post("/webhooks", { ...order, secret: weak }), 422, "validation_failed");
    }
  });

  test("SF-34 SF-35 SF-42 a retry has the same bytes and ids, a new time, and is signed anew", async () => {
    const { secret, webhook_id: webhookId } = await register("/fails-once");
    const id = await storedDocument(api, Buffer.from("retried"));
    const attempts = await eventually("it came twice", async () => {
      const found = receiver.received.filter(({ path, body }) => path === "/fails-once" && body.includes(id));
      return found.length >= 2 ? found : null;
    });
    const [first, second] = [attempts[0] ?? assert.fail(), attempts[1] ?? assert.fail()];
    assert.deepEqual(second.body, first.body);
    for (const name of ["webhook-id", "x-secufile-delivery", "x-secufile-signature"]) {
      assert.equal(second.headers[name], first.headers[name], name);
    }
    assert.ok(Number(second.headers["x-secufile-timestamp"]) > Number(first.headers["x-secufile-timestamp"]));
    assert.notEqual(second.headers["webhook-signature"], first.headers["webhook-signature"]);
    for (const attempt of attempts) {
      assert.equal(verify(signatureOf(attempt), attempt.body, secret), true);
      new Webhook(secret).verify(attempt.body, standardHeaders(attempt));
    }
    const delivery = await eventually("it is delivered", async () => {
      const list = await api.get(`/webhooks/${webhookId}/deliveries?status=delivered`);
      return list.body.data[0] ?? null;
    });
    assert.deepEqual(
      (delivery.attempts as Json[]).map((attempt) => attempt.status_code),
      [500, 200],
    );
  });

  test("SF-34 a delivery sent once more has the same bytes, though its document is gone", async () => {
    const { secret, webhook_id: webhookId } = await register("/replayed");
    const id = await storedDocument(api, Buffer.from("replayed"));
    const first = await deliveryOf("/replayed", id);
    expected(await api.call("DELETE", `/documents/${id}`), 204);
    const did = String(first.headers["x-secufile-delivery"]);
    await eventually("it is delivered", async () => {
      const list = await api.get(`/webhooks/${webhookId}/deliveries?status=delivered`);
      return list.body.data.length > 0 ? true : null;
    });
    expected(await api.post(`/webhooks/${webhookId}/deliveries/${did}/replay`), 202);
    const again = await eventually("it came again", async () => {
      const found = receiver.received.filter(({ path }) => path === "/replayed");
      return found[1] ?? null;
    });
    assert.deepEqual(again.body, first.body);
    assert.equal(again.headers["webhook-id"], first.headers["webhook-id"]);
    assert.equal(verify(signatureOf(again), again.body, secret), true);
  });

  test("SF-35 SF-43 SF-46 a receiver refuses what was changed, what another signed, and what is old", async () => {
    const { secret } = await register("/judged");
    const id = await storedDocument(api, Buffer.from("judged"));
    const delivery = await deliveryOf("/judged", id);
    const changed = Buffer.from(
      delivery.body.toString("latin1").replace('"livemode":true', '"livemode":fals'),
      "latin1",
    );
    assert.notDeepEqual(changed, delivery.body);
    assert.equal(verify(signatureOf(delivery), changed, secret), false);
    assert.equal(verify(`sha256=${"0".repeat(64)}`, delivery.body, secret), false);
    // Compared in constant time, which needs equal lengths: ours always has this one.
    assert.equal(signatureOf(delivery).length, 71);
    assert.throws(() => verify("sha256=", delivery.body, secret), RangeError);
    assert.match(verify.toString(), /timingSafeEqual/);

    const standard = new Webhook(secret);
    const headers = standardHeaders(delivery);
    assert.throws(() => standard.verify(changed, headers));
    const old = new Date(Date.now() - 600_000);
    const oldSeconds = String(Math.floor(old.getTime() / 1000));
    assert.throws(() => standard.verify(delivery.body, { ...headers, "webhook-timestamp": oldSeconds }));
    // Truly signed then, and captured: too old now.
    const signature = standard.sign(headers["webhook-id"] ?? "", old, delivery.body);
    const captured = { ...headers, "webhook-timestamp": oldSeconds, "webhook-signature": signature };
    assert.throws(() => standard.verify(delivery.body, captured), /too old/i);
  });

  test("SF-42 every request that a receiver gets carries signatures that its secret verifies", async () => {
    const made = await register("/all", ["*"]);
    const stored = await storedDocument(api, Buffer.from("signed"));
    expected(await api.post(`/webhooks/${made.webhook_id}/test`), 202);
    const waiting = await newDocument(api, { ciphertext_url: `${receiver.url}/nothing`, size: 7 });
    await deliveryOf("/all", stored);
    await deliveryOf("/all", waiting);
    await receiver.waitFor(({ path, headers }) => path === "/all" && headers["x-secufile-event"] === "webhook.test");
    const all = receiver.received.filter(({ path }) => path === "/all");
    assert.deepEqual(
      new Set(all.map(({ headers }) => headers["x-secufile-event"])),
      new Set(["object.uploaded", "object.failed", "webhook.test"]),
    );
    for (const request of all) {
      assert.equal(verify(signatureOf(request), request.body, made.secret), true);
      new Webhook(made.secret).verify(request.body, standardHeaders(request));
    }
  });

  test("SF-63 a new secret takes over at once where that is asked for, and the old one verifies no more", async () => {
    const made = await register("/rotated");
    const rotated = expected(await api.post(`/webhooks/${made.webhook_id}/rotate-secret`, { flip: "now" }), 200);
    assert.notEqual(rotated.secret, made.secret);
    const id = await storedDocument(api, Buffer.from("rotated"));
    const delivery = await deliveryOf("/rotated", id);
    assert.equal(verify(signatureOf(delivery), delivery.body, rotated.secret), true);
    assert.equal(verify(signatureOf(delivery), delivery.body, made.secret), false);
    // The list of the standard header carries both for a while, so that a receiver can change over.
    new Webhook(rotated.secret).verify(delivery.body, standardHeaders(delivery));
    new Webhook(made.secret).verify(delivery.body, standardHeaders(delivery));
  });

  test("SF-56 only the events that were asked for come, none to a disabled or deleted webhook, none by redirect", async () => {
    await register("/only-failed", ["object.failed"]);
    const disabled = await register("/disabled");
    expected(await api.call("PATCH", `/webhooks/${disabled.webhook_id}`, { body: { active: false } }), 200);
    const deleted = await register("/deleted");
    expected(await api.call("DELETE", `/webhooks/${deleted.webhook_id}`), 204);
    await register("/moved");
    const witness = await register("/witness");
    const id = await storedDocument(api, Buffer.from("chosen"));
    await deliveryOf("/witness", id);
    await deliveryOf("/moved", id);
    const paths = new Set(receiver.received.filter(({ body }) => body.includes(id)).map(({ path }) => path));
    for (const path of ["/only-failed", "/disabled", "/deleted", "/target"]) assert.equal(paths.has(path), false, path);
    expectedProblem(await api.get(`/webhooks/${deleted.webhook_id}`), 404, "webhook_not_found");
    expected(await api.get(`/webhooks/${witness.webhook_id}`), 200);
  });

  /** What a receiver was told of a request, in the order of `seq`; each delivery is what its secret has signed. */
  async function toldOf(path: string, secret: string, id: string, last: string): Promise<Json[]> {
    const isOf = (request: Received): boolean => request.path === path && request.body.includes(id);
    await receiver.waitFor((request) => isOf(request) && request.headers["x-secufile-event"] === last);
    // One after another may overtake: as many as there are events.
    const rows = await look(
      server.database.superUrl,
      "select count(*)::int as n from platform.events where data ->> 'signature_id' = $1",
      [id],
    );
    await eventually("all of them came", async () =>
      receiver.received.filter(isOf).length >= rows[0].n ? true : null,
    );
    const came = receiver.received.filter(isOf);
    for (const request of came) {
      assert.equal(verify(signatureOf(request), request.body, secret), true);
      new Webhook(secret).verify(request.body, standardHeaders(request));
      assert.equal(request.headers["x-secufile-event"], JSON.parse(request.body.toString()).type);
    }
    const bodies: Json[] = came.map(({ body }) => JSON.parse(body.toString()));
    return bodies.toSorted((one, other) => one.seq - other.seq);
  }

  /** Asks for signatures; `of` is a signer of it as events show him. */
  async function asked(
    documentId: string,
    ...signers: { email: string; role: string }[]
  ): Promise<{ id: string; of(email: string, state: string): Json }> {
    const { signature_id: id } = expected(await api.post(`/documents/${documentId}/signatures`, { signers }), 201);
    const view = expected(await api.get(`/signatures/${id}`), 200);
    return {
      id,
      of(email, state) {
        const { signer_id, role } = (view.signers as Json[]).find((signer) => signer.email === email);
        return { signer_id, email, role, state };
      },
    };
  }

  test("SF-20 SF-42 SF-49 a receiver of * hears each step of a signature request, in order, signed, as documented", async () => {
    const { secret } = await register("/signatures", ["*"]);
    const outbox = outboxOf(server.dataDirectory);
    const visitor = visitorOf(server.origin);
    const documentId = await storedDocument(api, Buffer.from("to be signed"));
    const [ada, bob, carol] = ["ada@events.example", "bob@events.example", "carol@events.example"] as const;
    const opened = async (email: string): Promise<string> => {
      const path = linkIn(await outbox.mailTo(email));
      await visitor.send(path, { act: "open" });
      return path;
    };
    const assertTold = async (id: string, steps: readonly [type: string, status: string, signer: Json][]) => {
      const told = await toldOf("/signatures", secret, id, steps.at(-1)?.[0] ?? "");
      for (const { livemode, data } of told) assert.deepEqual([livemode, Date.parse(data.at) > 0], [true, true]);
      const common = { signature_id: id, document_id: documentId, reason: null };
      assert.deepEqual(
        told.map(({ type, data: { at: _at, ...data } }) => ({ type, data })),
        steps.map(([type, status, signer]) => ({ type, data: { ...common, status, signer } })),
      );
    };
    const both = await asked(documentId, { email: ada, role: "buyer" }, { email: bob, role: "seller" });
    for (const email of [ada, bob]) {
      await visitor.send(await opened(email), { act: "sign", name: "A name", consent: "yes" });
    }
    await assertTold(both.id, [
      ["signature.requested", "pending", null],
      ["signature.viewed", "viewed", both.of(ada, "viewed")],
      ["signature.signed", "partially_signed", both.of(ada, "signed")],
      ["signature.viewed", "partially_signed", both.of(bob, "viewed")],
      ["signature.signed", "completed", both.of(bob, "signed")],
      ["signature.completed", "completed", null],
    ]);
    const declined = await asked(documentId, { email: carol, role: "notary" });
    await visitor.send(await opened(carol), { act: "decline", reason: "A secret reason" });
    await assertTold(declined.id, [
      ["signature.requested", "pending", null],
      ["signature.viewed", "viewed", declined.of(carol, "viewed")],
      ["signature.declined", "declined", declined.of(carol, "declined")],
    ]);
    const cancelled = await asked(documentId, { email: carol, role: "notary" });
    expected(await api.post(`/signatures/${cancelled.id}/cancel`), 200);
    await assertTold(cancelled.id, [
      ["signature.requested", "pending", null],
      ["signature.cancelled", "cancelled", null],
    ]);
    assert.equal(
      receiver.received.some(({ body }) => body.includes("A secret reason")),
      false,
    );
  });

  test("a receiver that answers 410 gets no more, and the owner gets one mail about it", async () => {
    const outbox = outboxOf(server.dataDirectory);
    const tenantId = await demoTenant(server.database.superUrl);
    const owner = await newPerson(server, outbox, { tenantId, role: "owner" });
    const reader = await newPerson(server, outbox, { tenantId, role: "reader" });
    const gone = await register("/gone");
    const id = await storedDocument(api, Buffer.from("gone"));
    await deliveryOf("/gone", id);
    // The first mail to each was the invitation.
    const { subject, text } = await outbox.mailTo(owner.email, 2);
    assert.equal(subject, "A webhook was disabled");
    assert.ok(text.includes(gone.webhook_id), text);
    assert.match(text, /answered 410/);
    assert.equal(text.includes(receiver.url), false);
    const after_ = expected(await api.get(`/webhooks/${gone.webhook_id}`), 200);
    assert.deepEqual([after_.active, after_.disabled_reason], [false, "gone"]);
    const witness = await register("/after-gone");
    const next = await storedDocument(api, Buffer.from("after"));
    await deliveryOf("/after-gone", next);
    assert.equal(receiver.received.filter(({ path }) => path === "/gone").length, 1);
    assert.equal(outbox.mails.filter(({ to }) => to === owner.email).length, 2);
    assert.equal(outbox.mails.filter(({ to }) => to === reader.email).length, 1);
    expected(await api.call("DELETE", `/webhooks/${witness.webhook_id}`), 204);
  });

  test("SF-56 a webhook with a wrong URL, event or member is refused", async () => {
    const order = { url: "https://example.com/hook", events: ["object.uploaded"] };
    const wrong: Record<string, unknown>[] = [
      { ...order, url: "ftp://example.com/" },
      { ...order, url: "https://user:secret@example.com/" },
      { ...order, url: "example.com" },
      { ...order, url: `https://example.com/${"x".repeat(2050)}` },
      { ...order, events: [] },
      { ...order, events: ["object.stolen"] },
      { ...order, events: "object.uploaded" },
      { ...order, colour: "red" },
      { events: order.events },
    ];
    for (const body of wrong) expectedProblem(await api.post("/webhooks", body), 422, "validation_failed");
  });
});
