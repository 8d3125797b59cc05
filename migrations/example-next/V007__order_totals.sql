-- One row an order for the reports, and coupons, which the totals will take into account later.
CREATE TABLE coupons (
    code text PRIMARY KEY CHECK (code = upper(code)),
    percent integer NOT NULL CHECK (percent BETWEEN 1 AND 100),
    valid_until date
);

CREATE VIEW order_totals AS
SELECT o.id AS order_id,
       o.customer_id,
       o.state,
       count(l.line) AS line_count,
       coalesce(sum(l.quantity * l.price_cents), 0)::bigint AS total_cents
  FROM orders AS o
  LEFT JOIN order_lines AS l ON l.order_id = o.id
 GROUP BY o.id;
