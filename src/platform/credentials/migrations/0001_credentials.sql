-- What a token check needs before the tenant is known. The token itself is nowhere: `mac` is its keyed hash.
create table platform.credential_directory (
  lookup_id text not null,
  tenant_id text not null,
  credential_id text not null,
  product text not null,
  mac bytea not null,
  scopes text[] not null,
  ip_allow text[] not null,
  is_live boolean not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  constraint credential_directory_pk primary key (lookup_id)
);
create index credential_directory_tenant on platform.credential_directory (tenant_id, credential_id);
select platform.directory_table('platform.credential_directory', 'select, insert, update');

create table platform.credentials (
  tenant_id text not null,
  id text not null,
  lookup_id text not null,
  product text not null,
  name text not null,
  created_by text not null,
  rotated_from text,
  created_at timestamptz not null,
  last_used_at timestamptz,
  last_used_ip text,
  constraint credentials_pk primary key (tenant_id, id)
);
select platform.tenant_table('platform.credentials', 'select, insert, update');
