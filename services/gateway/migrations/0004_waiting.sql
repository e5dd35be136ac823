-- What the transcription waits for, by the newest news there was; and when that was told, by the teller's clock.
alter table jobs add column transcription_waiting jsonb, add column transcription_told_at timestamptz;
