import { z } from "zod";
import { idShape, instantShape, pageShape } from "../http/body.ts";

/** Streams of one organisation. */
export const MAX_STREAMS = 10;
const MAX_INDEX = Number.MAX_SAFE_INTEGER;
const id = idShape("ast", "Id of a stream.");
const name = z
  .string()
  .min(1)
  .max(200)
  .meta({ description: "What it is for.", examples: ["SIEM"] });
const from = z
  .int()
  .min(0)
  .max(MAX_INDEX)
  .default(0)
  .meta({ description: "First index to send; 0 is the whole log.", examples: [0] });

export const streamParams = z.strictObject({ id });

export const createStreamRequest = z.strictObject({
  name,
  type: z.enum(["webhook", "syslog_tls"]),
  url: z
    .string()
    .min(1)
    .max(2_048)
    .optional()
    .meta({
      description: "Of a webhook: where batches are posted.",
      examples: ["https://siem.example.com/tabellion"],
    }),
  host: z
    .string()
    .min(1)
    .max(253)
    .optional()
    .meta({
      description: "Of syslog: the receiver's name, for which its certificate must be valid.",
      examples: ["syslog.example.com"],
    }),
  port: z.int().min(1).max(65_535).default(6514).meta({ description: "Of syslog (RFC 5425)." }),
  format: z.enum(["jsonl", "ocsf", "cef", "rfc5424"]).optional().meta({
    description: "`jsonl` for a webhook and `rfc5424` for syslog when not given.",
  }),
  from_index: from,
});

const streamMembers = {
  stream_id: id,
  name,
  type: z.enum(["webhook", "syslog_tls"]),
  target: z
    .string()
    .max(300)
    .meta({
      description: "Origin of the webhook, or host and port.",
      examples: ["https://siem.example.com"],
    }),
  format: z.enum(["jsonl", "ocsf", "cef", "rfc5424"]),
  status: z.enum(["active", "paused", "failing"]),
  public_key: z
    .string()
    .max(100)
    .meta({ examples: ["whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="] }),
  last_index: z.int().min(0).max(MAX_INDEX).nullable().meta({ description: "Last record that the receiver took." }),
  lag: z.int().min(0).max(MAX_INDEX).meta({ description: "Records in the log that it has not taken yet." }),
  failures: z.int().min(0).meta({ description: "Attempts that failed since the last success." }),
  last_sent_at: instantShape("Last success").nullable(),
  last_error: z.string().max(600).nullable(),
  last_error_at: instantShape("Last failure").nullable(),
  created_at: instantShape("When it was made"),
};

export const streamShape = z.strictObject(streamMembers);
export const streamWithSecretShape = z.strictObject({
  ...streamMembers,
  secret: z
    .string()
    .max(300)
    .nullable()
    .meta({
      description: "Secret of a webhook's signatures, shown only now; null for syslog.",
      examples: ["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD9RGf1GR0vCc="],
    }),
});
export const streamPage = pageShape(streamShape);

export type CreateStreamRequest = z.output<typeof createStreamRequest>;
export type StreamView = z.output<typeof streamShape>;
export type StreamWithSecret = z.output<typeof streamWithSecretShape>;
