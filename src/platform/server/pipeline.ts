import type { FastifyReply, FastifyRequest } from "fastify";
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import type { Tx } from "../db/tx.ts";
import { AppError } from "../errors/errors.ts";
import { platformError } from "../errors/platform-errors.ts";
import { takesIdempotencyKey, type RawAnswer, type RouteInput } from "../http/route.ts";
import { fingerprintOf } from "../idempotency/fingerprint.ts";
import { claimKey, readIdempotencyKey, type Claim } from "../idempotency/idempotency.ts";
import type { StoredAnswer } from "../idempotency/schema.ts";
import { rateLimitHeaders } from "../limits/ratelimit-headers.ts";
import type { Smoother } from "../limits/smoothing.ts";
import { recordedIn } from "../audit/noted.ts";
import type { Call, Caller, OpenCall, Services } from "../product.ts";
import { renderFailure, renderSuccess, sendAnswer, sendRaw } from "./answer.ts";
import { NotedScopes } from "./noted-scopes.ts";
import type { AnyParser, Registered } from "./registry.ts";
import { failureDetails, outcomeOf, Trail } from "./trail.ts";

/** Seconds of the full rate that a token may use at once after a pause. */
const BURST_SECONDS = 2;

/**
 * The way of a request through one route: credential, scope and rate before a byte of the body is read; then the
 * body, its schema, idempotency, the operation, the answer.
 */
export type Pipeline = {
  /** Before the body: who calls. What happens from here on is on record under their name. */
  enter(registered: Registered, request: FastifyRequest, open: OpenCall): Promise<Entered>;
  /** Before the body: may they, do they call too often. */
  admit(registered: Registered, reply: FastifyReply, entered: Entered): void;
  /** After the body. Sends the answer of a success; throws every failure. */
  carryOut(registered: Registered, request: FastifyRequest, reply: FastifyReply, entered: Entered): Promise<void>;
  /** Puts a failure of somebody who had entered on record, before its answer leaves. */
  recordFailure(known: Known, error: AppError): Promise<void>;
};

/** A request whose caller is known. */
export type Known = { readonly caller: Caller; readonly trail: Trail };
export type Entered = {
  readonly open: OpenCall;
  readonly known: Known | null;
  /** Of a route without token; null once its operation was asked, which sees to its own refusals. */
  noteRefused: ((error: AppError) => Promise<boolean>) | null;
};

export function createPipeline(services: Services, smoother: Smoother): Pipeline {
  const rate = services.config.requestsPerSecond;
  const throttled = new ThrottledMinutes();
  return {
    async enter(registered, request, open) {
      if (registered.isOpen) return { open, known: null, noteRefused: noteRefusedOf(registered, request, open) };
      const caller = await registered.product.authenticate(request.raw, open);
      const { route, operation } = registered;
      const about = async () => route.about?.({ headers: singleHeaders(request), body: jsonIn(request.body) }) ?? null;
      const { dialect } = registered.product;
      const context = { requestId: open.requestId, path: pathOf(request), now: open.now };
      const statusOf = (error: AppError): number => dialect.failure(error, context).status;
      const trail = new Trail({
        open,
        caller,
        operation,
        path: route.paths[0],
        params: request.params,
        about,
        statusOf,
      });
      return { open, known: { caller, trail }, noteRefused: null };
    },
    admit(registered, reply, { known }) {
      if (registered.isOpen || known === null) return;
      refuseMissingScopes(known.caller, registered.route.scopes ?? []);
      if (registered.route.needsStepUp === true) refuseStaleProof(known.caller, services.clock.now());
      const taken = smoother.take(known.caller.credentialId, { perSecond: rate, burst: rate * BURST_SECONDS });
      reply.headers(rateLimitHeaders("default", { limit: rate * BURST_SECONDS, windowSeconds: BURST_SECONDS }, taken));
      if (!taken.isAllowed) {
        throw platformError("rate_limited", `This token may make ${rate} requests a second.`, {
          retryAfterSeconds: taken.retryAfterSeconds,
        });
      }
    },
    async carryOut(registered, request, reply, entered) {
      const input = readInput(registered, request);
      if (registered.isOpen) {
        entered.noteRefused = null;
        await sendOutcome(registered, reply, await registered.route.handle(entered.open, input as never), entered.open);
        return;
      }
      if (entered.known === null) throw new Error(`${registered.operation} was entered without a caller`);
      await carryOutAs(registered, reply, { open: entered.open, ...entered.known, input, request });
    },
    async recordFailure({ caller, trail }, error) {
      if (isOfDatabase(error)) return;
      if (error.row.status === 429 && !throttled.isFirst(caller.credentialId, services.clock.now())) return;
      await trail.leaveFailure(error);
    },
  };
}

