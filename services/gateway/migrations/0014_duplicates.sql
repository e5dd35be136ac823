-- Finds the jobs of a recording that was sent before.
create index jobs_by_recording on jobs (tenant_id, source_sha256) where source_sha256 is not null;
