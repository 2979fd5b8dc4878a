create schema ssks;

-- Leads from the id of an application, which clients are given, to its tenant.
create table ssks.app_directory (
  app_id text not null,
  tenant_id text not null,
  constraint app_directory_pk primary key (app_id)
);
select platform.directory_table('ssks.app_directory', 'select, insert, delete');

create table ssks.apps (
  tenant_id text not null,
  id text not null,
  name text not null,
  environment text not null,
  sms_quota integer not null,
  mails_per_hour integer not null,
  slots_per_user integer not null,
  -- Whether a template without the mark for the challenge is taken, outside production.
  is_mark_waived boolean not null,
  -- How a user's id stands in the audit log.
  audit_users text not null,
  -- Budgets that differ from the usual ones, by name.
  limits json not null,
  created_at timestamptz not null,
  constraint apps_pk primary key (tenant_id, id),
  constraint apps_environment check (environment in ('production', 'staging', 'test')),
  constraint apps_audit_users check (audit_users in ('hashed', 'clear'))
);
select platform.tenant_table('ssks.apps');

-- Which credential (platform.credentials) is a key of which application.
create table ssks.api_keys (
  tenant_id text not null,
  app_id text not null,
  credential_id text not null,
  constraint api_keys_pk primary key (tenant_id, app_id, credential_id),
  constraint api_keys_app foreign key (tenant_id, app_id) references ssks.apps (tenant_id, id) on delete cascade
);
select platform.tenant_table('ssks.api_keys', 'select, insert, delete');

create table ssks.templates (
  tenant_id text not null,
  app_id text not null,
  id text not null,
  name text not null,
  subject text,
  html text not null,
  is_default boolean not null,
  created_at timestamptz not null,
  constraint templates_pk primary key (tenant_id, app_id, id),
  constraint templates_app foreign key (tenant_id, app_id) references ssks.apps (tenant_id, id) on delete cascade
);
create unique index templates_default on ssks.templates (tenant_id, app_id) where is_default;
select platform.tenant_table('ssks.templates');

-- Text messages of a month, accepted for sending.
create table ssks.sms_usage (
  tenant_id text not null,
  app_id text not null,
  month text not null,
  sent integer not null,
  constraint sms_usage_pk primary key (tenant_id, app_id, month),
  constraint sms_usage_app foreign key (tenant_id, app_id) references ssks.apps (tenant_id, id) on delete cascade
);
select platform.tenant_table('ssks.sms_usage');

-- A user of the two-man-rule: the application's id for it, and one factor, of which there is a keyed hash alone.
create table ssks.users (
  tenant_id text not null,
  id text not null,
  app_id text not null,
  user_id text not null,
  factor_type text not null,
  factor_mac bytea not null,
  created_at timestamptz not null,
  constraint users_pk primary key (tenant_id, id),
  constraint users_pair unique (tenant_id, app_id, user_id, factor_mac),
  constraint users_factor check (factor_type in ('EM', 'SMS')),
  constraint users_app foreign key (tenant_id, app_id) references ssks.apps (tenant_id, id) on delete cascade
);
create index users_by_factor on ssks.users (tenant_id, app_id, factor_mac);
select platform.tenant_table('ssks.users');

-- What a user stored: sealed under a key of its own, which is sealed under the tenant's. Without the row nothing opens it.
create table ssks.identities (
  tenant_id text not null,
  user_ref text not null,
  id text not null,
  is_authenticated boolean not null,
  wrapped_key bytea not null,
  sealed_data bytea not null,
  stored_at timestamptz not null,
  constraint identities_pk primary key (tenant_id, user_ref),
  constraint identities_user foreign key (tenant_id, user_ref) references ssks.users (tenant_id, id) on delete cascade
);
-- Ciphertext does not shrink.
alter table ssks.identities alter column sealed_data set storage external;
select platform.tenant_table('ssks.identities');

-- The one session of a user that lives. Session id and challenge are keyed hashes, under a key that is in no database.
create table ssks.sessions (
  tenant_id text not null,
  user_ref text not null,
  session_mac bytea not null,
  must_authenticate boolean not null,
  is_authenticated boolean not null,
  challenge_mac bytea,
  tries integer not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  constraint sessions_pk primary key (tenant_id, user_ref),
  constraint sessions_mac unique (tenant_id, session_mac),
  constraint sessions_user foreign key (tenant_id, user_ref) references ssks.users (tenant_id, id) on delete cascade
);
create index sessions_by_end on ssks.sessions (tenant_id, expires_at);
select platform.tenant_table('ssks.sessions');

-- What is kept under a password, sealed as identities are. `secret_mac` is a keyed hash: what clients send is guessable.
create table ssks.slots (
  tenant_id text not null,
  app_id text not null,
  user_id text not null,
  secret_mac bytea not null,
  id text not null,
  wrapped_key bytea not null,
  sealed_data bytea not null,
  stored_at timestamptz not null,
  constraint slots_pk primary key (tenant_id, app_id, user_id, secret_mac),
  constraint slots_app foreign key (tenant_id, app_id) references ssks.apps (tenant_id, id) on delete cascade
);
alter table ssks.slots alter column sealed_data set storage external;
select platform.tenant_table('ssks.slots');

-- What the server signs factor tokens with: under the tenant 'server', the private half sealed.
create table ssks.token_keys (
  tenant_id text not null,
  id text not null,
  public_key bytea not null,
  sealed_private bytea not null,
  created_at timestamptz not null,
  constraint token_keys_pk primary key (tenant_id, id)
);
select platform.tenant_table('ssks.token_keys', 'select, insert');
