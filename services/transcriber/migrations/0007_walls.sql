-- What is published for the gateway to read: whoever reads for a tenant (see `shared/walls.sql`) sees the offers, which are
-- everybody's, and that tenant's decisions alone.
grant usage on schema transcriber to audio2txt_tenant;

create function may_see(owner uuid) returns boolean language sql stable parallel safe
    return current_user <> 'audio2txt_tenant' or owner = present_tenant();

create or replace view tenant_engines as
select tenant_id, coalesce(r.rules, '{}') as rules, coalesce(k.engines, '{}') as keys
from tenant_rules r
full join (select tenant_id, array_agg(engine order by engine) as engines from provider_keys group by tenant_id) k
using (tenant_id)
where may_see(tenant_id);

grant select on offered_engines, tenant_engines to audio2txt_tenant;
