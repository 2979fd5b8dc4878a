-- Until when the keys of before sign beside a new one; null for a key that had none before it.
alter table platform.log_keys add column previous_until timestamptz;
