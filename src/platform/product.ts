import type { IncomingMessage } from "node:http";
import type { BlobStore } from "./blobs/blobs.ts";
import type { Clock } from "./clock/clock.ts";
import type { Config } from "./config/config.ts";
import type { MigrationFolder } from "./db/migrate.ts";
import type { Database, Tx } from "./db/tx.ts";
import type { ErrorTable } from "./errors/errors.ts";
import type { EventHints } from "./events/events.ts";
import type { Dialect } from "./http/dialect.ts";
import type { Route } from "./http/route.ts";
import type { JobDefinition } from "./jobs/jobs.ts";
import type { Keyring, TenantKeys } from "./keys/keyring.ts";
import type { Log } from "./log/log.ts";
import type { MemberRole } from "./members/roles.ts";
import type { UnsentByPurpose, WantedByPurpose } from "./notify/send.ts";
import type { Outbound } from "./outbound/outbound.ts";

/** What `main.ts` builds once and hands to every area and product. */
export type Services = {
  readonly config: Config;
  readonly log: Log;
  readonly clock: Clock;
  readonly db: Database;
  readonly keyring: Keyring;
  readonly outbound: Outbound;
  readonly blobs: BlobStore;
  readonly eventHints: EventHints;
  /** Aborted when the process begins to stop: answers that have no end of their own end then. */
  readonly stopping: AbortSignal;
  /** Origin for links, without a slash at the end; known once the server listens. */
  publicUrl(): string;
};

/** A person who calls, as known at most half a second ago. */
export type CallingMember = {
  readonly memberId: string;
  readonly sessionId: string;
  readonly email: string;
  readonly role: MemberRole;
  /** When they last proved who they are. */
  readonly provedAt: Date;
};

/** Who calls, as proved by a credential. */
export type Caller = {
  readonly tenantId: string;
  readonly credentialId: string;
  /** The product that the credential belongs to; it decides on paths that products share. */
  readonly product: string;
  readonly scopes: ReadonlySet<string>;
  /** False for a token of the test environment. */
  readonly isLive: boolean;
  /** Where a person calls; then `credentialId` is the member's id. */
  readonly member?: CallingMember;
};

/** One request, from its authentication to its answer. */
export type Call = {
  readonly requestId: string;
  readonly remoteAddress: string;
  readonly now: Date;
  readonly log: Log;
  /** Aborted when the client goes away or the time is over. */
  readonly signal: AbortSignal;
  readonly services: Services;
  readonly caller: Caller;
  /** The keys of the caller's tenant. */
  readonly keys: TenantKeys;
  /**
   * The one transaction of a request that changes something. What `work` returns is the answer: under an
   * Idempotency-Key it is stored in this same transaction. May run again on a serialisation failure.
   */
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * As `write`, where the answer is known before `work` runs: what `work` sends at once and the stored answer take one
   * round trip. `work` must not refuse; it can only fail.
   */
  writeFor<T>(answer: T, work: (tx: Tx) => Promise<unknown>): Promise<T>;
  read<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
};

/** A request before anybody was authenticated: public pages and the published document. */
export type OpenCall = Omit<Call, "caller" | "keys" | "write" | "writeFor" | "read">;

/** A group of events that receivers can ask for: its name on the wire and what its `data` holds. */
export type EventRow = { readonly summary: string; readonly data: import("zod").ZodObject; readonly example: unknown };

/** How a product's deliveries are named: `X-<family>-Signature` and so on. */
export type WebhookFamily = "Secufile" | "Secuscan";

/** A header by which a caller proves who they are, and the environment variable that holds it in samples. */
export type HeaderScheme = { readonly header: string; readonly description: string; readonly variable: string };

/** A product, or an area of the platform that has routes or tables of its own. */
export type Product = {
  /** Folder, schema, error prefix, command-line noun. */
  readonly name: string;
  readonly dialect: Dialect;
  /** Paths that begin with one of these are this product's, also when no route answers there. */
  readonly pathPrefixes: readonly string[];
  /** Proves who calls. Throws `unauthorized` and the like. */
  authenticate(request: IncomingMessage, call: OpenCall): Promise<Caller>;
  readonly routes: readonly Route<Call>[];
  /** Routes that ask for no credential. */
  readonly openRoutes: readonly Route<OpenCall>[];
  readonly jobs: readonly JobDefinition[];
  /** Writes what it holds in memory, while the database is still there. */
  stop?(): Promise<void>;
  /** Of notifications about something: whether anybody still waits for them. */
  readonly wanted?: WantedByPurpose;
  /** Told when one of them ended and certainly was not sent. */
  readonly unsent?: UnsentByPurpose;
  readonly events: Readonly<Record<string, EventRow>>;
  readonly errors: ErrorTable;
  readonly migrations: readonly MigrationFolder[];
  /** For the published document. */
  readonly about: {
    readonly title: string;
    readonly version: string;
    readonly description: string;
    /** Environment variable that holds the token in samples. */
    readonly tokenVariable: string;
    /** By scope: another variable, where routes that ask for that scope take another token. */
    readonly tokenVariables?: Readonly<Record<string, string>>;
    /** Ways to prove who calls besides a token, for routes of a foreign contract. */
    readonly securitySchemes?: Readonly<Record<string, HeaderScheme>>;
    /** The form of failures that the dialect words as plain `application/json`. */
    readonly failureShape?: import("zod").ZodObject;
    /** What holds for every operation of a foreign contract, said once. */
    readonly conventions?: readonly string[];
    /** What each tag is about; without it the tag lists its operations. */
    readonly tags: Readonly<Record<string, string>>;
    /** The French of every text of the published document; without it there is English alone. */
    readonly french?: Readonly<Record<string, string>>;
  };
};
