-- drover: lock_timeout=1s
ALTER TABLE customers ALTER COLUMN country DROP NOT NULL;
DROP INDEX customers_email_unique;
