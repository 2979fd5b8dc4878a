import { sql } from "../../db/sql.ts";
import type { Tx } from "../../db/tx.ts";
import type { Position } from "../../db/paging.ts";
import type { Health } from "../health.ts";
import type { SecretColumns } from "../secrets.ts";

export type EndpointRow = SecretColumns & {
  id: string;
  product: string;
  sealed_url: Buffer;
  description: string;
  events: string[];
  is_active: boolean;
  disabled_reason: string | null;
  disabled_at: Date | null;
  signing_key: Buffer;
  public_key: string;
  next_seq: string;
  straight_failures: number;
  first_failure_at: Date | null;
  breaker_opens: number;
  in_flight_cap: number;
  last_test_at: Date | null;
  created_at: Date;
  updated_at: Date;
};

/** Why an endpoint was disabled. */
export type DisabledReason = "by_user" | "gone" | "failing";

export async function insertEndpoint(
  tx: Tx,
  tenantId: string,
  row: {
    id: string;
    product: string;
    sealedUrl: Buffer;
    description: string;
    events: readonly string[];
    secret: Buffer;
    signingKey: Buffer;
    publicKey: string;
    inFlightCap: number;
    at: Date;
  },
): Promise<number> {
  return tx.run(sql`
    insert into platform.webhook_endpoints
      (tenant_id, id, product, sealed_url, description, events, is_active, secret, signing_key, public_key,
       in_flight_cap, created_at, updated_at)
    values (${tenantId}, ${row.id}, ${row.product}, ${row.sealedUrl}, ${row.description}, ${[...row.events]}::text[],
            true, ${row.secret}, ${row.signingKey}, ${row.publicKey}, ${row.inFlightCap}, ${row.at}, ${row.at})`);
}

export async function countEndpoints(tx: Tx, tenantId: string): Promise<number> {
  const row = await tx.one(sql<{ count: number }>`
    select count(*)::integer as count from platform.webhook_endpoints where tenant_id = ${tenantId}`);
  return row?.count ?? 0;
}

export async function findEndpoint(
  tx: Tx,
  tenantId: string,
  key: { endpointId: string; product: string },
): Promise<EndpointRow | null> {
  return tx.one(sql<EndpointRow>`
    select * from platform.webhook_endpoints
     where tenant_id = ${tenantId} and id = ${key.endpointId} and product = ${key.product}`);
}

export async function lockEndpoint(
  tx: Tx,
  tenantId: string,
  key: { endpointId: string; product: string },
): Promise<EndpointRow | null> {
  return tx.one(sql<EndpointRow>`
    select * from platform.webhook_endpoints
     where tenant_id = ${tenantId} and id = ${key.endpointId} and product = ${key.product}
       for update`);
}

/** A page in the order of making, and one row more. */
export async function listEndpoints(
  tx: Tx,
  tenantId: string,
  options: { product: string; position: Position },
): Promise<EndpointRow[]> {
  const { product, position } = options;
  return tx.many(sql<EndpointRow>`
    select * from platform.webhook_endpoints
     where tenant_id = ${tenantId} and product = ${product} and (${position.afterId}::text is null or id > ${position.afterId})
     order by id
     limit ${position.limit + 1} offset ${position.offset}`);
}

export async function listEndpointsById(tx: Tx, tenantId: string, ids: readonly string[]): Promise<EndpointRow[]> {
  return tx.many(sql<EndpointRow>`
    select * from platform.webhook_endpoints
     where tenant_id = ${tenantId} and id = any(${[...ids]}::text[])
     order by id`);
}

/** What an event needs to know of its receivers. `next_seq` is an int8 and arrives as text. */
export type SubscriptionRow = { id: string; product: string; events: string[]; next_seq: string };

/** Locks the active endpoints of a tenant that ask for one of `types`, in the order of their ids. */
export async function lockSubscriptions(
  tx: Tx,
  tenantId: string,
  types: readonly string[],
): Promise<SubscriptionRow[]> {
  return tx.many(sql<SubscriptionRow>`
    select id, product, events, next_seq::text as next_seq
      from platform.webhook_endpoints
     where tenant_id = ${tenantId} and is_active and events && ${[...types, "*"]}::text[]
     order by id
       for update`);
}

