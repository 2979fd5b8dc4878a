import { setTimeout as delay } from "node:timers/promises";
import { isRecord } from "../answer.ts";
import { listAll } from "../client.ts";
import { CommandError, jsonOption, UsageError, type Action, type Group } from "../command.ts";
import { asOperator } from "../connection.ts";
import { card, json, table } from "../output.ts";

const PATH = "/v1/platform/notifications";
const COLUMNS = [
  "notification_id",
  "tenant_id",
  "kind",
  "purpose",
  "state",
  "attempts",
  "created_at",
  "error",
] as const;
const STATES = ["waiting", "sending", "sent", "failed", "expired", "uncertain", "withdrawn"];
const ASK_EVERY_MS = 500;
const MAX_QUESTIONS = 120;

const list: Action = {
  summary: "List mails and text messages: states, no addresses and no content.",
  details:
    "uncertain: the server cannot know whether it was sent, and does not send it again by itself. withdrawn: nobody " +
    "waited for it any more.",
  takes: [],
  options: {
    state: { type: "string", value: "STATE", meaning: `One of ${STATES.join(", ")}; all when not given.` },
    ...jsonOption,
  },
  async run(given, surroundings) {
    const state = given.text("state");
    if (state !== undefined && !STATES.includes(state)) throw new UsageError(`a state is one of ${STATES.join(", ")}`);
    const all = await listAll(await asOperator(surroundings), PATH, state === undefined ? {} : { state });
    surroundings.stdout.write(given.has("json") ? json(all) : table(COLUMNS, all));
    return 0;
  },
};

const test: Action = {
  summary: "Send a test mail or a test text message, and say what became of it.",
  details: "Waits for the first attempt, a minute at most. Exit code 0 only if it was sent.",
  takes: [],
  options: {
    to: { type: "string", value: "ADDRESS", meaning: "A mail address, or a phone number such as +33612345678." },
    lang: { type: "string", value: "LANG", meaning: "en or fr." },
    ...jsonOption,
  },
  async run(given, surroundings) {
    const to = given.text("to");
    if (to === undefined) throw new UsageError("say where to: --to somebody@example.org");
    const client = await asOperator(surroundings);
    let seen = await client.post(`${PATH}/test`, { to, lang: given.text("lang") ?? "en" });
    for (let asked = 0; asked < MAX_QUESTIONS && isUndecided(seen); asked++) {
      await delay(ASK_EVERY_MS);
      seen = await client.get(`${PATH}/${encodeURIComponent(idOf(seen))}`);
    }
    if (!isRecord(seen)) throw new CommandError("the server answered with something else than expected");
    surroundings.stdout.write(given.has("json") ? json(seen) : card(seen));
    return seen["state"] === "sent" ? 0 : 1;
  },
};

export const notify: Group = {
  summary: "Mails and text messages, as the operator of the server.",
  actions: { list, test },
};

/** Neither over nor failed once. */
function isUndecided(seen: unknown): boolean {
  if (!isRecord(seen)) return false;
  return seen["state"] === "sending" || (seen["state"] === "waiting" && seen["error"] === null);
}

function idOf(seen: unknown): string {
  return isRecord(seen) ? String(seen["notification_id"]) : "";
}
