-- Where a member has signed in from: the keyed hash of the member's address and the network's. Read before the
-- organisation is known. It says no more than that a sign-in from there need not wait for those of strangers.
create table platform.known_addresses (
  known_hash bytea not null,
  tenant_id text not null,
  member_id text not null,
  seen_at timestamptz not null,
  constraint known_addresses_pk primary key (known_hash, tenant_id)
);
create index known_addresses_member_ix on platform.known_addresses (tenant_id, member_id, seen_at);
create index known_addresses_seen_ix on platform.known_addresses (seen_at);
select platform.directory_table('platform.known_addresses', 'select, insert, update, delete');
