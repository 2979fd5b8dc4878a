import { isRecord } from "../answer.ts";
import { listAll } from "../client.ts";
import { CommandError, jsonOption, UsageError, type Action, type Given, type Group } from "../command.ts";
import type { Surroundings } from "../command.ts";
import { asOperator, asTenant } from "../connection.ts";
import { card, json, table } from "../output.ts";

const TOKENS = "/v1/secufile/tokens";
const COLUMNS = ["token_id", "name", "status", "environment", "expires_at", "last_used_at", "scopes"] as const;
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

const create: Action = {
  summary: "Make a token. It is printed once and kept nowhere.",
  details: `Without --tenant it is made by the token in SECUFILE_API_KEY for its own organisation, and can hold no scope that
one lacks. With --tenant the operator makes it for that organisation, with every scope unless some are named.`,
  takes: ["name"],
  options: {
    tenant: { type: "string", value: "TENANT_ID", meaning: "Make it as the operator for this organisation." },
    scope: { type: "string", multiple: true, value: "SCOPE", meaning: "A scope such as documents:read; repeatable." },
    "expires-in": {
      type: "string",
      value: "TIME",
      meaning: "How long it lives: 90d, 12h, 30m, 600s. A year if left out.",
    },
    "ip-allow": {
      type: "string",
      multiple: true,
      value: "CIDR",
      meaning: "A network it may be used from; repeatable.",
    },
    test: { type: "boolean", meaning: "A token of the test environment." },
    ...jsonOption,
  },
  async run(given, surroundings) {
    const order = orderOf(given);
    const tenantId = given.text("tenant");
    if (tenantId === undefined) {
      if (given.texts("scope").length === 0) throw new UsageError("name what it may do: --scope documents:read ...");
      return printNew(await asTenant(surroundings).post(TOKENS, order), given, surroundings);
    }
    const client = await asOperator(surroundings);
    const path = `/v1/tenants/${encodeURIComponent(tenantId)}/secufile-tokens`;
    return printNew(await client.post(path, order), given, surroundings);
  },
};

const list: Action = {
  summary: "List the tokens of the organisation, the ended ones too.",
  details: "",
  takes: [],
  options: jsonOption,
  async run(given, surroundings) {
    const tokens = await listAll(asTenant(surroundings), TOKENS);
    surroundings.stdout.write(given.has("json") ? json(tokens) : table(COLUMNS, tokens));
    return 0;
  },
};

const show: Action = {
  summary: "Look at one token, without its secret.",
  details: "",
  takes: ["token_id"],
  options: jsonOption,
  async run(given, surroundings) {
    const answer = await asTenant(surroundings).get(pathOf(given));
    surroundings.stdout.write(given.has("json") ? json(answer) : card(recordOf(answer)));
    return 0;
  },
};

const revoke: Action = {
  summary: "Revoke a token: it is refused everywhere within a second.",
  details: "Revoking it again changes nothing.",
  takes: ["token_id"],
  options: jsonOption,
  async run(given, surroundings) {
    await asTenant(surroundings).delete(pathOf(given));
    const done = { token_id: given.names[0], status: "revoked" };
    surroundings.stdout.write(given.has("json") ? json(done) : card(done));
    return 0;
  },
};

const rotate: Action = {
  summary: "Replace a token by a new one with the same rights, printed once.",
  details: "",
  takes: ["token_id"],
  options: {
    overlap: { type: "string", value: "TIME", meaning: "How long the old one stays valid: 24h if left out, 0s to 7d." },
    ...jsonOption,
  },
  async run(given, surroundings) {
    const overlap = given.text("overlap");
    const order = overlap === undefined ? {} : { overlap_seconds: secondsOf("overlap", overlap) };
    return printNew(await asTenant(surroundings).post(`${pathOf(given)}/rotate`, order), given, surroundings);
  },
};

export const token: Group = {
  summary: "Tokens for the API of SecuFile.",
  actions: { create, list, show, revoke, rotate },
};

function pathOf(given: Given): string {
  return `${TOKENS}/${encodeURIComponent(given.names[0] ?? "")}`;
}

function orderOf(given: Given): Record<string, unknown> {
  const scopes = given.texts("scope").flatMap((scope) => scope.split(","));
  const networks = given.texts("ip-allow").flatMap((network) => network.split(","));
  const expiresIn = given.text("expires-in");
  return {
    name: given.names[0],
    ...(scopes.length === 0 ? {} : { scopes }),
    ...(networks.length === 0 ? {} : { ip_allow: networks }),
    ...(expiresIn === undefined ? {} : { expires_in: secondsOf("expires-in", expiresIn) }),
    ...(given.has("test") ? { environment: "test" } : {}),
  };
}

function secondsOf(option: string, text: string): number {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  if (match === null)
    throw new UsageError(`--${option}: read ${JSON.stringify(text)}; a time is written 90d, 12h, 30m or 600s`);
  return Number(match[1]) * (UNITS[match[2] ?? ""] ?? 1);
}

function printNew(answer: unknown, given: Given, { stdout, stderr }: Surroundings): number {
  const made = recordOf(answer);
  stdout.write(given.has("json") ? json(made) : card(made));
  stderr.write("\nThe token is shown this once and kept nowhere: store it now where secrets are kept.\n");
  return 0;
}

function recordOf(answer: unknown): Record<string, unknown> {
  if (!isRecord(answer)) throw new CommandError("the server answered with something else than expected");
  return answer;
}
