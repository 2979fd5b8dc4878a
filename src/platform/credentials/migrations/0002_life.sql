-- How long a token was made for. Its end in the directory moves when it is rotated; its successor lives as long as it
-- was meant to live itself.
alter table platform.credentials add column life_seconds bigint not null default 31536000;