function noteRefusedOf(
  { route }: Registered & { isOpen: true },
  request: FastifyRequest,
  open: OpenCall,
): Entered["noteRefused"] {
  if (route.noteRefused === undefined) return null;
  return async (error) =>
    (await route.noteRefused?.(open, { headers: singleHeaders(request), body: jsonIn(request.body) }, error)) ?? false;
}

/** The database takes no row now; the refusal is counted in memory instead. */
export function isOfDatabase(error: AppError): boolean {
  return error.area === "platform" && ["unavailable", "audit_unavailable"].includes(error.code);
}

const MAX_THROTTLED = 10_000;
const MINUTE_MS = 60_000;

/** A token that calls too often leaves one row a minute: a flood of requests must not become a flood of rows. */
class ThrottledMinutes {
  readonly #minutes = new Map<string, number>();

  isFirst(credentialId: string, now: Date): boolean {
    const minute = Math.floor(now.getTime() / MINUTE_MS);
    if (this.#minutes.get(credentialId) === minute) return false;
    if (this.#minutes.size >= MAX_THROTTLED) this.#minutes.clear();
    this.#minutes.set(credentialId, minute);
    return true;
  }
}

function refuseMissingScopes(caller: Caller, wanted: readonly string[]): void {
  const missing = wanted.filter((scope) => !caller.scopes.has(scope));
  if (missing.length > 0) {
    throw platformError("forbidden", `This needs a token with the scope ${missing.join(", ")}.`);
  }
}

const STEP_UP_MS = 5 * 60_000;

/** Only a person can be asked again. */
function refuseStaleProof({ member }: Caller, now: Date): void {
  if (member === undefined || now.getTime() - member.provedAt.getTime() <= STEP_UP_MS) return;
  throw platformError("step_up_required", "Prove again who you are: POST /v1/auth/step-up.");
}

type Input = RouteInput<Record<string, unknown>, Record<string, unknown>, unknown>;
type Work = {
  readonly open: OpenCall;
  readonly caller: Caller;
  readonly trail: Trail;
  readonly input: Input;
  readonly request: FastifyRequest;
};

async function carryOutAs(registered: Registered & { isOpen: false }, reply: FastifyReply, work: Work): Promise<void> {
  const { open, caller, input } = work;
  const keys = await open.services.keyring.of(caller.tenantId);
  const header = input.headers["idempotency-key"];
  const key = takesIdempotencyKey(registered.route, registered.isOpen) ? readIdempotencyKey(header, "uuid-v4") : null;
  if (key === null) {
    const call = callOf(work, keys, null);
    const value = await registered.route.handle(call, input as never);
    if (!work.trail.isLeft) await work.trail.leave("success");
    await sendOutcome(registered, reply, value, open);
    return;
  }
  const claimed = await claimKey(
    open.services.db,
    {
      tenantId: caller.tenantId,
      keys,
      scope: { operation: registered.operation, key },
      fingerprint: fingerprint(registered, work),
      isSecret: registered.route.isAnswerSecret ?? false,
    },
    open.log,
  );
  if ("replay" in claimed) {
    refuseMissingScopes(caller, claimed.replay.scopes);
    const { status } = claimed.replay.answer;
    await work.trail.leave(status < 400 ? "success" : "failed", { status, is_replay: true });
    reply.header("idempotent-replayed", "true");
    await sendAnswer(reply, claimed.replay.answer);
    // A client that went away before its end has not seen the secret; it may ask again.
    if (await hasLeft(reply)) await claimed.replayed();
    return;
  }
  const noted = new NotedScopes(caller.scopes);
  const notedWork = { ...work, caller: { ...caller, scopes: noted }, noted };
  await sendAnswer(reply, await underClaim(registered, notedWork, keys, claimed.claim));
}

/** Whether the whole answer was handed to the network. Waits until that is decided. */
function hasLeft(reply: FastifyReply): Promise<boolean> {
  return finished(reply.raw).then(
    () => true,
    () => false,
  );
}

/** Puts the answer into the transaction of its effect, which may be tried several times. */
type Keep = { begin(): void; answer(tx: Tx, value: unknown): Promise<void> };

type NotedWork = Work & { readonly noted: NotedScopes };

/** Runs the operation so that its answer is stored with its effect, or the key is free again. */
async function underClaim(
  registered: Registered & { isOpen: false },
  work: NotedWork,
  keys: Call["keys"],
  claim: Claim,
): Promise<StoredAnswer> {
  const { open, input, noted } = work;
  let stored: StoredAnswer | null = null;
  const keep: Keep = {
    begin() {
      // What an earlier attempt of this transaction had made is rolled back.
      stored = null;
    },
    async answer(tx, value) {
      stored = renderSuccess(registered.route.answer, checked(registered, value), open.requestId, open.now);
      await claim.complete(tx, { answer: stored, scopes: [...noted.found] });
    },
  };
  try {
    const value = await registered.route.handle(callOf(work, keys, keep), input as never);
    if (stored !== null) return stored;
    // The operation changed nothing in a transaction of its own; its answer is stored all the same.
    await transact(work, keep, async () => value);
    return stored ?? renderSuccess(registered.route.answer, value, open.requestId, open.now);
  } catch (error) {
    if (stored === null && isLasting(error)) return keepFailure(registered, work, claim, error);
    await claim.release();
    throw error;
  }
}

async function keepFailure(
  registered: Registered,
  work: NotedWork,
  claim: Claim,
  error: AppError,
): Promise<StoredAnswer> {
  const { open, caller, request, noted, trail } = work;
  const context = { requestId: open.requestId, path: pathOf(request), now: open.now };
  const failure = renderFailure(error, registered.product.dialect, context);
  try {
    await open.services.db.tenant(caller.tenantId, async (tx) => {
      await trail.leaveIn(tx, outcomeOf(error), failureDetails(error, failure.status));
      await claim.complete(tx, { answer: failure, scopes: [...noted.found] });
    });
    trail.note([outcomeOf(error)]);
    return failure;
  } catch (lost) {
    await claim.release();
    throw lost;
  }
}

/** A refusal by the operation itself is a result and is replayed; what may differ next time is not. */
function isLasting(error: unknown): error is AppError {
  if (!(error instanceof AppError) || error.area === "idempotency") return false;
  const { status } = error.row;
  return status >= 400 && status < 500 && ![401, 403, 408, 413, 415, 429].includes(status);
}

function callOf(work: Work, keys: Call["keys"], keep: Keep | null): Call {
  const { open, caller } = work;
  const { db } = open.services;
  return {
    ...open,
    caller,
    keys,
    // What only reads has its row in the transaction of its reading; what reads before it writes has it in the later one.
    read: (run) => (isReading(work.request) ? transact(work, null, run) : db.tenant(caller.tenantId, run)),
    write: (run) => transact(work, keep, run),
    writeFor: (answer, run) =>
      transact(work, keep === null ? null : { ...keep, answer: async () => undefined }, async (tx) => {
        await Promise.all([run(tx), keep?.answer(tx, answer)]);
        return answer;
      }),
  };
}

function isReading(request: FastifyRequest): boolean {
  return request.method === "GET" || request.method === "HEAD";
}

/** One transaction of a request: its own statements, its audit row where it wrote none itself, its stored answer. */
async function transact<T>(work: Work, keep: Keep | null, run: (tx: Tx) => Promise<T>): Promise<T> {
  const { open, caller, trail } = work;
  let outcomes: ReturnType<typeof recordedIn> = [];
  const value = await open.services.db.tenant(caller.tenantId, async (tx) => {
    keep?.begin();
    const result = await run(tx);
    await Promise.all([trail.leaveIn(tx, "success"), keep?.answer(tx, result)]);
    outcomes = recordedIn(tx);
    return result;
  });
  trail.note(outcomes);
  return value;
}

function fingerprint(registered: Registered, work: Work): Buffer {
  const { input, request } = work;
  return fingerprintOf({
    method: registered.method,
    operation: registered.operation,
    params: input.params,
    query: input.query,
    contentType: request.headers["content-type"] ?? null,
    body: input.body === null ? { kind: "none" } : { kind: "json", value: input.body },
  });
}

function readInput(registered: Registered, request: FastifyRequest): Input {
  const { body } = registered.route;
  return {
    params: parse(registered.params, paramsOf(registered, request), "The path is not valid."),
    query: parse(registered.query, request.query, "The query is not valid."),
    body: body?.kind === "json" ? readJson(registered, request.body, body.isOptional ?? false) : null,
    headers: singleHeaders(request),
    stream: body?.kind === "stream" ? (request.body instanceof Readable ? request.body : Readable.from([])) : null,
  };
}

/** What stands for a last `{name+}` of the path, slashes and all, under its name. */
function paramsOf(registered: Registered, request: FastifyRequest): unknown {
  const name = /\{([a-z_]+)\+\}$/.exec(registered.paths[0] ?? "")?.[1];
  const { params } = request;
  if (name === undefined || typeof params !== "object" || params === null || !("*" in params)) return params;
  const { "*": rest, ...others } = params;
  return { ...others, [name]: rest };
}

function parse(parser: AnyParser | null, value: unknown, title: string): Record<string, unknown> {
  if (parser === null) return {};
  const parsed = parser(value ?? {});
  if (!parsed.ok) throw platformError("validation_failed", title, { fields: parsed.fields });
  return parsed.value;
}

function readJson(registered: Registered, body: unknown, isOptional: boolean): Record<string, unknown> | null {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  if (bytes.length === 0 && isOptional) return null;
  if (bytes.length === 0) throw platformError("invalid_json", "A JSON body is needed.");
  let value: unknown;
  try {
    value = parseJson(bytes);
  } catch (error) {
    throw platformError("invalid_json", "The body is not valid JSON in UTF-8.", { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw platformError("validation_failed", "The body must be a JSON object.", {
      fields: [{ parameter: "", reason: "must be an object" }],
    });
  }
  return parse(registered.body, value, "The body is not valid.");
}

function parseJson(bytes: Buffer): unknown {
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
}

/** What a body says, whether or not it is what was asked for; null where it is no JSON. */
function jsonIn(body: unknown): unknown {
  try {
    return Buffer.isBuffer(body) ? parseJson(body) : null;
  } catch {
    return null;
  }
}

function singleHeaders(request: FastifyRequest): Record<string, string | undefined> {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(request.headers))
    headers[name] = Array.isArray(value) ? value.join(", ") : value;
  return headers;
}

/** In tests every answer is held against its published schema. */
function checked(registered: Registered, value: unknown): unknown {
  const wrong = registered.answerCheck?.(value) ?? null;
  if (wrong !== null) throw new Error(`${registered.operation} answers what it does not publish: ${wrong}`);
  return value;
}

async function sendOutcome(registered: Registered, reply: FastifyReply, value: unknown, open: OpenCall): Promise<void> {
  if (registered.route.answer.kind === "raw") {
    reply.header("x-request-id", open.requestId);
    // The route's type promises a RawAnswer for this kind.
    await sendRaw(reply, value as RawAnswer);
    return;
  }
  await sendAnswer(reply, renderSuccess(registered.route.answer, checked(registered, value), open.requestId, open.now));
}

export function pathOf(request: FastifyRequest): string {
  return request.url.split("?", 1)[0] ?? "/";
}
