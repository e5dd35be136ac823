-- What was said and how it is called, in pieces that can be searched: place 0 is title and file name, -1 and below are passages
-- of the transcript, in its order. The key is the order of results, read backwards. `tokens` are 32 bits of a keyed hash of
-- each word, Han character and pair of them: of the tenant's own, so that no tenant's common words lengthen another's lists.
create table passages (
    tenant_id uuid not null,
    created_at timestamptz not null,
    job_id uuid not null references jobs on delete cascade,
    place int not null check (place <= 0),
    text text not null,
    segments jsonb not null,
    tokens int[] not null,
    primary key (tenant_id, created_at, job_id, place)
);
create index passages_of_job on passages (job_id);
create index passages_by_token on passages using gin (tokens) with (fastupdate = off);

-- When the job is to be entered anew into the index; null while it is there as it is. A new job is not there.
alter table jobs add column search_at timestamptz default now();
create index jobs_to_search on jobs (search_at) where search_at is not null;

call keep_apart('passages');
