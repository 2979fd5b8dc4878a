-- What is over is removed after a while.
update platform.table_access set privileges = 'select, insert, update, delete'
 where table_name in ('platform.invitations', 'platform.member_links');
create index member_links_expires_ix on platform.member_links (expires_at);
