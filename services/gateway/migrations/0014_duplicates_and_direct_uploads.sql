-- Finds the jobs of a recording that was sent before.
create index jobs_by_recording on jobs (tenant_id, source_sha256) where source_sha256 is not null;

-- The bytes that an upload is to have which its client sends straight to the store.
alter table uploads add column direct_size bigint check (direct_size > 0);
