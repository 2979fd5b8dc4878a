import { createInterface } from "node:readline/promises";
import { isRecord } from "../answer.ts";
import { listAll } from "../client.ts";
import { CommandError, jsonOption, UsageError, type Action, type Given, type Group } from "../command.ts";
import type { Surroundings } from "../command.ts";
import { asOperator } from "../connection.ts";
import { card, json, table } from "../output.ts";

const COLUMNS = ["tenant_id", "name", "is_demo", "created_at"] as const;

const create: Action = {
  summary: "Make an organisation with keys of its own.",
  details: "Its first token is made by: npx tabellion token create <name> --tenant <tenant_id>",
  takes: ["name"],
  options: jsonOption,
  async run(given, surroundings) {
    const client = await asOperator(surroundings);
    return print(await client.post("/v1/tenants", { name: given.names[0] }), given, surroundings);
  },
};

const list: Action = {
  summary: "List all organisations.",
  details: "",
  takes: [],
  options: jsonOption,
  async run(given, { stdout, ...surroundings }) {
    const client = await asOperator({ stdout, ...surroundings });
    const tenants = await listAll(client, "/v1/tenants");
    stdout.write(given.has("json") ? json(tenants) : table(COLUMNS, tenants));
    return 0;
  },
};

const show: Action = {
  summary: "Look at one organisation.",
  details: "",
  takes: ["tenant_id"],
  options: jsonOption,
  async run(given, surroundings) {
    const client = await asOperator(surroundings);
    return print(await client.get(pathOf(given)), given, surroundings);
  },
};

const remove: Action = {
  summary: "Shred an organisation: destroy its keys, so that nothing of it can be read again.",
  details: "Asks for the id once more. Without a terminal, --yes is needed. Backups made before still hold its keys.",
  takes: ["tenant_id"],
  options: { ...jsonOption, yes: { type: "boolean", meaning: "Do not ask." } },
  async run(given, surroundings) {
    const client = await asOperator(surroundings);
    if (!given.has("yes")) await confirm(client.get(pathOf(given)), given.names[0] ?? "", surroundings);
    await client.delete(pathOf(given));
    const done = { tenant_id: given.names[0], is_shredded: true };
    surroundings.stdout.write(given.has("json") ? json(done) : card(done));
    return 0;
  },
};

const rotateKeys: Action = {
  summary: "Seal with a new key from now on; what was sealed before still opens.",
  details: "",
  takes: ["tenant_id"],
  options: jsonOption,
  async run(given, surroundings) {
    const client = await asOperator(surroundings);
    return print(await client.post(`${pathOf(given)}/rotate-keys`, {}), given, surroundings);
  },
};

export const tenant: Group = {
  summary: "Organisations, as the operator of the server.",
  actions: { create, list, show, delete: remove, "rotate-keys": rotateKeys },
};

function pathOf(given: Given): string {
  return `/v1/tenants/${encodeURIComponent(given.names[0] ?? "")}`;
}

function print(answer: unknown, given: Given, { stdout }: Surroundings): number {
  if (!isRecord(answer)) throw new CommandError("the server answered with something else than expected");
  stdout.write(given.has("json") ? json(answer) : card(answer));
  return 0;
}

/** Shows what would be shredded, and lets only its id, typed again, go on. */
async function confirm(looked: Promise<unknown>, id: string, { stdin, stderr }: Surroundings): Promise<void> {
  if (!stdin.isTTY) throw new UsageError("there is nobody to ask; give --yes to shred it without a question");
  const found = await looked;
  if (isRecord(found)) stderr.write(`${card(found)}\nNothing of it can be read again, by anyone.\n`);
  const terminal = createInterface({ input: stdin, output: stderr });
  try {
    const typed = await terminal.question(`Type its id to shred it: `);
    if (typed.trim() !== id) throw new CommandError("not shredded");
  } finally {
    terminal.close();
  }
}
