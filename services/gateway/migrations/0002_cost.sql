-- What the provider asks for the transcription of the last transcribed run; null where nothing is asked or no price is known.
alter table jobs add column cost jsonb;
