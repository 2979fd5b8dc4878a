-- When a signer was told how the request ended, so that nobody is told twice.
alter table secufile.signature_signers add column told_at timestamptz;
