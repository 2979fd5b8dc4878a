-- Leaky buckets: how much a key has taken that has not run out again, as the moment when it will have. Only the hash of a key is
-- kept.
create table platform.rate_buckets (
  key_hash bytea not null,
  empty_at timestamptz not null,
  constraint rate_buckets_pk primary key (key_hash),
  constraint rate_buckets_hash_ck check (octet_length(key_hash) = 32)
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
create index rate_buckets_empty_ix on platform.rate_buckets (empty_at);
select platform.directory_table('platform.rate_buckets');

-- Takes one from each bucket, or from none: bucket i holds p_bursts[i], and one of them runs out every p_every_us[i]. Answers 0,
-- or the microseconds until all of them have room. The clock is read after the rows are locked, in the order of their hashes.
create function platform.take_from_buckets(
  p_hashes bytea[], p_bursts integer[], p_every_us bigint[], p_is_buffered boolean
) returns bigint language plpgsql as $$
declare
  v_now timestamptz;
  v_wait interval;
begin
  if p_is_buffered then
    -- For the whole transaction: true only when this call is all of it.
    perform set_config('synchronous_commit', 'off', true);
  end if;
  insert into platform.rate_buckets (key_hash, empty_at)
    select hash, '-infinity' from unnest(p_hashes) as hash order by hash on conflict do nothing;
  perform 1 from platform.rate_buckets where key_hash = any(p_hashes) order by key_hash for update;
  v_now := clock_timestamp();
  select max(greatest(b.empty_at, v_now) - v_now - make_interval(secs => a.every_us / 1000000.0) * (a.burst - 1))
    into v_wait
    from unnest(p_hashes, p_bursts, p_every_us) as a(hash, burst, every_us)
    join platform.rate_buckets b on b.key_hash = a.hash;
  if v_wait > interval '0' then
    return greatest(1, ceil(extract(epoch from v_wait) * 1000000)::bigint);
  end if;
  update platform.rate_buckets b
     set empty_at = greatest(b.empty_at, v_now) + make_interval(secs => a.every_us / 1000000.0)
    from unnest(p_hashes, p_every_us) as a(hash, every_us)
   where b.key_hash = a.hash;
  return 0;
end $$;

-- Gives one back to each bucket.
create function platform.give_back_to_buckets(p_hashes bytea[], p_every_us bigint[], p_is_buffered boolean)
returns integer language plpgsql as $$
declare
  v_count integer;
begin
  if p_is_buffered then
    perform set_config('synchronous_commit', 'off', true);
  end if;
  perform 1 from platform.rate_buckets where key_hash = any(p_hashes) order by key_hash for update;
  update platform.rate_buckets b set empty_at = b.empty_at - make_interval(secs => a.every_us / 1000000.0)
    from unnest(p_hashes, p_every_us) as a(hash, every_us)
   where b.key_hash = a.hash;
  get diagnostics v_count = row_count;
  return v_count;
end $$;
