SELECT 'no index of these names stands in the way',
       to_regclass('orders_customer_placed') IS NULL AND to_regclass('orders_open') IS NULL;
