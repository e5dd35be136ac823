-- Links by which users set a password: to accept an invitation, or because they have forgotten theirs. Their tokens are worked
-- out from the master secret and lie nowhere. Each is good once.
create table account_links (
    id uuid primary key,
    tenant_id uuid not null,
    user_id uuid not null references users on delete cascade,
    purpose text not null check (purpose in ('join', 'reset')),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz
);
create index account_links_of_user on account_links (user_id);
create index account_links_made on account_links (tenant_id, created_at);
create index account_links_expired on account_links (expires_at);

call keep_apart('account_links');
