SELECT 'every order has its total',
       (SELECT count(*) FROM order_totals) = (SELECT count(*) FROM orders);
SELECT 'table coupons', to_regclass('coupons') IS NOT NULL;
