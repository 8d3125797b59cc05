-- drover: transaction=none
-- drover: phase=expand
-- Built beside the shop's traffic: no lock that a customer would notice.
CREATE INDEX CONCURRENTLY orders_customer_placed ON orders (customer_id, placed_at DESC);
CREATE INDEX CONCURRENTLY orders_open ON orders (placed_at) WHERE state = 'open';
