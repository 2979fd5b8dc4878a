import type { Database } from "../db/tx.ts";
import type { Keyring } from "../keys/keyring.ts";
import { TenantShreddedError } from "../keys/keyring.ts";
import type { Log } from "../log/log.ts";
import type { WebhookFamily } from "../product.ts";
import type { Lane } from "./lanes.ts";
import { FULL_HEALTH, takeOf } from "./health.ts";
import { openSigningKeys } from "./secrets.ts";
import { listParcels, type ParcelRow } from "./store/deliveries.ts";
import { listEndpointsById, type EndpointRow } from "./store/endpoints.ts";
import {
  claimLanes,
  lockLanes,
  updateInactiveLanesPaused,
  updateLanesGivenBack,
  type ClaimedRow,
} from "./store/queue.ts";

/** Sends begin at most this long after loading: how stale a URL, a secret or a deleted endpoint can be. */
const HOLD_MS = 3_000;
/** Covers a slow load, `HOLD_MS`, one attempt and its record; a lane is never renewed. */
export const LEASE_MS = 60_000;
const START_LIMIT_MS = 30_000;
/** A lane that could not be loaded for a reason of our own is left alone this long. */
export const FAULT_PAUSE_MS = 60_000;
/** Nothing of a shredded tenant can be signed again; its rows wait for their deletion. */
const SHREDDED_PAUSE_MS = 24 * 3_600_000;
const LANES_A_CLAIM = 64;
const LANES_A_TENANT = 8;
/** Tenants that are loaded at the same time; each takes a connection. */
const TENANTS_AT_ONCE = 3;

export type LaneLoader = {
  /** Takes ready lanes and hands each, with what it has to send, to `take`. Answers how many it took from the database. */
  claim(options: { lanes: number; fullTenantIds: readonly string[]; take: (lane: Lane) => void }): Promise<number>;
};

export type LaneLoaderOptions = {
  readonly db: Database;
  readonly keyring: Keyring;
  readonly log: Log;
  readonly owner: string;
  readonly families: Readonly<Record<string, WebhookFamily>>;
  readonly now: () => Date;
};

export function createLaneLoader(options: LaneLoaderOptions): LaneLoader {
  const { db, keyring, log, owner, families } = options;

  async function load(tenantId: string, rows: readonly ClaimedRow[], claimedAtMs: number): Promise<Lane[]> {
    const endpointIds = [...new Set(rows.map((row) => row.endpoint_id))];
    const deliveryIds = rows.flatMap((row) => (row.delivery_id === null ? [] : [row.delivery_id]));
    const keys = await keyring.of(tenantId);
    const [endpoints, parcels] = await db.tenant(tenantId, (tx) =>
      Promise.all([listEndpointsById(tx, tenantId, endpointIds), listParcels(tx, tenantId, deliveryIds)]),
    );
    const now = options.now();
    const startsUntilMs = Math.min(performance.now() + HOLD_MS, claimedAtMs + START_LIMIT_MS);
    const lanes: Lane[] = [];
    for (const endpoint of endpoints.filter((row) => row.is_active)) {
      const family = families[endpoint.product];
      if (family === undefined) throw new Error(`the product ${endpoint.product} has no webhook family`);
      const waiting = inOrder(
        rows,
        parcels.filter((parcel) => parcel.endpoint_id === endpoint.id),
      );
      lanes.push({
        ...laneOf(endpoint),
        tenantId,
        family,
        keys: openSigningKeys(keys, endpoint, now),
        startsUntilMs,
        waiting,
      });
    }
    return lanes;
  }

  async function pause(tenantId: string, endpointIds: readonly string[], pausedUntil: Date | null): Promise<void> {
    if (endpointIds.length === 0) return;
    const now = options.now();
    const lanes = endpointIds.map((endpointId) => ({ endpointId, take: takeOf(FULL_HEALTH), pausedUntil }));
    await db.tenant(tenantId, async (tx) => {
      await lockLanes(tx, tenantId, { owner, endpointIds });
      await updateLanesGivenBack(tx, tenantId, { owner, lanes, now });
      if (pausedUntil === null) await updateInactiveLanesPaused(tx, tenantId, endpointIds);
    });
  }

  async function loadTenant(
    tenantId: string,
    claimed: { rows: readonly ClaimedRow[]; atMs: number; take: (lane: Lane) => void },
  ): Promise<void> {
    const endpointIds = [...new Set(claimed.rows.map((row) => row.endpoint_id))];
    try {
      const lanes = await load(tenantId, claimed.rows, claimed.atMs);
      for (const lane of lanes) claimed.take(lane);
      const active = new Set(lanes.map((lane) => lane.endpointId));
      await pause(
        tenantId,
        endpointIds.filter((id) => !active.has(id)),
        null,
      );
    } catch (error) {
      log.error({ error, tenantId }, "deliveries could not be loaded");
      const forMs = error instanceof TenantShreddedError ? SHREDDED_PAUSE_MS : FAULT_PAUSE_MS;
      // When this fails too, the lease ends by itself.
      await pause(tenantId, endpointIds, new Date(options.now().getTime() + forMs)).catch((second: unknown) =>
        log.error({ error: second, tenantId }, "lanes could not be given back"),
      );
    }
  }

  return {
    async claim({ lanes, fullTenantIds, take }) {
      const now = options.now();
      const atMs = performance.now();
      const claim = {
        owner,
        now,
        leaseUntil: new Date(now.getTime() + LEASE_MS),
        lanes: Math.min(lanes, LANES_A_CLAIM),
        perTenant: LANES_A_TENANT,
        fullTenantIds,
      };
      const rows = await db.directory((tx) => claimLanes(tx, claim), { durability: "buffered" });
      const tenants = [...Map.groupBy(rows, (row) => row.tenant_id)];
      async function work(): Promise<void> {
        for (let next = tenants.shift(); next !== undefined; next = tenants.shift()) {
          await loadTenant(next[0], { rows: next[1], atMs, take });
        }
      }
      await Promise.all(Array.from({ length: TENANTS_AT_ONCE }, work));
      return new Set(rows.map((row) => row.endpoint_id)).size;
    },
  };
}

function laneOf(endpoint: EndpointRow): Omit<Lane, "tenantId" | "family" | "keys" | "startsUntilMs" | "waiting"> {
  const health = {
    straightFailures: endpoint.straight_failures,
    firstFailureAt: endpoint.first_failure_at,
    breakerOpens: endpoint.breaker_opens,
    inFlightCap: endpoint.in_flight_cap,
  };
  return {
    endpointId: endpoint.id,
    product: endpoint.product,
    url: endpoint.url,
    loadedHealth: health,
    health,
    inFlight: 0,
    unrecorded: 0,
    pausedUntil: null,
    disable: null,
  };
}

/** The parcels in the order of the queue. */
function inOrder(rows: readonly ClaimedRow[], parcels: readonly ParcelRow[]): ParcelRow[] {
  const byId = new Map(parcels.map((parcel) => [parcel.id, parcel]));
  return rows.flatMap((row) => byId.get(row.delivery_id ?? "") ?? []);
}
