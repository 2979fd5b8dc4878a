import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { keepDemo } from "./demo.ts";
import { operatorToken } from "./platform/administration/auth.ts";
import { administration } from "./platform/administration/product.ts";
import { startAuditStreams } from "./platform/audit-reading/stream-worker.ts";
import { createRefusalLog } from "./platform/audit-reading/refusals.ts";
import { BackupError } from "./platform/backup/backup-error.ts";
import { refuseHalfRestored } from "./platform/backup/restore-backup.ts";
import { auditJobs } from "./platform/audit/jobs.ts";
import { originHostOf } from "./platform/audit/log-key.ts";
import { startSequencer } from "./platform/audit/sequencer.ts";
import { findFence } from "./platform/audit/store/lease.ts";
import { countQueued } from "./platform/audit/store/queue.ts";
import { createLocalBlobs } from "./platform/blobs/local-blobs.ts";
import { shiftedClock, systemClock } from "./platform/clock/clock.ts";
import type { Config } from "./platform/config/config.ts";
import { createTokenCheck } from "./platform/credentials/check.ts";
import { startEmbedded } from "./platform/db/embedded.ts";
import { checkDatabase, migrate } from "./platform/db/migrate.ts";
import { createPool } from "./platform/db/pool.ts";
import { createDatabase, type Database } from "./platform/db/tx.ts";
import { erasureJobs } from "./platform/erasure/jobs.ts";
import { findIsShredded } from "./platform/erasure/store.ts";
import { StartError } from "./platform/errors/start-error.ts";
import { createEventHints } from "./platform/events/events.ts";
import { countQueuedEvents } from "./platform/events/store.ts";
import { idempotencyJobs } from "./platform/idempotency/jobs.ts";
import { freeDeadClaims } from "./platform/idempotency/operations.ts";
import { installJobs } from "./platform/jobs/install.ts";
import { startJobs } from "./platform/jobs/runner.ts";
import { countJobs } from "./platform/jobs/store/jobs.ts";
import { createKeyring, objectKeyring, type Keyring } from "./platform/keys/keyring.ts";
import { loadRootKey } from "./platform/keys/root-key.ts";
import { countTenantKeys } from "./platform/keys/store.ts";
import { limitsJobs } from "./platform/limits/jobs.ts";
import { createSmoother } from "./platform/limits/smoothing.ts";
import type { Log } from "./platform/log/log.ts";
import { notifyJobs } from "./platform/notify/jobs.ts";
import { countNotifications } from "./platform/notify/store.ts";
import { createOutbound } from "./platform/outbound/outbound.ts";
import { platformMigrations } from "./platform/platform-migrations.ts";
import type { Product, Services } from "./platform/product.ts";
import { listen } from "./platform/server/listen.ts";
import { createMetrics, type Metrics } from "./platform/server/metrics.ts";
import { withMembers } from "./platform/sessions/member-check.ts";
import { noteDisabledWebhook } from "./platform/members/operations/webhook-mails.ts";
import { createPeople } from "./platform/sessions/people.ts";
import { listTenantIdsEver } from "./platform/tenants/store.ts";
import { startWebhooks } from "./platform/webhooks/dispatcher.ts";
import { productMigrations } from "./products/product-migrations.ts";
import { rotateEvidenceKey } from "./products/secufile/operations/evidence.ts";
import { secufile } from "./products/secufile/product.ts";
import { secufileRoleScopes, secufileScopes } from "./products/secufile/scopes.ts";
import { ssks } from "./products/ssks/product.ts";
import { ssksRoleScopes, ssksScopes } from "./products/ssks/scopes.ts";

/** A running process: what `main.ts` stops at the end. */
export type Running = {
  readonly services: Services;
  /** Where the API answers, or null in a process that only works in the background. */
  readonly origin: string | null;
  /** The organisation of a first start, where there is one. */
  readonly demoTenantId: string | null;
  stop(): Promise<void>;
};

/** Things to stop, in the order opposite to that in which they were started. */
type Stops = (() => Promise<void>)[];

/** How the products whose audit log is read sign and name what they send. */
const auditSenders = { secufile: { family: "Secufile", title: "SecuFile", version: "1.0.0" } } as const;

const JOB_CONCURRENCY = 8;
const TENANTS_A_PAGE = 500;
const SKEW_LIMIT_MS = 2_000;

/** Starts everything that this process shall run. When a part fails to start, those before it are stopped. */
export async function boot(config: Config, log: Log): Promise<Running> {
  const stops: Stops = [];
  const stopAll = async (): Promise<void> => {
    for (const stop of stops.splice(0).toReversed()) await stop();
  };
  try {
    return { ...(await bootInto(stops, config, log)), stop: stopAll };
  } catch (error) {
    await stopAll().catch((stopError: unknown) => log.error({ error: stopError }, "a part did not stop"));
    throw error;
  }
}

