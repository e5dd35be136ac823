-- Many jobs that were asked for in one request. `results` says what became of each recording, in their order; null while they are
-- being made, or where that broke off: a repeat with the same key goes on.
create table batches (
    id uuid primary key,
    tenant_id uuid not null,
    -- a digest of the Idempotency-Key
    key text,
    fingerprint bytea not null,
    size int not null check (size > 0),
    results jsonb,
    created_at timestamptz not null,
    unique (tenant_id, key)
);
create index batches_listed on batches (tenant_id, created_at, id);
call keep_apart('batches');

alter table jobs add column batch_id uuid;
create index jobs_of_batch on jobs (tenant_id, batch_id, created_at, id) where batch_id is not null;
