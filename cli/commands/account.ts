import { isRecord } from "../answer.ts";
import { CommandError, jsonOption, type Action, type Surroundings } from "../command.ts";
import { connect, urlOf } from "../connection.ts";
import { card, json } from "../output.ts";
import { openSecrets, secretIn } from "../secrets.ts";
import {
  asMember,
  checkKeeping,
  endAtServer,
  forgetSession,
  isOver,
  isSameServer,
  keepSession,
  readSession,
  sessionOf,
  type Session,
} from "../session.ts";

const urlOption = {
  url: { type: "string", value: "URL", meaning: "Where the server answers." },
} as const;

export const login: Action = {
  summary: "Sign in as a member of an organisation.",
  details: `The password, and a one-time code where one is asked for, are asked for at the terminal and not shown, or read as lines
of standard input. The session is kept in a file that only you can read, in place of the one before, which is ended where it was at the same server.`,
  takes: ["email"],
  options: {
    ...urlOption,
    tenant: { type: "string", value: "TENANT_ID", meaning: "Which organisation, for an address of several." },
    "password-file": { type: "string", value: "FILE", meaning: "Read the password from the first line of it." },
    ...jsonOption,
  },
  async run(given, surroundings) {
    const url = urlOf(given.text("url"), surroundings.environment);
    await checkKeeping(surroundings.environment);
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
      await keepOnly(session, surroundings);
      const { memberId, tenantId, sessionId } = session;
      const shown = { url, email, member_id: memberId, tenant_id: tenantId, session_id: sessionId };
      surroundings.stdout.write(given.has("json") ? json(shown) : card(shown));
      return 0;
    } finally {
      secrets.close();
    }
  },
};

/** One session is left: of the one that cannot be kept, or is kept no more, nobody would know how to end it. */
async function keepOnly(session: Session, surroundings: Surroundings): Promise<void> {
  const earlier = await keepSession(surroundings.environment, session).catch(async (error: unknown) => {
    await endOrTell(session, surroundings);
    throw error;
  });
  if (earlier !== null && isSameServer(earlier.url, session.url)) await endOrTell(earlier, surroundings);
}

async function endOrTell(session: Session, surroundings: Surroundings): Promise<void> {
  await endAtServer(session, surroundings).catch((error: unknown) => tellAlive(session, surroundings, error));
}

function tellAlive({ url, sessionId }: Session, { stderr }: Surroundings, error: unknown): void {
  const why = error instanceof Error ? error.message : String(error);
  stderr.write(
    `tabellion: warning: ${sessionId} is forgotten here and not ended at ${url}: it lives until it is not used for ` +
      `seven days, or you choose a new password (${why})\n`,
  );
}

export const logout: Action = {
  summary: "Sign out: end the session at the server and forget it here.",
  details: `It is forgotten here in any case. Where the server cannot be reached, or does not end it, the answer says so
(\`is_ended\`), and the exit code is 1.`,
  takes: [],
  options: jsonOption,
  async run(given, surroundings) {
    const session = await readSession(surroundings.environment);
    if (session === null) throw new CommandError("you are not signed in");
    let isEnded = true;
    try {
      await (await asMember(surroundings, session.url)).post("/v1/auth/logout", {});
    } catch (error) {
      isEnded = isOver(error);
      if (!isEnded) tellAlive(session, surroundings, error);
    }
    await forgetSession(surroundings.environment);
    const done = { url: session.url, session_id: session.sessionId, is_ended: isEnded };
    surroundings.stdout.write(given.has("json") ? json(done) : card(done));
    return isEnded ? 0 : 1;
  },
};

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
