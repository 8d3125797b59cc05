-- drover: phase=backfill
-- drover: statement_timeout=60s
-- The country of a customer's first address, or ZZ where there is none.
UPDATE customers AS c
   SET country = coalesce((SELECT a.country_code FROM addresses AS a
                            WHERE a.customer_id = c.id ORDER BY a.id LIMIT 1), 'ZZ')
 WHERE c.country IS NULL;
