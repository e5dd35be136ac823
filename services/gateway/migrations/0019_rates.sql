-- How far the requests of each tenant have come towards their limits: `full_at` is when all may be made again that may be made
-- at once (the generic cell rate algorithm). Not worth a log record: after a crash of the server everybody begins anew.
create unlogged table rates (
    subject text primary key,
    full_at timestamptz not null,
    -- what the last who asked was given, and when they asked
    granted int not null,
    asked_at timestamptz not null
) with (fillfactor = 50);
