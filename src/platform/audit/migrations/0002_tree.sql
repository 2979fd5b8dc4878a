-- Events that have no place in their tenant's tree yet. It holds no content: `entry` is the salted hash of the event. A row
-- is added with its event and goes in the transaction that gives the event its index.
create table platform.audit_queue (
  tenant_id text not null,
  event_id text not null,
  entry bytea not null,
  constraint audit_queue_pk primary key (tenant_id, event_id)
);
select platform.directory_table('platform.audit_queue', 'select, insert, delete');

-- The place of each event in its tenant's tree: indexes are dense and never change. `entry` stays when event and salt are
-- erased, so that the tree can be verified for ever.
create table platform.audit_leaves (
  tenant_id text not null,
  index bigint not null,
  event_id text not null,
  entry bytea not null,
  constraint audit_leaves_pk primary key (tenant_id, index),
  constraint audit_leaves_event unique (tenant_id, event_id)
);
select platform.tenant_table('platform.audit_leaves', 'select, insert');
create trigger audit_leaves_append_only before update or delete on platform.audit_leaves
  for each row execute function platform.refuse_change();
create trigger audit_leaves_no_truncate before truncate on platform.audit_leaves
  for each statement execute function platform.refuse_change();

-- Where each log stands. `log` is 'audit', or 'top' under the server's own wall for the log over all tenants' checkpoints.
create table platform.log_heads (
  tenant_id text not null,
  log text not null,
  origin text not null,
  size bigint not null,
  fence bigint not null,
  constraint log_heads_pk primary key (tenant_id, log)
);
select platform.tenant_table('platform.log_heads', 'select, insert, update');

-- Hashes of a tile, 32 bytes each, as far as it is full; a partial tile of C2SP tlog-tiles is a prefix of it.
create table platform.log_tiles (
  tenant_id text not null,
  log text not null,
  level integer not null,
  tile_index bigint not null,
  hashes bytea not null,
  constraint log_tiles_pk primary key (tenant_id, log, level, tile_index)
);
select platform.tenant_table('platform.log_tiles', 'select, insert, update');

-- Every checkpoint that was ever signed.
create table platform.log_checkpoints (
  tenant_id text not null,
  log text not null,
  size bigint not null,
  root bytea not null,
  note text not null,
  signed_at timestamptz not null,
  constraint log_checkpoints_pk primary key (tenant_id, log, size)
);
select platform.tenant_table('platform.log_checkpoints', 'select, insert');
create trigger log_checkpoints_append_only before update or delete on platform.log_checkpoints
  for each row execute function platform.refuse_change();
create trigger log_checkpoints_no_truncate before truncate on platform.log_checkpoints
  for each statement execute function platform.refuse_change();

-- Who gives out indexes: one process at a time. `fence` grows with each change of hands; a former holder that wakes up finds
-- a higher one in the heads and can write nothing.
create table platform.log_lease (
  name text not null,
  holder text not null,
  fence bigint not null,
  ends_at timestamptz not null,
  constraint log_lease_pk primary key (name)
);
select platform.directory_table('platform.log_lease', 'select, insert, update');

-- Checkpoints of tenants that have no place in the log above them yet; in the same transaction as the checkpoint.
create table platform.top_queue (
  tenant_id text not null,
  size bigint not null,
  entry bytea not null,
  constraint top_queue_pk primary key (tenant_id, size)
);
select platform.directory_table('platform.top_queue', 'select, insert, delete');

-- The log above all logs: which tenant's checkpoint of which size stands where. An entry is SHA-256 of the signed checkpoint.
create table platform.top_leaves (
  tenant_id text not null,
  index bigint not null,
  log_tenant_id text not null,
  log_size bigint not null,
  entry bytea not null,
  constraint top_leaves_pk primary key (tenant_id, index),
  constraint top_leaves_log unique (tenant_id, log_tenant_id, log_size)
);
select platform.tenant_table('platform.top_leaves', 'select, insert');
create trigger top_leaves_append_only before update or delete on platform.top_leaves
  for each row execute function platform.refuse_change();
create trigger top_leaves_no_truncate before truncate on platform.top_leaves
  for each statement execute function platform.refuse_change();

-- Seeds of the Ed25519 keys that sign checkpoints, sealed under the server's own keys. The newest signs.
create table platform.log_keys (
  tenant_id text not null,
  id text not null,
  sealed_seed bytea not null,
  created_at timestamptz not null,
  constraint log_keys_pk primary key (tenant_id, id)
);
select platform.tenant_table('platform.log_keys', 'select, insert');

-- Events of before there were trees get their places as well. They stand behind the wall, so they are read tenant by tenant.
do $$
declare known record;
begin
  if to_regclass('platform.tenants') is null then return; end if;
  for known in execute 'select id from platform.tenants union select ''server''' loop
    perform set_config('tabellion.tenant_id', known.id, true);
    insert into platform.audit_queue (tenant_id, event_id, entry)
    select tenant_id, id, sha256(salt || convert_to(event, 'UTF8'))
      from platform.audit_events where tenant_id = known.id;
  end loop;
  perform set_config('tabellion.tenant_id', '', true);
end $$;
