-- What a tenant has decided about engines: `EngineRules` without its keys.
create table tenant_rules (
    tenant_id uuid primary key,
    rules jsonb not null,
    updated_at timestamptz not null default now()
);

-- A tenant's own keys of rented engines, sealed under the master secret.
create table provider_keys (
    tenant_id uuid not null,
    engine text not null,
    sealed bytea not null,
    -- The last characters, for people to tell keys apart.
    hint text not null,
    updated_at timestamptz not null default now(),
    primary key (tenant_id, engine)
);

-- What each process offers: an `EngineOffer` by name. `seen_at` is its heartbeat.
create table engine_offers (
    owner uuid not null,
    name text not null,
    offer jsonb not null,
    since timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    primary key (owner, name)
);

-- Published for the gateway to read. What was offered last counts for two minutes from the newest heartbeat there is, and
-- not from now: while all transcribers restart, what they offered still stands. Where processes differ, the newest is right.
create view offered_engines as
select distinct on (name) name, offer
from engine_offers
where seen_at > (select max(seen_at) from engine_offers) - interval '2 minutes'
order by name, since desc, owner;

-- Published for the gateway to read: decisions, and the names of engines with a key, never a key.
create view tenant_engines as
select tenant_id, coalesce(r.rules, '{}') as rules, coalesce(k.engines, '{}') as keys
from tenant_rules r
full join (select tenant_id, array_agg(engine order by engine) as engines from provider_keys group by tenant_id) k
using (tenant_id);
