-- A retry that asks a provider for the same reads the answer again that an earlier run of the job was given, and paid for.
alter table transcriptions
    -- Digest of what the provider was asked for; null in the house, and when its answer was that it has heard nothing.
    add column asked text,
    -- The run whose answer this one reads; null for its own.
    add column answer_run int,
    -- Blob keys of the files that came with the answer; null until they are stored.
    add column attachments jsonb;
