-- What has been taken of allowances that all processes share, such as e-mails to one address in an hour.
-- A row is as good as none once `spent_until` has passed.
create table allowances (
    key text primary key,
    -- The moment at which the whole allowance is there again.
    spent_until timestamptz not null
) with (fillfactor = 70);
create index allowances_whole on allowances (spent_until);
