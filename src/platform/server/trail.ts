import { recordAudit, type AuditEntry } from "../audit/audit.ts";
import { recordedIn, type Outcome } from "../audit/noted.ts";
import { actorOf } from "../credentials/operations.ts";
import type { Tx } from "../db/tx.ts";
import type { AppError } from "../errors/errors.ts";
import type { AboutRequest } from "../http/route.ts";
import type { Caller, OpenCall } from "../product.ts";

export type TrailOptions = {
  readonly open: OpenCall;
  readonly caller: Caller;
  /** `<product>.<operation>` */
  readonly operation: string;
  /** The canonical path, by whose `{id}` the resource is known. */
  readonly path: string;
  readonly params: unknown;
  /** What a refused request was about, asked once it is; null where the path alone tells. */
  about(): Promise<AboutRequest | null>;
  /** What a failure is answered with, in the product's own words. */
  statusOf(error: AppError): number;
};

type Details = Readonly<Record<string, unknown>>;

/**
 * What one authenticated request leaves in the audit log. An operation that writes a row of its own is left alone; for
 * every other one, and for every refusal, a row with the operation's name is written here. No answer leaves before.
 */
export class Trail {
  readonly #options: TrailOptions;
  /** Outcomes of rows that are committed. */
  readonly #outcomes = new Set<Outcome>();

  constructor(options: TrailOptions) {
    this.#options = options;
  }

  get isLeft(): boolean {
    return this.#outcomes.size > 0;
  }

  /** Within a transaction of the request, after its own statements: makes sure that it leaves a row. */
  async leaveIn(tx: Tx, outcome: Outcome, details: Details = {}): Promise<void> {
    if (this.isLeft && outcome === "success") return;
    if (recordedIn(tx).length === 0)
      await recordAudit(tx, this.#options.caller.tenantId, this.#entry(outcome, details));
  }

  /** After the commit of a transaction that recorded these. */
  note(outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) this.#outcomes.add(outcome);
  }

  /** In a transaction of its own, one round trip, where the request has left nothing yet. */
  async leave(outcome: Outcome, details: Details = {}, about: AboutRequest | null = null): Promise<void> {
    const { open, caller } = this.#options;
    const entry = this.#entry(outcome, { ...about?.details, ...details }, about?.resource);
    await open.services.db.tenant(caller.tenantId, (tx) => recordAudit(tx, caller.tenantId, entry), {
      isCommitAhead: true,
    });
    this.note([outcome]);
  }

  /** What was refused or went wrong is on record even when something succeeded before it. */
  async leaveFailure(error: AppError): Promise<void> {
    if (this.#outcomes.has("denied") || this.#outcomes.has("failed")) return;
    const { about, statusOf } = this.#options;
    await this.leave(outcomeOf(error), failureDetails(error, statusOf(error)), await about());
  }

  #entry(outcome: Outcome, details: Details, about?: AboutRequest["resource"]): AuditEntry {
    const { open, caller, operation } = this.#options;
    const resource = about ?? resourceOf(this.#options);
    return {
      action: operation,
      at: open.now,
      actor: actorOf({ caller, remoteAddress: open.remoteAddress }),
      ...(resource === null ? {} : { resource }),
      outcome,
      details: { ...details, request_id: open.requestId },
    };
  }
}

export function outcomeOf(error: AppError): Outcome {
  return [401, 403, 429].includes(error.row.status) ? "denied" : "failed";
}

export function failureDetails(error: AppError, status: number): Details {
  return { status, code: error.row.wire };
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** `/documents/{id}/content` with a parameter `id` is about a `document` of that id. */
function resourceOf({ path, params }: TrailOptions): { type: string; id: string } | null {
  const noun = /\/([a-z-]+)\/\{id\}/.exec(path)?.[1];
  const id: unknown = typeof params === "object" && params !== null && "id" in params ? params.id : null;
  if (noun === undefined || typeof id !== "string" || !/^[\w.-]{1,128}$/.test(id)) return null;
  return { type: noun.replace(/s$/, ""), id: UUID.test(id) ? id.toLowerCase() : id };
}
