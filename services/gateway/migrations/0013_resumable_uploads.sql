-- An upload that is sent piece by piece (tus): how far it is, and who is at it. What kind of recording it is, is known once
-- its first bytes are there. The row goes when the last byte has come.
alter table uploads alter column media_type drop not null;
alter table uploads add check (state = 'receiving' or media_type is not null);

create table resumable_uploads (
    id uuid primary key references uploads on delete cascade,
    length bigint not null check (length > 0),
    metadata text,
    -- the bytes that are stored, and the store's own words for where
    received bigint not null default 0 check (received between 0 and length),
    place text not null default '',
    head bytea not null default '',
    -- the request that is at it, until when it is taken to be alive, and whether another one waits for it to stop;
    -- `generation` counts those that nobody saw end
    holder uuid,
    held_until timestamptz,
    wanted boolean not null default false,
    generation int not null default 0
);
