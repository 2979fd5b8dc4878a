import { EventEmitter } from "node:events";
import type { Tx } from "../db/tx.ts";
import { newId } from "../ids/ids.ts";
import { insertQueuedEvent } from "./store.ts";

/** Something that a product tells its tenant's receivers. `data` is shown to them as it is. */
export type NewEvent = {
  readonly product: string;
  /** As the product's contract spells it, for example `object.uploaded`. */
  readonly type: string;
  readonly isLive: boolean;
  readonly data: Readonly<Record<string, unknown>>;
  readonly at: Date;
};

/** Tells the dispatcher of this process that there may be something to do; a hint, never needed for correctness. */
export type EventHints = {
  hint(): void;
  onHint(listener: () => void): () => void;
};

export function createEventHints(): EventHints {
  const emitter = new EventEmitter();
  return {
    hint: () => void emitter.emit("hint"),
    onHint(listener) {
      emitter.on("hint", listener);
      return () => void emitter.off("hint", listener);
    },
  };
}

/**
 * Writes an event and its place in the queue in the caller's transaction (a transactional outbox): it is told if and
 * only if the transaction commits. Answers the event's id, which never changes over all deliveries.
 */
export async function emitEvent(tx: Tx, tenantId: string, event: NewEvent): Promise<string> {
  const id = newId("evt", event.at);
  await insertQueuedEvent(tx, tenantId, { id, event });
  return id;
}
