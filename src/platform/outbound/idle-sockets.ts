import type { Socket } from "node:net";

/** How long an unused connection is kept. Common servers close theirs after 5 s or more; closing first avoids a lost race. */
const MAX_IDLE_MS = 4_000;
const MAX_IDLE_PER_KEY = 8;
const MAX_IDLE_IN_ALL = 256;

/** A socket and the literal address that it was checked to lead to. */
export type PinnedSocket = { readonly socket: Socket; readonly address: string };

/**
 * Open connections between two requests, by origin and pinned address. It owns every socket that it holds: it closes what
 * idles too long, what is too many, and what speaks out of turn. Sockets it holds do not keep the process alive.
 */
export class IdleSockets {
  readonly #held = new Map<string, { socket: Socket; release: () => void }[]>();
  #count = 0;

  /** A live connection to the origin at one of `addresses`, which are the answers of a resolution made just now. */
  take(origin: string, addresses: readonly string[]): PinnedSocket | null {
    for (const address of addresses) {
      for (;;) {
        const entry = this.#held.get(keyOf(origin, address))?.at(-1);
        if (entry === undefined) break;
        entry.release();
        if (!entry.socket.destroyed && entry.socket.writable) return { socket: entry.socket, address };
        entry.socket.destroy();
      }
    }
    return null;
  }

  /** Hands over a connection whose last exchange ended whole. */
  put(origin: string, { socket, address }: PinnedSocket): void {
    const key = keyOf(origin, address);
    const entries = this.#held.get(key) ?? [];
    if (entries.length >= MAX_IDLE_PER_KEY || this.#count >= MAX_IDLE_IN_ALL) {
      socket.destroy();
      return;
    }
    const drop = () => {
      release();
      socket.destroy();
    };
    const release = () => {
      socket.setTimeout(0);
      for (const event of UNWANTED) socket.removeListener(event, drop);
      socket.ref();
      this.#forget(key, socket);
    };
    entries.push({ socket, release });
    this.#held.set(key, entries);
    this.#count += 1;
    socket.setTimeout(MAX_IDLE_MS);
    // A byte that answers no request would be taken for the head of the next answer.
    for (const event of UNWANTED) socket.once(event, drop);
    socket.resume();
    socket.unref();
  }

  destroyAll(): void {
    for (const entry of [...this.#held.values()].flat()) {
      entry.release();
      entry.socket.destroy();
    }
  }

  #forget(key: string, socket: Socket): void {
    const entries = this.#held.get(key) ?? [];
    const rest = entries.filter((entry) => entry.socket !== socket);
    this.#count -= entries.length - rest.length;
    if (rest.length === 0) this.#held.delete(key);
    else this.#held.set(key, rest);
  }
}

const UNWANTED = ["data", "end", "close", "timeout"] as const;

function keyOf(origin: string, address: string): string {
  return `${origin} ${address}`;
}
