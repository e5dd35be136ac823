-- What was used and what it cost, once for each run that was transcribed and each report that a language model was asked for.
-- Written in the transaction that learns it, and kept when the job is deleted: it holds no names, titles or words.
create table usage_records (
    id uuid primary key,
    tenant_id uuid not null,
    at timestamptz not null,
    job_id uuid not null,
    kind text not null check (kind in ('transcription', 'report')),
    run int not null,
    attempt int not null,
    solution text not null,
    -- of reports null: a language model is known by `model` alone
    engine text,
    model text not null,
    audio_ms bigint not null,
    stored_bytes bigint not null,
    tokens bigint not null,
    -- null where no price is known
    amount numeric,
    currency text,
    unique (job_id, kind, run, attempt)
);
create index usage_listed on usage_records (tenant_id, at desc, id desc);
create trigger append_only before update or delete or truncate on usage_records execute function refuse_change();

call keep_apart('usage_records');
revoke update, delete on usage_records from audio2txt_tenant;
