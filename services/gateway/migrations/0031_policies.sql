-- Whether a tenant's recordings and texts may leave the house; tenants without a row have decided nothing.
create table policies (
    tenant_id uuid primary key,
    outside boolean not null,
    updated_at timestamptz not null default now()
);

call keep_apart('policies');

-- Published for the transcriber to read, before it lets anything out.
create view kept_inside as select tenant_id from policies where not outside;
