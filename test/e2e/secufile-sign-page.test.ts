import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { linkIn } from "../support/mailbox.ts";
import { outboxOf } from "../support/outbox.ts";
import {
  clientOf,
  expected,
  expectedProblem,
  look,
  storedDocument,
  type Answer,
  type Client,
  type Json,
} from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { visitorOf, type Shown } from "../support/sign-visitor.ts";

const HOSTILE = `"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;'\`.pdf`;

describe("the page behind signature_url", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let api: Client;
  /** Nobody in particular: whoever was sent the link. */
  let visitor: Client;
  before(async () => {
    server = await startTestServer();
    api = clientOf(server.origin, server.apiKey);
    visitor = clientOf(server.origin, "");
  });
  after(() => server.remove());

  const signers = [
    { email: "client@example.com", role: "buyer" },
    { email: "notary@example.com", role: "notary", name: "Ève <b>Ñandú</b>" },
  ];

  async function requested(members: Readonly<Record<string, unknown>> = {}): Promise<{ id: string; path: string }> {
    const order = { filename: "promesse.pdf", key_wrap: "k", signers, ...members };
    const made: Json = expected(await api.post("/documents", order), 201);
    return { id: made.document_id, path: new URL(made.signature_url).pathname };
  }

  const pageOf = async (path: string): Promise<{ answer: Answer; text: string }> => {
    const answer = await visitor.get(path);
    return { answer, text: answer.bytes.toString("utf8") };
  };

  test("SF-19 the link holds 256 random bits, each document has its own, and no table holds it", async () => {
    const [one, two] = [await requested(), await requested()];
    assert.match(one.path, /^\/sign\/[A-Za-z0-9_-]{43}$/);
    assert.notEqual(one.path, two.path);
    const token = one.path.slice("/sign/".length);
    const rows = await look(
      server.database.superUrl,
      `select l::text as row from secufile.sign_links l union all select a::text from platform.audit_events a
       union all select d::text from secufile.documents d`,
    );
    const hex = Buffer.from(token, "base64url").toString("hex");
    const kept = rows.map(({ row }) => String(row)).join("\n");
    assert.equal(kept.includes(token) || kept.includes(hex), false);
    assert.equal(server.output().includes(token), false);
  });

  test("SF-16 it says truthfully who asks for what and how far it is", async () => {
    const { id, path } = await requested();
    const earlier = await pageOf(path);
    assert.equal(earlier.answer.status, 200);
    assert.match(earlier.answer.headers.get("content-type") ?? "", /^text\/html/);
    for (const part of ["Demo organisation", "promesse.pdf", "has not arrived", "buyer", "notary"]) {
      assert.ok(earlier.text.includes(part), part);
    }
    assert.match(earlier.text, /Nobody has signed/);
    assert.doesNotMatch(earlier.text, /<script/i);
    assert.equal(earlier.text.includes("client@example.com"), false, "addresses are masked");
    const stored = expected(await api.call("PUT", `/documents/${id}/content`, { raw: "ciphertext" }), 200);
    const later = await pageOf(path);
    assert.ok(later.text.includes("is stored on this server"));
    assert.ok(later.text.includes(stored.sha256));
  });

  test("SF-13 a hostile filename, name and role are shown as text", async () => {
    const hostile = [{ email: "a@b.example", role: HOSTILE, name: HOSTILE }];
    const { path } = await requested({ filename: HOSTILE, signers: hostile });
    const { text } = await pageOf(path);
    assert.doesNotMatch(text, /<script|<img/i);
    assert.equal(text.split("&lt;script&gt;alert(1)&lt;/script&gt;").length - 1, 3);
    assert.ok(text.includes("&amp;amp;"));
    assert.doesNotMatch((await pageOf((await requested()).path)).text, /<b>/);
  });

  test("SF-13 a hostile filename does no harm in the headers of a download either", async () => {
    const names = [
      HOSTILE,
      'a"; filename=evil.exe',
      "été – 🖋.pdf",
      "..\\..\\x",
      "../../etc/passwd",
      "%0d%0aset-cookie: a",
    ];
    for (const filename of names) {
      const { id } = await requested({ filename });
      expected(await api.call("PUT", `/documents/${id}/content`, { raw: "x" }), 200);
      const { headers } = await api.get(`/documents/${id}/content`);
      const value = headers.get("content-disposition") ?? "";
      const match = /^attachment; filename="([^"\\]*)"; filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~%-]+)$/.exec(value);
      assert.equal(decodeURIComponent(match?.[2] ?? ""), filename, value);
      assert.equal(headers.get("set-cookie"), null);
      assert.equal(headers.get("x-content-type-options"), "nosniff");
      assert.match(headers.get("content-security-policy") ?? "", /sandbox/);
    }
  });

  test("SF-16 nothing runs on it, nobody frames or indexes it, and its address is told to nobody", async () => {
    const { path } = await requested();
    const { answer, text } = await pageOf(path);
    const policy = answer.headers.get("content-security-policy") ?? "";
    const rules = new Map(policy.split(";").map((rule) => [rule.trim().split(" ")[0] ?? "", rule.trim()]));
    assert.equal(rules.get("default-src"), "default-src 'none'");
    assert.equal(rules.get("style-src"), "style-src 'self'");
    assert.equal(rules.get("frame-ancestors"), "frame-ancestors 'none'");
    assert.equal(rules.get("base-uri"), "base-uri 'none'");
    assert.doesNotMatch(policy, /unsafe|script-src|\*/);
    assert.match(answer.headers.get("x-robots-tag") ?? "", /noindex/);
    assert.equal(answer.headers.get("referrer-policy"), "no-referrer");
    assert.equal(answer.headers.get("cache-control"), "no-store");
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
    assert.equal(rules.get("form-action"), "form-action 'self'");
    assert.doesNotMatch(text, /\sstyle=|\son[a-z]+=|https?:\/\//i);
    const style = /href="([^"]+)"/.exec(text)?.[1] ?? "";
    const sheet = await visitor.get(style);
    assert.equal(sheet.status, 200);
    assert.match(sheet.headers.get("content-type") ?? "", /^text\/css/);
  });

  test("SF-16 looking changes nothing, however often and by whatever method", async () => {
    const { id, path } = await requested();
    const kept = (): Promise<Json> =>
      look(
        server.database.superUrl,
        `select d::text as row from secufile.documents d where id = '${id}'
         union all select g::text from secufile.signatures g where document_id = '${id}'
         union all select s::text from secufile.signature_signers s join secufile.signatures g
                on g.tenant_id = s.tenant_id and g.id = s.signature_id where g.document_id = '${id}' order by 1`,
      );
    const earlier = await kept();
    for (let visit = 0; visit < 3; visit++) await pageOf(path);
    assert.equal((await visitor.call("HEAD", path)).status, 200);
    for (const method of ["PUT", "PATCH", "DELETE"]) {
      expectedProblem(await visitor.call(method, path), 405, "method_not_allowed");
    }
    assert.deepEqual(await kept(), earlier);
    assert.equal(expected(await api.get(`/documents/${id}`), 200).status, "pending");
  });

  test("SF-16 a token that nobody was given leads nowhere, whatever it looks like", async () => {
    const { path } = await requested();
    const wrong = ["A".repeat(43), path.slice("/sign/".length, -1), `${path.slice("/sign/".length)}A`, "x", "0"];
    const nothing = await pageOf(`/sign/${"A".repeat(43)}`);
    assert.match(nothing.text, /leads nowhere/);
    for (const token of [...wrong, "..%2f..", "a%20b", "%3Cscript%3E", "%F0%9F%96%8B", "x".repeat(250)]) {
      const { answer, text } = await pageOf(`/sign/${token}`);
      assert.equal(answer.status, 404, token);
      assert.equal(text, nothing.text, "all refusals are alike");
      assert.match(answer.headers.get("content-security-policy") ?? "", /default-src 'none'/);
      assert.match(answer.headers.get("x-robots-tag") ?? "", /noindex/);
    }
    const problems = [
      ["GET", "/sign/%00", 422, "validation_failed"],
      ["GET", "/sign/", 404, "not_found"],
      ["GET", `${path}/more`, 404, "not_found"],
      ["GET", "/sign/%zz", 400, "bad_request"],
      ["PUT", path, 405, "method_not_allowed"],
    ] as const;
    for (const [method, at, status, code] of problems) {
      const answer = await visitor.call(method, at);
      expectedProblem(answer, status, code);
      for (const [name, value] of nothing.answer.headers) {
        if (!/^(?:cache-control|content-security-policy|referrer-policy|x-)/.test(name) || name === "x-request-id")
          continue;
        assert.equal(answer.headers.get(name), value, `${method} ${at}: ${name}`);
      }
      assert.equal(answer.headers.get("cache-control"), "no-store");
    }
    for (const [at, kept] of [
      ["/sign", "no-store"],
      [path.replace("sign", "%73ign"), "no-store"],
      ["/signs", null],
    ] as const) {
      const answer = await fetch(`${server.origin}${at}`, { method: "PUT" });
      assert.match(answer.headers.get("content-type") ?? "", /problem\+json/);
      assert.equal(answer.headers.get("cache-control"), kept, at);
    }
    // A token opens its page and nothing else, and an API token opens no page.
    const asBearer = clientOf(server.origin, path.slice("/sign/".length));
    expectedProblem(await asBearer.get("/documents"), 401, "unauthorized");
  });

  const WORDS = {
    en: {
      size: "<dt>Size, encrypted</dt> <dd>20,481 bytes</dd>",
      cipher: "SHA-256, encrypted",
      plain: "SHA-256, not encrypted, as given by the sender",
      asks: "Demo organisation</bdi> asks for signatures",
      other: "<bdi>Ève Ñandú</bdi>, as <bdi>notary</bdi> <span>– waiting",
      own: "<bdi>p…@e….com</bdi> (you), as <bdi>buyer</bdi> <span>– opened",
    },
    fr: {
      size: "<dt>Taille du fichier chiffré</dt> <dd>20\u202f481 octets</dd>",
      cipher: "SHA-256 du fichier chiffré",
      plain: "SHA-256 du fichier en clair, donné par l’expéditeur",
      asks: "Demo organisation</bdi> demande des signatures",
      other: "<bdi>Ève Ñandú</bdi>, qualité\u00a0: <bdi>notary</bdi> <span>– en attente",
      own: "<bdi>p…@e….com</bdi> (vous), qualité\u00a0: <bdi>buyer</bdi> <span>– a ouvert",
    },
  };

  test("SF-16 SF-49 envelope and own page show size, both hashes, sender and the other signer, in both languages", async () => {
    const bytes = Buffer.alloc(20_481, "x");
    const plaintext = createHash("sha256").update("the plaintext").digest("hex");
    const documentId = await storedDocument(api, bytes, { filename: "promesse.pdf" });
    const order = {
      signers: [
        { email: "page@example.com", role: "buyer", order: 1 },
        { email: "other-of-page@example.com", role: "notary", name: "Ève Ñandú", order: 2 },
      ],
      plaintext_sha256: plaintext,
    };
    const made = expected(await api.post(`/documents/${documentId}/signatures`, order), 201);
    const path = linkIn(await outboxOf(server.dataDirectory).mailTo("page@example.com"));
    await visitorOf(server.origin).send(path, { act: "open" });
    for (const [language, words] of Object.entries(WORDS)) {
      for (const at of [new URL(made.signature_url).pathname, path]) {
        const text = (await pageOf(`${at}?lang=${language}`)).text.replaceAll(/[ \n]+/g, " ");
        const hash = (label: string, hex: string): string => `<dt>${label}</dt> <dd><code>${hex}</code></dd>`;
        const wanted = [
          words.size,
          hash(words.cipher, createHash("sha256").update(bytes).digest("hex")),
          hash(words.plain, plaintext),
          words.asks,
          "<bdi>promesse.pdf</bdi>",
          words.other,
          ...(at === path ? [words.own] : []),
        ];
        for (const part of wanted) assert.ok(text.includes(part), `${part}\n${text}`);
        assert.match(text, new RegExp(`<html lang="${language}"`));
        assert.equal(text.includes("page@example.com"), false, "addresses are masked");
      }
    }
  });

  /** Sends the same again and again, some at once; answers how many of them were let through, and the last refusal. */
  async function untilRefused(times: number, send: () => Promise<Shown>): Promise<{ allowed: number; refused: Shown }> {
    let allowed = 0;
    let refused: Shown | null = null;
    for (let left = times; left > 0; left -= 10) {
      for (const shown of await Promise.all(Array.from({ length: Math.min(left, 10) }, send))) {
        if (shown.status === 429) refused = shown;
        else allowed += 1;
      }
    }
    return { allowed, refused: refused ?? assert.fail(`all ${times} were let through`) };
  }

  function assertLimitPage({ headers, text }: Shown): void {
    assert.match(headers.get("content-type") ?? "", /^text\/html/);
    assert.match(text, /Too many attempts[\s\S]*Minutes: \d+/);
    assert.match(headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    assert.equal(headers.get("cache-control"), "no-store");
    assert.match(headers.get("content-security-policy") ?? "", /default-src 'none'/);
  }
  const forget = (): Promise<unknown> => look(server.database.superUrl, "delete from platform.rate_windows");

  test("SF-20 one form too many for a link, and for an address, is answered with 429, and nothing is done", async () => {
    const [{ path }, other] = [await requested(), await requested()];
    const browser = visitorOf(server.origin);
    await forget();
    const ofLink = await untilRefused(121, () => browser.send(path, { act: "ask", email: "no address" }));
    assert.equal(ofLink.allowed, 120);
    assertLimitPage(ofLink.refused);
    assert.equal((await browser.send(other.path, { act: "ask", email: "no address" })).status, 200, "another link");
    const guess = (): Promise<Shown> => browser.send(`/sign/${randomBytes(32).toString("base64url")}`, { act: "ask" });
    // What the link refused was counted for the address, too.
    const ofAddress = await untilRefused(179, guess);
    assert.equal(ofAddress.allowed, 178);
    assertLimitPage(ofAddress.refused);
    assert.equal((await browser.send(other.path, { act: "ask", email: "client@example.com" })).status, 429);
    const asked = await look(
      server.database.superUrl,
      "select outcome from platform.audit_events where action = 'secufile.askForLink'",
    );
    // Those that were let through, none of which named an address.
    assert.deepEqual([asked.length, new Set(asked.map((row) => row.outcome))], [121, new Set(["denied"])]);
    assert.equal((await pageOf(other.path)).answer.status, 200, "looking has a limit of its own");
    await forget();
  });

  test("SF-20 one look too many of an address is answered with 429, whether or not there is such a link", async () => {
    const { path } = await requested();
    const browser = visitorOf(server.origin);
    await forget();
    const guess = (): Promise<Shown> => browser.look(`/sign/${randomBytes(32).toString("base64url")}`);
    const { allowed, refused } = await untilRefused(301, guess);
    assert.equal(allowed, 300);
    assertLimitPage(refused);
    const genuine = await browser.look(`${path}?lang=fr`);
    assert.equal(genuine.status, 429);
    assert.match(genuine.text, /Trop de tentatives/);
    assert.equal((await visitor.call("HEAD", path)).status, 429);
    assert.equal((await visitor.get("/v1/secufile/sign.css")).status, 200, "the page of the refusal has its style");
    assert.equal((await browser.send(path, { act: "ask", email: "no address" })).status, 200, "forms have their own");
    expected(await api.get("/documents"), 200);
    await forget();
    assert.equal((await browser.look(path)).status, 200);
  });
});
