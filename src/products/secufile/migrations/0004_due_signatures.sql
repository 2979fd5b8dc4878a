-- When something is next to be done for a request that nobody has ended: a reminder, or its end. No content, and not behind
-- the wall: one look finds what is due of all organisations.
create table secufile.due_signatures (
  tenant_id text not null,
  signature_id text not null,
  due_at timestamptz not null,
  constraint due_signatures_pk primary key (tenant_id, signature_id)
);
create index due_signatures_at on secufile.due_signatures (due_at, tenant_id, signature_id);
select platform.directory_table('secufile.due_signatures');

-- Requests of before. Their reminders are jobs already, so what is left is their end, for which not all of them have a job.
alter table secufile.signatures no force row level security;
insert into secufile.due_signatures (tenant_id, signature_id, due_at)
select tenant_id, id, expires_at
  from secufile.signatures
 where status in ('pending', 'viewed', 'partially_signed');
alter table secufile.signatures force row level security;

-- Ids of documents are unique by themselves. With tenant_id before it this index could serve the check that a signer's
-- request is there, and where nothing was analysed yet it did: each new request then read all others of its organisation.
drop index secufile.signatures_document;
create index signatures_document on secufile.signatures (document_id);
