-- In which transaction each job changed last, as clients see it; of deleted jobs as well, until everybody who follows has been
-- told. A table of its own, since an index on a column of `jobs` that changes always would make every progress rewrite all of theirs.
create table job_changes (
    job_id uuid primary key,
    tenant_id uuid not null,
    changed xid8 not null,
    gone_at timestamptz
) with (fillfactor = 70);
create index job_changes_followed on job_changes (tenant_id, changed, job_id);
create index job_changes_gone on job_changes (gone_at) where gone_at is not null;

insert into job_changes (job_id, tenant_id, changed) select id, tenant_id, pg_current_xact_id() from jobs;

create function note_job_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        update gateway.job_changes set changed = pg_current_xact_id(), gone_at = now() where job_id = old.id;
    else
        insert into gateway.job_changes (job_id, tenant_id, changed) values (new.id, new.tenant_id, pg_current_xact_id())
        on conflict (job_id) do update set changed = excluded.changed, gone_at = null;
    end if;
    return null;
end
$$;
create trigger followed after insert or delete on jobs for each row execute function note_job_change();
create trigger followed_on after update on jobs for each row
    when (old.version is distinct from new.version) execute function note_job_change();

call keep_apart('job_changes');
