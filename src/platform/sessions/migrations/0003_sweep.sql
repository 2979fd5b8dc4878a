-- Sessions that are over are removed after a while.
update platform.table_access set privileges = 'select, insert, update, delete' where table_name = 'platform.sessions';
