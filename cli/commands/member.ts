import { isRecord } from "../answer.ts";
import { listAll, type Client } from "../client.ts";
import { CommandError, jsonOption, UsageError, type Action, type Given, type Group } from "../command.ts";
import type { Surroundings } from "../command.ts";
import { asOperator, urlOf } from "../connection.ts";
import { card, json, table } from "../output.ts";
import { asMember, readSession, withProof } from "../session.ts";

const COLUMNS = ["member_id", "email", "name", "role", "state", "has_totp", "created_at"] as const;
const INVITATION_COLUMNS = ["invitation_id", "email", "role", "created_at", "expires_at"] as const;
const ROLES = ["owner", "admin", "operator", "auditor", "reader"];

const whoOptions = {
  tenant: { type: "string", value: "TENANT_ID", meaning: "Act as the operator for this organisation." },
  url: { type: "string", value: "URL", meaning: "Where the server answers." },
} as const;
const WHO = "As the member who is signed in (npx tabellion login), or with --tenant as the operator of the server.";

const invite: Action = {
  summary: "Invite somebody by mail: the first owner of an organisation, or anybody else.",
  details: `The link is in the mail alone, works once and for seven days. A role is one of ${ROLES.join(", ")}.
${WHO}`,
  takes: ["email"],
  options: {
    ...whoOptions,
    role: { type: "string", value: "ROLE", meaning: "With --tenant owner when not given, else needed." },
    lang: { type: "string", value: "LANG", meaning: "Language of mails: en or fr." },
    ...jsonOption,
  },
  async run(given, surroundings) {
    const byDefault = given.text("tenant") === undefined ? "" : "owner";
    const order = { email: given.names[0], role: roleOf(given.text("role") ?? byDefault), locale: given.text("lang") };
    const { invitations: path, changing } = await whoActs(given, surroundings);
    return print(await changing((client) => client.post(path, order)), given, surroundings);
  },
};

const invitations: Action = {
  summary: "List the invitations of an organisation that nobody has accepted yet.",
  details: WHO,
  takes: [],
  options: { ...whoOptions, ...jsonOption },
  async run(given, surroundings) {
    const { client, invitations: path } = await whoActs(given, surroundings);
    const pending = await listAll(client, path);
    surroundings.stdout.write(given.has("json") ? json(pending) : table(INVITATION_COLUMNS, pending));
    return 0;
  },
};

const withdraw: Action = {
  summary: "Withdraw an invitation: its link is dead at once.",
  details: WHO,
  takes: ["invitation_id"],
  options: { ...whoOptions, ...jsonOption },
  async run(given, surroundings) {
    const { invitations: path, changing } = await whoActs(given, surroundings);
    await changing((client) => client.delete(`${path}/${encodeURIComponent(given.names[0] ?? "")}`));
    return print({ invitation_id: given.names[0], is_withdrawn: true }, given, surroundings);
  },
};

const list: Action = {
  summary: "List the members of an organisation.",
  details: WHO,
  takes: [],
  options: { ...whoOptions, ...jsonOption },
  async run(given, surroundings) {
    const { client, members: path } = await whoActs(given, surroundings);
    const members = await listAll(client, path);
    surroundings.stdout.write(given.has("json") ? json(members) : table(COLUMNS, members));
    return 0;
  },
};

const role: Action = {
  summary: "Give a member another role.",
  details: `One of ${ROLES.join(", ")}. Holds on every process within a second; one active owner stays.
${WHO}`,
  takes: ["member_id", "role"],
  options: { ...whoOptions, ...jsonOption },
  run: (given, surroundings) => change(given, { role: roleOf(given.names[1] ?? "") }, surroundings),
};

const suspend: Action = {
  summary: "Suspend a member: every session ends within a second. --resume lets them sign in again.",
  details: WHO,
  takes: ["member_id"],
  options: {
    ...whoOptions,
    resume: { type: "boolean", meaning: "Let the member sign in again instead." },
    ...jsonOption,
  },
  run: (given, surroundings) => change(given, { state: given.has("resume") ? "active" : "suspended" }, surroundings),
};

const remove: Action = {
  summary: "Remove a member: address, name, password and codes go; the audit log keeps the id.",
  details: WHO,
  takes: ["member_id"],
  options: { ...whoOptions, ...jsonOption },
  async run(given, surroundings) {
    const { members: path, changing } = await whoActs(given, surroundings);
    await changing((client) => client.delete(`${path}/${encodeURIComponent(given.names[0] ?? "")}`));
    return print({ member_id: given.names[0], is_removed: true }, given, surroundings);
  },
};

export const member: Group = {
  summary: "People of an organisation, as one of its members or as the operator of the server.",
  actions: { invite, invitations, withdraw, list, role, suspend, remove },
};

async function change(given: Given, order: Readonly<Record<string, string>>, surroundings: Surroundings) {
  const { members: path, changing } = await whoActs(given, surroundings);
  const target = `${path}/${encodeURIComponent(given.names[0] ?? "")}`;
  return print(await changing((client) => client.patch(target, order)), given, surroundings);
}

/** Who acts, where that one finds members and invitations, and how that one changes something. */
type Acting = {
  readonly client: Client;
  readonly members: string;
  readonly invitations: string;
  changing<T>(work: (client: Client) => Promise<T>): Promise<T>;
};

async function whoActs(given: Given, surroundings: Surroundings): Promise<Acting> {
  const { environment } = surroundings;
  const [tenantId, url] = [given.text("tenant"), given.text("url")];
  if (tenantId !== undefined) {
    const base = `/v1/tenants/${encodeURIComponent(tenantId)}`;
    const at = { ...surroundings, environment: { ...environment, TABELLION_URL: urlOf(url, environment) } };
    const paths = { members: `${base}/members`, invitations: `${base}/invitations` };
    const client = await asOperator(at);
    return { client, ...paths, changing: (work) => work(client) };
  }
  if (url === undefined && (await readSession(environment)) === null) {
    throw new UsageError("name the organisation: --tenant ten_…, or sign in: npx tabellion login <email>");
  }
  const client = await asMember(surroundings, url);
  const paths = { members: "/v1/members", invitations: "/v1/members/invitations" };
  return { client, ...paths, changing: (work) => withProof(client, surroundings, work) };
}

function roleOf(name: string): string {
  if (!ROLES.includes(name)) throw new UsageError(`a role is one of ${ROLES.join(", ")}`);
  return name;
}

function print(answer: unknown, given: Given, { stdout }: Surroundings): number {
  if (!isRecord(answer)) throw new CommandError("the server answered with something else than expected");
  stdout.write(given.has("json") ? json(answer) : card(answer));
  return 0;
}
