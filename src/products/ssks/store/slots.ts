import { sql } from "../../../platform/db/sql.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import type { BudgetTakes } from "../limits.ts";
import type { SealedData } from "./users.ts";

/** A slot of a user, by the keyed hash of its secret. */
export type SlotName = { readonly appId: string; readonly userId: string; readonly secretMac: Buffer };

/** Until the transaction ends nobody else stores slots of this user: `insertSlot` counts what is there. */
export async function lockSlots(tx: Tx, tenantId: string, { appId, userId }: SlotName): Promise<void> {
  const slots = JSON.stringify(["ssks slots", tenantId, appId, userId]);
  await tx.run(sql`select pg_advisory_xact_lock(hashtextextended(${slots}, 0))`);
}

/** Stores or replaces a slot, which keeps its id. Null: it is a new one, and the user has `most` already. */
export async function insertSlot(
  tx: Tx,
  tenantId: string,
  row: SlotName & SealedData & { id: string; most: number; now: Date },
): Promise<string | null> {
  const stored = await tx.one(sql<{ id: string }>`
    insert into ssks.slots (tenant_id, app_id, user_id, secret_mac, id, wrapped_key, sealed_data, stored_at)
    select ${tenantId}, ${row.appId}, ${row.userId}, ${row.secretMac}::bytea, ${row.id}, ${row.wrappedKey}::bytea,
           ${row.sealedData}::bytea, ${row.now}::timestamptz
     where (select count(*) filter (where secret_mac <> ${row.secretMac}) < ${row.most}::integer
                or bool_or(secret_mac = ${row.secretMac})
              from ssks.slots
             where tenant_id = ${tenantId} and app_id = ${row.appId} and user_id = ${row.userId})
    on conflict (tenant_id, app_id, user_id, secret_mac) do update
       set wrapped_key = excluded.wrapped_key, sealed_data = excluded.sealed_data, stored_at = excluded.stored_at
    returning id`);
  return stored?.id ?? null;
}

/** What a look takes from, by what comes of it. */
export type SearchCosts = { readonly misses: BudgetTakes; readonly hits: BudgetTakes; readonly mustBeKnown: boolean };

/** What a look found. `wrapped_key` is null where it is not this slot that the user has; `seen_at`, where this address is new to it. */
export type SlotRow = {
  /** 0, or the microseconds until the buckets have room: then nobody may be told of the rest. */
  readonly wait_us: number;
  readonly has_slots: boolean;
  readonly wrapped_key: Buffer | null;
  readonly sealed_data: Buffer | null;
  readonly seen_at: Date | null;
};

/**
 * Looks for a slot and takes what that costs in one statement: a miss takes from its buckets, a slot that is there waits for
 * those and takes from the ones of hits. With `mustBeKnown` it counts as a hit only where it was got back from this address before.
 */
export async function findSlot(
  tx: Tx,
  tenantId: string,
  name: SlotName & { readonly addressMac: Buffer },
  { misses, hits, mustBeKnown }: SearchCosts,
): Promise<SlotRow> {
  const row = await tx.one(sql<SlotRow>`
    with found as materialized (
      select slot.id is not null and (known.seen_at is not null or not ${mustBeKnown}::boolean) as is_hit,
             any_slot.is_there is not null as has_slots, slot.wrapped_key, slot.sealed_data, known.seen_at
        from (select true) as look
        left join (select true as is_there from ssks.slots
                    where tenant_id = ${tenantId} and app_id = ${name.appId} and user_id = ${name.userId} limit 1) as any_slot
          on true
        left join ssks.slots slot
          on slot.tenant_id = ${tenantId} and slot.app_id = ${name.appId} and slot.user_id = ${name.userId}
         and slot.secret_mac = ${name.secretMac}
        left join ssks.known_addresses known
          on known.tenant_id = slot.tenant_id and known.app_id = slot.app_id and known.user_id = slot.user_id
         and known.secret_mac = slot.secret_mac and known.address_mac = ${name.addressMac}
    ), held as materialized (
      select platform.take_from_buckets(
               ${misses.hashes}::bytea[], ${misses.bursts}::integer[], ${misses.everyUs}::bigint[], is_hit, true
             ) as wait_us
        from found
    )
    select case when held.wait_us = 0 and found.is_hit
                then platform.take_from_buckets(
                       ${hits.hashes}::bytea[], ${hits.bursts}::integer[], ${hits.everyUs}::bigint[], false, true)
                else held.wait_us
            end::float8 as wait_us,
           found.has_slots, found.wrapped_key, found.sealed_data, found.seen_at
      from found, held`);
  if (row === null) throw new Error("a look for a slot answered nothing");
  return row;
}

export async function countSlots(tx: Tx, tenantId: string, appId: string, userId: string): Promise<number> {
  const row = await tx.one(sql<{ count: number }>`
    select count(*)::integer as count
      from ssks.slots
     where tenant_id = ${tenantId} and app_id = ${appId} and user_id = ${userId}`);
  return row?.count ?? 0;
}

/** Zero rows: there was none. */
export async function deleteSlots(tx: Tx, tenantId: string, appId: string, userId: string): Promise<number> {
  return tx.run(sql`
    delete from ssks.slots where tenant_id = ${tenantId} and app_id = ${appId} and user_id = ${userId}`);
}
