-- A request for signatures on a document. It outlives its document: what was signed stays provable.
create table secufile.signatures (
  tenant_id text not null,
  id text not null,
  document_id text not null,
  filename text not null,
  plaintext_sha256 bytea,
  status text not null,
  sealed_message bytea,
  required_code text not null,
  is_delegable boolean not null,
  locale text not null,
  -- Days after the request on which those who have not answered are reminded.
  reminder_days integer[] not null,
  is_live boolean not null,
  created_by text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  constraint signatures_pk primary key (tenant_id, id),
  constraint signatures_code check (required_code in ('none', 'mail', 'sms')),
  constraint signatures_status check
    (status in ('pending', 'viewed', 'partially_signed', 'completed', 'declined', 'expired', 'cancelled'))
);
create index signatures_document on secufile.signatures (tenant_id, document_id);

-- Who is asked, and where each of them stands. `code_mac` is a keyed hash; record and reason are sealed.
create table secufile.signature_signers (
  tenant_id text not null,
  signature_id text not null,
  id text not null,
  position integer not null,
  state text not null,
  email text not null,
  role text not null,
  name text,
  phone text,
  signing_order integer,
  delegated_from text,
  invited_at timestamptz,
  viewed_at timestamptz,
  ended_at timestamptz,
  sealed_reason bytea,
  code_mac bytea,
  code_sent_at timestamptz,
  code_tries integer not null default 0,
  sealed_evidence bytea,
  audit_id text,
  constraint signature_signers_pk primary key (tenant_id, signature_id, id),
  constraint signature_signers_position unique (tenant_id, signature_id, position),
  constraint signature_signers_request foreign key (tenant_id, signature_id)
    references secufile.signatures (tenant_id, id) on delete cascade,
  constraint signature_signers_state check
    (state in ('waiting', 'invited', 'viewed', 'signed', 'declined', 'delegated')),
  constraint signature_signers_evidence check ((state = 'signed') = (sealed_evidence is not null))
);

-- What the server signs evidence with: under the tenant 'server', the private half sealed.
create table secufile.signature_keys (
  tenant_id text not null,
  id text not null,
  public_key bytea not null,
  sealed_private bytea not null,
  created_at timestamptz not null,
  constraint signature_keys_pk primary key (tenant_id, id)
);

-- Requests made before there was this table. Nobody was written to then, so nobody counts as invited; their time begins now.
-- Ids come from the document's, so that a link leads to its request.
alter table secufile.documents no force row level security;
alter table secufile.signers no force row level security;
insert into secufile.signatures
  (tenant_id, id, document_id, filename, status, required_code, is_delegable, locale, reminder_days, is_live, created_by,
   created_at, expires_at)
select d.tenant_id, 'sig_' || substr(d.id, 5), d.id, d.filename, 'pending', 'none', false, 'en', '{}', d.is_live,
       d.created_by, d.created_at, now() + interval '30 days'
  from secufile.documents d
 where exists (select from secufile.signers s where s.tenant_id = d.tenant_id and s.document_id = d.id);
insert into secufile.signature_signers
  (tenant_id, signature_id, id, position, state, email, role, name, phone, signing_order)
select s.tenant_id, 'sig_' || substr(s.document_id, 5),
       'sgn_' || substr(s.document_id, 5, 22) || lpad(s.position::text, 4, '0'), s.position, 'waiting', s.email, s.role,
       s.name, s.phone, s.signing_order
  from secufile.signers s;
alter table secufile.documents force row level security;
alter table secufile.signers force row level security;

select platform.tenant_table('secufile.signatures');
select platform.tenant_table('secufile.signature_signers');
select platform.tenant_table('secufile.signature_keys', 'select, insert');

-- A link now leads to a request, and, where it is a signer's own, to that signer. A link that a newer one replaced stays, so
-- that its holder is told so.
alter table secufile.sign_links add column signature_id text;
alter table secufile.sign_links add column signer_id text;
alter table secufile.sign_links add column replaced_at timestamptz;
update secufile.sign_links set signature_id = 'sig_' || substr(document_id, 5);
alter table secufile.sign_links alter column signature_id set not null;
drop index secufile.sign_links_document;
alter table secufile.sign_links alter column document_id drop not null;
create index sign_links_signer on secufile.sign_links (tenant_id, signature_id, signer_id);
update platform.table_access set privileges = 'select, insert, update, delete' where table_name = 'secufile.sign_links';
