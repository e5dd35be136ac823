-- What somebody wanted erased for good: how far it is, and the certificate once nothing of it was found any more. An order has
-- no name, text or secret in it, and stays.
create table erasure_orders (
    -- of a job's erasure, the job's
    id uuid primary key,
    tenant_id uuid not null,
    kind text not null check (kind in ('job', 'speaker', 'tenant')),
    job_id uuid,
    run int,
    requested_at timestamptz not null default now(),
    next_at timestamptz not null default now(),
    passes int not null default 0,
    -- blobs that were removed; those of a speaker's erasure that are to be
    blobs bigint not null default 0,
    keys text[] not null default '{}',
    segments int,
    speaker_id text,
    -- the transcript without their words
    document text,
    certified_at timestamptz,
    -- its place in the tenant's chain, what is signed, the SHA-256 of that, and the signature
    number int,
    statement text,
    hash bytea,
    signature bytea,
    public_key bytea,
    check ((certified_at is null) = (signature is null)),
    unique (tenant_id, number)
);
create index erasure_orders_due on erasure_orders (next_at) where certified_at is null;
create index erasure_orders_listed on erasure_orders (tenant_id, requested_at desc, id desc);

-- What an Idempotency-Key says is its sender's business: a digest of it does as well.
update idempotency_keys set key = encode(sha256(convert_to(key, 'utf8')), 'hex');

-- A tenant of which everything was erased; its name is gone, too.
alter table tenants add column erased_at timestamptz;

call keep_apart('erasure_orders');
