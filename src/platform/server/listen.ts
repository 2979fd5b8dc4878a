import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { networkSet } from "../config/settings.ts";
import type { AppError } from "../errors/errors.ts";
import { platformError } from "../errors/platform-errors.ts";
import { ulid } from "../ids/ids.ts";
import type { Log } from "../log/log.ts";
import type { Smoother } from "../limits/smoothing.ts";
import type { OpenCall, Product, Services } from "../product.ts";
import type { RefusalLog } from "../audit-reading/refusals.ts";
import { Addresses } from "./addresses.ts";
import { renderFailure, sendAnswer, toAppError } from "./answer.ts";
import { corsHeaders } from "./cors.ts";
import { onMalformedHead } from "./malformed-head.ts";
import type { Metrics } from "./metrics.ts";
import { createPipeline, isOfDatabase, pathOf, type Entered, type Pipeline } from "./pipeline.ts";
import { productOfPath, registerRoutes, type Registered } from "./registry.ts";
import { addOperatorRoutes, type Readiness } from "./health.ts";
import { inviteBody, SOCKET_LIMITS, socketServer, watchExchanges, type SocketLimits } from "./sockets.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** `<product>.<operation>`, for log and metrics. */
    operation?: string;
    isOpen?: boolean;
  }
}

export type ServerOptions = {
  readonly services: Services;
  readonly products: readonly Product[];
  readonly smoother: Smoother;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  /** Counts what is refused to callers that are not known. */
  readonly refusals: Pick<RefusalLog, "note">;
  readonly limits?: SocketLimits;
};

/** One method at one path. Without an operation nobody knows what it is. */
export type ServedRoute = {
  readonly method: string;
  readonly path: string;
  readonly operation: string | null;
  /** Whether it asks for no credential. */
  readonly isOpen: boolean;
};

export type RunningServer = {
  /** Origin at which the server answers on this machine. */
  readonly origin: string;
  /** Every route that it answers, whoever added it. */
  readonly routes: readonly ServedRoute[];
  /** Takes no new connection, lets requests under way end within the drain time, then closes. */
  close(): Promise<void>;
};

const MAX_JSON_BYTES = 1024 * 1024;
const MAX_LOGGED_PATH_CHARACTERS = 200;
const LONG_SEGMENT = /[^/]{20,}/g;
const MAX_PARAMETER_CHARACTERS = 300;

/** Starts the HTTP server with the routes of all products. */
export async function listen(options: ServerOptions): Promise<RunningServer> {
  const { services, products } = options;
  const stopping: Stopping = { isStopping: false };
  const wiring: Wiring = {
    options,
    pipeline: createPipeline(services, options.smoother),
    entered: new WeakMap(),
    addresses: new Addresses(),
  };
  const app = await createApp(wiring, stopping);
  const routes = watchRoutes(app);
  addOperatorRoutes(app, options);
  addRoutes(app, registerRoutes(products, services.config.areResponsesChecked), wiring);
  refuseOthers(app, wiring.addresses);
  await app.listen({ port: services.config.port, host: services.config.host });
  const { address, port } = addressOf(app);
  const scheme = services.config.tlsCertificatePath === null ? "http" : "https";
  const host = address.includes(":") ? `[${address}]` : address;
  const shown = ["0.0.0.0", "[::]"].includes(host) ? "localhost" : host;
  return {
    origin: `${scheme}://${shown}:${port}`,
    routes,
    close: () => drain(app, stopping, services.config.drainSeconds * 1000),
  };
}

/** The table of all routes that are added from here on. */
function watchRoutes(app: FastifyInstance): readonly ServedRoute[] {
  const routes: ServedRoute[] = [];
  app.addHook("onRoute", ({ method, url, config }) => {
    const { operation = null, isOpen = true } = config ?? {};
    for (const each of [method].flat()) routes.push({ method: each, path: url, operation, isOpen });
  });
  return routes;
}

function addressOf(app: FastifyInstance): { address: string; port: number } {
  const address = app.server.address();
  if (address === null || typeof address === "string") throw new Error("the server listens on no port");
  return address;
}

/** Set once, by `drain`. */
type Stopping = { isStopping: boolean };

