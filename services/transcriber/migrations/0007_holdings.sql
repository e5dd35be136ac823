-- Which job a leftover is of, and which of its copies a provider was made to forget.
alter table leftovers add column job_id uuid;
create table dismissals (
    id bigint generated always as identity primary key,
    tenant_id uuid not null,
    job_id uuid not null,
    engine text not null,
    dismissed_at timestamptz not null default now()
);
create index dismissals_job on dismissals (job_id);

-- Published for the gateway to read: what is held of jobs and tenants, one row a thing, nothing of what it says.
create view holdings as
select tenant_id, job_id, 'transcription' as thing, created_at as since from transcriptions
union all
select tenant_id, job_id, case when prefix is null then 'provider_copy' else 'blobs' end, due_at from leftovers
union all
select tenant_id, null, 'rules', updated_at from tenant_rules
union all
select tenant_id, null, 'provider_key', updated_at from provider_keys
union all
select (sent.event ->> 'tenant_id')::uuid, (sent.event ->> 'job_id')::uuid, sent.thing, sent.since
from (
    select convert_from(payload, 'utf8')::jsonb as event, 'event' as thing, created_at as since from outbox
    union all
    select convert_from(payload, 'utf8')::jsonb, 'dead_letter', failed_at from dead_letters
) sent;

create view dismissed_copies as select tenant_id, job_id, engine, dismissed_at from dismissals;
