-- One row for each thing that happened, written in the transaction of what it tells of. `event` is canonical JSON
-- (RFC 8785); `leaf_hash` commits to it together with `salt`, so that both can be erased and the hash stays.
create table platform.audit_events (
  tenant_id text not null,
  id text not null,
  at timestamptz not null,
  action text not null,
  actor_type text not null,
  actor_id text not null,
  bucket text,
  resource_type text,
  resource_id text,
  outcome text not null,
  event text not null,
  salt bytea not null,
  leaf_hash bytea not null,
  constraint audit_events_pk primary key (tenant_id, id)
);
select platform.tenant_table('platform.audit_events', 'select, insert');

create function platform.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_append_only before update or delete on platform.audit_events
  for each row execute function platform.refuse_change();
create trigger audit_no_truncate before truncate on platform.audit_events
  for each statement execute function platform.refuse_change();
