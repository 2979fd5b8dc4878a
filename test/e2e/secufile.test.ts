import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startTestServer } from "../support/server.ts";

describe("SecuFile over HTTP", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server.remove());

  test("SF-05 SF-09 SF-10 SF-11 SF-12 SF-19 the published request is answered as documented", async () => {
    const answer = await fetch(`${server.origin}/v1/secufile/documents`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${server.apiKey}`,
        "idempotency-key": crypto.randomUUID(),
        "content-type": "application/json",
      },
      body: JSON.stringify({
        filename: "promesse-achat-12345.pdf",
        ciphertext_url: "https://blob.example.com/abc123",
        key_wrap: "vault://kms/key/01HX...",
        signers: [{ email: "client@example.com", role: "buyer" }],
      }),
    });
    assert.equal(answer.status, 201);
    const body = (await answer.json()) as { document_id: string; signature_url: string };
    assert.match(body.document_id, /^doc_[0-9A-HJKMNP-TV-Z]{26}$/);
    assert.ok(URL.canParse(body.signature_url));
  });
});
