-- Money: an order may be paid in parts, an invoice is written once.
CREATE TABLE payments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES orders (id),
    amount_cents bigint NOT NULL CHECK (amount_cents <> 0),
    provider text NOT NULL,
    reference text NOT NULL,
    paid_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (provider, reference)
);

CREATE TABLE invoices (
    number bigint PRIMARY KEY,
    order_id bigint NOT NULL UNIQUE REFERENCES orders (id),
    total_cents bigint NOT NULL,
    issued_on date NOT NULL DEFAULT CURRENT_DATE
);

CREATE INDEX payments_order ON payments (order_id);