async function createApp(wiring: Wiring, stopping: Stopping): Promise<FastifyInstance> {
  const { options } = wiring;
  const { config } = options.services;
  const proxies = networkSet(config.trustedProxies);
  const serverFactory = await socketServer(config, options.limits ?? SOCKET_LIMITS);
  const app = fastify({
    serverFactory,
    bodyLimit: MAX_JSON_BYTES,
    genReqId: () => `req_${ulid()}`,
    trustProxy: (address: string) => proxies.has(address),
    routerOptions: { maxParamLength: MAX_PARAMETER_CHARACTERS, ignoreTrailingSlash: true },
    forceCloseConnections: "idle",
    // Requests that are on their way when the stop begins are answered, too.
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => refuseHead(error, socket),
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      void fail(wiring, request, reply, error),
  });
  const refuseHead = onMalformedHead(options, watchExchanges(app.server), wiring.addresses);
  app.setErrorHandler((error, request, reply) => fail(wiring, request, reply, error));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  addRequestLog(app, options);
  endConnectionsWhen(app, stopping);
  return app;
}

type Wiring = {
  readonly options: ServerOptions;
  readonly pipeline: Pipeline;
  /** Requests whose caller was asked for; each is forgotten with its request. */
  readonly entered: WeakMap<FastifyRequest, Entered>;
  /** Filled while routes are added. */
  readonly addresses: Addresses;
};

function addRoutes(app: FastifyInstance, all: readonly Registered[], wiring: Wiring): void {
  const streams = all.filter((registered) => registered.route.body?.kind === "stream");
  const others = all.filter((registered) => registered.route.body?.kind !== "stream");
  for (const registered of others) addRoute(app, registered, wiring);
  // In a scope of its own, where bodies of any type are handed on unread.
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    for (const registered of streams) addRoute(scope, registered, wiring);
  });
}

/**
 * What no route takes is refused before its body is looked at: a known path under another method by 405 with what is
 * allowed there (RFC 9110, section 15.5.6), any other path by 404.
 */
function refuseOthers(app: FastifyInstance, addresses: Addresses): void {
  app.addHook("onRequest", async (request, reply) => {
    if (!request.is404) return;
    const address = addresses.find(pathOf(request));
    if (address === null) throw platformError("not_found", "No route answers at this path.");
    const allow = [...address.methods].toSorted().join(", ");
    reply.headers(address.cors);
    throw platformError("method_not_allowed", `This path takes ${allow}.`, { headers: { allow } });
  });
}

function addRoute(app: FastifyInstance, registered: Registered, wiring: Wiring): void {
  const { options, pipeline, entered, addresses } = wiring;
  const policy = registered.route.foreign?.cors ?? null;
  const cors = policy === null ? {} : corsHeaders(policy, registered.method);
  const maxBytes = registered.route.body?.kind === "json" ? registered.route.body.maxBytes : undefined;
  for (const path of registered.paths) {
    const url = path.replace(/\{[a-z_]+\+\}$/, "*").replaceAll(/\{([a-z_]+)\}/g, ":$1");
    const { methods } = addresses.take(url, cors);
    methods.add(registered.method);
    if (registered.method === "GET") methods.add("HEAD");
    if (policy !== null) addPreflight(app, { url, operation: registered.operation, methods, cors });
    app.route({
      method: registered.method,
      url,
      ...(maxBytes === undefined ? {} : { bodyLimit: maxBytes }),
      config: { operation: registered.operation, isOpen: registered.isOpen },
      async onRequest(request, reply) {
        reply.headers(cors);
        const state = await pipeline.enter(registered, request, openCallOf(options, request, reply));
        entered.set(request, state);
        pipeline.admit(registered, reply, state);
        inviteBody(request.raw, reply.raw);
      },
      async handler(request, reply) {
        const state = entered.get(request);
        if (state === undefined) throw new Error("a request reached its handler without entering");
        await pipeline.carryOut(registered, request, reply, state);
        if (registered.isOpen) notePage(options, state.open, reply.statusCode);
        return reply;
      },
    });
  }
}

/** Refusals that are shown as a page, to people whom nobody knows: a link that opens nothing, a form from elsewhere. */
const PAGE_REFUSALS: Readonly<Record<number, string>> = {
  403: "page_forbidden",
  404: "page_not_found",
  410: "page_gone",
  429: "page_rate_limited",
};

function notePage({ refusals }: ServerOptions, { remoteAddress, now }: OpenCall, status: number): void {
  // Of any other status: a field to be typed again, a turn that has not come.
  if (status >= 400) refusals.note(remoteAddress, PAGE_REFUSALS[status] ?? "page_refused", now);
}

/** What a browser asks before it lets a page of another origin send anything. */
function addPreflight(
  app: FastifyInstance,
  to: { url: string; operation: string; methods: Set<string>; cors: Readonly<Record<string, string>> },
): void {
  to.methods.add("OPTIONS");
  app.route({
    method: "OPTIONS",
    url: to.url,
    config: { operation: to.operation, isOpen: true },
    handler: async (_request, reply) => reply.code(204).headers(to.cors).send(),
  });
}

