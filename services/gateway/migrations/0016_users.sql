-- People of a tenant, who sign in by e-mail and password. An e-mail is one account's in the whole installation, from the moment
-- at which its reader has joined: until then it is only a name that somebody has written down.
create table users (
    id uuid primary key,
    tenant_id uuid not null references tenants,
    -- As mail servers compare them: in lower case, the domain as the DNS has it.
    email text not null,
    name text not null,
    role text not null check (role in ('owner', 'admin', 'editor', 'viewer', 'auditor')),
    language text not null default 'en' check (language in ('en', 'zh-Hant')),
    -- argon2id in its PHC form; null while there is none.
    password_hash text,
    made_by uuid,
    created_at timestamptz not null default now(),
    joined_at timestamptz,
    disabled_at timestamptz,
    last_signed_in_at timestamptz,
    unique (tenant_id, email)
);
create unique index users_joined on users (email) where joined_at is not null;
create index users_listed on users (tenant_id, created_at desc, id desc);

-- What users are signed in by: bearer tokens, and browsers' sessions. Ended ones are deleted; the audit log knows of them.
create table sign_ins (
    digest bytea primary key,
    id uuid not null unique,
    tenant_id uuid not null,
    user_id uuid not null references users on delete cascade,
    kind text not null check (kind in ('token', 'session')),
    name text not null,
    address text,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    last_used_at timestamptz not null default now(),
    -- It ends when it was not used for so long; null where only `expires_at` counts.
    idle_seconds int check (idle_seconds > 0)
);
create index sign_ins_listed on sign_ins (user_id, created_at desc, id desc);
create index sign_ins_expired on sign_ins (expires_at);

-- How often it was tried in vain to sign in to an account, or from an address. Rows are about e-mails that may be nobody's, so
-- they belong to no tenant; `key` is a SHA-256, and nobody needs to read whom it is about.
create table sign_in_attempts (
    key bytea primary key,
    failures int not null default 0,
    attempted_at timestamptz not null default now(),
    retry_at timestamptz,
    -- Of an account at one address: it was signed in to from there, and is judged apart until then.
    trusted_until timestamptz
) with (fillfactor = 70);
create index sign_in_attempts_old on sign_in_attempts (attempted_at);

call keep_apart('users');
call keep_apart('sign_ins');
