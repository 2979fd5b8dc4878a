-- What was refused before anybody was authenticated, counted by minute, source and reason. No tenant's content: a source is a
-- network, never a single address.
create table platform.refusals (
  minute timestamptz not null,
  source text not null,
  reason text not null,
  count bigint not null,
  last_at timestamptz not null,
  constraint refusals_pk primary key (minute, source, reason)
);
select platform.directory_table('platform.refusals', 'select, insert, update, delete');
