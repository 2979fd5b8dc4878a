-- What counts only when it fails is judged in the statement that takes: no second one gives back what a success had taken.
drop function platform.take_from_buckets(bytea[], integer[], bigint[], boolean);
drop function platform.give_back_to_buckets(bytea[], bigint[], boolean);

-- Takes one from each bucket, or from none: bucket i holds p_bursts[i], and one of them runs out every p_every_us[i]. Answers 0,
-- or the microseconds until all of them have room. Rows are locked, and made where they are missing, in the order of their
-- hashes and in no other, so that no two takes wait for each other. One that somebody changed while this take waited for it is
-- read again, so takes of one key are in order, whichever process sent them. What is free waits and is refused as others are, so
-- that it is told nothing earlier, and takes nothing.
create function platform.take_from_buckets(
  p_hashes bytea[], p_bursts integer[], p_every_us bigint[], p_is_free boolean, p_is_buffered boolean
) returns bigint language plpgsql as $$
declare
  v_found integer;
  v_wait interval;
begin
  if p_is_buffered then
    -- For the whole transaction: true only when this call is all of it.
    perform set_config('synchronous_commit', 'off', true);
  end if;
  -- A refusal needs no lock and makes no row: floods write nothing.
  select count(*), max(greatest(b.empty_at - clock_timestamp(), '0') - make_interval(secs => a.every_us / 1000000.0) * (a.burst - 1))
    into v_found, v_wait
    from unnest(p_hashes, p_bursts, p_every_us) as a(hash, burst, every_us)
    join platform.rate_buckets b on b.key_hash = a.hash;
  if v_wait > interval '0' then
    return greatest(1, ceil(extract(epoch from v_wait) * 1000000)::bigint);
  end if;
  if v_found < cardinality(p_hashes) then
    insert into platform.rate_buckets as b (key_hash, empty_at)
      select hash, '1970-01-01' from unnest(p_hashes) as hash order by hash
      on conflict (key_hash) do update set empty_at = b.empty_at;
  end if;
  with locked as materialized (
    select b.key_hash, b.empty_at - clock_timestamp() as owed
      from platform.rate_buckets b where b.key_hash = any(p_hashes) order by b.key_hash for update
  )
  select count(*), max(greatest(l.owed, '0') - make_interval(secs => a.every_us / 1000000.0) * (a.burst - 1))
    into v_found, v_wait
    from locked l
    join unnest(p_hashes, p_bursts, p_every_us) as a(hash, burst, every_us) on a.hash = l.key_hash;
  if v_found < cardinality(p_hashes) then
    raise exception 'a bucket was swept away between two looks' using errcode = 'serialization_failure';
  end if;
  if v_wait > interval '0' then
    return greatest(1, ceil(extract(epoch from v_wait) * 1000000)::bigint);
  end if;
  if p_is_free then
    return 0;
  end if;
  update platform.rate_buckets b
     set empty_at = greatest(b.empty_at, clock_timestamp()) + make_interval(secs => a.every_us / 1000000.0)
    from unnest(p_hashes, p_every_us) as a(hash, every_us)
   where b.key_hash = a.hash;
  return 0;
end $$;