async function bootInto(stops: Stops, config: Config, log: Log): Promise<Omit<Running, "stop">> {
  const db = await openDatabase(stops, config, log);
  const keyring = await openKeyring(config, db);
  const clock = config.clockOffsetMs === 0 ? systemClock : shiftedClock(config.clockOffsetMs);
  const version = await readVersion();
  const outbound = createOutbound({ allow: config.outboundAllow, userAgent: `Tabellion/${version}` });
  stops.push(async () => outbound.close());
  const blobs = await createLocalBlobs({
    directory: join(config.dataDirectory, "blobs"),
    keyring: objectKeyring(keyring),
    clock,
  });
  const stopping = new AbortController();
  let origin: string | null = config.publicUrl;
  const services: Services = {
    config,
    log,
    clock,
    db,
    keyring,
    outbound,
    blobs,
    eventHints: createEventHints(),
    stopping: stopping.signal,
    publicUrl: () => origin ?? `http://localhost:${config.port}`,
  };
  await writeFile(join(config.dataDirectory, "operator.token"), `${operatorToken(keyring)}\n`, { mode: 0o600 });
  if (config.databaseUrl === null) await freeDeadClaims(db);
  const tokenCheck = createTokenCheck({ db, keyring, clock, log });
  stops.push(() => tokenCheck.stop());
  const people = createPeople(services, { secufile: secufileRoleScopes, ssks: ssksRoleScopes });
  stops.push(() => people.stop());
  const products: readonly Product[] = [
    secufile(services, withMembers(tokenCheck, people.memberCheck, "secufile")),
    ssks(services, withMembers(tokenCheck, people.memberCheck, "ssks")),
    administration(services, { secufile: secufileScopes, ssks: ssksScopes }, people, rotateEvidenceKey),
  ];
  for (const product of products) stops.push(async () => product.stop?.());
  if (config.role !== "api") await startWork(stops, services, products);
  if (config.role === "worker") return { services, origin: null, demoTenantId: null };
  // Written before anybody can ask: who finds the server answering also finds what is needed to call it.
  origin ??= config.port === 0 ? null : expectedOrigin(config);
  let demoTenantId = origin === null ? null : await keepDemo(services, origin);
  const listening = await startServer(stops, services, products);
  stops.push(async () => stopping.abort());
  if (origin === null) demoTenantId = await keepDemo(services, listening);
  origin ??= listening;
  return { services, origin, demoTenantId };
}

async function openDatabase(stops: Stops, config: Config, log: Log): Promise<Database> {
  const { url, ownerUrl } = await databaseUrls(stops, config, log);
  const appRole = decodeURIComponent(new URL(url).username);
  await checkDatabase({ ownerUrl, appRole, log });
  await refuseHalfRestored(ownerUrl).catch((error: unknown) => {
    throw error instanceof BackupError ? new StartError(error.message, { cause: error }) : error;
  });
  await migrate({ ownerUrl, appRole, folders: [...platformMigrations, ...productMigrations], log });
  await installJobs({ ownerUrl, appRole, log });
  const pool = createPool({
    url,
    connections: config.databaseConnections,
    applicationName: `tabellion-${config.role}`,
    log,
  });
  const db = createDatabase({ pool, log, commitFaultPercent: config.commitFaultPercent });
  stops.push(() => db.close());
  const skewMs = await db.clockSkewMs().catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(`the database of DATABASE_URL cannot be used: ${reason}`, { cause: error });
  });
  if (Math.abs(skewMs) > SKEW_LIMIT_MS) {
    throw new StartError(
      `the clocks of this machine and of the database differ by ${Math.round(skewMs)} ms; set them right`,
    );
  }
  return db;
}

async function databaseUrls(stops: Stops, config: Config, log: Log): Promise<{ url: string; ownerUrl: string }> {
  if (config.databaseUrl !== null && config.databaseOwnerUrl !== null) {
    await mkdir(config.dataDirectory, { recursive: true, mode: 0o700 });
    return { url: config.databaseUrl, ownerUrl: config.databaseOwnerUrl };
  }
  const embedded = await startEmbedded({
    dataDirectory: config.dataDirectory,
    directory: config.postgresDirectory,
    connections: config.databaseConnections,
    log,
  });
  stops.push(() => embedded.stop());
  return embedded;
}

async function openKeyring(config: Config, db: Database): Promise<Keyring> {
  const isNew = (await db.directory(countTenantKeys)) === 0;
  const root = await loadRootKey(config.dataDirectory, config.rootKey, isNew);
  const keyring = await createKeyring({ db, root });
  if (root.previous !== null) await keyring.rewrapAll();
  return keyring;
}

