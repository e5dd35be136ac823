-- Sets of terms and replacements. A job keeps those it names as they were, so that nothing here is needed for its retry.
create table vocabularies (
    id uuid primary key,
    tenant_id uuid not null,
    name text not null,
    version int not null default 1,
    -- Whether jobs that name no set take this one.
    is_default boolean not null default false,
    terms jsonb not null,
    replacements jsonb not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create unique index vocabularies_named on vocabularies (tenant_id, lower(name));
create unique index vocabularies_default on vocabularies (tenant_id) where is_default;
create index vocabularies_listed on vocabularies (tenant_id, created_at desc, id desc);

call keep_apart('vocabularies');
