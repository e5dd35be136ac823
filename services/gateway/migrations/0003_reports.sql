-- Who wrote the last report, and what language models were asked for it.
alter table jobs add column report_mode text, add column report_model text, add column report_usage jsonb;

-- What a tenant's reports cost in a calendar month (UTC): what was used or, while a report is not there, what it was allowed.
-- `granted_*` is what the last report got; the upsert that takes it returns it.
create table llm_months (
    tenant_id uuid not null,
    month date not null,
    tokens bigint not null,
    cost_usd numeric not null,
    granted_tokens bigint not null,
    granted_usd numeric,
    primary key (tenant_id, month)
);

-- Allowances of reports that are not there yet. A row goes when its report tells what was used. Requests that repeat one
-- another take one each, for the same job; those that make no job give theirs back by its id.
create table llm_allowances (
    id uuid primary key,
    job_id uuid not null,
    attempt int not null,
    tenant_id uuid not null,
    month date not null,
    tokens bigint not null,
    cost_usd numeric not null,
    created_at timestamptz not null default now()
);
create index llm_allowances_job on llm_allowances (job_id);
