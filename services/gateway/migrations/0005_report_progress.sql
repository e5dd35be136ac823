-- How far the report is, while it is being written; of the current attempt.
alter table jobs add column report_progress double precision;
