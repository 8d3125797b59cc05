SELECT 'table categories', to_regclass('categories') IS NOT NULL;
SELECT 'table products', to_regclass('products') IS NOT NULL;
SELECT 'a price is never negative', count(*) = 0 FROM products WHERE price_cents < 0;
