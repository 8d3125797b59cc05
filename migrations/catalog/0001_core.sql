-- The coordinator's catalog: fleet, bundles, rollouts, tasks, reports, audit.
--
-- One text for SQLite and PostgreSQL. Times are BIGINT microseconds from the programs; booleans are
-- SMALLINT 0 or 1; ids, digests and keys are lower-case hexadecimal or UUID text, compared by bytes;
-- states are the numbers of the engine's enums with their names in the generated docs/STATES.md.
-- Columns that later work fills stand here already, so that no table has to be rebuilt.

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE agent (
    agent_key      TEXT NOT NULL PRIMARY KEY,    -- CURVE public key, the authenticated identity
    name           TEXT NOT NULL UNIQUE,
    state_id       TEXT NOT NULL DEFAULT '',     -- the journal's id; another one means lost state
    software       TEXT NOT NULL DEFAULT '',
    protocol       INTEGER NOT NULL DEFAULT 0,
    status         INTEGER NOT NULL DEFAULT 0,   -- 0 known, 1 suspended
    acknowledged   BIGINT NOT NULL DEFAULT 0,    -- highest report number committed
    first_seen_us  BIGINT NOT NULL,
    last_seen_us   BIGINT NOT NULL
);

CREATE TABLE cluster (
    system_identifier TEXT NOT NULL PRIMARY KEY, -- decimal
    name              TEXT NOT NULL,
    server_version    INTEGER NOT NULL DEFAULT 0,
    timeline          INTEGER NOT NULL DEFAULT 0,
    parallel          INTEGER NOT NULL DEFAULT 1,
    agent_key         TEXT NOT NULL DEFAULT '',  -- agent that holds, or held last, its lease
    lease_until_us    BIGINT NOT NULL DEFAULT 0, -- wall clock, for the reader's eyes only
    problem           TEXT NOT NULL DEFAULT '',
    last_seen_us      BIGINT NOT NULL
);

CREATE TABLE tenant (
    tenant_id         TEXT NOT NULL PRIMARY KEY,
    name              TEXT NOT NULL,
    system_identifier TEXT NOT NULL,
    database_name     TEXT NOT NULL,
    schema_name       TEXT NOT NULL DEFAULT '',
    agent_key         TEXT NOT NULL,             -- agent that reported it last
    stamped           SMALLINT NOT NULL DEFAULT 0,
    size_bytes        BIGINT NOT NULL DEFAULT 0,
    incarnation       INTEGER NOT NULL DEFAULT 1, -- raised when the tenant went back in time
    problem_code      TEXT NOT NULL DEFAULT '',  -- quarantined, with its reason
    problem           TEXT NOT NULL DEFAULT '',
    gone              SMALLINT NOT NULL DEFAULT 0,
    observed_us       BIGINT NOT NULL,
    snapshot          TEXT NOT NULL DEFAULT ''   -- inventory that named it last
);
CREATE INDEX tenant_by_name ON tenant (name, tenant_id);
CREATE INDEX tenant_by_cluster ON tenant (system_identifier, database_name);
CREATE INDEX tenant_by_agent ON tenant (agent_key);

-- The same tenant id at a second place while the first one stands: kept aside, never worked on.
CREATE TABLE tenant_clone (
    tenant_id         TEXT NOT NULL,
    system_identifier TEXT NOT NULL,
    database_name     TEXT NOT NULL,
    schema_name       TEXT NOT NULL,
    name              TEXT NOT NULL,
    agent_key         TEXT NOT NULL,
    problem_code      TEXT NOT NULL,
    problem           TEXT NOT NULL,
    observed_us       BIGINT NOT NULL,
    snapshot          TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, system_identifier, database_name, schema_name)
);
CREATE INDEX tenant_clone_by_agent ON tenant_clone (agent_key);

CREATE TABLE tenant_label (
    tenant_id TEXT NOT NULL,
    key       TEXT NOT NULL,
    value     TEXT NOT NULL,
    PRIMARY KEY (tenant_id, key)
);

-- What the ledger of (tenant, application) said last.
CREATE TABLE tenant_application (
    tenant_id           TEXT NOT NULL,
    application         TEXT NOT NULL,
    generation          INTEGER NOT NULL,
    position            INTEGER NOT NULL,
    version             TEXT NOT NULL,
    ledger_sequence     BIGINT NOT NULL,
    ledger_digest       TEXT NOT NULL,
    fingerprint_strict  TEXT NOT NULL,
    fingerprint_logical TEXT NOT NULL,
    observed_us         BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, application)
);

