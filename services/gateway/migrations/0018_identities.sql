-- Users as a provider of single sign-on (OpenID Connect) knows them. A subject is one user's for ever; an e-mail can change hands.
create table user_identities (
    issuer text not null,
    subject text not null,
    tenant_id uuid not null,
    user_id uuid not null references users on delete cascade,
    created_at timestamptz not null default now(),
    primary key (issuer, subject)
);
create index user_identities_of_user on user_identities (user_id);

call keep_apart('user_identities');
