-- When the member last proved who they are within the session; null: at its beginning.
alter table platform.sessions add column proved_at timestamptz;