CREATE TABLE bundle (
    digest      TEXT NOT NULL PRIMARY KEY,
    application TEXT NOT NULL,
    head        TEXT NOT NULL,                   -- version of the last migration
    migrations  INTEGER NOT NULL,
    size_bytes  BIGINT NOT NULL,
    signatures  INTEGER NOT NULL,
    pushed_by   TEXT NOT NULL,
    pushed_us   BIGINT NOT NULL
);

-- The signed bytes behind every change that an operator asked for.
CREATE TABLE operator_order (
    order_id    TEXT NOT NULL PRIMARY KEY,
    verb        TEXT NOT NULL,
    actor       TEXT NOT NULL,
    key         TEXT NOT NULL,
    payload     BYTEA NOT NULL,
    signature   TEXT NOT NULL,
    received_us BIGINT NOT NULL,
    number      BIGINT NOT NULL DEFAULT 0,       -- per tenant and application, later
    expires_us  BIGINT NOT NULL DEFAULT 0,
    answer      TEXT NOT NULL DEFAULT ''         -- what it was answered with
);

CREATE TABLE rollout (
    rollout_id      TEXT NOT NULL PRIMARY KEY,
    name            TEXT NOT NULL,
    kind            INTEGER NOT NULL,            -- JobKind of its jobs
    application     TEXT NOT NULL,
    bundle_digest   TEXT NOT NULL,
    target_position INTEGER NOT NULL,
    target_version  TEXT NOT NULL,
    state           INTEGER NOT NULL,
    current_wave    INTEGER NOT NULL,
    unreachable     INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,            -- tries per task
    recovery_kind   TEXT NOT NULL,
    recovery_reason TEXT NOT NULL DEFAULT '',
    trial_restore   TEXT NOT NULL,
    sample_bp       INTEGER NOT NULL,            -- share of trial restores, in 1/100 %
    task_timeout_us BIGINT NOT NULL,
    accept_data_loss SMALLINT NOT NULL,
    prune_keep_us   BIGINT NOT NULL DEFAULT 0,
    prune_keep_count INTEGER NOT NULL DEFAULT 0,
    spec            TEXT NOT NULL,               -- canonical JSON, as the operator reads it
    plan_digest     TEXT NOT NULL,
    order_id        TEXT NOT NULL,
    parent_id       TEXT NOT NULL DEFAULT '',    -- rollout that a rollback takes back
    actor           TEXT NOT NULL,
    reason          TEXT NOT NULL DEFAULT '',    -- why it stands where it stands
    created_us      BIGINT NOT NULL,
    started_us      BIGINT NOT NULL DEFAULT 0,
    finished_us     BIGINT NOT NULL DEFAULT 0,
    updated_us      BIGINT NOT NULL
);
CREATE INDEX rollout_by_created ON rollout (created_us, rollout_id);
CREATE INDEX rollout_by_name ON rollout (name, created_us);
CREATE INDEX rollout_by_parent ON rollout (parent_id) WHERE parent_id <> '';
CREATE INDEX rollout_open ON rollout (created_us, rollout_id) WHERE finished_us = 0;

CREATE TABLE wave (
    rollout_id  TEXT NOT NULL,
    number      INTEGER NOT NULL,                -- 0, 1, …
    name        TEXT NOT NULL,
    state       INTEGER NOT NULL,
    first_task  INTEGER NOT NULL,                -- ordinal of its first task
    tasks       INTEGER NOT NULL,
    max_parallel INTEGER NOT NULL DEFAULT 0,     -- 0: no bound of its own
    max_parallel_per_cluster INTEGER NOT NULL DEFAULT 0,
    canary      SMALLINT NOT NULL DEFAULT 0,
    on_failure  INTEGER NOT NULL,
    budget      INTEGER NOT NULL DEFAULT 0,      -- failures that are tolerated
    forgiven    INTEGER NOT NULL DEFAULT 0,      -- failures that an operator's resume accepted
    soak_for_us BIGINT NOT NULL DEFAULT 0,
    opened_us   BIGINT NOT NULL DEFAULT 0,
    soak_us     BIGINT NOT NULL DEFAULT 0,       -- when the soak began
    finished_us BIGINT NOT NULL DEFAULT 0,
    target_position INTEGER NOT NULL DEFAULT 0,  -- of its tasks; 0: the rollout's own
    ticket      TEXT NOT NULL DEFAULT '',        -- the evidence that opened it, later
    PRIMARY KEY (rollout_id, number)
);

