-- drover: phase=expand
-- drover: lock_timeout=1s
-- The column comes empty and cheap; V009 fills it.
ALTER TABLE customers ADD COLUMN country char(2);
ALTER TABLE customers ALTER COLUMN country SET DEFAULT 'ZZ';
