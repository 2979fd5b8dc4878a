import type { Database } from "../db/tx.ts";
import type { Keyring, TenantKeys } from "../keys/keyring.ts";
import { TenantShreddedError } from "../keys/keyring.ts";
import type { Log } from "../log/log.ts";
import type { WebhookFamily } from "../product.ts";
import type { Lane } from "./lanes.ts";
import { FULL_HEALTH, takeOf, type Health } from "./health.ts";
import { openSigningKeys, openUrl } from "./secrets.ts";
import { listParcels, type ParcelRow } from "./store/deliveries.ts";
import { listEndpointsById, type EndpointRow } from "./store/endpoints.ts";
import {
  lockReadyLanes,
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

export type LaneLoaderOptions = {
  readonly db: Database;
  readonly keyring: Keyring;
  readonly log: Log;
  readonly owner: string;
  readonly families: Readonly<Record<string, WebhookFamily>>;
  readonly now: () => Date;
};

export type LaneClaim = {
  readonly lanes: number;
  readonly fullTenantIds: readonly string[];
  /** Is given each lane, with what it has to send. */
  readonly take: (lane: Lane) => void;
};

type TenantClaim = { readonly rows: readonly ClaimedRow[]; readonly claimedAtMs: number };

/** Takes ready lanes from the database and loads what they need to send. */
export class LaneLoader {
  readonly #options: LaneLoaderOptions;

  constructor(options: LaneLoaderOptions) {
    this.#options = options;
  }

  /** Answers how many lanes it took from the database. */
  async claim({ lanes, fullTenantIds, take }: LaneClaim): Promise<number> {
    const { db, owner } = this.#options;
    const now = this.#options.now();
    const claimedAtMs = performance.now();
    const claim = {
      owner,
      now,
      leaseUntil: new Date(now.getTime() + LEASE_MS),
      lanes: Math.min(lanes, LANES_A_CLAIM),
      perTenant: LANES_A_TENANT,
      fullTenantIds,
    };
    const rows = await db.directory((tx) => lockReadyLanes(tx, claim), { durability: "buffered" });
    const tenants = [...Map.groupBy(rows, (row) => row.tenant_id)];
    const work = async () => {
      for (let next = tenants.shift(); next !== undefined; next = tenants.shift()) {
        const loaded = await this.#loadTenant(next[0], { rows: next[1], claimedAtMs });
        for (const lane of loaded) take(lane);
      }
    };
    await Promise.all(Array.from({ length: TENANTS_AT_ONCE }, work));
    return new Set(rows.map((row) => row.endpoint_id)).size;
  }

  /** The lanes of a tenant that may send now; the others are given back. */
  async #loadTenant(tenantId: string, claimed: TenantClaim): Promise<Lane[]> {
    const endpointIds = [...new Set(claimed.rows.map((row) => row.endpoint_id))];
    try {
      const { lanes, inactive, faulty } = await this.#load(tenantId, endpointIds, claimed);
      await this.#pause(tenantId, inactive, null);
      await this.#pause(tenantId, faulty, FAULT_PAUSE_MS);
      return lanes;
    } catch (error) {
      // Its rows go within minutes; until then a delivery may come up, which is nobody's fault.
      const isShredded = error instanceof TenantShreddedError;
      this.#options.log[isShredded ? "info" : "error"]({ error, tenantId }, "deliveries could not be loaded");
      const forMs = isShredded ? SHREDDED_PAUSE_MS : FAULT_PAUSE_MS;
      // When this fails too, the lease ends by itself.
      await this.#pause(tenantId, endpointIds, forMs).catch((second: unknown) =>
        this.#options.log.error({ error: second, tenantId }, "lanes could not be given back"),
      );
      return [];
    }
  }

  async #load(
    tenantId: string,
    endpointIds: readonly string[],
    { rows, claimedAtMs }: TenantClaim,
  ): Promise<{ lanes: Lane[]; inactive: string[]; faulty: string[] }> {
    const { db, keyring, log } = this.#options;
    const deliveryIds = rows.flatMap((row) => (row.delivery_id === null ? [] : [row.delivery_id]));
    const keys = await keyring.of(tenantId);
    const [endpoints, parcels] = await db.tenant(tenantId, (tx) =>
      Promise.all([listEndpointsById(tx, tenantId, endpointIds), listParcels(tx, tenantId, deliveryIds)]),
    );
    const startsUntilMs = Math.min(performance.now() + HOLD_MS, claimedAtMs + START_LIMIT_MS);
    const lanes: Lane[] = [];
    const faulty: string[] = [];
    for (const endpoint of endpoints.filter((row) => row.is_active)) {
      const waiting = inOrder(rows, parcels, endpoint.id);
      try {
        lanes.push({ ...this.#laneOf(endpoint, keys), tenantId, startsUntilMs, waiting });
      } catch (error) {
        log.error({ error, tenantId, webhook: endpoint.id }, "a webhook cannot be sent to");
        faulty.push(endpoint.id);
      }
    }
    const active = new Set(endpoints.filter((row) => row.is_active).map((row) => row.id));
    return { lanes, inactive: endpointIds.filter((id) => !active.has(id)), faulty };
  }

  /** Throws when the endpoint's URL or secrets cannot be opened, or its product has no header names. */
  #laneOf(endpoint: EndpointRow, keys: TenantKeys): Omit<Lane, "tenantId" | "startsUntilMs" | "waiting"> {
    const family = this.#options.families[endpoint.product];
    if (family === undefined) throw new Error(`the product ${endpoint.product} has no webhook family`);
    const health = healthOf(endpoint);
    return {
      endpointId: endpoint.id,
      product: endpoint.product,
      family,
      url: openUrl(keys, endpoint),
      keys: openSigningKeys(keys, endpoint, this.#options.now()),
      loadedHealth: health,
      health,
      inFlight: 0,
      unrecorded: 0,
      pausedUntil: null,
      disable: null,
    };
  }

  /** `forMs` null: while the endpoint is disabled. */
  async #pause(tenantId: string, endpointIds: readonly string[], forMs: number | null): Promise<void> {
    if (endpointIds.length === 0) return;
    const { db, owner } = this.#options;
    const now = this.#options.now();
    const pausedUntil = forMs === null ? null : new Date(now.getTime() + forMs);
    const lanes = endpointIds.map((endpointId) => ({ endpointId, take: takeOf(FULL_HEALTH), pausedUntil }));
    await db.tenant(tenantId, async (tx) => {
      await lockLanes(tx, tenantId, { owner, endpointIds });
      await updateLanesGivenBack(tx, tenantId, { owner, lanes, now });
      if (forMs === null) await updateInactiveLanesPaused(tx, tenantId, endpointIds);
    });
  }
}

function healthOf(endpoint: EndpointRow): Health {
  return {
    straightFailures: endpoint.straight_failures,
    firstFailureAt: endpoint.first_failure_at,
    breakerOpens: endpoint.breaker_opens,
    inFlightCap: endpoint.in_flight_cap,
  };
}

/** The parcels of an endpoint in the order of the queue. */
function inOrder(rows: readonly ClaimedRow[], parcels: readonly ParcelRow[], endpointId: string): ParcelRow[] {
  const byId = new Map(parcels.map((parcel) => [parcel.id, parcel]));
  return rows.flatMap((row) => (row.endpoint_id === endpointId ? (byId.get(row.delivery_id ?? "") ?? []) : []));
}
