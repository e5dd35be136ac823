-- The transactional outbox of one service. A row is an event that must reach the bus; it is deleted when it has.
create table outbox (
    id bigint generated always as identity primary key,
    message_id uuid not null unique,
    routing_key text not null,
    payload bytea not null,
    deliver_at timestamptz not null default now(),
    claimed_until timestamptz,
    attempts int not null default 0,
    last_error text,
    created_at timestamptz not null default now()
);
create index outbox_due on outbox (deliver_at, id);
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