async function startWork(stops: Stops, services: Services, products: readonly Product[]): Promise<void> {
  const { config, db, log } = services;
  const definitions = [
    ...products.flatMap((product) => product.jobs),
    ...idempotencyJobs(db),
    ...limitsJobs(db),
    ...erasureJobs(services),
    ...auditJobs({
      ...services,
      listTenants: (after) => db.directory((tx) => listTenantIdsEver(tx, after, TENANTS_A_PAGE)),
      isShredded: (tenantId) => db.directory((tx) => findIsShredded(tx, tenantId)),
    }),
    ...(await notifyJobs(services, {
      wanted: Object.fromEntries(products.flatMap(({ wanted = {} }) => Object.entries(wanted))),
      unsent: Object.fromEntries(products.flatMap(({ unsent = {} }) => Object.entries(unsent))),
    })),
  ];
  const jobs = await startJobs({
    db,
    log,
    definitions,
    concurrency: JOB_CONCURRENCY,
    isAlone: config.databaseUrl === null,
  });
  stops.push(() => jobs.stop());
  const sequencer = await startSequencer({
    ...services,
    originHost: originHostOf(config),
    isAlone: config.databaseUrl === null,
  });
  stops.push(() => sequencer.stop());
  const webhooks = startWebhooks({
    services,
    products,
    isAlone: config.databaseUrl === null,
    onDisabled: noteDisabledWebhook,
  });
  stops.push(() => webhooks.stop());
  const streams = startAuditStreams({ services, families: auditSenders, isAlone: config.databaseUrl === null });
  stops.push(() => streams.stop());
}

async function startServer(stops: Stops, services: Services, products: readonly Product[]): Promise<string> {
  const metrics = createMetrics();
  const refusals = createRefusalLog(services);
  stops.push(() => refusals.stop());
  addGauges(metrics, services.db);
  const server = await listen({
    services,
    products,
    metrics,
    smoother: createSmoother({ clock: services.clock }),
    refusals,
    readiness: {
      check: async () => ({ database: await services.db.isReachable(READY_LIMIT_MS) }),
    },
  }).catch((error: unknown) => {
    throw listenFailure(error, services.config);
  });
  stops.push(() => server.close());
  return server.origin;
}

/** What an operator can mend about the address, the port or the certificate, in words; else the error as it came. */
function listenFailure(error: unknown, config: Config): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const reason = LISTEN_REASONS[code];
  if (reason !== undefined) {
    return new StartError(`cannot listen on ${config.host} port ${config.port}: ${reason}`, { cause: error });
  }
  if (!code.startsWith("ERR_OSSL")) return error;
  const files = `${config.tlsCertificatePath} and ${config.tlsKeyPath}`;
  return new StartError(`${files} are no certificate and key that belong together, in PEM`, { cause: error });
}

/** Where the server will answer, as `listen` will say. */
function expectedOrigin(config: Config): string {
  const host = ["0.0.0.0", "::"].includes(config.host) ? "localhost" : config.host;
  const scheme = config.tlsCertificatePath === null ? "http" : "https";
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${config.port}`;
}

function addGauges(metrics: Metrics, db: Database): void {
  const { pool } = db;
  metrics.gauge("tabellion_events_waiting", "Events not handed to receivers yet.", () =>
    db.directory(countQueuedEvents),
  );
  metrics.gauge("tabellion_audit_waiting", "Audit events that have no index and no checkpoint yet.", () =>
    db.directory(countQueued),
  );
  metrics.gauge("tabellion_audit_fence", "How often the work of giving out audit indexes changed hands.", async () =>
    Number(await db.directory(findFence)),
  );
  metrics.gauge(
    "tabellion_jobs_waiting",
    "Jobs to run now or later.",
    async () => (await db.directory(countJobs)).waiting,
  );
  metrics.gauge(
    "tabellion_jobs_exhausted",
    "Jobs that failed as often as they may; the operator has to look.",
    async () => (await db.directory(countJobs)).exhausted,
  );
  metrics.gauge("tabellion_notifications_waiting", "Mails and text messages to be sent.", () =>
    db.directory((tx) => countNotifications(tx, "waiting")),
  );
  metrics.gauge("tabellion_notifications_failed", "Mails and text messages of 90 days that were refused.", () =>
    db.directory((tx) => countNotifications(tx, "failed")),
  );
  metrics.gauge("tabellion_notifications_uncertain", "Mails and text messages of which nobody knows.", () =>
    db.directory((tx) => countNotifications(tx, "uncertain")),
  );
  metrics.gauge(
    "tabellion_db_connections_busy",
    "Database connections in use.",
    async () => pool.totalCount - pool.idleCount,
  );
  metrics.gauge("tabellion_db_requests_waiting", "Requests waiting for a connection.", async () => pool.waitingCount);
}

const READY_LIMIT_MS = 2_000;
const LISTEN_REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there; choose another port by TABELLION_PORT",
  EADDRNOTAVAIL: "this machine does not have that address; see TABELLION_HOST",
  EACCES: "this account may not listen there; choose a port above 1023 by TABELLION_PORT",
};

async function readVersion(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "0";
}
