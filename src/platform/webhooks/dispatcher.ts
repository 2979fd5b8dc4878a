import { ulid } from "../ids/ids.ts";
import type { Product, Services, WebhookFamily } from "../product.ts";
import { Bell } from "./bell.ts";
import { createFanOut } from "./fan-out.ts";
import { LaneLoader } from "./lane-loader.ts";
import { LaneRunner } from "./lane-runner.ts";
import type { OnDisabled } from "./recorder.ts";
import { updateAllLanesFree } from "./store/queue.ts";

const IDLE_MS = 1_000;
/** After work was found the next look comes that soon, then each later. */
const FIRST_IDLE_MS = 20;
const DRAIN_MS = 5_000;

/** How the deliveries of each product are named. */
const FAMILIES: Readonly<Record<string, WebhookFamily>> = { secufile: "Secufile", secuscan: "Secuscan" };

export type WebhookOptions = {
  readonly services: Pick<Services, "db" | "log" | "clock" | "keyring" | "outbound" | "eventHints">;
  /** Whose deliveries are sent. */
  readonly products: readonly Pick<Product, "name">[];
  /** No other process works on this database: lanes that a dead process held are free at once. */
  readonly isAlone?: boolean;
  /**
   * For a mail to whoever looks after the endpoint. Called in the transaction that disables it; what it throws undoes
   * that, and the organisation's attempts are written down again a moment later. It may throw nothing that lasts, such
   * as a used-up limit: attempts that cannot be written down are sent again.
   */
  readonly onDisabled?: OnDisabled;
  /** How long a stop waits for deliveries under way. Default 5 s. */
  readonly drainMs?: number;
};

export type Webhooks = {
  /** Ends both loops. What was cut short is sent again by whoever comes next. */
  stop(): Promise<void>;
};

/** Hands events to endpoints and sends deliveries until stopped. Any number of processes may do so at once. */
export function startWebhooks(options: WebhookOptions): Webhooks {
  const { db, log, clock, keyring, outbound, eventHints } = options.services;
  const { onDisabled } = options;
  const owner = ulid();
  const now = () => clock.now();
  const newEvents = new Bell();
  const newDeliveries = new Bell();
  const fanOut = createFanOut({ db, log, now });
  const loader = new LaneLoader({ db, keyring, log, owner, families: familiesOf(options.products), now });
  const lanes = new LaneRunner({ db, log, outbound, loader, owner, now, onDisabled }, () => newDeliveries.ring());
  const stopping = new AbortController();
  const unlisten = eventHints.onHint(() => {
    newEvents.ring();
    newDeliveries.ring();
  });
  const fanning = loop(newEvents, stopping.signal, async () => {
    const moved = await fanOut.round();
    if (moved > 0) {
      newDeliveries.ring();
      newEvents.ring(); // there may be more than one batch
    }
    return moved > 0;
  });
  const dispatching = (async () => {
    if (options.isAlone === true) await db.directory((tx) => updateAllLanesFree(tx));
    await loop(newDeliveries, stopping.signal, async () => (await lanes.claim()) > 0);
  })();

  async function loop(bell: Bell, signal: AbortSignal, look: () => Promise<boolean>): Promise<void> {
    for (let idleMs = FIRST_IDLE_MS; !signal.aborted; idleMs = Math.min(IDLE_MS, idleMs * 2)) {
      try {
        if (await look()) idleMs = FIRST_IDLE_MS / 2;
      } catch (error) {
        log.error({ error }, "webhooks could not be looked after");
        idleMs = IDLE_MS;
      }
      await bell.wait(idleMs);
    }
  }

  return {
    async stop() {
      unlisten();
      stopping.abort();
      newEvents.ring();
      newDeliveries.ring();
      await Promise.allSettled([fanning, dispatching]);
      await lanes.stop(options.drainMs ?? DRAIN_MS);
    },
  };
}

/** A product without a family sends no webhooks. */
function familiesOf(products: WebhookOptions["products"]): Record<string, WebhookFamily> {
  return Object.fromEntries(
    products.flatMap(({ name }): [string, WebhookFamily][] => {
      const family = FAMILIES[name];
      return family === undefined ? [] : [[name, family]];
    }),
  );
}
