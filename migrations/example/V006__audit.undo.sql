DROP TRIGGER orders_audit ON orders;
DROP FUNCTION order_state_changed();
DROP TABLE audit;
