SELECT 'every customer has a country', count(*) = 0 FROM customers WHERE country IS NULL;
