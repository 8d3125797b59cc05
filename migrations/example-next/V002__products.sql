-- What is sold. A category may stand inside another.
CREATE TABLE categories (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent_id integer REFERENCES categories (id),
    name text NOT NULL UNIQUE
);

CREATE TABLE products (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    category_id integer REFERENCES categories (id),
    sku text NOT NULL CONSTRAINT products_sku_key UNIQUE,
    title text NOT NULL,
    price_cents bigint NOT NULL CHECK (price_cents >= 0),
    active boolean NOT NULL DEFAULT true
);

COMMENT ON COLUMN products.price_cents IS 'without tax, in the shop''s own currency';
