-- What is or was to be sent, without address and content: for the workers, which know no tenant yet, and for the operator.
create table platform.notifications (
  tenant_id text not null,
  id text not null,
  kind text not null,
  purpose text not null,
  state text not null,
  attempts integer not null default 0,
  -- Why it was not sent, in words of ours: no address, no text of a stranger.
  error text,
  -- The attempt that passed the point of no return.
  sending_by text,
  created_at timestamptz not null,
  expires_at timestamptz,
  finished_at timestamptz,
  constraint notifications_pk primary key (tenant_id, id),
  constraint notifications_kind check (kind in ('mail', 'sms')),
  constraint notifications_state check (state in ('waiting', 'sending', 'sent', 'failed', 'expired', 'uncertain')),
  constraint notifications_finished check ((finished_at is null) = (state in ('waiting', 'sending')))
);
create index notifications_by_id on platform.notifications (id);
create index notifications_by_state on platform.notifications (state, id);
select platform.directory_table('platform.notifications');

-- Address and content, sealed under the tenant's key. A row goes when its notification is over.
create table platform.notification_contents (
  tenant_id text not null,
  id text not null,
  sealed bytea not null,
  constraint notification_contents_pk primary key (tenant_id, id),
  constraint notification_contents_notification foreign key (tenant_id, id)
    references platform.notifications (tenant_id, id) on delete cascade
);
select platform.tenant_table('platform.notification_contents', 'select, insert, delete');
