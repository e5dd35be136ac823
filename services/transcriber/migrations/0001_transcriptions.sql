-- One run of one job's transcription.
create table transcriptions (
    job_id uuid not null,
    run int not null,
    tenant_id uuid not null,
    traceparent text,
    options jsonb not null,
    engine text not null,
    source_key text not null,
    -- Forgotten when the transcription has ended: it may carry a signature.
    source_url text,
    deadline_at timestamptz not null,

    state text not null default 'queued' check (
        state in ('queued', 'preparing', 'submitting', 'processing', 'storing', 'done', 'failed', 'cancelled')
    ),
    progress real not null default 0,
    duration_ms bigint,
    -- What a rented engine needs to submit, or to find again what was perhaps submitted.
    prepared jsonb,
    submitted_at timestamptz,
    provider_id text,
    -- When the engine's answer was stored.
    heard_at timestamptz,
    -- The event that told how it ended, told again when somebody asks again.
    outcome jsonb,

    -- Breakdowns of the engine, and outages, in a row.
    crashes int not null default 0,
    outages int not null default 0,
    -- When there is something to do again.
    due_at timestamptz not null default now(),
    lease_owner uuid,
    lease_until timestamptz,
    reported_at timestamptz,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    ended_at timestamptz,

    primary key (job_id, run),
    check ((lease_owner is null) = (lease_until is null)),
    check ((state in ('done', 'failed', 'cancelled')) = (ended_at is not null)),
    check (ended_at is null or lease_owner is null),
    check ((state in ('done', 'failed')) = (outcome is not null))
);
create index transcriptions_due on transcriptions (engine, due_at) where ended_at is null;
create index transcriptions_deadline on transcriptions (deadline_at) where ended_at is null;
create index transcriptions_served on transcriptions (tenant_id, started_at);
-- Two transcriptions can never own one task of a provider.
create unique index transcriptions_provider on transcriptions (engine, provider_id) where provider_id is not null;

-- Runs that must not be worked on any more, however late their events arrive.
create table closed_jobs (
    job_id uuid primary key,
    through_run int not null,
    closed_at timestamptz not null default now()
);
create index closed_jobs_age on closed_jobs (closed_at);

-- What ended or erased transcriptions have left: blobs below a prefix, or a task that a provider still keeps.
create table leftovers (
    id bigint generated always as identity primary key,
    prefix text,
    engine text,
    provider_id text,
    attempts int not null default 0,
    due_at timestamptz not null default now(),
    check ((prefix is null) = (engine is not null and provider_id is not null))
);
create index leftovers_due on leftovers (due_at);
