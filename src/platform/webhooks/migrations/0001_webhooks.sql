-- Where a tenant wants to be told of events, with what, and how it has gone lately.
create table platform.webhook_endpoints (
  tenant_id text not null,
  id text not null,
  product text not null,
  -- Sealed, because paths and queries of URLs are often what lets a caller in.
  sealed_url bytea not null,
  description text not null,
  -- Event names, or one '*' for all of the product.
  events text[] not null,
  is_active boolean not null,
  disabled_reason text,
  disabled_at timestamptz,
  -- All secrets are sealed. `secret` makes the one legacy signature; the pending one takes its place at its instant,
  -- and it then stays valid as `previous_secret` for a while.
  secret bytea not null,
  pending_secret bytea,
  pending_flips_at timestamptz,
  previous_secret bytea,
  previous_ends_at timestamptz,
  signing_key bytea not null,
  public_key text not null,
  next_seq bigint not null default 1,
  -- Health: all of it goes back to the defaults with a success, the cap step by step.
  straight_failures integer not null default 0,
  first_failure_at timestamptz,
  breaker_opens integer not null default 0,
  in_flight_cap integer not null,
  last_test_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint webhook_endpoints_pk primary key (tenant_id, id),
  constraint webhook_endpoints_pending check ((pending_secret is null) = (pending_flips_at is null)),
  constraint webhook_endpoints_previous check ((previous_secret is null) = (previous_ends_at is null))
);
select platform.tenant_table('platform.webhook_endpoints');

-- One event for one endpoint. The body is written once and sent as it is on every attempt.
create table platform.webhook_deliveries (
  tenant_id text not null,
  id text not null,
  endpoint_id text not null,
  event_id text not null,
  seq bigint not null,
  type text not null,
  body text not null,
  state text not null,
  attempts integer not null default 0,
  retries_left integer not null,
  next_attempt_at timestamptz,
  created_at timestamptz not null,
  finished_at timestamptz,
  constraint webhook_deliveries_pk primary key (tenant_id, id),
  constraint webhook_deliveries_once unique (tenant_id, endpoint_id, event_id),
  constraint webhook_deliveries_dense unique (tenant_id, endpoint_id, seq),
  constraint webhook_deliveries_state check (state in ('pending', 'delivered', 'failed')),
  constraint webhook_deliveries_endpoint foreign key (tenant_id, endpoint_id)
    references platform.webhook_endpoints (tenant_id, id) on delete cascade
);
create index webhook_deliveries_of_endpoint on platform.webhook_deliveries (tenant_id, endpoint_id, id);
select platform.tenant_table('platform.webhook_deliveries');

-- What each attempt met. The answer is what a stranger sent: at most 1 KiB of it, never to be shown as HTML.
create table platform.webhook_attempts (
  tenant_id text not null,
  delivery_id text not null,
  number integer not null,
  at timestamptz not null,
  status_code integer,
  duration_ms integer not null,
  error text,
  answer text,
  constraint webhook_attempts_pk primary key (tenant_id, delivery_id, number),
  constraint webhook_attempts_delivery foreign key (tenant_id, delivery_id)
    references platform.webhook_deliveries (tenant_id, id) on delete cascade
);
select platform.tenant_table('platform.webhook_attempts', 'select, insert, delete');

-- What is to be sent when. A row goes when its delivery is over.
create table platform.webhook_queue (
  tenant_id text not null,
  endpoint_id text not null,
  delivery_id text not null,
  due_at timestamptz not null,
  constraint webhook_queue_pk primary key (tenant_id, delivery_id),
  constraint webhook_queue_delivery foreign key (tenant_id, delivery_id)
    references platform.webhook_deliveries (tenant_id, id) on delete cascade
);
create index webhook_queue_due on platform.webhook_queue (tenant_id, endpoint_id, due_at, delivery_id);
select platform.directory_table('platform.webhook_queue');

-- One lane for each endpoint. A worker holds a lane by a lease and is then the only one that sends to the endpoint.
create table platform.webhook_lanes (
  tenant_id text not null,
  endpoint_id text not null,
  -- Nothing is due before this; a lane that was just served goes behind those that wait.
  wake_at timestamptz not null,
  -- Set by the breaker, by Retry-After, and to infinity while the endpoint is disabled.
  paused_until timestamptz not null,
  owner text,
  lease_until timestamptz not null,
  -- How many deliveries are taken at once.
  take integer not null,
  constraint webhook_lanes_pk primary key (tenant_id, endpoint_id),
  constraint webhook_lanes_endpoint foreign key (tenant_id, endpoint_id)
    references platform.webhook_endpoints (tenant_id, id) on delete cascade
);
create index webhook_lanes_ready on platform.webhook_lanes (greatest(wake_at, paused_until));
select platform.directory_table('platform.webhook_lanes');
