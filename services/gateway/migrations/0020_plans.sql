-- What a tenant may use. Null is without limit; a tenant without a plan has no limits.
create table plans (
    name text primary key,
    minutes_per_month int check (minutes_per_month >= 0),
    storage_bytes bigint check (storage_bytes >= 0),
    concurrent_jobs int check (concurrent_jobs >= 1),
    waiting_jobs int check (waiting_jobs >= 1),
    features text[]
);
alter table tenants add column plan text references plans;

-- Audio of a tenant's month (UTC): what was transcribed, and what is held for jobs whose length nobody knows yet.
-- `granted_ms` is what the last who asked was given; the upsert that takes it returns it.
create table minute_months (
    tenant_id uuid not null,
    month date not null,
    used_ms bigint not null,
    granted_ms bigint not null default 0,
    primary key (tenant_id, month)
);

-- What is held for runs that are not transcribed yet. Requests that repeat one another hold some each, for the same job; those
-- that make no job give theirs back by its id.
create table minute_holds (
    id uuid primary key,
    job_id uuid not null,
    run int not null,
    tenant_id uuid not null,
    month date not null,
    ms bigint not null,
    created_at timestamptz not null default now()
);
create index minute_holds_job on minute_holds (job_id);

-- Bytes that are held for an upload whose length was not announced, or is not proven yet.
alter table uploads add column held bigint;
create index uploads_by_tenant on uploads (tenant_id);

grant select on plans to audio2txt_tenant;
call keep_apart('minute_months');
call keep_apart('minute_holds');
