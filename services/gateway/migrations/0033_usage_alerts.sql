-- Which thresholds of a month's limits a tenant has been told of, once each.
create table usage_alerts (
    tenant_id uuid not null,
    month date not null,
    resource text not null,
    threshold int not null,
    at timestamptz not null default now(),
    primary key (tenant_id, month, resource, threshold)
);
call keep_apart('usage_alerts');
