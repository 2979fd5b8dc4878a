import type { StreamView } from "./stream-schema.ts";

/** For the published document. */
export const record = {
  index: 41,
  leaf_hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  id: "aud_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
  at: "2026-11-22T09:30:00.000Z",
  actor: { type: "token", id: "tok_01KB2Q6V9XJ4M8T3RZ5C7D1E0F", email: null, ip: "203.0.113.7" },
  action: "secufile.createDocument",
  bucket: "default",
  resource: { type: "document", id: "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F" },
  outcome: "success",
  details: { signers: 0 },
};

export const secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD9RGf1GR0vCc=";

export const stream: StreamView = {
  stream_id: "ast_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
  name: "SIEM",
  type: "webhook",
  target: "https://siem.example.com",
  format: "jsonl",
  status: "active",
  public_key: "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
  last_index: 41,
  lag: 0,
  failures: 0,
  last_sent_at: "2026-11-22T09:30:02.000Z",
  last_error: null,
  last_error_at: null,
  created_at: "2026-11-22T09:30:00.000Z",
};
