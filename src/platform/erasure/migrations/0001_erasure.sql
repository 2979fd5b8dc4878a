-- Since when nothing of a shredded organisation is left that could be erased.
alter table platform.tenants add column erased_at timestamptz;
create index tenants_to_erase on platform.tenants (id) where deleted_at is not null and erased_at is null;

-- What stays of a shredded organisation: hashes and the signatures over them, so that its log can be verified for ever.
alter table platform.table_access add column outlives_tenant boolean not null default false;
update platform.table_access set outlives_tenant = true
 where table_name in ('platform.audit_leaves', 'platform.audit_queue', 'platform.log_heads', 'platform.log_tiles',
                      'platform.log_checkpoints', 'platform.top_queue');

-- Shredding cannot be taken back, short of dropping triggers: else whoever has the application's role could
-- shred an organisation for a moment, erase what its log says, and bring it back. Its keys stand before the wall; who
-- adds one waits for a shredding that is under way, and the other way round.
create function platform.refuse_revival() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' or new.id is distinct from old.id
     or (old.deleted_at is not null and new.deleted_at is distinct from old.deleted_at) then
    raise exception 'a shredded organisation stays shredded' using errcode = 'insufficient_privilege';
  end if;
  return new;
end $$;
create trigger tenants_one_way before update or delete on platform.tenants
  for each row execute function platform.refuse_revival();
create function platform.refuse_key_of_shredded() returns trigger language plpgsql as $$
declare gone timestamptz;
begin
  select deleted_at into gone from platform.tenants where id = new.tenant_id for share;
  if gone is not null then
    raise exception 'a shredded organisation gets no key' using errcode = 'insufficient_privilege';
  end if;
  return new;
end $$;
create trigger tenant_keys_of_living before insert or update on platform.tenant_keys
  for each row execute function platform.refuse_key_of_shredded();

-- Nothing sealed for it opens any more, and nobody signs in to it: only then may its rows go. The server is no organisation.
create function platform.is_shredded(tenant text) returns boolean language sql stable as $$
  select tenant <> 'server'
     and exists (select from platform.tenants where id = tenant and deleted_at is not null)
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
     where placed.depth < 20
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

-- Of a shredded organisation the events may be deleted, and nothing else of its log: leaves stay append-only.
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

-- Both run with the owner's rights: nobody but the application's role may call them.
revoke all on function platform.erasable_tables(), platform.erase_rows(regclass, integer) from public;
create or replace function platform.grant_access(app_role text) returns void language plpgsql as $$
declare entry record;
begin
  for entry in select table_name, privileges from platform.table_access order by table_name loop
    execute format('revoke all on %s from %I', entry.table_name::regclass, app_role);
    execute format('grant %s on %s to %I', entry.privileges, entry.table_name::regclass, app_role);
  end loop;
  for entry in select distinct split_part(table_name, '.', 1) as schema_name from platform.table_access loop
    execute format('grant usage on schema %I to %I', entry.schema_name, app_role);
  end loop;
  execute format('grant execute on function platform.erasable_tables(), platform.erase_rows(regclass, integer) to %I', app_role);
end $$;