export async function updateNextSeq(
  tx: Tx,
  tenantId: string,
  next: readonly { readonly endpointId: string; readonly nextSeq: number }[],
): Promise<number> {
  return tx.run(sql`
    update platform.webhook_endpoints as endpoint
       set next_seq = fresh.next_seq
      from unnest(${next.map((entry) => entry.endpointId)}::text[], ${next.map((entry) => entry.nextSeq)}::bigint[])
           as fresh (id, next_seq)
     where endpoint.tenant_id = ${tenantId} and endpoint.id = fresh.id`);
}

/** Zero rows: there is no such endpoint any more. */
export async function updateEndpoint(
  tx: Tx,
  tenantId: string,
  row: { id: string; sealedUrl: Buffer; description: string; events: readonly string[]; at: Date },
): Promise<number> {
  return tx.run(sql`
    update platform.webhook_endpoints
       set sealed_url = ${row.sealedUrl}, description = ${row.description}, events = ${[...row.events]}::text[],
           updated_at = ${row.at}
     where tenant_id = ${tenantId} and id = ${row.id}`);
}

/** Zero rows: there is no such endpoint any more. */
export async function updateSecrets(
  tx: Tx,
  tenantId: string,
  change: { endpointId: string; secrets: SecretColumns; at: Date },
): Promise<number> {
  const { secrets } = change;
  return tx.run(sql`
    update platform.webhook_endpoints
       set secret = ${secrets.secret}, pending_secret = ${secrets.pending_secret},
           pending_flips_at = ${secrets.pending_flips_at}, previous_secret = ${secrets.previous_secret},
           previous_ends_at = ${secrets.previous_ends_at}, updated_at = ${change.at}
     where tenant_id = ${tenantId} and id = ${change.endpointId}`);
}

/** Zero rows: there is no such endpoint any more. */
export async function updateHealth(
  tx: Tx,
  tenantId: string,
  change: { endpointId: string; health: Health },
): Promise<number> {
  const { health } = change;
  return tx.run(sql`
    update platform.webhook_endpoints
       set straight_failures = ${health.straightFailures}, first_failure_at = ${health.firstFailureAt},
           breaker_opens = ${health.breakerOpens}, in_flight_cap = ${health.inFlightCap}
     where tenant_id = ${tenantId} and id = ${change.endpointId}`);
}

/** Zero rows: it is disabled already, or gone. */
export async function updateDisabled(
  tx: Tx,
  tenantId: string,
  change: { endpointId: string; reason: DisabledReason; at: Date },
): Promise<number> {
  return tx.run(sql`
    update platform.webhook_endpoints
       set is_active = false, disabled_reason = ${change.reason}, disabled_at = ${change.at}, updated_at = ${change.at}
     where tenant_id = ${tenantId} and id = ${change.endpointId} and is_active`);
}

/** Makes an endpoint active and forgets its failures. Zero rows: there is no such endpoint any more. */
export async function updateEnabled(
  tx: Tx,
  tenantId: string,
  change: { endpointId: string; inFlightCap: number; at: Date },
): Promise<number> {
  return tx.run(sql`
    update platform.webhook_endpoints
       set is_active = true, disabled_reason = null, disabled_at = null, straight_failures = 0, first_failure_at = null,
           breaker_opens = 0, in_flight_cap = ${change.inFlightCap}, updated_at = ${change.at}
     where tenant_id = ${tenantId} and id = ${change.endpointId}`);
}

/** Zero rows: there is no such endpoint any more. */
export async function updateTested(
  tx: Tx,
  tenantId: string,
  change: { endpointId: string; at: Date },
): Promise<number> {
  return tx.run(sql`
    update platform.webhook_endpoints
       set last_test_at = ${change.at}
     where tenant_id = ${tenantId} and id = ${change.endpointId}`);
}

/** Its deliveries, attempts, queue and lane go with it. Zero rows: there is no such endpoint. */
export async function deleteEndpoint(
  tx: Tx,
  tenantId: string,
  key: { endpointId: string; product: string },
): Promise<number> {
  return tx.run(sql`
    delete from platform.webhook_endpoints
     where tenant_id = ${tenantId} and id = ${key.endpointId} and product = ${key.product}`);
}
