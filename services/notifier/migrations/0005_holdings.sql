-- Published for the gateway to read: what is held of jobs and tenants, one row a thing, nothing of what it says.
create view holdings as
select tenant_id, job_id, 'message' as thing, created_at as since from messages
union all
select tenant_id, job_id, 'delivery', created_at from deliveries
union all
select m.tenant_id, m.job_id, 'words', m.created_at from bodies b join messages m on m.id = b.message_id where payload <> 'thin'
union all
select d.tenant_id, d.job_id, 'words', a.started_at
from attempts a join deliveries d on d.id = a.delivery_id where a.request_body <> '' or a.response_body <> ''
union all
select tenant_id, null, 'endpoint', created_at from endpoints
union all
select (sent.event ->> 'tenant_id')::uuid, (sent.event ->> 'job_id')::uuid, sent.thing, sent.since
from (
    select convert_from(payload, 'utf8')::jsonb as event, 'event' as thing, created_at as since from outbox
    union all
    select convert_from(payload, 'utf8')::jsonb, 'dead_letter', failed_at from dead_letters
) sent;
