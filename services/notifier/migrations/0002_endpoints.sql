-- From one delivery a job to endpoints, messages and deliveries: what is told, to whom, and what came of it.

alter table deliveries rename to old_deliveries;
alter table attempts rename to old_attempts;
drop index deliveries_lanes, deliveries_due, deliveries_job, deliveries_finished;
alter index deliveries_pkey rename to old_deliveries_pkey;
alter index attempts_pkey rename to old_attempts_pkey;

-- What the notifier knows of an endpoint. Callbacks of jobs are endpoints of their own, one for each tenant and URL.
create table endpoints (
    id uuid primary key,
    tenant_id uuid not null,
    -- Grows with every change; 0 for callbacks.
    version int not null,
    callback boolean not null default false,
    -- shared.schemas.endpoints.Endpoint; null once deleted, and for callbacks from before this migration until they are sealed.
    configuration jsonb,
    events text[] not null default '{}',
    paused boolean not null default false,
    -- The callback URL as it was kept before this migration; sealed and cleared by the first process that starts.
    legacy_url text,
    created_at timestamptz not null default now(),
    deleted_at timestamptz
);
create index endpoints_tenant on endpoints (tenant_id) where not callback and deleted_at is null;
create index endpoints_legacy on endpoints (id) where legacy_url is not null;

-- How each endpoint fares and when it is next due: what the scheduler knows, so that a restart does not learn it anew.
create table health (
    endpoint_id uuid primary key references endpoints on delete cascade,
    tenant_id uuid not null,
    part smallint not null check (part between 0 and 63),
    -- No later than the first moment at which something may be sent; null while there is nothing, or nothing may be.
    due_at timestamptz,
    -- Grows when somebody else than its owner changes the row: what the owner remembers is then out of date.
    revision int not null default 1,
    standing text not null default 'new' check (standing in ('new', 'trusted', 'suspect')),
    send_window real not null default 2,
    ema_seconds real not null default 0.3,
    recovering boolean not null default false,
    strikes int not null default 0,
    opened int not null default 0,
    open_until timestamptz,
    not_before timestamptz,
    failures int not null default 0,
    blocked int not null default 0,
    failing_since timestamptz,
    warned smallint not null default 0,
    last_success_at timestamptz,
    last_failure_at timestamptz,
    last_failure text,
    disabled_at timestamptz,
    disabled_reason text
) with (fillfactor = 70);
create index health_due on health (part, due_at) where due_at is not null;

-- One row for each job that messages are counted of. Erased ones stay, so that what arrives late brings nothing back.
create table jobs (
    id uuid primary key,
    sequence int not null default 0,
    -- The newest run that has ended: progress of it comes too late.
    ended_run int not null default 0,
    erased_at timestamptz,
    touched_at timestamptz not null default now()
);
create index jobs_touched on jobs (touched_at);

-- What is told. The id is the event's, and the `webhook-id` of every attempt.
create table messages (
    id uuid primary key,
    tenant_id uuid not null,
    type text not null,
    job_id uuid,
    run int,
    sequence int,
    transcript_key text,
    traceparent text,
    occurred_at timestamptz not null,
    created_at timestamptz not null default now()
);
create index messages_job on messages (job_id, sequence) where job_id is not null;
create index messages_tenant on messages (tenant_id, created_at);
create index messages_old on messages (created_at);

-- Its bytes, once for each kind of payload, so that every attempt sends the same.
create table bodies (
    message_id uuid not null references messages on delete cascade,
    payload text not null,
    body bytea not null,
    primary key (message_id, payload)
);

-- One message on its way to one endpoint.
create table deliveries (
    id uuid primary key,
    endpoint_id uuid not null references endpoints on delete cascade,
    message_id uuid not null references messages on delete cascade,
    tenant_id uuid not null,
    job_id uuid,
    payload text not null default 'thin',
    state text not null default 'pending' check (state in ('pending', 'delivered', 'failed', 'cancelled')),
    -- All attempts that were made; those that count against the schedule; those put off at the receiver's wish.
    attempts int not null default 0,
    tries int not null default 0,
    deferrals int not null default 0,
    -- Sent after everything that is new.
    replay boolean not null default false,
    -- Progress: what has not been sent when the next comes is overtaken by it.
    coalesces boolean not null default false,
    -- When the next attempt is due; while one runs, when its lease ends and the owner may try again.
    due_at timestamptz not null,
    lease uuid,
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    check ((state = 'pending') = (finished_at is null)),
    unique (message_id, endpoint_id)
) with (fillfactor = 80);
create index deliveries_due on deliveries (endpoint_id, replay, due_at, id) where state = 'pending';
create index deliveries_coalescing on deliveries (job_id, endpoint_id) where state = 'pending' and coalesces;
create index deliveries_of_tenant on deliveries (tenant_id, created_at desc, id desc);
create index deliveries_of_endpoint on deliveries (endpoint_id, created_at desc, id desc);
create index deliveries_unsent on deliveries (endpoint_id, created_at) where state in ('failed', 'cancelled');
create index deliveries_of_job on deliveries (job_id) where job_id is not null;
create index deliveries_ended on deliveries (finished_at) where state <> 'pending';

