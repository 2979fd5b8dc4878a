import { readFile } from "node:fs/promises";
import { isRecord } from "../answer.ts";
import { listAll, type Client } from "../client.ts";
import {
  CommandError,
  jsonOption,
  UsageError,
  type Action,
  type Given,
  type Group,
  type Option,
  type Surroundings,
} from "../command.ts";
import { asOperator, asSsksManager } from "../connection.ts";
import { card, json, table } from "../output.ts";

const APPS = "/v1/ssks/apps";
const APP_COLUMNS = ["app_id", "name", "environment", "sms_sent", "sms_quota", "created_at"] as const;
const KEY_COLUMNS = ["key_id", "name", "status", "expires_at", "last_used_at"] as const;
const TEMPLATE_COLUMNS = ["template_id", "name", "subject", "is_default", "created_at"] as const;
/** For what one command does in the name of an organisation. */
const TOKEN_SECONDS = 600;

const tenantOption = {
  tenant: { type: "string", value: "TENANT_ID", meaning: "Act as the operator for this organisation." },
  ...jsonOption,
} as const satisfies Record<string, Option>;

const settingOptions = {
  environment: { type: "string", value: "NAME", meaning: "production, staging or test." },
  "sms-quota": { type: "string", value: "COUNT", meaning: "Text messages in a month." },
  "mails-per-hour": { type: "string", value: "COUNT", meaning: "Mails in any hour." },
  "slots-per-user": { type: "string", value: "COUNT", meaning: "Slots under passwords that one user may have." },
  "mark-waived": { type: "boolean", meaning: "Outside production: take templates without $$CHALLENGE$$, too." },
  "mark-needed": { type: "boolean", meaning: "Take none of those, as usual." },
  "audit-users": { type: "string", value: "FORM", meaning: "How users stand in the audit log: hashed or clear." },
  limits: { type: "string", value: "JSON", meaning: "Budgets that differ from the usual ones, all of them." },
  ...tenantOption,
} as const satisfies Record<string, Option>;

const DETAILS = `By the token in SSKS_TOKEN for its own organisation (for the demo organisation: . ./data/demo.env), or as the
operator with --tenant.`;

const appCreate: Action = {
  summary: "Make an application. Its keys are made by: npx tabellion ssks key create <app_id>",
  details: DETAILS,
  takes: ["name"],
  options: settingOptions,
  async run(given, surroundings) {
    const client = await managerOf(given, surroundings);
    return printCard(await client.post(APPS, { name: given.names[0], ...settingsOf(given) }), given, surroundings);
  },
};

const appList: Action = {
  summary: "List applications.",
  details: DETAILS,
  takes: [],
  options: tenantOption,
  async run(given, surroundings) {
    const apps = await listAll(await managerOf(given, surroundings), APPS);
    surroundings.stdout.write(given.has("json") ? json(apps) : table(APP_COLUMNS, apps));
    return 0;
  },
};

const appShow: Action = {
  summary: "Look at one application.",
  details: DETAILS,
  takes: ["app_id"],
  options: tenantOption,
  async run(given, surroundings) {
    const client = await managerOf(given, surroundings);
    return printCard(await client.get(appPath(given)), given, surroundings);
  },
};

const appSet: Action = {
  summary: "Change an application; what is not named stays.",
  details: DETAILS,
  takes: ["app_id"],
  options: { name: { type: "string", value: "NAME", meaning: "What it is called." }, ...settingOptions },
  async run(given, surroundings) {
    const name = given.text("name");
    const order = { ...(name === undefined ? {} : { name }), ...settingsOf(given) };
    if (Object.keys(order).length === 0) throw new UsageError("name what shall change");
    const client = await managerOf(given, surroundings);
    return printCard(await client.patch(appPath(given), order), given, surroundings);
  },
};

const appDelete: Action = {
  summary: "Delete an application with all that its users have stored.",
  details: DETAILS,
  takes: ["app_id"],
  options: { yes: { type: "boolean", meaning: "Needed: nothing brings it back." }, ...tenantOption },
  async run(given, surroundings) {
    if (!given.has("yes")) throw new UsageError("all that its users have stored goes; give --yes if that is meant");
    await (await managerOf(given, surroundings)).delete(appPath(given));
    return printCard({ app_id: given.names[0], is_deleted: true }, given, surroundings);
  },
};

