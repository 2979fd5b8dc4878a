-- Which privileges the application's role has on which table, and whether the table stands behind the tenant wall.
create table platform.table_access (
  table_name text not null,
  privileges text not null,
  is_walled boolean not null,
  constraint table_access_pk primary key (table_name)
);

-- Puts a table behind the tenant wall: rows of one tenant only, also for the table's owner.
create function platform.tenant_table(target regclass, privileges text default 'select, insert, update, delete')
returns void language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format(
    'create policy tenant_wall on %s using (tenant_id = current_setting(''tabellion.tenant_id'', true))'
    ' with check (tenant_id = current_setting(''tabellion.tenant_id'', true))', target);
  insert into platform.table_access (table_name, privileges, is_walled) values (target::text, privileges, true);
end $$;

-- A table that is read before the tenant is known, or that holds only what is to be done when: no tenant's content.
create function platform.directory_table(target regclass, privileges text default 'select, insert, update, delete')
returns void language plpgsql as $$
begin
  insert into platform.table_access (table_name, privileges, is_walled) values (target::text, privileges, false);
end $$;

-- Gives the application's role exactly what table_access says, and the use of every schema named there.
create function platform.grant_access(app_role text) returns void language plpgsql as $$
declare entry record;
begin
  for entry in select table_name, privileges from platform.table_access order by table_name loop
    execute format('revoke all on %s from %I', entry.table_name::regclass, app_role);
    execute format('grant %s on %s to %I', entry.privileges, entry.table_name::regclass, app_role);
  end loop;
  for entry in select distinct split_part(table_name, '.', 1) as schema_name from platform.table_access loop
    execute format('grant usage on schema %I to %I', entry.schema_name, app_role);
  end loop;
end $$;
