-- For how many days a tenant's things are kept: `RetentionRules`; tenants without a row have the installation's.
create table retention (
    tenant_id uuid primary key,
    rules jsonb not null,
    updated_at timestamptz not null default now()
);

-- What was removed of a job, by its retention or as a person's words, and when that was decided: {"audio": "2026-…"}.
alter table jobs add column removed jsonb not null default '{}';
-- What a tenant's recordings take up: those that it has removed do not count, those that were fetched are known by their jobs alone.
create index jobs_without_audio on jobs (tenant_id, id) where removed ? 'audio';
create index jobs_fetched on jobs (tenant_id) include (source_size) where source_url is not null and not removed ? 'audio';

-- Work that goes round everything there is, one process at a time.
create table rounds (
    name text primary key,
    owner uuid,
    held_until timestamptz not null default now(),
    next_at timestamptz not null default now()
);
insert into rounds (name) values ('retention');

-- Published for the notifier to read: tenants with a wish of their own for the log of their deliveries; null keeps it.
create view delivery_retention as
select tenant_id, (rules -> 'tenant' ->> 'deliveries')::int as days
from retention where rules -> 'tenant' ? 'deliveries';

call keep_apart('retention');
