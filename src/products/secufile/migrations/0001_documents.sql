create schema secufile;

-- Documents whose content the customer encrypted. `ciphertext_url` is sealed and goes once it has been fetched.
create table secufile.documents (
  tenant_id text not null,
  id text not null,
  filename text not null,
  content_type text not null,
  bucket text not null,
  object_key text not null,
  status text not null,
  failure text,
  sealed_url bytea,
  expected_sha256 bytea,
  expected_size bigint,
  size_bytes bigint,
  sha256 bytea,
  blob_ref text,
  key_wrap text not null,
  wrapped_key bytea,
  retention_days integer,
  retained_until timestamptz,
  metadata json not null,
  is_live boolean not null,
  created_by text not null,
  created_at timestamptz not null,
  stored_at timestamptz,
  constraint documents_pk primary key (tenant_id, id),
  constraint documents_status check (status in ('pending', 'stored', 'failed')),
  constraint documents_stored check ((status = 'stored') = (blob_ref is not null))
);
create index documents_bucket on secufile.documents (tenant_id, bucket, id);
create index documents_blob on secufile.documents (tenant_id, blob_ref) where blob_ref is not null;
select platform.tenant_table('secufile.documents');

-- Who is asked to sign, in the order given.
create table secufile.signers (
  tenant_id text not null,
  document_id text not null,
  position integer not null,
  email text not null,
  role text not null,
  name text,
  signing_order integer,
  phone text,
  constraint signers_pk primary key (tenant_id, document_id, position),
  constraint signers_document foreign key (tenant_id, document_id)
    references secufile.documents (tenant_id, id) on delete cascade
);
select platform.tenant_table('secufile.signers');

-- Leads from a link to its tenant and document. The link's token is nowhere: `token_mac` is its keyed hash.
create table secufile.sign_links (
  token_mac bytea not null,
  tenant_id text not null,
  document_id text not null,
  created_at timestamptz not null,
  constraint sign_links_pk primary key (token_mac)
);
create index sign_links_document on secufile.sign_links (tenant_id, document_id);
select platform.directory_table('secufile.sign_links', 'select, insert, delete');
