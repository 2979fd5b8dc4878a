-- A session of a member: a family of refresh tokens. No token is kept, nor a hash of one: each is the keyed hash, by
-- a key outside the database, of seed and generation. `generation` is the only one that can be spent.
create table platform.sessions (
  tenant_id text not null,
  id text not null,
  member_id text not null,
  seed bytea not null,
  generation integer not null default 1,
  rotated_at timestamptz,
  rotated_client bytea,
  created_at timestamptz not null,
  used_at timestamptz not null,
  revoked_at timestamptz,
  revoked_reason text,
  constraint sessions_pk primary key (tenant_id, id),
  constraint sessions_seed_ck check (octet_length(seed) = 32)
);
create index sessions_member_ix on platform.sessions (tenant_id, member_id, id);
select platform.tenant_table('platform.sessions', 'select, insert, update');

-- What access tokens are signed with, behind the server's own wall.
create table platform.session_signing_keys (
  tenant_id text not null,
  id text not null,
  public_key bytea not null,
  sealed_key bytea not null,
  created_at timestamptz not null,
  constraint session_signing_keys_pk primary key (tenant_id, id)
);
select platform.tenant_table('platform.session_signing_keys', 'select, insert');
