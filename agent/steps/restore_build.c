/* restore_build.c: see restore_build.h. */
#include "agent/steps/restore_build.h"
#include "agent/steps/look.h"
#include "agent/steps/restore_carry.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/postgres/quote.h"

#include <string.h>

enum {
    ROWS_MOST = 10000,      /* of a ledger; load.c has the same bound */
    GENERATIONS_MOST = 1000 /* that one restore may have to catch up with */
};

static void create(run_t *run);

static restore_plan_t *plan_of(run_t *run) {
    return restore_side_of(run)->plan;
}

/* ---- failing: what was built is worth nothing ---- */

static void after_failed_drop(run_t *run) {
    restore_side_t *side = restore_side_of(run);
    if (side->err.code != ERROR_NONE) {
        run_note(run, "database \"%s\" could not be dropped; the next restore of this tenant does",
                 side->database);
    }
    run_fail(run, &run->pending);
}

static void give_up(run_t *run, const error_t *err) {
    restore_side_t *side = restore_side_of(run);
    run->pending = *err;
    if (side->tenant != NULL) {
        restore_side_unpark(run);
    }
    if (connection_state(run->connection) != CONNECTION_IDLE) {
        run_fail(run, &run->pending);
        return;
    }
    restore_side_drop(run, side->database, after_failed_drop);
}

/* ---- ready ---- */

static void on_ready(run_t *run, connection_answer_t *answer) {
    (void)answer;
    restore_side_t *side = restore_side_of(run);
    FAILPOINT("agent.restore.ready");
    restore_side_unpark(run);
    side->then(run);
}

static void mark_ready(run_t *run) {
    const restore_side_t *side = restore_side_of(run);
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(buffer_free) buffer_t marker = {0};
    restore_marker_t ready = {.tenant = run->what.tenant,
                              .job = run->what.job,
                              .phase = RESTORE_READY,
                              .limit = side->connection_limit};
    restore_marker_text(&ready, &marker);
    buffer_text(&sql, "COMMENT ON DATABASE ");
    quote_name(&sql, side->database);
    buffer_text(&sql, " IS ");
    quote_text(&sql, buffer_string(&marker));
    run_query(run, &sql, on_ready);
}

/* ---- the ledger's new generation ---- */

static void on_sealed(run_t *run, connection_answer_t *answer) {
    (void)answer;
    FAILPOINT("agent.restore.sealed");
    restore_carry_begin(run, mark_ready);
}

/* What the row says beside what it does: who, when, and the schema as it is now. */
static void fill_row(run_t *run, ledger_row_t *row, int32_t generation) {
    const restore_plan_t *plan = plan_of(run);
    *row = run_row(run, LEDGER_RESTORE);
    row->seq = plan->standing.seq + 1;
    row->generation = generation;
    row->position = plan->standing.position;
    row->cites = plan->old_head;
    row->previous = plan->standing.head;
    (void)snprintf(row->version, sizeof row->version, "%s", plan->standing.version);
    ledger_seal(row, &run->shared->signer);
}

/* One row a generation: where the tenant was restored before and the backup is older than that,
 * each generation since has its row, so that the ledger's numbers have no gap and the new one is
 * higher than any that was seen. */
static status_t sql_rows(run_t *run, buffer_t *sql, error_t *err) {
    restore_plan_t *plan = plan_of(run);
    if (plan->generation - plan->standing.generation > GENERATIONS_MOST) {
        return error_set(err, ERROR_BOUND, "the backup is more than %d generations old",
                         (int)GENERATIONS_MOST);
    }
    while (plan->standing.generation < plan->generation) {
        ledger_row_t row;
        fill_row(run, &row, plan->standing.generation + 1);
        buffer_format(sql, "INSERT INTO drover.history (%s) VALUES (", LEDGER_COLUMNS);
        ledger_sql_values(sql, &row);
        buffer_text(sql, ");\n");
        TRY(ledger_step(&plan->standing, &row, err));
    }
    return STATUS_OK;
}

static void on_bound(run_t *run, connection_answer_t *answer) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    error_t err = {0};
    bool rebound = answer->count == 3 && strcmp(PQcmdTuples(answer->results[1]), "1") == 0;
    bool fenced = answer->count == 3 && PQntuples(answer->results[2]) != 1;
    if (!rebound || fenced) {
        (void)error_set(&err, fenced ? ERROR_FENCED : ERROR_RESTORE_FAILED,
                        fenced ? "a newer coordinator owns the tenant in the backup"
                               : "the backup does not hold its tenant's row");
        give_up(run, &err);
        return;
    }
    if (sql_rows(run, &sql, &err) != STATUS_OK) {
        give_up(run, &err);
        return;
    }
    buffer_text(&sql, "COMMIT");
    run_query(run, &sql, on_sealed);
}

/* The token has passed the old one's fence, so it is at least as high as that. */
static void seal(run_t *run) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    fence_key_t key = run_key(run);
    fence_token_t token = run_token(run);
    buffer_text(&sql, "BEGIN;\n");
    identity_sql_rebind(&sql, &run->what.tenant);
    buffer_text(&sql, ";\n");
    fence_sql_establish(&sql, &key, &token);
    run_query(run, &sql, on_bound);
}

/* ---- the restored ledger ---- */

