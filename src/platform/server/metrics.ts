import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";

/** What the server counts, in Prometheus' form. One registry a server, so that two in one process do not mix. */
export type Metrics = {
  readonly registry: Registry;
  observe(request: { operation: string; status: number; seconds: number }): void;
  /** A number read when somebody asks for the metrics. */
  gauge(name: string, help: string, read: () => Promise<number>): void;
};

const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: "tabellion_http_requests_total",
    help: "Requests answered.",
    labelNames: ["operation", "status"],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: "tabellion_http_request_seconds",
    help: "Time from the head of a request to the end of its answer.",
    labelNames: ["operation"],
    buckets: LATENCY_BUCKETS,
    registers: [registry],
  });
  return {
    registry,
    observe(request) {
      requests.inc({ operation: request.operation, status: String(request.status) });
      seconds.observe({ operation: request.operation }, request.seconds);
    },
    gauge(name, help, read) {
      registry.registerMetric(
        new Gauge({
          name,
          help,
          registers: [],
          async collect() {
            this.set(await read().catch(() => Number.NaN));
          },
        }),
      );
    },
  };
}
