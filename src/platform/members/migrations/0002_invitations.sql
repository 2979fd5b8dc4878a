-- An invitation can be withdrawn: its link is used up in the same transaction.
alter table platform.invitations add column withdrawn_at timestamptz;