CREATE TABLE task (
    job_id            TEXT NOT NULL PRIMARY KEY,
    rollout_id        TEXT NOT NULL,
    wave              INTEGER NOT NULL,
    ordinal           INTEGER NOT NULL,          -- order within the rollout
    tenant_id         TEXT NOT NULL,
    tenant_name       TEXT NOT NULL,
    system_identifier TEXT NOT NULL,
    database_name     TEXT NOT NULL,
    state             INTEGER NOT NULL,
    attempt_id        TEXT NOT NULL DEFAULT '',
    attempts          INTEGER NOT NULL DEFAULT 0,
    agent_key         TEXT NOT NULL DEFAULT '',
    from_position     INTEGER NOT NULL,
    position          INTEGER NOT NULL,          -- as the last report left it
    touched           SMALLINT NOT NULL DEFAULT 0, -- something was, or may have been, committed
    step              INTEGER NOT NULL DEFAULT 0,
    error_code        TEXT NOT NULL DEFAULT '',
    sqlstate          TEXT NOT NULL DEFAULT '',
    error             TEXT NOT NULL DEFAULT '',
    reference         TEXT NOT NULL DEFAULT '',  -- recovery point: of the apply, or for the restore
    notes             TEXT NOT NULL DEFAULT '',
    started_us        BIGINT NOT NULL DEFAULT 0,
    finished_us       BIGINT NOT NULL DEFAULT 0,
    due_us            BIGINT NOT NULL DEFAULT 0,
    observed_us       BIGINT NOT NULL DEFAULT 0  -- of the inventory that the plan rested on
);
CREATE UNIQUE INDEX task_by_rollout ON task (rollout_id, ordinal);
CREATE INDEX task_by_tenant ON task (tenant_id);
CREATE INDEX task_by_state ON task (rollout_id, state);

-- Every report as it came, its batch's signature beside it: evidence, and the source of history.
CREATE TABLE report (
    agent_key   TEXT NOT NULL,
    state_id    TEXT NOT NULL,
    number      BIGINT NOT NULL,
    job_id      TEXT NOT NULL,
    attempt_id  TEXT NOT NULL,
    tenant_id   TEXT NOT NULL,
    step        INTEGER NOT NULL,
    outcome     INTEGER NOT NULL,
    final       SMALLINT NOT NULL,
    position    INTEGER NOT NULL,
    error_code  TEXT NOT NULL,
    sqlstate    TEXT NOT NULL,
    message     TEXT NOT NULL,
    sql_digest  TEXT NOT NULL,
    started_us  BIGINT NOT NULL,
    finished_us BIGINT NOT NULL,
    received_us BIGINT NOT NULL,
    batch       TEXT NOT NULL,                   -- digest of the signed batch it came in
    PRIMARY KEY (agent_key, state_id, number)
);
CREATE INDEX report_by_tenant ON report (tenant_id, finished_us, number);
CREATE INDEX report_by_job ON report (job_id, number);

-- The bytes that the agent signed.
CREATE TABLE report_batch (
    digest      TEXT NOT NULL PRIMARY KEY,
    agent_key   TEXT NOT NULL,
    state_id    TEXT NOT NULL,
    payload     BYTEA NOT NULL,
    signing_key TEXT NOT NULL,
    signature   TEXT NOT NULL,
    received_us BIGINT NOT NULL
);

CREATE TABLE recovery_point (
    reference   TEXT NOT NULL,
    tenant_id   TEXT NOT NULL,
    agent_key   TEXT NOT NULL,
    kind        TEXT NOT NULL,
    lsn         TEXT NOT NULL,
    taken_us    BIGINT NOT NULL,
    verified    TEXT NOT NULL,
    size_bytes  BIGINT NOT NULL,
    digest      TEXT NOT NULL,
    rollout_id  TEXT NOT NULL,
    position    INTEGER NOT NULL,
    pruned_us   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, reference)
);
CREATE INDEX recovery_point_by_time ON recovery_point (taken_us, reference);
CREATE INDEX recovery_point_by_rollout ON recovery_point (rollout_id, tenant_id);

CREATE TABLE audit (
    sequence   BIGINT NOT NULL PRIMARY KEY,
    time_us    BIGINT NOT NULL,
    actor      TEXT NOT NULL,                    -- operator, agent or "coordinator"
    origin     TEXT NOT NULL,                    -- address and key it came from
    action     TEXT NOT NULL,                    -- verb, or machine and row id
    rollout_id TEXT NOT NULL,
    tenant_id  TEXT NOT NULL,
    sql_digest TEXT NOT NULL,
    result     TEXT NOT NULL,                    -- "ok" or an error code
    detail     TEXT NOT NULL,
    previous   TEXT NOT NULL DEFAULT '',         -- digest chain, later
    signature  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX audit_by_time ON audit (time_us);
CREATE INDEX audit_by_tenant ON audit (tenant_id, sequence);
CREATE INDEX audit_by_rollout ON audit (rollout_id, sequence);
