import { sql } from "../../../platform/db/sql.ts";
import type { Tx } from "../../../platform/db/tx.ts";
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

/**
 * `wrapped_key` is null where the user has slots, but not this one; `seen_at`, where it was not got back from this address.
 * Null: the user has none.
 */
export type SlotRow = {
  readonly wrapped_key: Buffer | null;
  readonly sealed_data: Buffer | null;
  readonly seen_at: Date | null;
};

export async function findSlot(
  tx: Tx,
  tenantId: string,
  name: SlotName & { readonly addressMac: Buffer },
): Promise<SlotRow | null> {
  return tx.one(sql<SlotRow>`
    select slot.wrapped_key, slot.sealed_data, known.seen_at
      from (select from ssks.slots
             where tenant_id = ${tenantId} and app_id = ${name.appId} and user_id = ${name.userId} limit 1) as any_slot
      left join ssks.slots slot
        on slot.tenant_id = ${tenantId} and slot.app_id = ${name.appId} and slot.user_id = ${name.userId}
       and slot.secret_mac = ${name.secretMac}
      left join ssks.known_addresses known
        on known.tenant_id = slot.tenant_id and known.app_id = slot.app_id and known.user_id = slot.user_id
       and known.secret_mac = slot.secret_mac and known.address_mac = ${name.addressMac}`);
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
