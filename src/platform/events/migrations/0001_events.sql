-- What happened, for those who want to be told. Written in the transaction of what it tells of.
create table platform.events (
  tenant_id text not null,
  id text not null,
  product text not null,
  type text not null,
  is_live boolean not null,
  data json not null,
  created_at timestamptz not null,
  constraint events_pk primary key (tenant_id, id)
);
select platform.tenant_table('platform.events', 'select, insert, delete');

-- Events that have not been handed to their receivers yet. A row goes when it has been.
create table platform.event_queue (
  tenant_id text not null,
  event_id text not null,
  created_at timestamptz not null,
  constraint event_queue_pk primary key (tenant_id, event_id)
);
create index event_queue_age on platform.event_queue (created_at);
select platform.directory_table('platform.event_queue', 'select, insert, delete, update');
