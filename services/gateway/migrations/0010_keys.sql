-- Keys with a name, a role that may be narrowed, a last use and a successor. Those that are there go on doing all they could.
alter table api_keys
    add column name text not null default 'API key',
    add column role text not null default 'owner' check (role in ('owner', 'admin', 'editor', 'viewer', 'auditor')),
    add column scopes text[],
    add column made_by uuid,
    add column last_used_at timestamptz,
    add column replaced_by uuid;
create index api_keys_listed on api_keys (tenant_id, created_at desc, id desc);
