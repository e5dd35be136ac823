-- PostgreSQL itself keeps tenants apart, whatever a statement forgets: see `shared/walls.sql`.
alter table revisions add column tenant_id uuid;
update revisions set tenant_id = jobs.tenant_id from jobs where jobs.id = job_id;
delete from revisions where tenant_id is null;
alter table revisions alter column tenant_id set not null;

alter table resumable_uploads add column tenant_id uuid;
update resumable_uploads r set tenant_id = u.tenant_id from uploads u where u.id = r.id;
alter table resumable_uploads alter column tenant_id set not null;

grant usage on schema gateway to audio2txt_tenant;

call keep_apart('api_keys');
call keep_apart('uploads');
call keep_apart('resumable_uploads');
call keep_apart('jobs');
call keep_apart('revisions');
call keep_apart('idempotency_keys');
call keep_apart('erasures');
call keep_apart('llm_months');
call keep_apart('llm_allowances');
call keep_apart('endpoints');
call keep_apart('addresses');

-- A tenant's own row; that there are tenants, and how they are called, is the operator's business.
alter table tenants enable row level security;
create policy own_tenant on tenants to audio2txt_tenant using (id = present_tenant());
grant select, update on tenants to audio2txt_tenant;

-- The chain is made by the system. Requests read their tenant's, and leave entries about it.
call keep_apart('audit_log');
call keep_apart('audit_heads');
revoke insert, update, delete on audit_log, audit_heads from audio2txt_tenant;
alter table audit_intake enable row level security;
create policy own_tenant on audit_intake for insert to audio2txt_tenant
    with check ((entry::jsonb ->> 'tenant_id')::uuid = present_tenant());
grant insert on audit_intake to audio2txt_tenant;

-- What happened is told, and read by nobody but the relay.
grant insert on outbox to audio2txt_tenant;
