-- Asked with every transcript that is read, and every blob that is exported: whether somebody's words are being erased from it.
create index erasure_orders_open on erasure_orders (tenant_id, job_id) where certified_at is null;

-- Of a tenant, one export is made at a time, however many ask at once.
update exports e set finished_at = now(), failure = 'Another one was being made already.'
where finished_at is null and exists (
    select from exports other where other.tenant_id = e.tenant_id and other.finished_at is null and other.id < e.id
);
create unique index exports_running on exports (tenant_id) where finished_at is null;
