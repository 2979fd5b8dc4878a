import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { isRecord } from "./answer.ts";
import { RefusedError, type Client } from "./client.ts";
import { CommandError, type Surroundings } from "./command.ts";
import { connect } from "./connection.ts";
import { askHidden } from "./secrets.ts";

/** Who is signed in where. The tokens are in the file alone, which nobody else can read. */
export type Session = {
  readonly url: string;
  readonly email: string;
  readonly memberId: string;
  readonly tenantId: string;
  readonly sessionId: string;
  readonly accessToken: string;
  /** Milliseconds since 1970, by the clock of this machine. */
  readonly accessUntil: number;
  readonly refreshToken: string;
};

/** A token that ends within this time may end before it is shown. */
const MARGIN_MS = 30_000;
const LOCK_PAUSE_MS = 50;
const LOCK_WAIT_MS = 150_000;
/** Longer than two requests may take: whoever held the lock so long is no more, on whatever machine it was. */
const LOCK_STALE_MS = 130_000;
/** Two tokens, ids and an address; the largest are 4,000 characters. */
const MAX_SESSION_BYTES = 8_192;
const SIGN_IN = "sign in: npx tabellion login <email>";

/** Null where no folder is known for what belongs to the user. */
function sessionFile(environment: Surroundings["environment"]): string | null {
  const { XDG_CONFIG_HOME: config, HOME: home } = environment;
  const folder = config ?? (home === undefined ? null : join(home, ".config"));
  return folder === null ? null : join(folder, "tabellion", "session.json");
}

/** The session of the last sign-in, or null. */
export async function readSession(environment: Surroundings["environment"]): Promise<Session | null> {
  const file = sessionFile(environment);
  if (file === null) return null;
  const found = await stat(file).catch(() => null);
  if (found === null) return null;
  if ((found.mode & 0o077) !== 0) {
    throw new CommandError(`${file} can be read by others. Sign in again, after: rm ${file}`);
  }
  const session = parseSession(await readFile(file, "utf8"));
  if (session === null) throw new CommandError(`${file} is no session of ours. Remove it and ${SIGN_IN}`);
  return session;
}

/** Throws where no session could be kept, so that nobody signs in for nothing. */
export async function checkKeeping(environment: Surroundings["environment"]): Promise<void> {
  await underLock(environment, async (file) => {
    const found = await stat(file).catch(() => null);
    if (found?.isFile() === false) throw new CommandError(`${file} is no file, so no session can be kept in it`);
    const fresh = `${file}.${process.pid}`;
    try {
      await writeAll(fresh, "x".repeat(MAX_SESSION_BYTES));
    } catch (error) {
      throw new CommandError(`${fresh} cannot be written, so no session can be kept`, { cause: error });
    } finally {
      await rm(fresh, { force: true });
    }
  });
}

/** In place of the one before, which is answered, or null where there was none that can be read; all or nothing. */
export async function keepSession(environment: Surroundings["environment"], session: Session): Promise<Session | null> {
  return underLock(environment, async (file) => {
    const earlier = await readSession(environment).catch(() => null);
    await writeSession(file, session);
    return earlier;
  });
}

async function writeSession(file: string, session: Session): Promise<void> {
  const fresh = `${file}.${process.pid}`;
  await writeAll(fresh, `${JSON.stringify(session, null, 2)}\n`);
  await rename(fresh, file);
}

