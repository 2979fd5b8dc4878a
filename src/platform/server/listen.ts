import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { networkSet } from "../config/settings.ts";
import { platformError } from "../errors/platform-errors.ts";
import { ulid } from "../ids/ids.ts";
import type { Smoother } from "../limits/smoothing.ts";
import type { OpenCall, Product, Services } from "../product.ts";
import { renderFailure, sendAnswer, toAppError } from "./answer.ts";
import { onMalformedHead } from "./malformed-head.ts";
import type { Metrics } from "./metrics.ts";
import { createPipeline, pathOf, type Entered, type Pipeline } from "./pipeline.ts";
import { productOfPath, registerRoutes, type Registered } from "./registry.ts";
import { addOperatorRoutes, type Readiness } from "./health.ts";

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
};

export type RunningServer = {
  /** Origin at which the server answers on this machine. */
  readonly origin: string;
  /** Takes no new connection, lets requests under way end within the drain time, then closes. */
  close(): Promise<void>;
};

const MAX_JSON_BYTES = 1024 * 1024;
const HEAD_LIMIT_MS = 15_000;
/** A connection on which nothing moves for so long is closed. */
const IDLE_LIMIT_MS = 60_000;
const KEEP_ALIVE_MS = 72_000;
const MAX_PARAMETER_CHARACTERS = 300;
const ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] as const;

/** Starts the HTTP server with the routes of all products. */
export async function listen(options: ServerOptions): Promise<RunningServer> {
  const { services, products } = options;
  const app = await createApp(options);
  const pipeline = createPipeline(services, options.smoother);
  addOperatorRoutes(app, options);
  addRoutes(app, registerRoutes(products, services.config.areResponsesChecked), { options, pipeline });
  app.setNotFoundHandler((request, reply) =>
    fail(options, request, reply, platformError("not_found", "No route answers at this path.")),
  );
  await app.listen({ port: services.config.port, host: services.config.host });
  const address = app.server.address() as AddressInfo;
  const scheme = services.config.tlsCertificatePath === null ? "http" : "https";
  const host = address.address.includes(":") ? `[${address.address}]` : address.address;
  const shown = ["0.0.0.0", "[::]"].includes(host) ? "localhost" : host;
  return {
    origin: `${scheme}://${shown}:${address.port}`,
    close: () => drain(app, services.config.drainSeconds * 1000),
  };
}

async function createApp(options: ServerOptions): Promise<FastifyInstance> {
  const { config } = options.services;
  const proxies = networkSet(config.trustedProxies);
  const tls =
    config.tlsCertificatePath === null || config.tlsKeyPath === null
      ? null
      : {
          cert: await readFile(config.tlsCertificatePath),
          key: await readFile(config.tlsKeyPath),
          minVersion: "TLSv1.2",
        };
  const common = {
    bodyLimit: MAX_JSON_BYTES,
    genReqId: () => `req_${ulid()}`,
    trustProxy: (address: string) => proxies.has(address),
    routerOptions: { maxParamLength: MAX_PARAMETER_CHARACTERS, ignoreTrailingSlash: true },
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionTimeout: IDLE_LIMIT_MS,
    forceCloseConnections: "idle" as const,
    return503OnClosing: true,
    clientErrorHandler: onMalformedHead(options),
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      void fail(options, request, reply, error),
  };
  // The two constructors differ only in the server they make.
  const app = (tls === null ? fastify(common) : fastify({ ...common, https: tls as never })) as FastifyInstance;
  app.server.headersTimeout = HEAD_LIMIT_MS;
  app.server.requestTimeout = 0; // large uploads take as long as bytes keep coming; `connectionTimeout` sees to that
  app.setErrorHandler((error, request, reply) => fail(options, request, reply, error));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  addRequestLog(app, options);
  return app;
}

type Wiring = { readonly options: ServerOptions; readonly pipeline: Pipeline };

function addRoutes(app: FastifyInstance, all: readonly Registered[], wiring: Wiring): void {
  const taken = new Map<string, Set<string>>();
  const streams = all.filter((registered) => registered.route.body?.kind === "stream");
  const others = all.filter((registered) => registered.route.body?.kind !== "stream");
  for (const registered of others) addRoute(app, registered, wiring, taken);
  // In a scope of its own, where bodies of any type are handed on unread.
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    for (const registered of streams) addRoute(scope, registered, wiring, taken);
  });
  void app.register(async (scope) => addMethodRefusals(scope, taken));
}

function addRoute(app: FastifyInstance, registered: Registered, wiring: Wiring, taken: Map<string, Set<string>>): void {
  const { options, pipeline } = wiring;
  const entered = new WeakMap<FastifyRequest, Entered>();
  for (const path of registered.paths) {
    const url = path.replaceAll(/\{([a-z_]+)\}/g, ":$1");
    const methods = taken.get(url) ?? new Set<string>();
    methods.add(registered.method);
    if (registered.method === "GET") methods.add("HEAD");
    taken.set(url, methods);
    app.route({
      method: registered.method,
      url,
      config: { operation: registered.operation, isOpen: registered.isOpen },
      async onRequest(request, reply) {
        const open = openCallOf(options, request);
        entered.set(request, { open, caller: await pipeline.enter(registered, request, reply, open) });
      },
      async handler(request, reply) {
        const state = entered.get(request);
        if (state === undefined) throw new Error("a request reached its handler without entering");
        await pipeline.carryOut(registered, request, reply, state);
        return reply;
      },
    });
  }
}

/** A known path under another method: 405 with what is allowed there (RFC 9110, section 15.5.6). */
function addMethodRefusals(app: FastifyInstance, taken: ReadonlyMap<string, ReadonlySet<string>>): void {
  for (const [url, methods] of taken) {
    const allow = [...methods].toSorted().join(", ");
    app.route({
      method: ALL_METHODS.filter((method) => !methods.has(method)),
      url,
      // Refused before the body is looked at.
      onRequest: async () => {
        throw platformError("method_not_allowed", `This path takes ${allow}.`, { headers: { allow } });
      },
      handler: async () => undefined,
    });
  }
}

function openCallOf(options: ServerOptions, request: FastifyRequest): OpenCall {
  const { services } = options;
  const aborted = new AbortController();
  request.raw.once("close", () => {
    if (!request.raw.complete) aborted.abort(new Error("the client went away"));
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
  options: ServerOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  error: unknown,
): Promise<FastifyReply> {
  const log = options.services.log.child({ requestId: request.id });
  const known = toAppError(error, log);
  const path = pathOf(request);
  const dialect = productOfPath(options.products, path).dialect;
  const context = { requestId: request.id, path, now: options.services.clock.now() };
  // A body that is not read to its end would be taken for the next request.
  if (!request.raw.complete) reply.header("connection", "close");
  await sendAnswer(reply, renderFailure(known, dialect, context));
  return reply;
}

function addRequestLog(app: FastifyInstance, options: ServerOptions): void {
  const { log } = options.services;
  app.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.config;
    const operation = route.operation ?? "none";
    // Links of open pages are secrets in themselves: their pattern is logged, not their path.
    const path = route.isOpen === true ? request.routeOptions.url : pathOf(request).slice(0, 200);
    options.metrics.observe({ operation, status: reply.statusCode, seconds: reply.elapsedTime / 1000 });
    log.info(
      {
        requestId: request.id,
        method: request.method,
        path,
        operation,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime * 10) / 10,
        ip: plainAddress(request.ip),
      },
      "request",
    );
  });
}

async function drain(app: FastifyInstance, limitMs: number): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), limitMs);
  await app.close();
  clearTimeout(timer);
}
