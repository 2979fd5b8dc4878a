import { sql } from "../../../platform/db/sql.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import type { SlotName } from "./slots.ts";

/** An address, by its keyed hash, from which a slot was got back. */
export type KnownName = SlotName & { readonly addressMac: Buffer };

/** One that is known already was seen now. Zero rows: the slot was deleted meanwhile. */
export async function insertKnownAddress(tx: Tx, tenantId: string, row: KnownName & { now: Date }): Promise<number> {
  return tx.run(sql`
    insert into ssks.known_addresses (tenant_id, app_id, user_id, secret_mac, address_mac, seen_at)
    select tenant_id, app_id, user_id, secret_mac, ${row.addressMac}::bytea, ${row.now}::timestamptz
      from ssks.slots
     where tenant_id = ${tenantId} and app_id = ${row.appId} and user_id = ${row.userId}
       and secret_mac = ${row.secretMac}
       for key share
    on conflict (tenant_id, app_id, user_id, secret_mac, address_mac) do update set seen_at = excluded.seen_at`);
}

/** Deletes all of a slot but the `kept` that were seen last. Zero rows: there were not more. */
export async function deleteSpareAddresses(tx: Tx, tenantId: string, name: SlotName, kept: number): Promise<number> {
  return tx.run(sql`
    delete from ssks.known_addresses
     where tenant_id = ${tenantId} and app_id = ${name.appId} and user_id = ${name.userId}
       and secret_mac = ${name.secretMac} and address_mac in (
         select address_mac from ssks.known_addresses
          where tenant_id = ${tenantId} and app_id = ${name.appId} and user_id = ${name.userId}
            and secret_mac = ${name.secretMac}
          order by seen_at desc, address_mac
         offset ${kept})`);
}

/** Forgets those not seen since; one that was seen while this waited for it stays. Zero rows: there are none. */
export async function deleteUnseenAddresses(tx: Tx, tenantId: string, since: Date, limit: number): Promise<number> {
  return tx.run(sql`
    delete from ssks.known_addresses
     where tenant_id = ${tenantId} and (app_id, user_id, secret_mac, address_mac) in (
       select app_id, user_id, secret_mac, address_mac from ssks.known_addresses
        where tenant_id = ${tenantId} and seen_at < ${since}
        order by seen_at limit ${limit})
       and seen_at < ${since}`);
}