function openCallOf(options: ServerOptions, request: FastifyRequest, reply: FastifyReply): OpenCall {
  const { services } = options;
  const aborted = new AbortController();
  const abort = (): void => aborted.abort(new Error("the client went away"));
  request.raw.once("close", () => {
    if (!request.raw.complete) abort();
  });
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) abort();
  });
  return {
    requestId: request.id,
    remoteAddress: plainAddress(request.ip),
    now: services.clock.now(),
    log: services.log.child({ requestId: request.id }),
    signal: aborted.signal,
    services,
  };
}

/** IPv4 addresses of dual-stack sockets in their own form. */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}

async function fail(
  wiring: Wiring,
  request: FastifyRequest,
  reply: FastifyReply,
  error: unknown,
): Promise<FastifyReply> {
  const { options } = wiring;
  const log = options.services.log.child({ requestId: request.id });
  const known = await onRecord(wiring, request, toAppError(error, log), log);
  const path = pathOf(request);
  const dialect = productOfPath(options.products, path).dialect;
  const context = { requestId: request.id, path, now: options.services.clock.now() };
  // A body that is not read to its end would be taken for the next request.
  if (hasBody(request) && !request.raw.complete) reply.header("connection", "close");
  await sendAnswer(reply, renderFailure(known, dialect, context));
  return reply;
}

/** Every failure leaves a trace before its answer leaves; when the audit log takes none, the answer is that. */
async function onRecord(
  { options, pipeline, entered }: Wiring,
  request: FastifyRequest,
  failure: AppError,
  log: Log,
): Promise<AppError> {
  const state = entered.get(request);
  const known = state?.known ?? null;
  const now = options.services.clock.now();
  // Once its body is read, a request may have lost its socket and with it its address.
  const source = state?.open.remoteAddress ?? plainAddress(request.ip);
  const count = (counted: AppError): void => options.refusals.note(source, counted.row.wire, now);
  try {
    if (known === null) {
      const isNoted = !isOfDatabase(failure) && ((await state?.noteRefused?.(failure)) ?? false);
      if (!isNoted) count(failure);
      return failure;
    }
    if (failure.row.status === 429 || isOfDatabase(failure)) count(failure);
    await pipeline.recordFailure(known, failure);
    return failure;
  } catch (error) {
    const unwritten = toAppError(error, log);
    count(unwritten);
    return unwritten;
  }
}

function hasBody(request: FastifyRequest): boolean {
  const { "content-length": length, "transfer-encoding": coding } = request.headers;
  return coding !== undefined || (length !== undefined && length !== "0");
}

function addRequestLog(app: FastifyInstance, options: ServerOptions): void {
  const { log } = options.services;
  app.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.config;
    const operation = route.operation ?? "none";
    options.metrics.observe({ operation, status: reply.statusCode, seconds: reply.elapsedTime / 1000 });
    log.info(
      {
        requestId: request.id,
        method: request.method,
        path: loggedPath(request),
        operation,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime * 10) / 10,
        ip: plainAddress(request.ip),
      },
      "request",
    );
  });
}

/**
 * Links of open pages are secrets in themselves: of those the pattern is logged. They also arrive mistyped, cut or by
 * another method, and then no operation takes them: what is long enough to be one is left out.
 */
function loggedPath(request: FastifyRequest): string | undefined {
  const route = request.routeOptions.config;
  if (route.isOpen === true) return request.routeOptions.url;
  const path = pathOf(request).slice(0, MAX_LOGGED_PATH_CHARACTERS);
  return route.operation === undefined ? path.replaceAll(LONG_SEGMENT, "(hidden)") : path;
}

/** Node leaves a connection open for further requests when the one under way at the stop ends; that would hold up the stop. */
function endConnectionsWhen(app: FastifyInstance, stopping: Stopping): void {
  app.addHook("onSend", async (_request, reply) => {
    if (stopping.isStopping) reply.header("connection", "close");
  });
  // The answer had begun before the stop did.
  app.addHook("onResponse", async (request) => {
    if (stopping.isStopping) request.raw.socket.end();
  });
}

async function drain(app: FastifyInstance, stopping: Stopping, limitMs: number): Promise<void> {
  stopping.isStopping = true;
  const timer = setTimeout(() => app.server.closeAllConnections(), limitMs);
  await app.close();
  clearTimeout(timer);
}
