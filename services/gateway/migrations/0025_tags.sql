-- Words that customers sort their jobs by.
alter table jobs add column tags text[] not null default '{}';

-- A row for each tag and each entry of the metadata, in the order of lists: the jobs with a tag are one piece of the index,
-- however rare or common it is. `label` is the first half of a SHA-256, so that nothing is written down twice.
create table job_labels (
    tenant_id uuid not null,
    label bytea not null check (length(label) = 16),
    created_at timestamptz not null,
    job_id uuid not null references jobs on delete cascade,
    primary key (tenant_id, label, created_at, job_id)
);
create index job_labels_of_job on job_labels (job_id);

insert into job_labels (tenant_id, label, created_at, job_id)
select tenant_id, substring(sha256(convert_to('metadata:' || entry.key || ':' || entry.value, 'UTF8')) for 16), created_at, id
from jobs, jsonb_each_text(metadata) as entry on conflict do nothing;

-- Lists of jobs in one state, of one scenario, or in one language, whatever its script or region.
alter table jobs
    add column solution text generated always as (options ->> 'solution') stored,
    add column spoken text generated always as (split_part(detected_language, '-', 1)) stored;
create index jobs_by_state on jobs (tenant_id, state, created_at, id);
create index jobs_by_solution on jobs (tenant_id, solution, created_at, id);
create index jobs_by_language on jobs (tenant_id, spoken, created_at, id);

call keep_apart('job_labels');
