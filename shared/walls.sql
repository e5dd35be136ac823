-- The wall between tenants, for the service in whose schema this runs. Statements that are made for a tenant run as the role
-- `audio2txt_tenant`, with the tenant's id in the setting `audio2txt.tenant`. That role owns nothing and passes by no policy, so
-- it sees of a table what a wall lets through, and nothing of a table that has none. Everything else is done by the owner of
-- the tables, whom policies do not concern.
do $$
begin
    if not exists (select from pg_roles where rolname = 'audio2txt_tenant') then
        begin
            create role audio2txt_tenant nologin;
        exception
            -- Roles are the whole server's: another database was migrated at the same moment.
            when duplicate_object or unique_violation then null;
        end;
    end if;
    begin
        perform set_config('role', 'audio2txt_tenant', true);
        -- Undone with this block, so that what follows is the owner's again.
        raise exception using errcode = 'AU001';
    exception
        when sqlstate 'AU001' then null;
        when insufficient_privilege then execute format('grant audio2txt_tenant to %I', current_user);
    end;
exception
    when insufficient_privilege then
        raise insufficient_privilege using
            message = format('the role audio2txt_tenant is missing, or %s may not act as it', current_user),
            hint = format(
                'Let an administrator of the server say once: create role audio2txt_tenant nologin; grant audio2txt_tenant to %I;',
                current_user
            );
end
$$;

-- Whom the statement is made for; null, which equals nothing, when that was not said.
create function present_tenant() returns uuid language sql stable parallel safe
    return nullif(current_setting('audio2txt.tenant', true), '')::uuid;

-- Puts a table behind the wall: a tenant may do everything with its own rows, and nothing with others. Every table with rows of
-- tenants has `tenant_id uuid not null` and is named here by the migration that makes it.
create procedure keep_apart(walled regclass) language plpgsql as $$
declare
    home name := (select nspname from pg_class c join pg_namespace n on n.oid = relnamespace where c.oid = walled);
begin
    execute format('alter table %s enable row level security', walled);
    execute format(
        'create policy own_tenant on %s to audio2txt_tenant using (tenant_id = %I.present_tenant())', walled, home
    );
    execute format('grant select, insert, update, delete on %s to audio2txt_tenant', walled);
end
$$;