const keyCreate: Action = {
  summary: "Make an API key of an application. It is printed once and kept nowhere.",
  details: DETAILS,
  takes: ["app_id"],
  options: { name: { type: "string", value: "NAME", meaning: "What it is for." }, ...tenantOption },
  async run(given, surroundings) {
    const name = given.text("name");
    const client = await managerOf(given, surroundings);
    const made = await client.post(`${appPath(given)}/keys`, name === undefined ? {} : { name });
    return printKey(made, given, surroundings);
  },
};

const keyList: Action = {
  summary: "List the API keys of an application, the ended ones too.",
  details: DETAILS,
  takes: ["app_id"],
  options: tenantOption,
  async run(given, surroundings) {
    const keys = await listAll(await managerOf(given, surroundings), `${appPath(given)}/keys`);
    surroundings.stdout.write(given.has("json") ? json(keys) : table(KEY_COLUMNS, keys));
    return 0;
  },
};

const keyRotate: Action = {
  summary: "Replace an API key by a new one, printed once; the old one stays valid for a while.",
  details: DETAILS,
  takes: ["app_id", "key_id"],
  options: {
    overlap: { type: "string", value: "SECONDS", meaning: "How long the old one stays valid: a day if left out." },
    ...tenantOption,
  },
  async run(given, surroundings) {
    const overlap = given.text("overlap");
    const order = overlap === undefined ? {} : { overlap_seconds: countOf("overlap", overlap) };
    const client = await managerOf(given, surroundings);
    return printKey(await client.post(`${keyPath(given)}/rotate`, order), given, surroundings);
  },
};

const keyRevoke: Action = {
  summary: "Revoke an API key: it is refused everywhere within a second.",
  details: DETAILS,
  takes: ["app_id", "key_id"],
  options: tenantOption,
  async run(given, surroundings) {
    await (await managerOf(given, surroundings)).delete(keyPath(given));
    return printCard({ key_id: given.names[1], status: "revoked" }, given, surroundings);
  },
};

const templateCreate: Action = {
  summary: "Keep a template for mails with challenges.",
  details: `The file holds HTML in which $$CHALLENGE$$ is replaced. ${DETAILS}`,
  takes: ["app_id", "name"],
  options: {
    file: { type: "string", value: "FILE", meaning: "The HTML." },
    subject: { type: "string", value: "TEXT", meaning: "Of the mail, where a request names none." },
    default: { type: "boolean", meaning: "Use it where a request names no template." },
    ...tenantOption,
  },
  async run(given, surroundings) {
    const file = given.text("file");
    if (file === undefined) throw new UsageError("name the file with the HTML: --file mail.html");
    const order = {
      name: given.names[1],
      subject: given.text("subject") ?? null,
      html: await htmlOf(file),
      is_default: given.has("default"),
    };
    const client = await managerOf(given, surroundings);
    return printCard(await client.post(`${appPath(given)}/templates`, order), given, surroundings);
  },
};

const templateList: Action = {
  summary: "List the templates of an application.",
  details: DETAILS,
  takes: ["app_id"],
  options: tenantOption,
  async run(given, surroundings) {
    const client = await managerOf(given, surroundings);
    const { data } = recordOf(await client.get(`${appPath(given)}/templates`));
    const rows = Array.isArray(data) ? data.filter(isRecord) : [];
    surroundings.stdout.write(given.has("json") ? json(rows) : table(TEMPLATE_COLUMNS, rows));
    return 0;
  },
};

const templateSet: Action = {
  summary: "Change a template; what is not named stays.",
  details: `The file holds HTML in which $$CHALLENGE$$ is replaced. ${DETAILS}`,
  takes: ["app_id", "template_id"],
  options: {
    name: { type: "string", value: "NAME", meaning: "What it is called." },
    file: { type: "string", value: "FILE", meaning: "The HTML." },
    subject: { type: "string", value: "TEXT", meaning: 'Of the mail, where a request names none; "" for none.' },
    default: { type: "boolean", meaning: "Use it where a request names no template." },
    "not-default": { type: "boolean", meaning: "Use it only where a request names it." },
    ...tenantOption,
  },
  async run(given, surroundings) {
    const [name, file, subject] = [given.text("name"), given.text("file"), given.text("subject")];
    const isDefault = eitherOf(given, "default", "not-default");
    const order = {
      ...(name === undefined ? {} : { name }),
      ...(subject === undefined ? {} : { subject: subject === "" ? null : subject }),
      ...(file === undefined ? {} : { html: await htmlOf(file) }),
      ...(isDefault === undefined ? {} : { is_default: isDefault }),
    };
    if (Object.keys(order).length === 0) throw new UsageError("name what shall change");
    const client = await managerOf(given, surroundings);
    return printCard(await client.patch(templatePath(given), order), given, surroundings);
  },
};

