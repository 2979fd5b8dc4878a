-- What a notification is about, as an id of whoever asked for it: by that it is taken back while it waits.
-- Byte by byte, so that all that begin with the same words are found by the index, whatever the language of the database.
alter table platform.notification_contents add column about text collate "C";
create index notification_contents_by_about on platform.notification_contents (tenant_id, about) where about is not null;

alter table platform.notifications drop constraint notifications_state;
alter table platform.notifications add constraint notifications_state
  check (state in ('waiting', 'sending', 'sent', 'failed', 'expired', 'uncertain', 'withdrawn'));
