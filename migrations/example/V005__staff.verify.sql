SELECT 'table users', to_regclass('users') IS NOT NULL;
SELECT 'the settings that the shop needs', count(*) = 2
  FROM settings WHERE key IN ('currency', 'tax_percent');
