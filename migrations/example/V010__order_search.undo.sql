-- drover: transaction=none
DROP INDEX CONCURRENTLY orders_open;
DROP INDEX CONCURRENTLY orders_customer_placed;
