-- drover: phase=contract
-- drover: lock_timeout=1s
-- One account an address, however it is spelt.
CREATE UNIQUE INDEX customers_email_unique ON customers (lower(email));
ALTER TABLE customers ALTER COLUMN country SET NOT NULL;
