-- A batch is told of once, when its last job has ended. Whatever may be that end marks it as due, in its own transaction; whoever
-- looks at it then locks it first. `title` and `metadata` are there for that message, and go with the last of its jobs.
alter table batches
    add column title text,
    add column metadata jsonb not null default '{}',
    add column due boolean not null default false,
    add column ended_at timestamptz;
create index batches_due on batches (id) where due;

-- Those that have ended by now are not told of.
update batches b set ended_at = coalesce((
    select max(finished_at) from jobs j where j.tenant_id = b.tenant_id and j.batch_id = b.id
), created_at)
where results is not null and not exists (
    select from jobs j
    where j.tenant_id = b.tenant_id and j.batch_id = b.id and j.state in ('queued', 'transcribing', 'reporting')
);
