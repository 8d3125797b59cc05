SELECT 'column customers.country', count(*) = 1
  FROM pg_attribute
 WHERE attrelid = 'customers'::regclass AND attname = 'country' AND NOT attisdropped;
