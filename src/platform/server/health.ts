import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { isLoopback } from "./loopback.ts";
import type { ServerOptions } from "./listen.ts";

/** Whether the process can do its work now, part by part. */
export type Readiness = { check(): Promise<Readonly<Record<string, boolean>>> };

/**
 * For those who run the server: `/health/live` (the process answers), `/health/ready` (it can work: 200, else 503
 * with the part that cannot), `/metrics` (Prometheus; from loopback, or with the metrics token).
 */
export function addOperatorRoutes(app: FastifyInstance, options: ServerOptions): void {
  app.get("/health/live", { config: { operation: "health.live", isOpen: true } }, async () => ({ status: "live" }));
  app.get("/health/ready", { config: { operation: "health.ready", isOpen: true } }, async (_request, reply) => {
    const parts = await options.readiness.check();
    const isReady = Object.values(parts).every(Boolean);
    reply.code(isReady ? 200 : 503);
    return { status: isReady ? "ready" : "not ready", parts };
  });
  app.get("/metrics", { config: { operation: "metrics", isOpen: true } }, async (request, reply) => {
    const { metricsToken } = options.services.config;
    const isAllowed =
      isFromHere(request) ||
      (metricsToken !== null && isSame(request.headers.authorization ?? "", `Bearer ${metricsToken}`));
    if (!isAllowed) {
      options.refusals.note(request.ip, "not_found", options.services.clock.now());
      reply.code(404);
      return { status: "not found" };
    }
    reply.type(options.metrics.registry.contentType);
    return options.metrics.registry.metrics();
  });
}

/** From this very machine, and not handed on by a proxy on it that nobody told us to believe. */
function isFromHere(request: FastifyRequest): boolean {
  const { forwarded, "x-forwarded-for": forwardedFor } = request.headers;
  const isHandedOn = forwarded !== undefined || forwardedFor !== undefined;
  return isLoopback(request.ip) && !(isHandedOn && isLoopback(request.socket.remoteAddress ?? ""));
}

function isSame(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
