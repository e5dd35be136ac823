-- What is published for the gateway to read: whoever reads for a tenant (see `shared/walls.sql`) sees that tenant's alone.
grant usage on schema notifier to audio2txt_tenant;

create function may_see(owner uuid) returns boolean language sql stable parallel safe
    return current_user <> 'audio2txt_tenant' or owner = present_tenant();

create or replace view endpoint_health as
select h.endpoint_id,
    (select count(*) from deliveries d where d.endpoint_id = h.endpoint_id and d.state = 'pending')::int as pending,
    (
        select least(min(d.due_at) filter (where not d.replay), min(d.due_at) filter (where d.replay))
        from deliveries d where d.endpoint_id = h.endpoint_id and d.state = 'pending'
    ) as oldest_due_at,
    h.last_success_at, h.last_failure_at, h.last_failure, h.failures,
    case when h.open_until > now() then h.open_until end as open_until,
    h.disabled_at, h.disabled_reason
from health h where may_see(h.tenant_id);

create or replace view delivery_log as
select d.id, d.tenant_id, d.endpoint_id, 'msg_' || encode(uuid_send(d.message_id), 'hex') as message_id, m.type, d.job_id,
    m.sequence, d.state as status, d.attempts, d.created_at, case when d.state = 'pending' then d.due_at end as due_at,
    d.finished_at
from deliveries d join messages m on m.id = d.message_id where may_see(d.tenant_id);

create or replace view attempt_log as
select id, delivery_id, number, started_at, duration_ms, status, reason, request_headers, request_body, response_headers,
    response_body
from attempts a where may_see((select d.tenant_id from deliveries d where d.id = a.delivery_id));

grant select on endpoint_health, delivery_log, attempt_log to audio2txt_tenant;
