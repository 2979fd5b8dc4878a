-- One row per Idempotency-Key in use. `answer` is sealed: it may hold links and secrets shown once.
create table platform.idempotency_keys (
  tenant_id text not null,
  operation text not null,
  key uuid not null,
  fingerprint bytea not null,
  state text not null,
  owner uuid not null,
  lease_until timestamptz not null,
  answer bytea,
  is_secret boolean not null,
  created_at timestamptz not null,
  constraint idempotency_keys_pk primary key (tenant_id, operation, key),
  constraint idempotency_keys_state check (state in ('running', 'done', 'shown'))
);
create index idempotency_keys_age on platform.idempotency_keys (tenant_id, created_at);
select platform.tenant_table('platform.idempotency_keys');