static status_t read_rows(run_t *run, const PGresult *result, error_t *err) {
    restore_plan_t *plan = plan_of(run);
    size_t count = (size_t)PQntuples(result);
    free(TAKE(plan->rows));
    plan->row_count = 0;
    plan->rows = calloc(count + 1, sizeof *plan->rows);
    if (plan->rows == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a ledger");
    }
    if (count == 0 || count >= ROWS_MOST) {
        return error_set(err, ERROR_RESTORE_FAILED, "the backup's ledger has %zu rows", count);
    }
    for (size_t i = 0; i < count; i++) {
        TRY(ledger_read(result, (int)i, &plan->rows[i], err));
    }
    plan->row_count = count;
    ledger_rows_t rows = {.rows = plan->rows, .count = count};
    TRY(ledger_verify_chain(rows, NULL, NULL, NULL, err));
    return ledger_fold(rows, &plan->standing, err);
}

/* Rows that this job put behind what it restored. */
static size_t own_rows(const run_t *run, const restore_plan_t *plan) {
    size_t own = 0;
    while (own < plan->row_count) {
        const ledger_row_t *row = &plan->rows[plan->row_count - 1 - own];
        if (row->kind != LEDGER_RESTORE || !ident_equal(&row->job, &run->what.job)) {
            break;
        }
        own++;
    }
    return own;
}

static status_t judge_ledger(run_t *run, bool *ret_outdated, error_t *err) {
    const restore_side_t *side = restore_side_of(run);
    const restore_plan_t *plan = side->plan;
    const digest_t *expected = &side->manifest.ledger_head;
    size_t own = own_rows(run, plan);
    const ledger_row_t *head = &plan->rows[plan->row_count - 1];
    const digest_t *found =
        own < plan->row_count ? &plan->rows[plan->row_count - 1 - own].digest : &head->digest;
    *ret_outdated = own > 0 && (!digest_equal(&head->cites, &plan->old_head) ||
                                plan->standing.generation < plan->generation);
    if (!digest_is_null(expected) && !digest_equal(expected, found)) {
        return error_set(err, ERROR_RESTORE_FAILED,
                         "the restored ledger does not end where the backup's manifest says");
    }
    return STATUS_OK;
}

/* One that was ready, but the tenant's ledger has moved since: built again. */
static void after_outdated(run_t *run) {
    restore_side_t *side = restore_side_of(run);
    if (side->err.code != ERROR_NONE) {
        run_fail(run, &side->err);
        return;
    }
    side->plan->rebuilt = true;
    create(run);
}

static void on_ledger(run_t *run, connection_answer_t *answer) {
    restore_side_t *side = restore_side_of(run);
    error_t err = {0};
    bool outdated = false;
    if (read_rows(run, answer->results[0], &err) != STATUS_OK ||
        judge_ledger(run, &outdated, &err) != STATUS_OK) {
        give_up(run, &err);
        return;
    }
    if (outdated && !side->plan->rebuilt) {
        restore_side_unpark(run);
        restore_side_drop(run, side->database, after_outdated);
        return;
    }
    seal(run);
}

static void ask_ledger(run_t *run) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    fence_key_t key = run_key(run);
    ledger_sql_read(&sql, &key, (ledger_range_t){.after_seq = 0, .most = ROWS_MOST});
    run_query(run, &sql, on_ledger);
}

/* ---- the restored schema ---- */

static void after_look(run_t *run) {
    const backup_manifest_t *manifest = &restore_side_of(run)->manifest;
    error_t err = {0};
    if (!digest_is_null(&manifest->fingerprint_logical) &&
        !digest_equal(&manifest->fingerprint_logical, &run->fingerprint.logical)) {
        (void)look_note_differences(run, &manifest->fingerprint_strict,
                                    "the restored schema differs from the one backed up");
        (void)error_set(&err, ERROR_RESTORE_FAILED,
                        "the restored schema is not the one that was backed up");
        give_up(run, &err);
        return;
    }
    if (!digest_is_null(&manifest->fingerprint_strict) &&
        !digest_equal(&manifest->fingerprint_strict, &run->fingerprint.strict)) {
        (void)look_note_differences(
            run, &manifest->fingerprint_strict,
            "restored; only order, comments, owners or grants differ from what was backed up");
    }
    ask_ledger(run);
}

static void look(run_t *run) {
    look_begin(run, &(look_t){.next = after_look});
}

static void inspect(run_t *run) {
    restore_side_park(run);
    run_connect_to(run, restore_side_of(run)->database, look);
}

/* ---- making it ---- */

static void after_fill(run_t *run) {
    restore_side_t *side = restore_side_of(run);
    FAILPOINT("agent.restore.filled");
    if (side->err.code != ERROR_NONE) {
        give_up(run, &side->err);
        return;
    }
    inspect(run);
}

static void after_create(run_t *run) {
    restore_side_t *side = restore_side_of(run);
    FAILPOINT("agent.restore.created");
    if (side->err.code != ERROR_NONE) {
        run_fail(run, &side->err);
        return;
    }
    restore_side_fill(run, false, after_fill);
}

static void create(run_t *run) {
    restore_side_t *side = restore_side_of(run);
    CLEANUP(buffer_free) buffer_t marker = {0};
    error_t err = {0};
    restore_marker_t begun = {.tenant = run->what.tenant,
                              .job = run->what.job,
                              .phase = RESTORE_NEW,
                              .limit = side->connection_limit};
    restore_marker_text(&begun, &marker);
    if (restore_side_keep(&side->marker, buffer_string(&marker), &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    restore_side_create(run, after_create);
}

void restore_build_begin(run_t *run, run_next_fn *next) {
    restore_side_t *side = restore_side_of(run);
    restore_plan_t *plan = side->plan;
    int32_t floor = (int32_t)run->what.generation_floor;
    int32_t now = run->standing.generation;
    side->then = next;
    plan->old_head = run->standing.head;
    plan->generation = (now > floor ? now : floor) + 1;
    if (plan->built_is_ready) {
        inspect(run);
        return;
    }
    create(run);
}
