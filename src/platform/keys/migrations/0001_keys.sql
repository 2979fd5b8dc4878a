-- Keys of tenants, each wrapped by the root key of one generation. Deleting a tenant's rows shreds the tenant:
-- nothing sealed for it can be opened again.
create table platform.tenant_keys (
  tenant_id text not null,
  generation integer not null,
  root_generation integer not null,
  wrapped_key bytea not null,
  created_at timestamptz not null default now(),
  constraint tenant_keys_pk primary key (tenant_id, generation)
);
select platform.directory_table('platform.tenant_keys');

-- Keys of the built-in key service, sealed under the tenant's key.
create table platform.kms_keys (
  tenant_id text not null,
  id text not null,
  generation integer not null,
  name text not null,
  sealed_key bytea not null,
  created_at timestamptz not null default now(),
  constraint kms_keys_pk primary key (tenant_id, id, generation)
);
select platform.tenant_table('platform.kms_keys', 'select, insert, delete');
