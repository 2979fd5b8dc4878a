-- The bucket of a request's document, so that what happens to the request is on record under it, also when the document is
-- gone. Null for requests of before whose document was gone by then.
alter table secufile.signatures add column bucket text;
alter table secufile.documents no force row level security;
alter table secufile.signatures no force row level security;
update secufile.signatures s
   set bucket = d.bucket
  from secufile.documents d
 where d.tenant_id = s.tenant_id and d.id = s.document_id;
alter table secufile.documents force row level security;
alter table secufile.signatures force row level security;
