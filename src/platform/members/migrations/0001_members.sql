-- People of an organisation. Address, name and the secret of one-time codes are sealed by the organisation's keys.
create table platform.members (
  tenant_id text not null,
  id text not null,
  sealed_email bytea not null,
  sealed_name bytea not null,
  role text not null,
  state text not null default 'active',
  locale text not null,
  password text,
  sealed_totp bytea,
  totp_confirmed_at timestamptz,
  totp_last_step bigint,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint members_pk primary key (tenant_id, id),
  constraint members_role_ck check (role in ('owner', 'admin', 'operator', 'auditor', 'reader')),
  constraint members_state_ck check (state in ('active', 'suspended')),
  constraint members_locale_ck check (locale in ('en', 'fr'))
);
select platform.tenant_table('platform.members', 'select, insert, update, delete');

-- What a sign-in reads before the organisation is known: the keyed hash of an address, and whose it is.
create table platform.member_directory (
  address_hash bytea not null,
  tenant_id text not null,
  member_id text not null,
  constraint member_directory_pk primary key (address_hash, tenant_id)
);
select platform.directory_table('platform.member_directory', 'select, insert, delete');

create table platform.recovery_codes (
  tenant_id text not null,
  member_id text not null,
  code_hash bytea not null,
  created_at timestamptz not null,
  used_at timestamptz,
  constraint recovery_codes_pk primary key (tenant_id, member_id, code_hash)
);
select platform.tenant_table('platform.recovery_codes', 'select, insert, update, delete');

create table platform.invitations (
  tenant_id text not null,
  id text not null,
  sealed_email bytea not null,
  role text not null,
  locale text not null,
  invited_by text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  accepted_at timestamptz,
  constraint invitations_pk primary key (tenant_id, id)
);
select platform.tenant_table('platform.invitations', 'select, insert, update');

-- Links in mails, by the keyed hash of their token. `subject_id` is an invitation or a member.
create table platform.member_links (
  token_hash bytea not null,
  purpose text not null,
  tenant_id text not null,
  subject_id text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  constraint member_links_pk primary key (token_hash),
  constraint member_links_purpose_ck check (purpose in ('invitation', 'reset'))
);
create index member_links_subject_ix on platform.member_links (tenant_id, subject_id);
select platform.directory_table('platform.member_links', 'select, insert, update');
