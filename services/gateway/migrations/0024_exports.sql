-- Everything of a tenant in one file, made when it is asked for and removed after some days.
create table exports (
    id uuid primary key,
    tenant_id uuid not null,
    requested_at timestamptz not null default now(),
    -- when it is to be begun (again): whoever makes it puts this off
    next_at timestamptz not null default now(),
    attempts int not null default 0,
    finished_at timestamptz,
    expires_at timestamptz,
    size bigint,
    failure text
);
create index exports_listed on exports (tenant_id, requested_at desc, id desc);
create index exports_due on exports (next_at) where finished_at is null;

call keep_apart('exports');
