import { CommandError } from "./command.ts";
import { isRecord } from "./answer.ts";

/** What the server refused, with the code of its problem document. */
export class RefusedError extends CommandError {
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** Speaks to a server as one caller. */
export type Client = {
  get(path: string): Promise<unknown>;
  post(path: string, body: Readonly<Record<string, unknown>>): Promise<unknown>;
  patch(path: string, body: Readonly<Record<string, unknown>>): Promise<unknown>;
  delete(path: string): Promise<void>;
  /** The same server, asked with another token. */
  as(token: string): Client;
  /** The bytes of an answer as they come; it may go on for ever. */
  stream(path: string, headers?: Readonly<Record<string, string>>): Promise<AsyncIterable<Uint8Array>>;
};

type Sending = {
  readonly body?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** No limit on the time that the answer takes. */
  readonly isEndless?: boolean;
};

const TIMEOUT_MS = 60_000;
const MAX_PAGES = 10_000;
const PAGE_ENTRIES = 200;

/**
 * Every failure becomes a `CommandError` with the words of the server and the id under which its log knows the request.
 * Without a token it speaks as nobody who is known.
 */
export function createClient(options: { readonly url: string; readonly token: string | null }): Client {
  const send = async (method: string, path: string, request: Sending): Promise<Response> =>
    fetch(new URL(path, options.url), {
      method,
      headers: {
        accept: "application/json",
        ...(options.token === null ? {} : { authorization: `Bearer ${options.token}` }),
        ...(request.body === undefined ? {} : { "content-type": "application/json" }),
        ...request.headers,
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      // Nobody else is to be shown the token.
      redirect: "error",
      ...(request.isEndless === true ? {} : { signal: AbortSignal.timeout(TIMEOUT_MS) }),
    }).catch((error: unknown) => {
      throw new CommandError(`${options.url} cannot be reached: ${reasonOf(error)}`, { cause: error });
    });
  const call = async (method: string, path: string, body?: Readonly<Record<string, unknown>>): Promise<unknown> => {
    const answer = await send(method, path, body === undefined ? {} : { body });
    const text = await answer.text();
    if (!answer.ok) throw refusalOf(answer, text);
    return text === "" ? null : parse(text, options.url);
  };
  return {
    get: (path) => call("GET", path),
    post: (path, body) => call("POST", path, body),
    patch: (path, body) => call("PATCH", path, body),
    async delete(path) {
      await call("DELETE", path);
    },
    as: (token) => createClient({ ...options, token }),
    async stream(path, headers = {}) {
      const answer = await send("GET", path, { headers: { accept: "*/*", ...headers }, isEndless: true });
      if (!answer.ok) throw refusalOf(answer, await answer.text());
      if (answer.body === null) throw new CommandError("the server's answer has no body");
      return answer.body;
    },
  };
}

/** All entries of a list, page after page. */
export async function listAll(
  client: Client,
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>[]> {
  const filter = Object.entries(query).map(([name, value]) => `&${name}=${encodeURIComponent(value)}`);
  const all: Record<string, unknown>[] = [];
  let cursor = "";
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = await client.get(`${path}?limit=${PAGE_ENTRIES}${filter.join("")}${cursor}`);
    if (!isRecord(answer) || !Array.isArray(answer["data"])) throw new CommandError("the server's list has no data");
    all.push(...answer["data"].filter(isRecord));
    const next = answer["next_cursor"];
    if (typeof next !== "string") return all;
    cursor = `&cursor=${encodeURIComponent(next)}`;
  }
  throw new CommandError("the server's list has no end");
}

function parse(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CommandError(`what answers at ${url} does not speak JSON; is it a Tabellion server?`, { cause: error });
  }
}

/** The parts of a problem document (RFC 9457) that help a person. */
function refusalOf(answer: Response, text: string): RefusedError {
  const problem = readProblem(text);
  const part = (name: string): string => {
    const value = problem[name];
    return typeof value === "string" ? value : "";
  };
  const code = part("code") === "" ? "" : ` ${part("code")}`;
  const said = part("detail") || part("title") || answer.statusText;
  const fields = Array.isArray(problem["errors"]) ? problem["errors"].filter(isRecord) : [];
  const requestId = part("request_id") || (answer.headers.get("x-request-id") ?? "");
  const lines = [
    `${answer.status}${code}: ${said}`,
    ...fields.map((field) => `  ${String(field["parameter"])}: ${String(field["reason"])}`),
    ...(requestId === "" ? [] : [`  request id: ${requestId}`]),
  ];
  return new RefusedError(lines.join("\n"), part("code"));
}

function readProblem(text: string): Record<string, unknown> {
  try {
    const problem: unknown = JSON.parse(text);
    return isRecord(problem) ? problem : {};
  } catch {
    return {}; // not from our server: its status is all there is to tell
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${TIMEOUT_MS / 1000} s`;
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
  if (code === "ECONNREFUSED") return "nobody listens there; is the server running?";
  return cause.message === "" ? code : cause.message;
}
