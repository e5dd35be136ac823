-- Jobs that wait for their turn, which comes in the order of `turn_at` inside their tenant; null once their work was begun. A low
-- priority counts as an hour later, a high one as an hour earlier: so nothing waits for ever.
alter table jobs
    add column priority text not null default 'normal' check (priority in ('low', 'normal', 'high')),
    add column start_after timestamptz,
    add column turn_at timestamptz;
create index jobs_waiting on jobs (tenant_id, turn_at, id) where turn_at is not null;
create index jobs_scheduled on jobs (start_after) where turn_at is not null and start_after is not null;
create index jobs_in_work on jobs (tenant_id) where turn_at is null and state in ('queued', 'transcribing', 'reporting');

-- Whose turn it was last, so that tenants who have as much in work as one another take turns.
create table turns (
    tenant_id uuid primary key,
    served_at timestamptz not null
);
call keep_apart('turns');

-- Whether a job may begin in the statement that makes it. Asked by one transaction at a time, until its end; whoever would
-- have to wait for another gets a no, and the releasing loop lets the job begin a moment later. Queries of a volatile function see
-- what was committed before they began, so that the numbers are exact under the lock.
create function may_start(tenant uuid, most_of_tenant int, most int) returns boolean
language plpgsql volatile security definer set search_path = gateway, pg_temp as $$
begin
    if not pg_try_advisory_xact_lock(1630696558) then
        return false;
    end if;
    if exists (
        select from jobs
        where tenant_id = tenant and turn_at <= now() + interval '2 hours' and (start_after is null or start_after <= now())
    ) then
        return false;
    end if;
    if most_of_tenant <= (
        select count(*) from (
            select from jobs where tenant_id = tenant and turn_at is null and state in ('queued', 'transcribing', 'reporting')
            limit most_of_tenant
        ) in_work
    ) then
        return false;
    end if;
    return coalesce(most > (
        select count(*) from (
            select from jobs where turn_at is null and state in ('queued', 'transcribing', 'reporting') limit most
        ) in_work
    ), true);
end
$$;
