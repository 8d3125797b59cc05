-- drover: lock_timeout=1s
ALTER TABLE customers DROP COLUMN country;
