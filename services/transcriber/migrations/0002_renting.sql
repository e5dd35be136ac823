-- What a task at a provider needs to be found, asked for and called back about.
alter table transcriptions
    -- Whose key it runs on; '' where nobody has one, null where it is not known yet or the engine needs none.
    add column account_id text,
    -- A secret of the submission: whoever names it in a callback speaks for the provider.
    add column token text,
    -- How often it was handed over: more than once only after it was certainly not taken.
    add column submissions int not null default 0,
    add column polls int not null default 0,
    -- A callback came while the provider was being asked; the next question must not wait.
    add column nudged boolean not null default false;
create unique index transcriptions_token on transcriptions (token) where token is not null;
create index transcriptions_account on transcriptions (engine, account_id) where ended_at is null;

-- A task at a provider is dismissed on the account it was begun on. Without its id, as when it was cancelled while nobody
-- knew whether it was taken, it is searched for by what was prepared.
alter table leftovers
    add column tenant_id uuid,
    add column account_id text,
    add column prepared jsonb,
    add column token text,
    add column submitted_at timestamptz,
    drop constraint leftovers_check,
    add constraint leftovers_check check (
        (prefix is null) = (engine is not null and (provider_id is not null or prepared is not null))
    );
create index leftovers_token on leftovers (token) where token is not null;

-- Accounts whose work waits, or fails, until their provider takes requests again.
create table accounts (
    engine text not null,
    account_id text not null,
    -- Whose it is; null is the deployment's.
    tenant_id uuid,
    reason text not null check (reason in ('throttled', 'key_refused', 'no_key', 'outage')),
    message text not null,
    -- Null where the operator has set that jobs fail instead of waiting.
    paused_until timestamptz,
    -- After a pause one task tries whether it is over.
    probed_until timestamptz,
    failures int not null default 0,
    since timestamptz not null default now(),
    failed_at timestamptz not null default now(),
    primary key (engine, account_id)
);
