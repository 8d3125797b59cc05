SELECT 'table customers', to_regclass('customers') IS NOT NULL;
SELECT 'table addresses', to_regclass('addresses') IS NOT NULL;
SELECT 'no address without a customer', count(*) = 0
  FROM addresses AS a LEFT JOIN customers AS c ON c.id = a.customer_id
 WHERE c.id IS NULL;
