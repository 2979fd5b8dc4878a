-- Since when nothing of a shredded organisation is left that could be erased.
alter table platform.tenants add column erased_at timestamptz;
create index tenants_to_erase on platform.tenants (id) where deleted_at is not null and erased_at is null;

-- What stays of a shredded organisation: hashes and the signatures over them, so that its log can be verified for ever.
alter table platform.table_access add column outlives_tenant boolean not null default false;
update platform.table_access set outlives_tenant = true
 where table_name in ('platform.audit_leaves', 'platform.audit_queue', 'platform.log_heads', 'platform.log_tiles',
                      'platform.log_checkpoints', 'platform.top_queue');

-- Nothing sealed for it opens any more, and nobody signs in to it: only then may its rows go.
create function platform.is_shredded(tenant text) returns boolean language sql stable as $$
  select exists (select from platform.tenants where id = tenant and deleted_at is not null)
     and not exists (select from platform.tenant_keys where tenant_id = tenant)
$$;

-- Every table with rows of organisations that do not outlive them, those that refer to others first.
create function platform.erasable_tables() returns table (target regclass)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  with recursive known as (
    select a.table_name::regclass as target
      from platform.table_access a
     where not a.outlives_tenant
       and exists (select from pg_attribute c
                    where c.attrelid = a.table_name::regclass and c.attname = 'tenant_id' and not c.attisdropped)
  ), placed as (
    select known.target, 0 as depth from known
    union all
    select k.conrelid::regclass, placed.depth + 1
      from placed join pg_constraint k on k.confrelid = placed.target and k.contype = 'f' and k.conrelid <> k.confrelid
  )
  select placed.target from placed join known on known.target = placed.target
   group by placed.target
   order by max(placed.depth) desc, placed.target::text
$$;

-- Erases some rows of the organisation behind whose wall the transaction stands, and says how many. The application's role
-- has no right to delete from an append-only table; this way it can, once the organisation is shredded.
create function platform.erase_rows(target regclass, row_limit integer) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  tenant text := current_setting('tabellion.tenant_id', true);
  erased bigint;
begin
  if not platform.is_shredded(tenant) then
    raise exception 'only rows of a shredded organisation are erased' using errcode = 'insufficient_privilege';
  end if;
  if not exists (select from platform.erasable_tables() e where e.target = erase_rows.target) then
    raise exception 'rows of % are not erased', target using errcode = 'insufficient_privilege';
  end if;
  execute format('delete from %s where ctid = any (array(select ctid from %1$s where tenant_id = $1 limit $2))', target)
    using tenant, row_limit;
  get diagnostics erased = row_count;
  return erased;
end $$;

-- The events of a shredded organisation may be deleted, and by nothing else: their leaves stay append-only.
create function platform.refuse_audit_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and platform.is_shredded(old.tenant_id) then
    return old;
  end if;
  raise exception 'the audit log is append-only' using errcode = 'insufficient_privilege';
end $$;
drop trigger audit_append_only on platform.audit_events;
create trigger audit_append_only before update or delete on platform.audit_events
  for each row execute function platform.refuse_audit_change();
