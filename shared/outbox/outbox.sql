-- The transactional outbox of one service. A row is an event that must reach the bus; it is deleted when it has.
create table outbox (
    id bigint generated always as identity primary key,
    message_id uuid not null unique,
    routing_key text not null,
    payload bytea not null,
    deliver_at timestamptz not null default now(),
    -- Until then nobody else takes the row: a relay is at work on it, or it failed and waits for its next attempt.
    held_until timestamptz,
    attempts int not null default 0,
    last_error text,
    created_at timestamptz not null default now()
-- Room on each page lets a claim rewrite a row without touching the indexes.
) with (fillfactor = 70);
create index outbox_due on outbox (routing_key, deliver_at, id);
alter table outbox set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- Events that could not be delivered however often it was tried, kept until an operator replays them.
create table dead_letters (
    id bigint generated always as identity primary key,
    message_id uuid not null,
    routing_key text not null,
    payload bytea not null,
    error text not null,
    attempts int not null,
    failed_at timestamptz not null default now(),
    replayed_at timestamptz
);
