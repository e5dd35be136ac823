-- Where customers want to be told what happens. The destination is sealed; what it is signed with lies nowhere.
create table endpoints (
    id uuid primary key,
    tenant_id uuid not null,
    kind text not null,
    description text,
    label text not null,
    sealed bytea not null,
    events jsonb not null,
    paused boolean not null default false,
    include text not null,
    signatures jsonb not null,
    keys jsonb not null,
    language text not null,
    attach boolean not null,
    enabled_at timestamptz not null,
    version int not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index endpoints_listed on endpoints (tenant_id, created_at desc, id desc);
