-- drover: statement_timeout=60s
UPDATE customers SET country = NULL WHERE country IS NOT NULL;
