/* load.c: see load.h. */
#include "agent/steps/load.h"

#include <string.h>

enum {
    FIXED_RESULTS = 1,   /* identity_sql without the ledger */
    LEDGER_RESULTS = 1,  /* what identity_ask_t.ledger adds, without heads */
    ROWS_AT_ONCE = 10000 /* of the ledger; a longer one is refused */
};

static bool wants_size(const run_t *run) {
    return run->machine.protects || run->what.kind == JOB_KIND_LOOK;
}

/* Owner role of the tenant: listed, the cluster's, or the login itself. */
static void choose_owner(run_t *run) {
    const agent_config_tenant_t *listed = NULL;
    (void)agent_config_admits(run->cluster, run->what.database, &listed);
    const char *owner =
        listed != NULL && listed->owner != NULL ? listed->owner : run->cluster->roles.owner;
    if (owner != NULL) {
        (void)snprintf(run->owner, sizeof run->owner, "%s", owner);
    }
}

static void forget(run_t *run) {
    free(run->rows);
    run->rows = NULL;
    run->row_count = run->row_room = 0;
    run->standing = (ledger_standing_t){0};
    run->fingerprint = (fingerprint_t){0};
    run->stamp[0] = '\0';
    run->unfit_index = false;
}

static void on_ledger(run_t *run, connection_answer_t *answer);

/* The schema's stamp over run->mask. One statement: it needs neither a transaction around it nor,
 * in a session whose search_path is pinned, a fingerprint's settings. */
static status_t add_stamp(const run_t *run, buffer_t *sql, error_t *err) {
    fingerprint_scope_t scope = {.server_version_num = connection_server_version(run->connection),
                                 .mask = run->mask};
    return fingerprint_stamp_sql(&scope, sql, err);
}

static status_t take_stamp(run_t *run, const connection_answer_t *answer, error_t *err) {
    fingerprint_scope_t scope = {.server_version_num = connection_server_version(run->connection),
                                 .mask = run->mask};
    fingerprint_stamp_t stamp = {0};
    TRY(fingerprint_stamp_read(answer->results[answer->count - 1], &scope, &stamp, err));
    run->shared->mask |= stamp.mask;
    run->stamp[0] = '\0';
    if (stamp.complete) {
        (void)snprintf(run->stamp, sizeof run->stamp, "%s", stamp.text);
    }
    return STATUS_OK;
}

/* Whether any index is INVALID; a partitioned one may be, and has no file. One catalog, so that it
 * costs little where none is: check.c asks more where one is. */
static const char sql_unfit[] = ";\nSELECT EXISTS (SELECT FROM pg_index WHERE NOT indisvalid AND "
                                "pg_relation_filenode(indexrelid) IS NOT NULL) AS unfit;\n";

