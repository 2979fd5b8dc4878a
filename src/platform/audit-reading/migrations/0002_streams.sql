-- Where a tenant's audit log is sent as it grows. `next_index` is the first record that the receiver has not taken: it moves
-- only after a batch was taken, so a crash anywhere sends again and loses nothing. Target and secrets are sealed.
create table platform.audit_streams (
  tenant_id text not null,
  id text not null,
  product text not null,
  type text not null,
  name text not null,
  format text not null,
  sealed_target bytea not null,
  secret bytea not null,
  signing_key bytea not null,
  public_key text not null,
  is_paused boolean not null,
  next_index bigint not null,
  failures integer not null,
  last_sent_at timestamptz,
  last_error text,
  last_error_at timestamptz,
  created_at timestamptz not null,
  constraint audit_streams_pk primary key (tenant_id, id)
);
select platform.tenant_table('platform.audit_streams');

-- When each stream is to be looked at, and who does so now. One row a stream; no content.
create table platform.audit_stream_lanes (
  tenant_id text not null,
  stream_id text not null,
  due_at timestamptz not null,
  owner text,
  lease_until timestamptz not null,
  constraint audit_stream_lanes_pk primary key (tenant_id, stream_id)
);
select platform.directory_table('platform.audit_stream_lanes');
create index audit_stream_lanes_due on platform.audit_stream_lanes (due_at);
