-- A tenant that is disabled keeps everything and gets in with no key.
alter table tenants add column disabled_at timestamptz;
