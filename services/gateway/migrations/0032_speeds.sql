-- When the current run's work began, and when its transcript was there: by which is told how long others will take.
alter table jobs add column began_at timestamptz, add column transcribed_at timestamptz;
