-- The requests of one key inside its window, oldest first, in chunks: chunk i holds counts[i] requests, the last of
-- them at ends[i] (microseconds since 1970). A chunk is forgotten as a whole once its last request has left the
-- window, so the count is never too low. Only the hash of a key is kept.
create table platform.rate_windows (
  key_hash bytea not null,
  ends bigint[] not null,
  counts integer[] not null,
  expires_at timestamptz not null,
  constraint rate_windows_pk primary key (key_hash),
  constraint rate_windows_hash_ck check (octet_length(key_hash) = 32),
  constraint rate_windows_pairs_ck check (cardinality(ends) = cardinality(counts))
) with (
  -- No index names a column that changes, so with room on the page an update stays on it and is cheap.
  fillfactor = 60,
  autovacuum_vacuum_scale_factor = 0.05
);
select platform.directory_table('platform.rate_windows');

-- Takes p_cost from the window of one key if that much is left, in one round trip.
--
-- A chunk takes requests until it holds 1 % of the limit (rounded up), so a key has about 100 chunks at most, and
-- at the moment of a refusal fewer than 1 % of the limit are counted that have left the window already. With a limit
-- up to 100 the window is exact.
--
-- The clock is read after the row is locked: requests of one key are in order, whichever process sent them. When the
-- database's clock was set back, time stands still for the key until the clock has caught up.
--
-- wait_us: when allowed, until the oldest chunk leaves; when refused, until p_cost fits.
-- p_at_us replaces the clock in tests; null otherwise.
create function platform.take_from_window(
  p_key_hash bytea, p_limit integer, p_window_us bigint, p_cost integer, p_at_us bigint, p_is_buffered boolean
) returns table (is_allowed boolean, remaining integer, wait_us bigint, at_us bigint)
language plpgsql as $$
declare
  v_ends bigint[];
  v_counts integer[];
  v_size integer;
  v_first integer := 1;
  v_used integer;
  v_left integer := p_cost;
  v_part integer;
  v_chunk_limit integer := (p_limit + 99) / 100;
begin
  if p_is_buffered then
    -- For the whole transaction: true only when this call is all of it.
    perform set_config('synchronous_commit', 'off', true);
  end if;
  loop
    select w.ends, w.counts into v_ends, v_counts
      from platform.rate_windows w where w.key_hash = p_key_hash for update;
    exit when found;
    insert into platform.rate_windows (key_hash, ends, counts, expires_at)
      values (p_key_hash, '{}', '{}', clock_timestamp()) on conflict do nothing;
  end loop;
  at_us := coalesce(p_at_us, (extract(epoch from clock_timestamp()) * 1000000)::bigint);

  v_size := cardinality(v_ends);
  if v_size > 0 then
    at_us := greatest(at_us, v_ends[v_size]);
  end if;
  while v_first <= v_size and v_ends[v_first] <= at_us - p_window_us loop
    v_first := v_first + 1;
  end loop;
  v_ends := v_ends[v_first:];
  v_counts := v_counts[v_first:];
  v_size := cardinality(v_ends);
  select coalesce(sum(c), 0) into v_used from unnest(v_counts) c;

  is_allowed := v_used + p_cost <= p_limit;
  if not is_allowed then
    remaining := greatest(p_limit - v_used, 0);
    v_first := 0;
    while v_used + p_cost > p_limit loop
      v_first := v_first + 1;
      v_used := v_used - v_counts[v_first];
    end loop;
    wait_us := v_ends[v_first] + p_window_us - at_us;
    return next;
    return;
  end if;

  if v_size > 0 and v_counts[v_size] < v_chunk_limit then
    v_part := least(v_left, v_chunk_limit - v_counts[v_size]);
    v_counts[v_size] := v_counts[v_size] + v_part;
    v_ends[v_size] := at_us;
    v_left := v_left - v_part;
  end if;
  if v_left > 0 then
    -- All of one moment, so a chunk above the chunk limit costs no exactness.
    v_ends := v_ends || at_us;
    v_counts := v_counts || v_left;
  end if;
  update platform.rate_windows w
     set ends = v_ends, counts = v_counts, expires_at = to_timestamp((at_us + p_window_us) / 1000000.0)
   where w.key_hash = p_key_hash;
  remaining := p_limit - v_used - p_cost;
  wait_us := v_ends[1] + p_window_us - at_us;
  return next;
end $$;

-- Values that may be used once: nonces, token ids, signatures. A space keeps those of different purposes apart.
create table platform.used_values (
  space text not null,
  value_hash bytea not null,
  expires_at timestamptz not null,
  constraint used_values_pk primary key (space, value_hash),
  constraint used_values_space_ck check (char_length(space) between 1 and 64),
  constraint used_values_hash_ck check (octet_length(value_hash) = 32)
) with (autovacuum_vacuum_scale_factor = 0.05);
create index used_values_expiry_ix on platform.used_values (expires_at);
select platform.directory_table('platform.used_values', 'select, insert, delete');
