-- The audit log. A change leaves its entry in `audit_intake`, in the statement that makes the change; within about a second
-- one process takes what has come, in turn, and links it into the chain of its tenant. So no change waits for another.
create table audit_intake (
    number bigint generated always as identity primary key,
    entry text not null,
    -- how things were before, where only the statement itself can tell
    before jsonb
);

-- `hash` is the SHA-256 of the hash before it (32 zero bytes for the first), the number (8 bytes, big-endian), the tenant's id
-- (16 bytes) and `entry` in UTF-8.
create table audit_log (
    tenant_id uuid not null,
    number bigint not null check (number >= 1),
    id uuid not null,
    at timestamptz not null,
    entry text not null,
    hash bytea not null check (length(hash) = 32),
    action text generated always as (entry::jsonb ->> 'action') stored,
    actor text generated always as (entry::jsonb -> 'actor' ->> 'id') stored,
    thing text generated always as (entry::jsonb ->> 'thing_id') stored,
    primary key (tenant_id, number)
);
create index audit_listed on audit_log (tenant_id, at desc, id desc);
create index audit_things on audit_log (tenant_id, thing, at desc);

-- Where each tenant's chain ends.
create table audit_heads (
    tenant_id uuid primary key,
    number bigint not null,
    hash bytea not null
);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'gateway.% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
create trigger append_only before update or delete or truncate on audit_log execute function refuse_change();
create trigger never_changed before update or truncate on audit_intake execute function refuse_change();

create function refuse_shortening() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and new.tenant_id = old.tenant_id and new.number > old.number then
        return new;
    end if;
    raise exception 'gateway.audit_heads only moves on' using errcode = 'insufficient_privilege';
end
$$;
create trigger only_moves_on before update or delete on audit_heads for each row execute function refuse_shortening();
create trigger never_emptied before truncate on audit_heads execute function refuse_change();
