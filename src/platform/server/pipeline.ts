import type { FastifyReply, FastifyRequest } from "fastify";
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import type { Tx } from "../db/tx.ts";
import { AppError } from "../errors/errors.ts";
import { platformError } from "../errors/platform-errors.ts";
import type { RawAnswer, RouteInput } from "../http/route.ts";
import { fingerprintOf } from "../idempotency/fingerprint.ts";
import { claimKey, readIdempotencyKey, type Claim } from "../idempotency/idempotency.ts";
import type { StoredAnswer } from "../idempotency/schema.ts";
import { rateLimitHeaders } from "../limits/ratelimit-headers.ts";
import type { Smoother } from "../limits/smoothing.ts";
import type { Call, Caller, OpenCall, Services } from "../product.ts";
import { renderFailure, renderSuccess, sendAnswer, sendRaw } from "./answer.ts";
import { NotedScopes } from "./noted-scopes.ts";
import type { AnyParser, Registered } from "./registry.ts";

/** Seconds of the full rate that a token may use at once after a pause. */
const BURST_SECONDS = 2;

/**
 * The way of a request through one route: credential, scope and rate before a byte of the body is read; then the
 * body, its schema, idempotency, the operation, the answer.
 */
export type Pipeline = {
  /** Before the body: who calls, may they, do they call too often. */
  enter(registered: Registered, request: FastifyRequest, reply: FastifyReply, open: OpenCall): Promise<Caller | null>;
  /** After the body. Sends the answer of a success; throws every failure. */
  carryOut(registered: Registered, request: FastifyRequest, reply: FastifyReply, entered: Entered): Promise<void>;
};

export type Entered = { readonly open: OpenCall; readonly caller: Caller | null };

export function createPipeline(services: Services, smoother: Smoother): Pipeline {
  const rate = services.config.requestsPerSecond;
  return {
    async enter(registered, request, reply, open) {
      if (registered.isOpen) return null;
      const caller = await registered.product.authenticate(request.raw, open);
      refuseMissingScopes(caller, registered.route.scopes ?? []);
      const taken = smoother.take(caller.credentialId, { perSecond: rate, burst: rate * BURST_SECONDS });
      reply.headers(rateLimitHeaders("default", { limit: rate * BURST_SECONDS, windowSeconds: BURST_SECONDS }, taken));
      if (!taken.isAllowed) {
        throw platformError("rate_limited", `This token may make ${rate} requests a second.`, {
          retryAfterSeconds: taken.retryAfterSeconds,
        });
      }
      return caller;
    },
    async carryOut(registered, request, reply, entered) {
      const input = readInput(registered, request);
      if (registered.isOpen) {
        await sendOutcome(registered, reply, await registered.route.handle(entered.open, input as never), entered.open);
        return;
      }
      if (entered.caller === null) throw new Error(`${registered.operation} was entered without a caller`);
      await carryOutAs(registered, reply, { open: entered.open, caller: entered.caller, input, request });
    },
  };
}

function refuseMissingScopes(caller: Caller, wanted: readonly string[]): void {
  const missing = wanted.filter((scope) => !caller.scopes.has(scope));
  if (missing.length > 0) {
    throw platformError("forbidden", `This needs a token with the scope ${missing.join(", ")}.`);
  }
}

type Input = RouteInput<Record<string, unknown>, Record<string, unknown>, unknown>;
type Work = {
  readonly open: OpenCall;
  readonly caller: Caller;
  readonly input: Input;
  readonly request: FastifyRequest;
};

async function carryOutAs(registered: Registered & { isOpen: false }, reply: FastifyReply, work: Work): Promise<void> {
  const { open, caller, input } = work;
  const keys = await open.services.keyring.of(caller.tenantId);
  const header = input.headers["idempotency-key"];
  const key = registered.route.method === "POST" ? readIdempotencyKey(header, "uuid-v4") : null;
  if (key === null) {
    const call = callOf(work, keys, null);
    await sendOutcome(registered, reply, await registered.route.handle(call, input as never), open);
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
  const { open, caller, input, noted } = work;
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
    await open.services.db.tenant(caller.tenantId, (tx) => keep.answer(tx, value));
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
  const { open, caller, request, noted } = work;
  const context = { requestId: open.requestId, path: pathOf(request), now: open.now };
  const failure = renderFailure(error, registered.product.dialect, context);
  try {
    await open.services.db.tenant(caller.tenantId, (tx) =>
      claim.complete(tx, { answer: failure, scopes: [...noted.found] }),
    );
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
    read: (run) => db.tenant(caller.tenantId, run),
    write: (run) =>
      db.tenant(caller.tenantId, async (tx) => {
        keep?.begin();
        const value = await run(tx);
        await keep?.answer(tx, value);
        return value;
      }),
    writeFor: (answer, run) =>
      db.tenant(caller.tenantId, async (tx) => {
        keep?.begin();
        await Promise.all([run(tx), keep?.answer(tx, answer)]);
        return answer;
      }),
  };
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
    params: parse(registered.params, request.params, "The path is not valid."),
    query: parse(registered.query, request.query, "The query is not valid."),
    body: body?.kind === "json" ? readJson(registered, request.body, body.isOptional ?? false) : null,
    headers: singleHeaders(request),
    stream: body?.kind === "stream" ? (request.body instanceof Readable ? request.body : Readable.from([])) : null,
  };
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
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
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
