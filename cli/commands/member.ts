import { isRecord } from "../answer.ts";
import { listAll } from "../client.ts";
import { CommandError, jsonOption, UsageError, type Action, type Given, type Group } from "../command.ts";
import type { Surroundings } from "../command.ts";
import { asOperator } from "../connection.ts";
import { card, json, table } from "../output.ts";

const COLUMNS = ["member_id", "email", "name", "role", "state", "has_totp", "created_at"] as const;
const INVITATION_COLUMNS = ["invitation_id", "email", "role", "created_at", "expires_at"] as const;
const ROLES = ["owner", "admin", "operator", "auditor", "reader"];

const tenantOption = {
  tenant: { type: "string", value: "TENANT_ID", meaning: "The organisation. Needed." },
} as const;

const invite: Action = {
  summary: "Invite somebody by mail: the first owner of an organisation, or anybody else.",
  details: `The link is in the mail alone, works once and for seven days. A role is one of ${ROLES.join(", ")}.`,
  takes: ["email"],
  options: {
    ...tenantOption,
    role: { type: "string", value: "ROLE", meaning: "owner when not given." },
    lang: { type: "string", value: "LANG", meaning: "Language of mails: en or fr." },
    ...jsonOption,
  },
  async run(given, surroundings) {
    const order = { email: given.names[0], role: roleOf(given.text("role") ?? "owner"), locale: given.text("lang") };
    const path = `${tenantPath(given)}/invitations`;
    return print(await (await asOperator(surroundings)).post(path, order), given, surroundings);
  },
};

const invitations: Action = {
  summary: "List the invitations of an organisation that nobody has accepted yet.",
  details: "",
  takes: [],
  options: { ...tenantOption, ...jsonOption },
  async run(given, surroundings) {
    const pending = await listAll(await asOperator(surroundings), `${tenantPath(given)}/invitations`);
    surroundings.stdout.write(given.has("json") ? json(pending) : table(INVITATION_COLUMNS, pending));
    return 0;
  },
};

const withdraw: Action = {
  summary: "Withdraw an invitation: its link is dead at once.",
  details: "",
  takes: ["invitation_id"],
  options: { ...tenantOption, ...jsonOption },
  async run(given, surroundings) {
    const path = `${tenantPath(given)}/invitations/${encodeURIComponent(given.names[0] ?? "")}`;
    await (await asOperator(surroundings)).delete(path);
    return print({ invitation_id: given.names[0], is_withdrawn: true }, given, surroundings);
  },
};

const list: Action = {
  summary: "List the members of an organisation.",
  details: "",
  takes: [],
  options: { ...tenantOption, ...jsonOption },
  async run(given, surroundings) {
    const members = await listAll(await asOperator(surroundings), `${tenantPath(given)}/members`);
    surroundings.stdout.write(given.has("json") ? json(members) : table(COLUMNS, members));
    return 0;
  },
};

const role: Action = {
  summary: "Give a member another role.",
  details: `One of ${ROLES.join(", ")}. Holds on every process within a second; one active owner stays.`,
  takes: ["member_id", "role"],
  options: { ...tenantOption, ...jsonOption },
  run: (given, surroundings) => change(given, { role: roleOf(given.names[1] ?? "") }, surroundings),
};

const suspend: Action = {
  summary: "Suspend a member: every session ends within a second. --resume lets them sign in again.",
  details: "",
  takes: ["member_id"],
  options: {
    ...tenantOption,
    resume: { type: "boolean", meaning: "Let the member sign in again instead." },
    ...jsonOption,
  },
  run: (given, surroundings) => change(given, { state: given.has("resume") ? "active" : "suspended" }, surroundings),
};

const remove: Action = {
  summary: "Remove a member: address, name, password and codes go; the audit log keeps the id.",
  details: "",
  takes: ["member_id"],
  options: { ...tenantOption, ...jsonOption },
  async run(given, surroundings) {
    await (await asOperator(surroundings)).delete(memberPath(given));
    return print({ member_id: given.names[0], is_removed: true }, given, surroundings);
  },
};

export const member: Group = {
  summary: "People of an organisation, as the operator of the server.",
  actions: { invite, invitations, withdraw, list, role, suspend, remove },
};

async function change(given: Given, order: Readonly<Record<string, string>>, surroundings: Surroundings) {
  const client = await asOperator(surroundings);
  return print(await client.patch(memberPath(given), order), given, surroundings);
}

function roleOf(name: string): string {
  if (!ROLES.includes(name)) throw new UsageError(`a role is one of ${ROLES.join(", ")}`);
  return name;
}

function tenantPath(given: Given): string {
  const tenantId = given.text("tenant");
  if (tenantId === undefined) throw new UsageError("name the organisation: --tenant ten_…");
  return `/v1/tenants/${encodeURIComponent(tenantId)}`;
}

function memberPath(given: Given): string {
  return `${tenantPath(given)}/members/${encodeURIComponent(given.names[0] ?? "")}`;
}

function print(answer: unknown, given: Given, { stdout }: Surroundings): number {
  if (!isRecord(answer)) throw new CommandError("the server answered with something else than expected");
  stdout.write(given.has("json") ? json(answer) : card(answer));
  return 0;
}
