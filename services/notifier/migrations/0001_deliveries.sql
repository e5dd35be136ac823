-- One notification on its way to one receiver.
create table deliveries (
    id uuid primary key,
    event_id uuid not null unique,
    tenant_id uuid not null,
    job_id uuid not null,
    run int not null,
    traceparent text,
    url text not null,
    host text not null,
    body bytea not null,
    state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
    attempts int not null default 0,
    -- When the next attempt is due; while one runs, when its lease ends and anybody may try again.
    due_at timestamptz not null,
    lease uuid,
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    check ((state = 'pending') = (finished_at is null))
);
create index deliveries_lanes on deliveries (tenant_id, host, due_at, id) where state = 'pending';
create index deliveries_due on deliveries (due_at) where state = 'pending';
create index deliveries_job on deliveries (job_id);
create index deliveries_finished on deliveries (finished_at) where state <> 'pending';

-- The log: what was sent when, and what came back. `number` can repeat when a lease was lost in between.
create table attempts (
    id bigint generated always as identity primary key,
    delivery_id uuid not null references deliveries on delete cascade,
    number int not null,
    started_at timestamptz not null,
    duration_ms int not null,
    status int,
    reason text,
    response bytea not null,
    unique (delivery_id, started_at)
);

-- Erased jobs, so that an event that arrives late brings nothing of them back.
create table erased_jobs (
    job_id uuid primary key,
    erased_at timestamptz not null default now()
);