static void ask_ledger(run_t *run) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    error_t err = {0};
    fence_key_t key = run_key(run);
    run->mask = run->shared->load_mask;
    fence_sql_lock(&sql, &key);
    buffer_text(&sql, ";\n");
    ledger_sql_read(&sql, &key, (ledger_range_t){.after_seq = 0, .most = ROWS_AT_ONCE});
    buffer_text(&sql, sql_unfit);
    if (add_stamp(run, &sql, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    run_query(run, &sql, on_ledger);
}

/* The rows, verified as a chain; only the head's signature is, for it covers all before it. */
static status_t take_rows(run_t *run, const PGresult *result, error_t *err) {
    int count = PQntuples(result);
    for (int i = 0; i < count; i++) {
        ledger_row_t row;
        TRY(ledger_read(result, i, &row, err));
        digest_t digest = ledger_digest(&row);
        bool follows = i == 0 ? row.seq == 1 && digest_is_null(&row.previous)
                              : digest_equal(&row.previous, &run->rows[i - 1].digest);
        if (!follows || !digest_equal(&digest, &row.digest)) {
            return error_set(err, ERROR_LEDGER_EDITED,
                             "ledger row %lld of %s does not match its chain", (long long)row.seq,
                             run->what.tenant_name);
        }
        TRY(run_keep_row(run, &row, err));
    }
    if (count >= ROWS_AT_ONCE) {
        return error_set(err, ERROR_BOUND, "a ledger of more than %d rows", ROWS_AT_ONCE);
    }
    if (run->row_count > 0) {
        size_t bad = 0;
        ledger_rows_t head = {.rows = &run->rows[run->row_count - 1], .count = 1};
        TRY(ledger_verify_chain(head, NULL, NULL, &bad, err));
    }
    return STATUS_OK;
}

/* A ledger that is shorter than what the catalog has seen: the tenant went back in time, or a tail
 * was cut. */
static status_t judge_floor(const run_t *run, error_t *err) {
    bool back = run->standing.generation < (int32_t)run->what.generation_floor ||
                (run->standing.generation == (int32_t)run->what.generation_floor &&
                 run->standing.seq < run->what.sequence_floor);
    if (back) {
        return error_set(
            err, ERROR_LEDGER_EDITED,
            "the ledger of %s ends at row %lld, but row %lld was seen: the tenant went "
            "back in time, or its ledger was cut",
            run->what.tenant_name, (long long)run->standing.seq,
            (long long)run->what.sequence_floor);
    }
    return STATUS_OK;
}

static status_t take_ledger(run_t *run, connection_answer_t *answer, error_t *err) {
    /* lock · rows · indexes · stamp */
    if (answer->count < 4) {
        return error_set(err, ERROR_INTERNAL, "%zu results where the ledger was read",
                         answer->count);
    }
    bool locked = strcmp(PQgetvalue(answer->results[0], 0, 0), "t") == 0;
    if (!locked) {
        return error_set(err, ERROR_TENANT_BUSY, "another session holds the lock of tenant %s",
                         run->what.tenant_name);
    }
    run->locked = true;
    if (take_rows(run, answer->results[1], err) != STATUS_OK) {
        forget(run); /* half a chain tells nothing of where the tenant stands */
        return STATUS_ERROR;
    }
    run->unfit_index = strcmp(PQgetvalue(answer->results[2], 0, 0), "t") == 0;
    TRY(take_stamp(run, answer, err));
    return judge_floor(run, err);
}

static void hand_over(run_t *run) {
    run_next_fn *next = run->loaded;
    run->loaded = NULL;
    next(run);
}

static void on_stamp(run_t *run, connection_answer_t *answer) {
    error_t err = {0};
    if (answer->count < 1 || take_stamp(run, answer, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    hand_over(run);
}

/* A stamp can be compared only over the catalogs that the recorded one covers. Where the guess was
 * another, it is read again: far cheaper than the whole fingerprint. */
static void on_ledger(run_t *run, connection_answer_t *answer) {
    error_t err = {0};
    if (take_ledger(run, answer, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    const char *recorded = run->row_count > 0 ? run->rows[run->row_count - 1].stamp : "";
    uint64_t mask = fingerprint_stamp_mask(recorded);
    if (mask == 0 || mask == run->mask) {
        hand_over(run);
        return;
    }
    run->shared->load_mask = run->mask = mask;
    CLEANUP(buffer_free) buffer_t sql = {0};
    if (add_stamp(run, &sql, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    run_query(run, &sql, on_stamp);
}

static void judge(run_t *run) {
    error_t err = {0};
    identity_rules_t rules = {
        .tenant = run->what.tenant,
        .writable = true,
        .needs_ledger = run->what.kind != JOB_KIND_BASELINE,
        .allow_superuser =
            run->cluster->allow_superuser && policy_allows_superuser(run->shared->policy),
        .owner = run->owner[0] != '\0' ? run->owner : NULL,
    };
    if (run->what.kind == JOB_KIND_BASELINE && run->identity.tenant_count == 0) {
        rules.tenant = (ident_t){0}; /* it is this job that stamps it */
    }
    uint64_t here = (uint64_t)run->identity.system_identifier;
    if (here != run->what.system_identifier) {
        (void)error_set(&err, ERROR_TENANT_MISMATCH,
                        "database %s is on cluster %llu, and the job names cluster %llu",
                        run->what.database, (unsigned long long)here,
                        (unsigned long long)run->what.system_identifier);
        run_fail(run, &err);
        return;
    }
    if (identity_judge(&run->identity, &rules, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    if (run->identity.size_bytes >= 0) {
        run->size_bytes = run->identity.size_bytes;
    }
    if (run->identity.has_schema) {
        ask_ledger(run);
        return;
    }
    hand_over(run);
}

static void on_identity_ledger(run_t *run, connection_answer_t *answer) {
    error_t err = {0};
    if (identity_read_ledger(answer->results, answer->count, &run->identity, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    judge(run);
}

/* Where the ledger was expected and is not there, the server's 42P01 says so: ask without it. */
static void on_identity(run_t *run, connection_answer_t *answer) {
    error_t err = answer->error;
    if (answer->count < FIXED_RESULTS || answer->lost ||
        (err.code != ERROR_NONE && answer->count <= FIXED_RESULTS)) {
        run_fail(run, &err);
        return;
    }
    if (identity_read(answer->results, answer->count, &run->identity, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    if (run->identity.has_schema && answer->count < FIXED_RESULTS + LEDGER_RESULTS) {
        CLEANUP(buffer_free) buffer_t sql = {0};
        identity_sql_tenant(&sql, &run->what.tenant);
        run_query(run, &sql, on_identity_ledger);
        return;
    }
    judge(run);
}

static void ask_identity(run_t *run) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    identity_ask_t ask = {.owner = run->owner[0] != '\0' ? run->owner : NULL,
                          .size = wants_size(run),
                          .ledger = run->what.kind != JOB_KIND_BASELINE,
                          .without_heads = true};
    identity_sql(&sql, &ask);
    run_send(run, &sql, &(run_request_t){0}, on_identity);
}

void load_begin(run_t *run, run_next_fn *next) {
    forget(run);
    choose_owner(run);
    run->loaded = next;
    run_connect(run, ask_identity);
}
