-- What a young shop holds after its tenth migration: a hundred customers, two hundred orders and
-- what hangs on them. Run as the shop's owner.
INSERT INTO categories (name) SELECT 'category ' || n FROM generate_series(1, 8) AS n;
INSERT INTO products (category_id, sku, title, price_cents)
    SELECT 1 + n % 8, 'SKU-' || n, 'product ' || n, 100 * n FROM generate_series(1, 100) AS n;
INSERT INTO customers (name, email)
    SELECT 'customer ' || n, 'customer' || n || '@shop.example' FROM generate_series(1, 100) AS n;
INSERT INTO addresses (customer_id, street, city, country_code)
    SELECT id, id || ' Main Street', 'Town', (ARRAY['DK', 'NL', 'DE'])[1 + id % 3] FROM customers;
INSERT INTO orders (customer_id, placed_at)
    SELECT 1 + n % 100, timestamptz '2026-01-01 00:00:00+00' + n * interval '1 hour'
      FROM generate_series(1, 200) AS n;
INSERT INTO order_lines (order_id, line, product_id, quantity, price_cents)
    SELECT id, line, 1 + (id + line) % 100, line, 100 * line
      FROM orders CROSS JOIN generate_series(1, 3) AS line;
INSERT INTO payments (order_id, amount_cents, provider, reference)
    SELECT id, 1400, 'card', 'ref-' || id FROM orders WHERE id % 2 = 0;
UPDATE orders SET state = 'paid' WHERE id % 2 = 0;
INSERT INTO invoices (number, order_id, total_cents)
    SELECT 1000 + id, id, 1400 FROM orders WHERE state = 'paid';
INSERT INTO users (login, is_admin) VALUES ('owner', true), ('clerk', false);
