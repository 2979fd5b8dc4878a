-- The organisations served here. Their names are known to the operator; their content stands behind the wall.
create table platform.tenants (
  id text not null,
  name text not null,
  is_demo boolean not null default false,
  created_at timestamptz not null,
  deleted_at timestamptz,
  constraint tenants_pk primary key (id)
);
select platform.directory_table('platform.tenants', 'select, insert, update');
