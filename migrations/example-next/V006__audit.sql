-- Every change of an order's state is kept.
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL,
    was order_state,
    is_now order_state NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION order_state_changed() RETURNS trigger
    LANGUAGE plpgsql
AS $body$
BEGIN
    INSERT INTO audit (order_id, was, is_now) VALUES (NEW.id, OLD.state, NEW.state);
    RETURN NEW;
END
$body$;

CREATE TRIGGER orders_audit
    AFTER UPDATE OF state ON orders
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION order_state_changed();
