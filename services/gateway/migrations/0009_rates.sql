-- How many messages a minute an endpoint is sent at most; null for as many as it takes.
alter table endpoints add column rate_per_minute int;
