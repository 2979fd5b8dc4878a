/** What the published document shows. */
export const publishedExample = {
  filename: "promesse-achat-12345.pdf",
  ciphertext_url: "https://blob.example.com/abc123",
  key_wrap: "vault://kms/key/01HX...",
  signers: [{ email: "client@example.com", role: "buyer" }],
};

export const documentExample = {
  document_id: "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
  filename: "promesse-achat-12345.pdf",
  content_type: "application/octet-stream",
  size: 20_971_520,
  sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  bucket: "default",
  object_key: "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F/promesse-achat-12345.pdf",
  status: "stored",
  failure: null,
  key_wrap: "vault://kms/key/01HX...",
  wrapped_key: null,
  signers: [{ email: "client@example.com", role: "buyer", name: null, order: null, phone: null }],
  retention: null,
  metadata: {},
  created_at: "2026-11-22T09:30:00.000Z",
  stored_at: "2026-11-22T09:30:02.000Z",
};

export const signatureExample = {
  signature_id: "sig_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
  document_id: "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
  filename: "promesse-achat-12345.pdf",
  status: "viewed",
  message: "Please sign before Friday.",
  require_code: "mail",
  delegation: false,
  locale: "fr",
  reminders: [3, 7],
  plaintext_sha256: null,
  created_at: "2026-11-22T09:30:00.000Z",
  expires_at: "2026-12-22T09:30:00.000Z",
  ended_at: null,
  signers: [
    {
      signer_id: "sgn_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
      email: "client@example.com",
      role: "buyer",
      name: null,
      order: null,
      phone: null,
      state: "viewed",
      delegated_from: null,
      invited_at: "2026-11-22T09:30:02.000Z",
      viewed_at: "2026-11-22T10:00:00.000Z",
      ended_at: null,
      decline_reason: null,
    },
  ],
};
