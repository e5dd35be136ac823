-- Who may use the installation. Jobs and uploads carry their tenant without a foreign key: the lock that every insert
-- would take on one tenant's row costs more than the check is worth after the key has been verified.
create table tenants (
    id uuid primary key,
    name text not null unique,
    created_at timestamptz not null default now()
);

create table api_keys (
    digest bytea primary key,
    id uuid not null unique,
    tenant_id uuid not null references tenants,
    hint text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz
);

-- A recording that was given to us. The job made from it keeps its id, so its blob never moves.
create table uploads (
    id uuid primary key,
    tenant_id uuid not null,
    state text not null default 'receiving' check (state in ('receiving', 'ready', 'used')),
    file_name text,
    media_type text not null,
    size bigint,
    sha256 text,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    check (state = 'receiving' or (size is not null and sha256 is not null))
);
create index uploads_unused on uploads (expires_at) where state <> 'used';

create table jobs (
    id uuid primary key,
    tenant_id uuid not null,
    state text not null default 'queued'
        check (state in ('queued', 'transcribing', 'reporting', 'completed', 'failed', 'cancelled')),
    run int not null default 1,
    version int not null default 1,
    options jsonb not null,
    metadata jsonb not null,
    callback_url text,
    traceparent text,
    -- the recording
    file_name text,
    media_type text,
    source_size bigint,
    source_sha256 text,
    source_url text,
    -- the transcription of the current run; `transcribed_run` is the last run whose transcript is stored
    transcription_state text not null default 'queued',
    transcription_progress double precision,
    transcribed_run int,
    engine text,
    model text,
    detected_language text,
    duration_ms bigint,
    -- the report; `report_event_id` is the last `report.ready` that counted
    artifacts jsonb not null default '[]',
    report_event_id uuid,
    failure jsonb,
    -- the webhook
    callback_state text,
    callback_attempts int not null default 0,
    callback_status int,
    callback_at timestamptz,
    -- times; `announced` counts how often the sweeper repeated `job.submitted` since the last news
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    finished_at timestamptz,
    deadline_at timestamptz not null,
    announced int not null default 0,
    announced_at timestamptz not null default now(),
    check ((state in ('completed', 'failed', 'cancelled')) = (finished_at is not null))
);
-- Progress updates touch no indexed column, and find room on their page.
alter table jobs set (fillfactor = 80);
create index jobs_listed on jobs (tenant_id, created_at desc, id desc);
create index jobs_open on jobs (deadline_at) where state in ('queued', 'transcribing', 'reporting');

create table idempotency_keys (
    tenant_id uuid not null,
    key text not null,
    fingerprint bytea not null,
    job_id uuid not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, key)
);
create index idempotency_keys_age on idempotency_keys (created_at);

-- Jobs that were deleted, until nothing below their prefix has been found for long enough.
create table erasures (
    job_id uuid primary key,
    tenant_id uuid not null,
    requested_at timestamptz not null default now(),
    next_at timestamptz not null default now(),
    passes int not null default 0
);
create index erasures_due on erasures (next_at);
