-- Standing orders: signed once, for whoever matches their selector until they end. The documents
-- stand in signed_order; here is what the coordinator does by them.

CREATE TABLE standing (
    digest          TEXT NOT NULL PRIMARY KEY,   -- of the signed order
    order_id        TEXT NOT NULL,
    name            TEXT NOT NULL,
    application     TEXT NOT NULL,
    bundle_digest   TEXT NOT NULL,
    selector        TEXT NOT NULL,
    target_position INTEGER NOT NULL,
    target_version  TEXT NOT NULL,
    spec            TEXT NOT NULL,               -- canonical YAML, by which each sweep is planned
    actor           TEXT NOT NULL,
    issued_us       BIGINT NOT NULL,
    expires_us      BIGINT NOT NULL,
    created_us      BIGINT NOT NULL,
    accepted_us     BIGINT NOT NULL DEFAULT 0,   -- when its signatures were enough; 0: not yet
    sweeps          INTEGER NOT NULL DEFAULT 0,  -- rollouts that were made by it
    excused_us      BIGINT NOT NULL DEFAULT 0,   -- sweeps that ended badly before are passed over
    ended_us        BIGINT NOT NULL DEFAULT 0,   -- an operator ended it; 0: not
    ended_by        TEXT NOT NULL DEFAULT '',
    problem_code    TEXT NOT NULL DEFAULT '',    -- why the last sweep could not be made
    problem         TEXT NOT NULL DEFAULT ''
);
CREATE INDEX standing_open ON standing (created_us) WHERE ended_us = 0;
CREATE INDEX standing_by_name ON standing (name, created_us);

CREATE INDEX rollout_by_order ON rollout (order_digest, finished_us) WHERE order_digest <> '';
CREATE INDEX signed_order_by_time ON signed_order (application, issued_us);