async function writeAll(file: string, text: string): Promise<void> {
  const handle = await open(file, "w", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export async function forgetSession(environment: Surroundings["environment"]): Promise<void> {
  await underLock(environment, (file) => rm(file, { force: true }));
}

/** The member who is signed in, at the server that the command names where it names one. */
export async function asMember(surroundings: Surroundings, url?: string): Promise<Client> {
  const { environment } = surroundings;
  const session = await readSession(environment);
  const wanted = url ?? environment["TABELLION_URL"];
  if (session === null) throw new CommandError(`you are not signed in; ${SIGN_IN}`);
  if (wanted !== undefined && !isSameServer(wanted, session.url)) {
    throw new CommandError(`you are signed in at ${session.url}, not at ${wanted}; ${SIGN_IN} --url ${wanted}`);
  }
  const fresh = isFresh(session) ? session : await refreshed(surroundings);
  return connect(fresh.url, fresh.accessToken, surroundings);
}

/**
 * Spends the refresh token. Of commands that do so at once one does and the others take what it was given: a token that
 * is shown twice ends the session. An answer that was lost is asked for again at once, which the server allows for ten seconds.
 */
async function refreshed(surroundings: Surroundings): Promise<Session> {
  const { environment } = surroundings;
  return underLock(environment, async (file) => {
    const session = await readSession(environment);
    if (session === null) throw new CommandError(`you are not signed in any more; ${SIGN_IN}`);
    if (isFresh(session)) return session;
    const nobody = connect(session.url, null, surroundings);
    const ask = (): Promise<unknown> => nobody.post("/v1/auth/refresh", { refresh_token: session.refreshToken });
    const answer = await ask()
      .catch((error: unknown) => {
        if (error instanceof RefusedError) throw error;
        return ask();
      })
      .catch(async (error: unknown) => {
        if (!(error instanceof RefusedError) || error.code !== "session_ended") throw error;
        await rm(file, { force: true });
        throw new CommandError(`the session is over; ${SIGN_IN}`, { cause: error });
      });
    const next = sessionOf(answer, session);
    await writeSession(file, next);
    return next;
  });
}

/** Ends a session that is kept here no more. Done, too, where it had ended before. */
export async function endAtServer(session: Session, surroundings: Surroundings): Promise<void> {
  try {
    const nobody = connect(session.url, null, surroundings);
    const fresh = isFresh(session)
      ? session
      : sessionOf(await nobody.post("/v1/auth/refresh", { refresh_token: session.refreshToken }), session);
    await nobody.as(fresh.accessToken).post("/v1/auth/logout", {});
  } catch (error) {
    if (!isOver(error)) throw error;
  }
}

/** Whether the server said that the session has ended. */
export function isOver(error: unknown): boolean {
  const told = error instanceof CommandError && error.cause instanceof RefusedError ? error.cause : error;
  return told instanceof RefusedError && ["session_ended", "unauthorized"].includes(told.code);
}

/** What the server answered to a sign-in or to a refresh token. */
export function sessionOf(answer: unknown, of: { readonly url: string; readonly email: string }): Session {
  const { url, email } = of;
  const part = (name: string): string => {
    const value = isRecord(answer) ? answer[name] : undefined;
    if (typeof value !== "string") throw new CommandError("the server answered with something else than expected");
    return value;
  };
  const seconds = isRecord(answer) && typeof answer["expires_in"] === "number" ? answer["expires_in"] : 0;
  return {
    ...{ url, email, memberId: part("member_id"), tenantId: part("tenant_id"), sessionId: part("session_id") },
    ...{ accessToken: part("access_token"), accessUntil: Date.now() + seconds * 1000 },
    refreshToken: part("refresh_token"),
  };
}

/** Asks for a proof where the server wants one that is not older than five minutes, and tries again. */
export async function withProof<T>(
  client: Client,
  surroundings: Surroundings,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  try {
    return await work(client);
  } catch (error) {
    if (!(error instanceof RefusedError) || error.code !== "step_up_required") throw error;
    if (!surroundings.stdin.isTTY) {
      throw new CommandError(
        `this needs a sign-in within the last five minutes, and nobody is here to ask; ${SIGN_IN}`,
      );
    }
    const me = await client.get("/v1/auth/me");
    const hasCodes = isRecord(me) && me["has_totp"] === true;
    const said = await askHidden(hasCodes ? "One-time code: " : "Password: ", surroundings);
    const proved = await client.post("/v1/auth/step-up", hasCodes ? { code: said } : { password: said });
    return work(client.as(String(isRecord(proved) ? proved["access_token"] : "")));
  }
}

/** Runs with the file for itself, among all commands of this user. */
async function underLock<T>(environment: Surroundings["environment"], work: (file: string) => Promise<T>): Promise<T> {
  const file = sessionFile(environment);
  if (file === null) throw new CommandError("set HOME or XDG_CONFIG_HOME: the session is kept below it");
  const folder = dirname(file);
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new CommandError(`${folder} cannot be made: the session is kept there`, { cause: error });
  });
  const lock = `${file}.lock`;
  await takeLock(lock);
  try {
    return await work(file);
  } finally {
    await rm(lock, { force: true });
  }
}

/** Two that find a lock stale at once may both go on: then the server gives both the same successor. */
async function takeLock(lock: string): Promise<void> {
  for (let waited = 0; waited < LOCK_WAIT_MS; waited += LOCK_PAUSE_MS) {
    if (await isTaken(lock)) return;
    if (await isStale(lock)) await rm(lock, { force: true });
    else await pause(LOCK_PAUSE_MS);
  }
  throw new CommandError(`another command holds ${lock}; remove it if there is none`);
}

/** It names its holder: process and machine. */
async function isTaken(lock: string): Promise<boolean> {
  const taken = await open(lock, "wx", 0o600).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return null;
    throw new CommandError(`${lock} cannot be made`, { cause: error });
  });
  if (taken === null) return false;
  await taken.writeFile(`${process.pid} ${hostname()}\n`);
  await taken.close();
  return true;
}

/** Whoever held it has ended, as far as that can be seen from here. */
async function isStale(lock: string): Promise<boolean> {
  const [held, said] = await Promise.all([stat(lock), readFile(lock, "utf8")]).catch(() => [null, ""] as const);
  if (held === null) return false;
  if (Date.now() - held.mtimeMs > LOCK_STALE_MS) return true;
  const [pid, machine] = said.trim().split(" ");
  if (machine !== hostname()) return false;
  try {
    return !process.kill(Number(pid), 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}

function isFresh({ accessUntil }: Session): boolean {
  return accessUntil - Date.now() > MARGIN_MS;
}

export function isSameServer(one: string, other: string): boolean {
  return originOf(one) === originOf(other);
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url;
}

function parseSession(text: string): Session | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value)) return null;
  const { url, email, memberId, tenantId, sessionId, accessToken, accessUntil, refreshToken } = value;
  const texts = [url, email, memberId, tenantId, sessionId, accessToken, refreshToken];
  if (!texts.every((one) => typeof one === "string") || typeof accessUntil !== "number") return null;
  const [at, who, member, tenant, session, access, refresh] = texts.map(String);
  return {
    ...{ url: at ?? "", email: who ?? "", memberId: member ?? "", tenantId: tenant ?? "", sessionId: session ?? "" },
    ...{ accessToken: access ?? "", accessUntil, refreshToken: refresh ?? "" },
  };
}
