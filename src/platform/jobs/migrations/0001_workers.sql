-- Job workers that live: each says so every few seconds, so that the jobs of one that died can go to another.
create table platform.job_workers (
  worker_id text not null,
  beat_at timestamptz not null,
  constraint job_workers_pk primary key (worker_id)
);
select platform.directory_table('platform.job_workers');
