import type { WebhookFamily } from "../product.ts";
import type { Health } from "./health.ts";
import type { SigningKeys } from "./signing.ts";
import type { DisabledReason } from "./store/endpoints.ts";
import type { ParcelRow } from "./store/deliveries.ts";

/** An endpoint whose lane this process holds, and what it has to send. Owned by the dispatcher. */
export type Lane = {
  readonly tenantId: string;
  readonly endpointId: string;
  readonly product: string;
  readonly family: WebhookFamily;
  readonly url: string;
  /** As of the loading; a lane is held too briefly for a rotation to matter. */
  readonly keys: SigningKeys;
  readonly loadedHealth: Health;
  /** On this process's monotonic clock: nothing is begun after this. */
  readonly startsUntilMs: number;
  readonly waiting: ParcelRow[];
  inFlight: number;
  /** Attempts that are over but not yet written down. */
  unrecorded: number;
  health: Health;
  pausedUntil: Date | null;
  disable: DisabledReason | null;
};

/** Deliveries of one tenant under way at once, in one process. */
const TENANT_CAP = 32;
/** Lanes of one tenant held at once. */
export const TENANT_LANES = 32;

type Turn = { readonly tenantId: string; readonly lanes: Lane[]; inFlight: number };

/**
 * Whose turn it is: tenants one after the other, a delivery each, and within a tenant its lanes one after the other. A
 * tenant with a long backlog, or with receivers that hang, holds up nobody else.
 */
export class LaneTurns {
  readonly #turns: Turn[] = [];
  readonly #byTenant = new Map<string, Turn>();
  #laneCount = 0;

  get laneCount(): number {
    return this.#laneCount;
  }

  add(lane: Lane): void {
    let turn = this.#byTenant.get(lane.tenantId);
    if (turn === undefined) {
      turn = { tenantId: lane.tenantId, lanes: [], inFlight: 0 };
      this.#byTenant.set(lane.tenantId, turn);
      this.#turns.push(turn);
    }
    turn.lanes.push(lane);
    this.#laneCount += 1;
  }

  remove(lane: Lane): void {
    const turn = this.#byTenant.get(lane.tenantId);
    const at = turn?.lanes.indexOf(lane) ?? -1;
    if (turn === undefined || at < 0) return;
    turn.lanes.splice(at, 1);
    this.#laneCount -= 1;
    if (turn.lanes.length > 0) return;
    this.#byTenant.delete(lane.tenantId);
    this.#turns.splice(this.#turns.indexOf(turn), 1);
  }

  /** The next delivery to begin, now counted as under way, or null when every tenant has to wait. */
  next(nowMs: number): { lane: Lane; parcel: ParcelRow } | null {
    for (let tried = this.#turns.length; tried > 0; tried--) {
      const turn = rotate(this.#turns);
      if (turn === undefined || turn.inFlight >= TENANT_CAP) continue;
      for (let lanesTried = turn.lanes.length; lanesTried > 0; lanesTried--) {
        const lane = rotate(turn.lanes);
        if (lane === undefined || lane.inFlight >= lane.health.inFlightCap || nowMs > lane.startsUntilMs) continue;
        const parcel = lane.waiting.shift();
        if (parcel === undefined) continue;
        lane.inFlight += 1;
        turn.inFlight += 1;
        return { lane, parcel };
      }
    }
    return null;
  }

  /** A delivery of this lane is no longer under way. */
  ended(lane: Lane): void {
    lane.inFlight -= 1;
    const turn = this.#byTenant.get(lane.tenantId);
    if (turn !== undefined) turn.inFlight -= 1;
  }

  /** Lanes with nothing under way and nothing that may still begin. */
  idle(nowMs: number): Lane[] {
    return this.all().filter(
      (lane) => lane.inFlight === 0 && (lane.waiting.length === 0 || nowMs > lane.startsUntilMs),
    );
  }

  all(): Lane[] {
    return this.#turns.flatMap((turn) => turn.lanes);
  }

  /** Tenants that hold as many lanes as they may. */
  fullTenantIds(): string[] {
    return this.#turns.filter((turn) => turn.lanes.length >= TENANT_LANES).map((turn) => turn.tenantId);
  }
}

function rotate<T>(entries: T[]): T | undefined {
  const first = entries.shift();
  if (first !== undefined) entries.push(first);
  return first;
}
