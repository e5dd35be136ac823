-- Addresses that a tenant's e-mails go to: whether their readers want them. Kept when the endpoints are gone, so that nobody
-- is asked twice, nor written to again after a no.
create table addresses (
    id uuid primary key,
    tenant_id uuid not null,
    -- As mail servers compare them: in lower case, the domain as the DNS has it.
    address text not null,
    -- When its reader was last asked, and how often since the last answer.
    asked_at timestamptz,
    asked int not null default 0,
    confirmed_at timestamptz,
    suppressed_at timestamptz,
    suppressed_reason text check (suppressed_reason in ('no_such_address', 'unsubscribed')),
    -- What was refused before that is old news.
    lifted_at timestamptz,
    created_at timestamptz not null default now(),
    unique (tenant_id, address),
    check ((suppressed_at is null) = (suppressed_reason is null))
);
create index addresses_suppressed on addresses (tenant_id, suppressed_at desc, id desc) where suppressed_at is not null;
create index addresses_asked on addresses (tenant_id, asked_at) where asked_at is not null;

-- What the notifier is told of the address with this version of the endpoint; all null for other kinds. Addresses from before
-- this migration are entered, as confirmed, by the first process that starts.
alter table endpoints add column address_id uuid references addresses;
alter table endpoints add column withheld text check (withheld in ('unconfirmed', 'suppressed'));
alter table endpoints add column asked_at timestamptz;
create index endpoints_addressed on endpoints (address_id) where address_id is not null;