const templateDelete: Action = {
  summary: "Delete a template.",
  details: DETAILS,
  takes: ["app_id", "template_id"],
  options: tenantOption,
  async run(given, surroundings) {
    await (await managerOf(given, surroundings)).delete(templatePath(given));
    return printCard({ template_id: given.names[1], is_deleted: true }, given, surroundings);
  },
};

export const ssks: Group = {
  summary: "Applications that keep identities in SSKS.",
  actions: {
    app: {
      summary: "Applications.",
      actions: { create: appCreate, list: appList, show: appShow, set: appSet, delete: appDelete },
    },
    key: {
      summary: "API keys of applications.",
      actions: { create: keyCreate, list: keyList, rotate: keyRotate, revoke: keyRevoke },
    },
    template: {
      summary: "Templates of mails.",
      actions: { create: templateCreate, list: templateList, set: templateSet, delete: templateDelete },
    },
  },
};

/** By a token of the organisation; the operator makes one that soon ends. */
async function managerOf(given: Given, surroundings: Surroundings): Promise<Client> {
  const tenantId = given.text("tenant");
  if (tenantId === undefined) return asSsksManager(surroundings);
  const operator = await asOperator(surroundings);
  const path = `/v1/tenants/${encodeURIComponent(tenantId)}/ssks-tokens`;
  const made = await operator.post(path, {
    name: "command line",
    scopes: ["apps:read", "apps:write"],
    expires_in: TOKEN_SECONDS,
  });
  return operator.as(String(recordOf(made)["token"]));
}

function appPath(given: Given): string {
  return `${APPS}/${encodeURIComponent(given.names[0] ?? "")}`;
}

function keyPath(given: Given): string {
  return `${appPath(given)}/keys/${encodeURIComponent(given.names[1] ?? "")}`;
}

function templatePath(given: Given): string {
  return `${appPath(given)}/templates/${encodeURIComponent(given.names[1] ?? "")}`;
}

async function htmlOf(file: string): Promise<string> {
  return readFile(file, "utf8").catch((error: unknown) => {
    throw new CommandError(`${file} cannot be read`, { cause: error });
  });
}

/** Of two options that say the opposite of each other; undefined where neither is given. */
function eitherOf(given: Given, yes: string, no: string): boolean | undefined {
  if (given.has(yes) && given.has(no)) throw new UsageError(`--${yes} and --${no} say the opposite of each other`);
  return given.has(yes) ? true : given.has(no) ? false : undefined;
}

function settingsOf(given: Given): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const option of ["environment", "audit-users"]) {
    const text = given.text(option);
    if (text !== undefined) settings[option.replaceAll("-", "_")] = text;
  }
  for (const option of ["sms-quota", "mails-per-hour", "slots-per-user"]) {
    const text = given.text(option);
    if (text !== undefined) settings[option.replaceAll("-", "_")] = countOf(option, text);
  }
  const isWaived = eitherOf(given, "mark-waived", "mark-needed");
  if (isWaived !== undefined) settings["is_mark_waived"] = isWaived;
  const limits = given.text("limits");
  return limits === undefined ? settings : { ...settings, limits: limitsOf(limits) };
}

function countOf(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new UsageError(`--${option}: read ${JSON.stringify(text)}; a whole number is wanted`);
  return Number(text);
}

function limitsOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError('--limits: JSON is wanted, such as {"sends_per_user":{"burst":5,"every_seconds":60}}');
  }
}

function recordOf(answer: unknown): Record<string, unknown> {
  if (!isRecord(answer)) throw new CommandError("the server answered with something else than expected");
  return answer;
}

function printCard(answer: unknown, given: Given, { stdout }: Surroundings): number {
  const record = recordOf(answer);
  stdout.write(given.has("json") ? json(record) : card(record));
  return 0;
}

function printKey(answer: unknown, given: Given, surroundings: Surroundings): number {
  printCard(answer, given, surroundings);
  surroundings.stderr.write("\nThe key is shown this once and kept nowhere: store it now where secrets are kept.\n");
  return 0;
}