-- The log, secrets masked. `number` can repeat where a lease was lost in between; the one that came too late is an orphan.
create table attempts (
    id bigint generated always as identity primary key,
    delivery_id uuid not null references deliveries on delete cascade,
    number int not null,
    started_at timestamptz not null,
    duration_ms int not null,
    status int,
    reason text,
    request_headers jsonb not null default '{}',
    request_body bytea not null default '',
    response_headers jsonb not null default '{}',
    response_body bytea not null default '',
    orphan boolean not null default false,
    unique (delivery_id, started_at)
);

-- What customers asked for and was done.
create table wishes (
    event_id uuid primary key,
    done_at timestamptz not null default now()
);

-- Endpoints are shared out over the processes in 64 parts, each owned by one of them for as long as its lease lasts.
create table partitions (
    part smallint primary key,
    owner uuid,
    held_until timestamptz
);
insert into partitions (part) select generate_series(0, 63);

-- The processes that send.
create table senders (
    id uuid primary key,
    alive_until timestamptz not null
);

-- What was there: deliveries of callbacks.
insert into endpoints (id, tenant_id, version, callback, events, legacy_url, created_at)
select encode(substring(sha256(convert_to(tenant_id::text || ' ' || url, 'utf8')) for 16), 'hex')::uuid,
    tenant_id, 0, true, '{}', url, min(created_at)
from old_deliveries group by tenant_id, url;

insert into jobs (id, sequence, ended_run, touched_at)
select job_id, count(*), max(run), max(created_at) from old_deliveries group by job_id;
insert into jobs (id, erased_at, touched_at)
select job_id, erased_at, erased_at from erased_jobs
on conflict (id) do update set erased_at = excluded.erased_at;
drop table erased_jobs;

insert into messages (id, tenant_id, type, job_id, run, sequence, traceparent, occurred_at, created_at)
select event_id, tenant_id, convert_from(body, 'utf8')::jsonb ->> 'type', job_id, run,
    row_number() over (partition by job_id order by created_at, id), traceparent,
    (convert_from(body, 'utf8')::jsonb ->> 'timestamp')::timestamptz, created_at
from old_deliveries;
insert into bodies (message_id, payload, body) select event_id, 'thin', body from old_deliveries;

insert into deliveries
    (id, endpoint_id, message_id, tenant_id, job_id, state, attempts, tries, due_at, created_at, finished_at)
select id, encode(substring(sha256(convert_to(tenant_id::text || ' ' || url, 'utf8')) for 16), 'hex')::uuid,
    event_id, tenant_id, job_id, state, attempts, attempts, due_at, created_at, finished_at
from old_deliveries;

insert into attempts (delivery_id, number, started_at, duration_ms, status, reason, response_body)
select delivery_id, number, started_at, duration_ms, status, reason, response from old_attempts order by id;
drop table old_attempts;
drop table old_deliveries;

-- When something may next be sent to an endpoint; null while there is nothing, or nothing may be.
create function next_due(endpoint uuid) returns timestamptz language sql stable as $$
    select case when least(fresh.due_at, again.due_at) is not null
        then greatest(least(fresh.due_at, again.due_at), h.open_until, h.not_before) end
    from notifier.endpoints e join notifier.health h on h.endpoint_id = e.id
    left join lateral (
        select d.due_at from notifier.deliveries d where d.endpoint_id = e.id and d.state = 'pending' and not d.replay
        order by d.due_at, d.id limit 1
    ) fresh on true
    left join lateral (
        select d.due_at from notifier.deliveries d where d.endpoint_id = e.id and d.state = 'pending' and d.replay
        order by d.due_at, d.id limit 1
    ) again on true
    where e.id = endpoint and e.deleted_at is null and not e.paused and h.disabled_at is null
$$;

insert into health (endpoint_id, tenant_id, part) select id, tenant_id, get_byte(uuid_send(id), 15) & 63 from endpoints;
update health set due_at = next_due(endpoint_id);

-- For the gateway to read.
create view endpoint_health as
select h.endpoint_id,
    (select count(*) from deliveries d where d.endpoint_id = h.endpoint_id and d.state = 'pending')::int as pending,
    (
        select least(min(d.due_at) filter (where not d.replay), min(d.due_at) filter (where d.replay))
        from deliveries d where d.endpoint_id = h.endpoint_id and d.state = 'pending'
    ) as oldest_due_at,
    h.last_success_at, h.last_failure_at, h.last_failure, h.failures,
    case when h.open_until > now() then h.open_until end as open_until,
    h.disabled_at, h.disabled_reason
from health h;

create view delivery_log as
select d.id, d.tenant_id, d.endpoint_id, 'msg_' || encode(uuid_send(d.message_id), 'hex') as message_id, m.type, d.job_id,
    m.sequence, d.state as status, d.attempts, d.created_at, case when d.state = 'pending' then d.due_at end as due_at,
    d.finished_at
from deliveries d join messages m on m.id = d.message_id;
create index deliveries_named on deliveries (('msg_' || encode(uuid_send(message_id), 'hex')));

create view attempt_log as
select id, delivery_id, number, started_at, duration_ms, status, reason, request_headers, request_body, response_headers,
    response_body
from attempts;
