import { sql } from "../db/sql.ts";
import type { Tx } from "../db/tx.ts";
import type { FinalState, NotificationKind, NotificationRow, NotificationState } from "./notification.ts";

export async function insertNotification(
  tx: Tx,
  tenantId: string,
  row: { id: string; kind: NotificationKind; purpose: string; createdAt: Date; expiresAt: Date | null },
): Promise<number> {
  return tx.run(sql`
    insert into platform.notifications (tenant_id, id, kind, purpose, state, created_at, expires_at)
    values (${tenantId}, ${row.id}, ${row.kind}, ${row.purpose}, 'waiting', ${row.createdAt}, ${row.expiresAt})`);
}

export type ContentRow = { readonly sealed: Buffer; readonly about: string | null };

export async function insertContent(tx: Tx, tenantId: string, id: string, row: ContentRow): Promise<number> {
  return tx.run(sql`
    insert into platform.notification_contents (tenant_id, id, sealed, about)
    values (${tenantId}, ${id}, ${row.sealed}, ${row.about})`);
}

export async function findNotification(tx: Tx, tenantId: string, id: string): Promise<NotificationRow | null> {
  return tx.one(sql<NotificationRow>`
    select tenant_id, id, kind, purpose, state, attempts, error, created_at, expires_at, finished_at
      from platform.notifications
     where tenant_id = ${tenantId} and id = ${id}`);
}

export async function findContent(tx: Tx, tenantId: string, id: string): Promise<ContentRow | null> {
  return tx.one(sql<ContentRow>`
    select sealed, about from platform.notification_contents where tenant_id = ${tenantId} and id = ${id}`);
}

/** Erases address and content, and answers what it was about. Null: they are erased. */
export async function deleteContent(tx: Tx, tenantId: string, id: string): Promise<Pick<ContentRow, "about"> | null> {
  return tx.one(sql<Pick<ContentRow, "about">>`
    delete from platform.notification_contents where tenant_id = ${tenantId} and id = ${id} returning about`);
}

/** Passes the point of no return. Zero rows: another attempt has, or it is over; nothing may be sent. */
export async function updateSending(tx: Tx, tenantId: string, id: string, attempt: string): Promise<number> {
  return tx.run(sql`
    update platform.notifications
       set state = 'sending', sending_by = ${attempt}, attempts = attempts + 1
     where tenant_id = ${tenantId} and id = ${id} and state = 'waiting'`);
}

/**
 * Back to waiting, after an attempt that certainly sent nothing: `attempt` is null when it never passed the point of no
 * return. Zero rows: another attempt has, or it is over.
 */
export async function updateWaiting(
  tx: Tx,
  tenantId: string,
  id: string,
  outcome: { attempt: string | null; error: string },
): Promise<number> {
  const { attempt, error } = outcome;
  return tx.run(sql`
    update platform.notifications
       set state = 'waiting', sending_by = null, error = ${error},
           attempts = attempts + case when ${attempt}::text is null then 1 else 0 end
     where tenant_id = ${tenantId} and id = ${id}
       and ((${attempt}::text is null and state = 'waiting') or (state = 'sending' and sending_by = ${attempt}))`);
}

/**
 * The end. With an `attempt` only what that one had begun, also when another worker had given it up as uncertain;
 * with null only what no attempt has begun. Zero rows: somebody else knows better.
 */
export async function updateFinished(
  tx: Tx,
  tenantId: string,
  id: string,
  outcome: { attempt: string | null; state: FinalState; error: string | null; at: Date },
): Promise<number> {
  const { attempt } = outcome;
  return tx.run(sql`
    update platform.notifications
       set state = ${outcome.state}, error = ${outcome.error}, finished_at = ${outcome.at},
           attempts = attempts + case when ${attempt}::text is null and ${outcome.state} not in ('expired', 'withdrawn')
                                    then 1 else 0 end
     where tenant_id = ${tenantId} and id = ${id}
       and ((${attempt}::text is null and state = 'waiting')
            or (state in ('sending', 'uncertain') and sending_by = ${attempt}))`);
}

/** What an attempt had begun that nobody will end. Zero rows: it has ended. */
export async function updateUncertain(
  tx: Tx,
  tenantId: string,
  id: string,
  outcome: { error: string; at: Date },
): Promise<number> {
  return tx.run(sql`
    update platform.notifications
       set state = 'uncertain', error = ${outcome.error}, finished_at = ${outcome.at}
     where tenant_id = ${tenantId} and id = ${id} and state = 'sending'`);
}

export type WithdrawnRow = { readonly kind: NotificationKind; readonly about: string; readonly created_at: Date };

/**
 * Takes back and erases what waits about any of these, and answers what that was; what an attempt has begun goes on. Zero rows:
 * nothing waits.
 */
export async function updateWithdrawn(
  tx: Tx,
  tenantId: string,
  of: { abouts: readonly string[]; at: Date },
): Promise<WithdrawnRow[]> {
  return tx.many(sql<WithdrawnRow>`
    with gone as (
      delete from platform.notification_contents
       where tenant_id = ${tenantId} and about = any(${[...of.abouts]}::text[])
      returning id, about
    )
    update platform.notifications n
       set state = 'withdrawn', error = null, finished_at = ${of.at}
      from gone
     where n.tenant_id = ${tenantId} and n.state = 'waiting' and n.id = gone.id
    returning n.kind, gone.about, n.created_at`);
}

/** The same of all whose about begins with `family` and a slash. Zero rows: nothing waits. */
export async function updateFamilyWithdrawn(
  tx: Tx,
  tenantId: string,
  of: { family: string; at: Date },
): Promise<number> {
  // The sign that follows the slash in ASCII is the nought.
  return tx.run(sql`
    with gone as (
      delete from platform.notification_contents
       where tenant_id = ${tenantId} and about >= ${`${of.family}/`} and about < ${`${of.family}0`}
      returning id
    )
    update platform.notifications
       set state = 'withdrawn', error = null, finished_at = ${of.at}
     where tenant_id = ${tenantId} and state = 'waiting' and id in (select id from gone)`);
}

/** For the operator, who knows an id alone. */
export async function findOwnerOf(tx: Tx, id: string): Promise<string | null> {
  const row = await tx.one(sql<{ tenant_id: string }>`select tenant_id from platform.notifications where id = ${id}`);
  return row?.tenant_id ?? null;
}

/** A page for the operator, oldest first; `state` null: all. */
export async function listNotifications(
  tx: Tx,
  page: { state: NotificationState | null; afterId: string; offset: number; limit: number },
): Promise<NotificationRow[]> {
  return tx.many(sql<NotificationRow>`
    select tenant_id, id, kind, purpose, state, attempts, error, created_at, expires_at, finished_at
      from platform.notifications
     where id > ${page.afterId} and (${page.state}::text is null or state = ${page.state})
     order by id
     limit ${page.limit} offset ${page.offset}`);
}

export async function countNotifications(tx: Tx, state: NotificationState): Promise<number> {
  const row = await tx.one(sql<{ count: string }>`
    select count(*) as count from platform.notifications where state = ${state}`);
  return Number(row?.count);
}

/** Forgets what is over since before `before`. Zero rows: there is none. */
export async function deleteOldNotifications(tx: Tx, before: Date, limit: number): Promise<number> {
  return tx.run(sql`
    delete from platform.notifications
     where (tenant_id, id) in (
       select tenant_id, id from platform.notifications where finished_at < ${before} order by id limit ${limit})`);
}
