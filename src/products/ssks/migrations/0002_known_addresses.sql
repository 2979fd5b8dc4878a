-- From where a slot was got back by its secret, as a keyed hash of the address. Who does so again from there does not wait for
-- strangers that try passwords of the same user.
create table ssks.known_addresses (
  tenant_id text not null,
  app_id text not null,
  user_id text not null,
  secret_mac bytea not null,
  address_mac bytea not null,
  seen_at timestamptz not null,
  constraint known_addresses_pk primary key (tenant_id, app_id, user_id, secret_mac, address_mac),
  constraint known_addresses_slot foreign key (tenant_id, app_id, user_id, secret_mac)
    references ssks.slots (tenant_id, app_id, user_id, secret_mac) on delete cascade
);
-- Those that were not seen for long are swept.
create index known_addresses_by_seen on ssks.known_addresses (tenant_id, seen_at);
select platform.tenant_table('ssks.known_addresses');
