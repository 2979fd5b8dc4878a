import { z } from "zod";

/** An answer as it was sent first, byte for byte. */
export type StoredAnswer = {
  readonly status: number;
  /** The headers that belong to the answer, the first request's id and date among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

const storedAnswer = z.strictObject({
  status: z.int().min(200).max(599),
  headers: z.record(z.string(), z.string()),
  body: z.string(),
});

export function bytesOfAnswer(answer: StoredAnswer): Buffer {
  return Buffer.from(JSON.stringify(answer), "utf8");
}

/** Throws when the bytes are not those of an answer. */
export function answerOfBytes(bytes: Buffer): StoredAnswer {
  return storedAnswer.parse(JSON.parse(bytes.toString("utf8")));
}
