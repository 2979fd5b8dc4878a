import { isRecord } from "../answer.ts";
import {
  CommandError,
  jsonOption,
  UsageError,
  type Action,
  type Given,
  type Group,
  type Surroundings,
} from "../command.ts";
import { asTenant } from "../connection.ts";
import { card, json, table } from "../output.ts";

const STREAMS = "/v1/secufile/audit/streams";
const COLUMNS = ["stream_id", "name", "type", "target", "status", "last_index", "lag", "last_error"] as const;

const create: Action = {
  summary: "Send the audit log to a SIEM as it grows.",
  details: "Give --url for signed webhook batches, or --host for syslog over TLS.",
  takes: ["name"],
  options: {
    url: { type: "string", value: "URL", meaning: "Where batches are posted." },
    host: { type: "string", value: "HOST", meaning: "The receiver of syslog over TLS." },
    port: { type: "string", value: "PORT", meaning: "Its port: 6514 if left out." },
    format: { type: "string", value: "FORMAT", meaning: "jsonl, ocsf, cef or rfc5424." },
    from: { type: "string", value: "INDEX", meaning: "The first index to send: 0, the whole log, if left out." },
    ...jsonOption,
  },
  async run(given, surroundings) {
    const [url, host, format] = [given.text("url"), given.text("host"), given.text("format")];
    if ((url === undefined) === (host === undefined)) throw new UsageError("name one of --url and --host");
    const made = await asTenant(surroundings, "audit:export").post(STREAMS, {
      name: given.names[0],
      type: url === undefined ? "syslog_tls" : "webhook",
      ...(url === undefined ? { host } : { url }),
      ...(given.text("port") === undefined ? {} : { port: numberOf("port", given) }),
      ...(format === undefined ? {} : { format }),
      ...(given.text("from") === undefined ? {} : { from_index: numberOf("from", given) }),
    });
    return show(made, given, surroundings);
  },
};

const list: Action = {
  summary: "List the streams and how they are.",
  details: "",
  takes: [],
  options: jsonOption,
  async run(given, surroundings) {
    const answer = await asTenant(surroundings, "audit:read").get(STREAMS);
    const streams = isRecord(answer) && Array.isArray(answer["data"]) ? answer["data"].filter(isRecord) : [];
    surroundings.stdout.write(given.has("json") ? json(streams) : table(COLUMNS, streams));
    return 0;
  },
};

const showAction: Action = {
  summary: "Look at one stream.",
  details: "",
  takes: ["stream_id"],
  options: jsonOption,
  run: async (given, surroundings) =>
    show(await asTenant(surroundings, "audit:read").get(pathOf(given)), given, surroundings),
};

function changing(verb: "pause" | "resume", summary: string): Action {
  return {
    summary,
    details: "",
    takes: ["stream_id"],
    options: jsonOption,
    async run(given, surroundings) {
      const client = asTenant(surroundings, "audit:export");
      return show(await client.post(`${pathOf(given)}/${verb}`, {}), given, surroundings);
    },
  };
}

const remove: Action = {
  summary: "Delete a stream.",
  details: "",
  takes: ["stream_id"],
  options: jsonOption,
  async run(given, surroundings) {
    await asTenant(surroundings, "audit:export").delete(pathOf(given));
    return show({ stream_id: given.names[0], is_deleted: true }, given, surroundings);
  },
};

export const stream: Group = {
  summary: "Where the audit log is sent as it grows.",
  actions: {
    create,
    list,
    show: showAction,
    pause: changing("pause", "Pause a stream for as long as you like; nothing is lost."),
    resume: changing("resume", "Let a stream go on where it stood."),
    delete: remove,
  },
};

function pathOf(given: Given): string {
  return `${STREAMS}/${encodeURIComponent(given.names[0] ?? "")}`;
}

function numberOf(option: string, given: Given): number {
  const text = given.text(option) ?? "";
  if (!/^\d{1,15}$/.test(text))
    throw new UsageError(`--${option}: read ${JSON.stringify(text)}; a whole number is wanted`);
  return Number(text);
}

function show(answer: unknown, given: Given, { stdout }: Surroundings): number {
  if (!isRecord(answer)) throw new CommandError("the server answered with something else than expected");
  stdout.write(given.has("json") ? json(answer) : card(answer));
  return 0;
}
