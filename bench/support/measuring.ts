import { cpus } from "node:os";
import { startTestServer } from "../../test/support/server.ts";
import { withCluster } from "../../test/support/database.ts";

/** A server in a process of its own, on a PostgreSQL of its own, as in production but for the rate limit. */
export type MeasuredServer = Awaited<ReturnType<typeof startTestServer>>;

export async function withServer(
  env: Readonly<Record<string, string>>,
  measure: (server: MeasuredServer) => Promise<void>,
): Promise<void> {
  await withCluster(async () => {
    const server = await startMeasured(env);
    console.log(`${cpus().length} cores: client, server and PostgreSQL share them`);
    await measure(server);
    await server.remove();
  });
}

/** One more server, with a database of its own on the same PostgreSQL. */
export function startMeasured(env: Readonly<Record<string, string>>): Promise<MeasuredServer> {
  return startTestServer({
    TABELLION_CHECK_RESPONSES: "0",
    TABELLION_LOG_LEVEL: "info",
    TABELLION_REQUESTS_PER_SECOND: "1000000",
    TABELLION_DB_CONNECTIONS: "20",
    ...env,
  });
}

/** How long many runs of one thing took, in milliseconds, and the time from the first to the last. */
export type Sample = { readonly latencies: readonly number[]; readonly seconds: number };

/** Runs `work` in `lanes` loops for `seconds`. */
export async function sampleOf(
  lanes: number,
  seconds: number,
  work: (lane: number) => Promise<unknown>,
): Promise<Sample> {
  const latencies: number[] = [];
  const startedAt = performance.now();
  const until = startedAt + seconds * 1000;
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      for (let now = performance.now(); now < until;) {
        await work(lane);
        const then = performance.now();
        latencies.push(then - now);
        now = then;
      }
    }),
  );
  return { latencies, seconds: (performance.now() - startedAt) / 1000 };
}

export type Figures = { readonly perSecond: number; readonly median: number; readonly p99: number };

/** Of several samples taken in turn with those of a peer, so that a neighbour's load falls on both. */
export function figuresOf(samples: readonly Sample[]): Figures {
  const sorted = samples.flatMap((sample) => sample.latencies).toSorted((a, b) => a - b);
  const seconds = samples.reduce((sum, sample) => sum + sample.seconds, 0);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
  return { perSecond: sorted.length / seconds, median: at(0.5), p99: at(0.99) };
}

/** One line: our figure, the limit or peer of the same run, and the ratio. */
export function tell(name: string, unit: string, ours: number, peer: readonly [figure: number, name: string]): void {
  const [limit, peerName] = peer;
  const mine = `${name.padEnd(50)}${shown(ours).padStart(10)} ${unit.padEnd(5)}`;
  console.log(`${mine} ${shown(limit).padStart(10)} ${peerName}, ${((100 * ours) / limit).toFixed(1)} %`);
}

function shown(value: number): string {
  return value.toFixed(value >= 100 ? 0 : 2);
}
