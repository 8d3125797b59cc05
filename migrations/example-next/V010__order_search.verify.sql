SELECT 'both indexes are valid', count(*) = 2 AND bool_and(indisvalid AND indisready)
  FROM pg_index
 WHERE indexrelid IN (to_regclass('orders_customer_placed'), to_regclass('orders_open'));
