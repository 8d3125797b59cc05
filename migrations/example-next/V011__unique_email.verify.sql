SELECT 'the unique index is valid', indisvalid AND indisunique
  FROM pg_index WHERE indexrelid = 'customers_email_unique'::regclass;
SELECT 'country is required', attnotnull
  FROM pg_attribute WHERE attrelid = 'customers'::regclass AND attname = 'country';
