-- The schema that Drover keeps in a tenant's database. Made and owned by Drover's login; nobody else
-- has rights in it. Runs in one transaction under search_path = pg_catalog, pg_temp.
--
-- Times are microseconds since 1970 UTC, chosen by the agent. Text is compared by bytes: no
-- collation of the database decides anything.

CREATE SCHEMA drover;
REVOKE ALL ON SCHEMA drover FROM PUBLIC;

CREATE TABLE drover.schema_version (
    version integer PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- One row for each tenant in this database, bound to the place where it was stamped: the same id
-- read at another place is a clone.
CREATE TABLE drover.tenant (
    tenant_id uuid PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    system_identifier bigint NOT NULL,
    database_oid bigint NOT NULL,
    created_us bigint NOT NULL
);

-- The highest token that has passed; judged by a conditional UPDATE in the change's transaction.
CREATE TABLE drover.fence (
    tenant_id uuid NOT NULL,
    application text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL,
    incarnation uuid NOT NULL,
    attempt uuid,
    PRIMARY KEY (tenant_id, application)
) WITH (fillfactor = 50);

-- The ledger. Appended to, never edited; each row holds the digest of the one before it.
CREATE TABLE drover.history (
    tenant_id uuid NOT NULL,
    application text COLLATE "C" NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    generation integer NOT NULL CHECK (generation > 0),
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('apply', 'undo', 'baseline', 'restore', 'adopt',
                                                   'patch', 'repeatable')),
    position integer NOT NULL CHECK (position >= 0),
    version text COLLATE "C" NOT NULL,
    script_digest bytea,
    undo_digest bytea,
    bundle_digest bytea,
    order_id uuid,
    rollout_id uuid,
    job_id uuid,
    attempt_id uuid,
    epoch bigint NOT NULL,
    incarnation uuid NOT NULL,
    started_us bigint NOT NULL,
    finished_us bigint NOT NULL,
    duration_us bigint GENERATED ALWAYS AS (finished_us - started_us) STORED,
    actor text COLLATE "C" NOT NULL,
    fingerprint_strict bytea,
    fingerprint_logical bytea,
    stamp text COLLATE "C",
    cites_digest bytea,
    previous_digest bytea CHECK ((previous_digest IS NULL) = (seq = 1)),
    row_digest bytea NOT NULL,
    agent_key bytea NOT NULL,
    signature bytea NOT NULL,
    PRIMARY KEY (tenant_id, application, seq)
);

CREATE FUNCTION drover.history_is_append_only() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    RAISE EXCEPTION 'drover.history is append-only: % refused', TG_OP
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'a mistake is mended by a new row: see drover baseline and drover rollback';
END
$$;
REVOKE ALL ON FUNCTION drover.history_is_append_only() FROM PUBLIC;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON drover.history
    FOR EACH STATEMENT EXECUTE FUNCTION drover.history_is_append_only();
-- Also where session_replication_role is replica.
ALTER TABLE drover.history ENABLE ALWAYS TRIGGER append_only;

-- How far a script has come that cannot run in a transaction.
CREATE TABLE drover.statement (
    tenant_id uuid NOT NULL,
    application text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,            -- of the ledger row that the script is making
    script_digest bytea NOT NULL,
    statement integer NOT NULL CHECK (statement > 0),
    position integer NOT NULL,
    direction text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('started', 'done')),
    job_id uuid,
    attempt_id uuid,
    started_us bigint NOT NULL,
    finished_us bigint,
    PRIMARY KEY (tenant_id, application, seq, script_digest, statement)
);

REVOKE ALL ON ALL TABLES IN SCHEMA drover FROM PUBLIC;
