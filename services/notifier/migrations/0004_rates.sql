-- The most attempts a minute that the endpoint's owner wants; null for as many as it takes.
alter table health add column rate_per_minute int check (rate_per_minute > 0);
