-- Requests to providers that answer in the request itself: noted before they are sent, so that none is paid for twice.
create table paid_requests (
    job_id uuid not null,
    run int not null,
    -- Which of the run's requests; the same in every attempt.
    name text not null,
    -- The process that asks.
    asked_by uuid not null,
    asked_at timestamptz not null default now(),
    -- Its answer lies with the run's checkpoints.
    answered_at timestamptz,
    -- When another process first missed the answer: the one that asks may be cut off from the database, and still get it.
    missed_at timestamptz,
    primary key (job_id, run, name),
    foreign key (job_id, run) references transcriptions (job_id, run) on delete cascade
);
