import { isRecord } from "../answer.ts";
import { RefusedError } from "../client.ts";
import { CommandError, jsonOption, type Action } from "../command.ts";
import { connect, urlOf } from "../connection.ts";
import { card, json } from "../output.ts";
import { openSecrets, secretIn } from "../secrets.ts";
import { asMember, forgetSession, keepSession, readSession, sessionOf } from "../session.ts";

const urlOption = {
  url: { type: "string", value: "URL", meaning: "Where the server answers." },
} as const;

export const login: Action = {
  summary: "Sign in as a member of an organisation.",
  details: `The password, and a one-time code where one is asked for, are asked for at the terminal and not shown, or read as lines
of standard input. The session is kept in a file that only you can read, in place of the one before.`,
  takes: ["email"],
  options: {
    ...urlOption,
    tenant: { type: "string", value: "TENANT_ID", meaning: "Which organisation, for an address of several." },
    "password-file": { type: "string", value: "FILE", meaning: "Read the password from the first line of it." },
    ...jsonOption,
  },
  async run(given, surroundings) {
    const url = urlOf(given.text("url"), surroundings.environment);
    const nobody = connect(url, null, surroundings);
    const secrets = openSecrets(surroundings);
    const [email = ""] = given.names;
    const file = given.text("password-file");
    try {
      const password = file === undefined ? await secrets.ask("Password: ") : await secretIn(file);
      let answer = await nobody.post("/v1/auth/login", { email, password, tenant_id: given.text("tenant") });
      if (isRecord(answer) && answer["mfa_required"] === true) {
        const code = await secrets.ask("One-time code: ");
        answer = await nobody.post("/v1/auth/login/totp", { mfa_token: answer["mfa_token"], code });
      }
      const session = sessionOf(answer, { url, email });
      await keepSession(surroundings.environment, session);
      const { memberId, tenantId, sessionId } = session;
      const shown = { url, email, member_id: memberId, tenant_id: tenantId, session_id: sessionId };
      surroundings.stdout.write(given.has("json") ? json(shown) : card(shown));
      return 0;
    } finally {
      secrets.close();
    }
  },
};

export const logout: Action = {
  summary: "Sign out: end the session at the server and forget it here.",
  details: "",
  takes: [],
  options: jsonOption,
  async run(given, surroundings) {
    const session = await readSession(surroundings.environment);
    if (session === null) throw new CommandError("you are not signed in");
    try {
      await (await asMember(surroundings, session.url)).post("/v1/auth/logout", {});
    } catch (error) {
      // It had ended before.
      if (!isOver(error)) throw error;
    }
    await forgetSession(surroundings.environment);
    const done = { url: session.url, session_id: session.sessionId, is_ended: true };
    surroundings.stdout.write(given.has("json") ? json(done) : card(done));
    return 0;
  },
};

function isOver(error: unknown): boolean {
  const told = error instanceof CommandError && error.cause instanceof RefusedError ? error.cause : error;
  return told instanceof RefusedError && ["session_ended", "unauthorized"].includes(told.code);
}

export const me: Action = {
  summary: "Show who is signed in.",
  details: "",
  takes: [],
  options: { ...urlOption, ...jsonOption },
  async run(given, surroundings) {
    const answer = await (await asMember(surroundings, given.text("url"))).get("/v1/auth/me");
    if (!isRecord(answer)) throw new CommandError("the server answered with something else than expected");
    surroundings.stdout.write(given.has("json") ? json(answer) : card(answer));
    return 0;
  },
};
