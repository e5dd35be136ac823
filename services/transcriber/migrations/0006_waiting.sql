-- What a transcription is told to wait for; null while its work goes on.
alter table transcriptions
    add column waiting text,
    add column waiting_since timestamptz;
