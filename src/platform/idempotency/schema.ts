import { z } from "zod";

/** An answer as it was sent first, byte for byte. */
export type StoredAnswer = {
  readonly status: number;
  /** The headers that belong to the answer, the first request's id and date among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** An answer, and the scopes that it took to get it. */
export type EarnedAnswer = { readonly answer: StoredAnswer; readonly scopes: readonly string[] };

const earnedAnswer = z.strictObject({
  answer: z.strictObject({
    status: z.int().min(200).max(599),
    headers: z.record(z.string(), z.string()),
    body: z.string(),
  }),
  scopes: z.array(z.string()),
});

export function bytesOfAnswer(earned: EarnedAnswer): Buffer {
  return Buffer.from(JSON.stringify(earned), "utf8");
}

/** Throws when the bytes are not those of an answer. */
export function answerOfBytes(bytes: Buffer): EarnedAnswer {
  return earnedAnswer.parse(JSON.parse(bytes.toString("utf8")));
}
