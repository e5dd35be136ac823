-- Edited transcripts; the first, as it was transcribed, has no row. Their texts are in the store: here are the keys alone.
create table revisions (
    job_id uuid not null,
    run int not null,
    number int not null check (number >= 1),
    key text not null,
    segments int not null,
    speakers int not null,
    restored int,
    created_at timestamptz not null,
    primary key (job_id, run, number)
);

-- Which revision of the current run's transcript the job has, and of which its files are. While the second is behind the
-- first, the files are awaited; `revision_key` is null for the transcript as it was transcribed.
alter table jobs add column revision int not null default 0, add column revision_key text,
    add column reported_revision int not null default 0;
create index jobs_revising on jobs (updated_at) where state = 'completed' and revision > reported_revision;
