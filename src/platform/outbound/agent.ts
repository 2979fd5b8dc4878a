import http from "node:http";
import https from "node:https";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { clear, dial, startTls, type Gate } from "./connect.ts";
import { OutboundError } from "./outbound-error.ts";
import { parseHost } from "./url-guard.ts";

/**
 * Without `timeout`: it would also fire on a library's slow but living request. An idle socket stays until its far end
 * closes it, bounded in number.
 */
const AGENT_OPTIONS = { keepAlive: true, maxSockets: 64, maxFreeSockets: 8, maxTotalSockets: 256 };

/** Agents for libraries that speak HTTP themselves. Every new connection is resolved, checked and pinned by the gate. */
export type OutboundAgents = { readonly http: http.Agent; readonly https: https.Agent };

export function createAgents(gate: Gate): OutboundAgents {
  return { http: new GuardedHttpAgent(gate), https: new GuardedHttpsAgent(gate) };
}

type Ready = (error: Error | null, socket: Duplex) => void;

class GuardedHttpAgent extends http.Agent {
  readonly #gate: Gate;

  constructor(gate: Gate) {
    super(AGENT_OPTIONS);
    this.#gate = gate;
  }

  override createConnection(options: http.ClientRequestArgs, ready?: Ready): undefined {
    handOver(open(this.#gate, options, true), ready);
  }
}

class GuardedHttpsAgent extends https.Agent {
  readonly #gate: Gate;

  constructor(gate: Gate) {
    super(AGENT_OPTIONS);
    this.#gate = gate;
  }

  override createConnection(options: http.ClientRequestArgs, ready?: Ready): undefined {
    handOver(open(this.#gate, options, false), ready);
  }
}

/**
 * Of the library's options only host and port count. TLS options such as `ca`, `servername` and `rejectUnauthorized` are
 * not taken: a library must not be able to weaken the check of the peer.
 */
async function open(gate: Gate, options: http.ClientRequestArgs, isPlainHttp: boolean): Promise<Socket> {
  if (typeof options.socketPath === "string") {
    throw new OutboundError("address_not_allowed", "A local socket is not a way out");
  }
  const host = parseHost(options.host ?? "");
  const port = Number(options.port ?? (isPlainHttp ? 80 : 443));
  // The library's own signal destroys its request; opening is bounded by the gate's limits anyway.
  const { signal } = new AbortController();
  const { addresses } = await clear(gate, { host, port, isPlainHttp }, signal);
  const socket = await dial(gate, { host, port, addresses, signal });
  return isPlainHttp ? socket : startTls(gate, { socket, host, signal, protocols: ["http/1.1"] });
}

function handOver(opening: Promise<Socket>, ready: Ready | undefined): void {
  opening.then(
    (socket) => ready?.(null, socket),
    (error: unknown) =>
      ready?.(error instanceof Error ? error : new Error("no connection", { cause: error }), new Socket()),
  );
}
