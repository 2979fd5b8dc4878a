alter table platform.tenants add column note text; update platform.tenants set note = 'seen ' || name;
