SELECT 'table orders', to_regclass('orders') IS NOT NULL;
SELECT 'table order_lines', to_regclass('order_lines') IS NOT NULL;
SELECT 'four states, in this order',
       enum_range(NULL::order_state)::text = '{open,paid,shipped,cancelled}';
