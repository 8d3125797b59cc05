-- Trust: who may sign what, what was signed, and what opens a wave.
--
-- Documents are bytes as they were signed (proto/trust.proto); what stands beside them is read out
-- of them for looking up. Digests of documents are their ids, which do not depend on signatures.

CREATE TABLE trust_file (
    version      BIGINT NOT NULL PRIMARY KEY,
    digest       TEXT NOT NULL,
    document     BYTEA NOT NULL,
    published_by TEXT NOT NULL,
    published_us BIGINT NOT NULL
);

CREATE TABLE revocation (
    key         TEXT NOT NULL PRIMARY KEY,       -- that was taken out
    digest      TEXT NOT NULL,
    document    BYTEA NOT NULL,
    received_us BIGINT NOT NULL
);

-- Hosts that asked to be agents, and what became of it. An agent is whose card was accepted.
CREATE TABLE enrolment (
    sign_key    TEXT NOT NULL PRIMARY KEY,
    curve_key   TEXT NOT NULL,
    name        TEXT NOT NULL,
    state       INTEGER NOT NULL,                -- 1 pending, 2 accepted, 3 rejected, 4 revoked
    request     BYTEA NOT NULL,
    fingerprint TEXT NOT NULL,                   -- the request's digest
    card        BYTEA NOT NULL,                  -- accepted; empty: none
    draft       BYTEA NOT NULL,                  -- a card that lacks signatures; empty: none
    serial      BIGINT NOT NULL DEFAULT 0,
    expires_us  BIGINT NOT NULL DEFAULT 0,
    reason      TEXT NOT NULL DEFAULT '',
    asked_us    BIGINT NOT NULL,
    decided_us  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX enrolment_by_name ON enrolment (name, asked_us);
CREATE INDEX enrolment_by_curve ON enrolment (curve_key);

CREATE TABLE invitation (
    curve_key  TEXT NOT NULL PRIMARY KEY,        -- public half of the one-time key
    name       TEXT NOT NULL,
    made_by    TEXT NOT NULL,
    made_us    BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    used_us    BIGINT NOT NULL DEFAULT 0
);

-- Orders, approvals, holds and stops.
CREATE TABLE signed_order (
    digest      TEXT NOT NULL PRIMARY KEY,
    order_id    TEXT NOT NULL,
    kind        INTEGER NOT NULL,                -- of an OrderBody
    rollout_id  TEXT NOT NULL DEFAULT '',        -- that it starts, stops or approves a wave of
    subject     TEXT NOT NULL DEFAULT '',        -- order that it is about
    wave        INTEGER NOT NULL DEFAULT 0,      -- of the subject, for an approval
    application TEXT NOT NULL DEFAULT '',        -- empty: a hold or release of all
    environment TEXT NOT NULL DEFAULT '',
    issued_us   BIGINT NOT NULL DEFAULT 0,
    document    BYTEA NOT NULL,                  -- with the signatures so far
    accepted_us BIGINT NOT NULL DEFAULT 0,       -- when the threshold was reached; 0: not yet
    expires_us  BIGINT NOT NULL,
    received_us BIGINT NOT NULL
);
CREATE INDEX signed_order_by_rollout ON signed_order (rollout_id, kind);
CREATE INDEX signed_order_by_subject ON signed_order (subject, kind);
CREATE INDEX signed_order_by_kind ON signed_order (kind, received_us);

-- What agents signed about their tenants of a wave.
CREATE TABLE wave_result (
    digest       TEXT NOT NULL PRIMARY KEY,
    order_digest TEXT NOT NULL,
    wave         INTEGER NOT NULL,               -- of the order
    sign_key     TEXT NOT NULL,                  -- the agent's
    document     BYTEA NOT NULL,
    received_us  BIGINT NOT NULL
);
CREATE INDEX wave_result_by_wave ON wave_result (order_digest, wave, received_us);

CREATE TABLE ticket (
    digest       TEXT NOT NULL PRIMARY KEY,
    order_digest TEXT NOT NULL,
    wave         INTEGER NOT NULL,               -- that it opens
    bytes        BYTEA NOT NULL,
    made_us      BIGINT NOT NULL
);
CREATE INDEX ticket_by_wave ON ticket (order_digest, wave, made_us);

ALTER TABLE rollout ADD COLUMN order_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE rollout ADD COLUMN ticketed SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE task ADD COLUMN to_position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE wave ADD COLUMN needs_approval SMALLINT NOT NULL DEFAULT 0;
