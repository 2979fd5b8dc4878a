import { isRecord } from "../answer.ts";
import { CommandError, jsonOption, UsageError, type Action, type Given, type Surroundings } from "../command.ts";
import { asOperator } from "../connection.ts";
import { card, json } from "../output.ts";

export const rotateKey: Action = {
  summary: "Sign the checkpoints of all audit logs with a new key, as the operator of the server.",
  details: `The key of before signs beside the new one for 30 days, so that followers can learn the new one from
GET /v1/secufile/audit/log/key. It stays published for ever: what it signed still verifies.`,
  takes: [],
  options: {
    "overlap-days": {
      type: "string",
      value: "DAYS",
      meaning: "How long both sign: 30 if left out, 0 where the key of before is no longer to be trusted.",
    },
    ...jsonOption,
  },
  run(given, surroundings) {
    const days = given.text("overlap-days");
    if (days !== undefined && !/^\d{1,3}$/.test(days)) throw new UsageError("--overlap-days: a number of days");
    return rotate("log-key", days === undefined ? {} : { overlap_days: Number(days) }, given, surroundings);
  },
};

export const rotateEvidenceKey: Action = {
  summary: "Sign evidence of signatures with a new key, as the operator of the server.",
  details: "The key of before stays published: evidence that it signed still verifies.",
  takes: [],
  options: jsonOption,
  run: (given, surroundings) => rotate("evidence-key", {}, given, surroundings),
};

async function rotate(
  name: string,
  wish: Readonly<Record<string, unknown>>,
  given: Given,
  surroundings: Surroundings,
): Promise<number> {
  const client = await asOperator(surroundings);
  const answer = await client.post(`/v1/platform/${name}/rotate`, wish);
  if (!isRecord(answer)) throw new CommandError("the server answered with something else than expected");
  surroundings.stdout.write(given.has("json") ? json(answer) : card(answer));
  return 0;
}
