/*
 * restore.c: see restore.h. Looking at what databases there are, and judging whether to restore at
 * all; restore_build.c makes the new database, restore_swap.c gives it the tenant's name.
 *
 * Nothing of a restore is remembered but in the databases: a killed one is begun again, and finds
 * by names, markers and the ledger how far it came. The swap is one transaction, so there is never
 * a time without a database of the tenant's name. A tenant that was closed for the swap is opened
 * again by whoever looks next.
 */
#include "agent/steps/restore.h"
#include "agent/steps/load.h"
#include "agent/steps/restore_build.h"
#include "agent/steps/restore_swap.h"
#include "common/base/clock.h"
#include "common/postgres/quote.h"
#include "common/postgres/result.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static restore_plan_t *plan_of(run_t *run) {
    return restore_side_of(run)->plan;
}

/* ---- the end ---- */

/* They pile up: nothing of ours drops them. */
static void note_earlier(run_t *run) {
    const restore_plan_t *plan = plan_of(run);
    CLEANUP(buffer_free) buffer_t names = {0};
    size_t named =
        plan->earlier_count < RESTORE_PLAN_EARLIER ? plan->earlier_count : RESTORE_PLAN_EARLIER;
    for (size_t i = 0; i < named; i++) {
        buffer_format(&names, "%s\"%s\"", i > 0 ? ", " : "", plan->earlier[i]);
    }
    if (plan->earlier_count > 0) {
        run_note(run, "%zu kept by earlier restores of this tenant take up room still: %s%s",
                 plan->earlier_count, buffer_string(&names),
                 named < plan->earlier_count ? ", and more" : "");
    }
}

static void conclude(run_t *run) {
    const restore_plan_t *plan = plan_of(run);
    const ledger_row_t *row = &run->rows[run->row_count - 1];
    run_note(run,
             "restored; generation %d of the ledger begins. The database as it was is kept as "
             "\"%s\" and takes no connections: once it is not needed, DROP DATABASE \"%s\"",
             (int)row->generation, plan->kept, plan->kept);
    note_earlier(run);
    run_tell(run, &(run_report_t){.step = JOB_STEP_RESTORE,
                                  .outcome = JOB_OUTCOME_STARTED,
                                  .started_us = run->step_started_us,
                                  .finished_us = clock_wall_us(),
                                  .has_state = true});
    restore_side_free(run);
    run_over(run, JOB_EVENT_DONE);
}

/* Whether the ledger in hand is the restored one, opened by this job. */
static bool is_restored(const run_t *run) {
    for (size_t i = run->row_count; i > 0; i--) {
        const ledger_row_t *row = &run->rows[i - 1];
        if (row->kind == LEDGER_RESTORE && ident_equal(&row->job, &run->what.job)) {
            return true;
        }
    }
    return false;
}

static void after_reload(run_t *run) {
    error_t err = {0};
    if (!is_restored(run)) {
        (void)error_set(&err, ERROR_INTERNAL,
                        "the names were swapped, and %s is not the restored "
                        "database",
                        run->what.database);
        run_fail(run, &err);
        return;
    }
    conclude(run);
}

static void after_swap(run_t *run) {
    run_disconnect(run);
    load_begin(run, after_reload);
}

static void after_build(run_t *run) {
    if (job_should_halt(&run->machine)) {
        run_over(run, JOB_EVENT_HALTED); /* what was built is found by the next attempt */
        return;
    }
    restore_swap_begin(run, after_swap);
}

/* ---- clearing ---- */

static void clear_next(run_t *run);

static void after_cleared(run_t *run) {
    restore_side_t *side = restore_side_of(run);
    if (side->err.code != ERROR_NONE) {
        run_fail(run, &side->err);
        return;
    }
    clear_next(run);
}

/* What earlier attempts left unfinished is worth nothing; the tenant's lock is ours, so nobody is
 * at work on it. */
static void clear_next(run_t *run) {
    restore_plan_t *plan = plan_of(run);
    if (plan->leftover_count > 0) {
        restore_side_drop(run, plan->leftovers[--plan->leftover_count], after_cleared);
        return;
    }
    if (job_should_halt(&run->machine)) {
        run_over(run, JOB_EVENT_HALTED);
        return;
    }
    restore_build_begin(run, after_build);
}

static void on_fence(run_t *run, connection_answer_t *answer) {
    error_t err = {0};
    if (PQntuples(answer->results[0]) != 1) {
        (void)error_set(&err, ERROR_FENCED, "a newer coordinator owns tenant %s",
                        run->what.tenant_name);
        run_fail(run, &err);
        return;
    }
    clear_next(run);
}

static void pass_fence(run_t *run) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    fence_key_t key = run_key(run);
    fence_token_t token = run_token(run);
    fence_sql_pass(&sql, &key, &token);
    run_query(run, &sql, on_fence);
}

/* ---- judging ---- */

/* Nothing at all was written on this server since: then the tenant is its backup. */
static bool is_unchanged(const run_t *run, const restore_side_t *side) {
    return strcmp(side->lsn, side->manifest.lsn) == 0 &&
           digest_equal(&side->manifest.ledger_head, &run->standing.head);
}

static void after_facts(run_t *run) {
    const restore_side_t *side = restore_side_of(run);
    error_t err = {0};
    char from[CLOCK_TEXT_SIZE];
    char to[CLOCK_TEXT_SIZE];
    int64_t now_us = clock_wall_us();
    if (run->what.accept_data_loss) {
        pass_fence(run);
        return;
    }
    if (is_unchanged(run, side)) {
        run_note(run, "nothing was written since the backup of %s: the tenant is what it holds",
                 clock_text(side->manifest.started_us, from));
        run_over(run, JOB_EVENT_NOT_NEEDED);
        return;
    }
    (void)error_set(&err, ERROR_RESTORE_REFUSED,
                    "what tenant %s wrote from %s to %s, %" PRId64
                    " seconds, would be lost (ledger at %s, backup at %s)",
                    run->what.tenant_name, clock_text(side->manifest.started_us, from),
                    clock_text(now_us, to), (now_us - side->manifest.started_us) / US_PER_S,
                    run->standing.version, side->manifest.ledger_version);
    run->error = err;
    run_over(run, JOB_EVENT_REFUSED);
}

static status_t judge(run_t *run, error_t *err) {
    restore_side_t *side = restore_side_of(run);
    if (run->identity.tenant_count != 1 || run->identity.head_count > 1) {
        return error_set(err, ERROR_NOT_BUILT,
                         "database %s is shared by several tenants or applications: restoring one "
                         "of them is not built",
                         run->what.database);
    }
    TRY(restore_side_find(run, &run->what.recovery_reference, err));
    if (run->shared->backup_keys.seal_secret == NULL) {
        return error_set(err, ERROR_KEY_FILE,
                         "this agent cannot open its backups: keys.backup is not set");
    }
    if (strcmp(side->manifest.application, run->what.application) != 0) {
        return error_set(err, ERROR_TENANT_MISMATCH, "the backup is of application %s, not %s",
                         side->manifest.application, run->what.application);
    }
    if (side->manifest.server_version / 10000 > run->identity.server_version / 10000) {
        return error_set(
            err, ERROR_DB_TOO_OLD, "the backup is of PostgreSQL %" PRId64 ", the server is %d",
            side->manifest.server_version / 10000, run->identity.server_version / 10000);
    }
    return STATUS_OK;
}

static void after_load(run_t *run) {
    error_t err = {0};
    if (is_restored(run)) {
        conclude(run);
        return;
    }
    if (judge(run, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    restore_side_facts(run, after_facts);
}

/* ---- the survey ---- */

static void after_survey(run_t *run) {
    const restore_plan_t *plan = plan_of(run);
    error_t err = {0};
    run_disconnect(run);
    if (!plan->has_tenant) {
        bool left = plan->has_built || plan->has_kept;
        (void)error_set(&err, left ? ERROR_LEFT_OVER : ERROR_TENANT_GONE,
                        left ? "there is no database %s, but %s: rename the right one"
                             : "there is no database %s",
                        run->what.database, plan->has_kept ? plan->kept : plan->built);
        run_fail(run, &err);
        return;
    }
    if (plan->settling) {
        restore_side_free(run);
        run_over(run, JOB_EVENT_DONE);
        return;
    }
    load_begin(run, after_load);
}

static void on_opened(run_t *run, connection_answer_t *answer) {
    if (answer->error.code != ERROR_NONE) {
        error_t err = answer->error;
        err.retry = RETRY_UNKNOWN; /* until it is open, nothing else matters */
        (void)error_context(&err, "opening database %s again", run->what.database);
        run_fail(run, &err);
        return;
    }
    run_note(run, "an earlier attempt had closed the tenant for its swap; it is open again");
    after_survey(run);
}

static status_t take_database(run_t *run, result_row_t row, error_t *err) {
    restore_plan_t *plan = plan_of(run);
    restore_marker_t marker = {0};
    const char *name = NULL;
    const char *comment = NULL;
    bool closed = false;
    TRY(result_text(row, "datname", &name, err));
    TRY(result_text(row, "comment", &comment, err));
    TRY(result_bool(row, "closed", &closed, err));
    bool marked = comment != NULL && restore_marker_parse(comment, &marker) &&
                  ident_equal(&marker.tenant, &run->what.tenant);
    if (strcmp(name, run->what.database) == 0) {
        plan->has_tenant = true;
        plan->tenant_is_closed = closed;
        return STATUS_OK;
    }
    if (marked && marker.phase == RESTORE_READY) {
        plan->limit_is_known = true;
        plan->limit = marker.limit;
    }
    bool ours = strcmp(name, plan->built) == 0;
    plan->has_kept = plan->has_kept || strcmp(name, plan->kept) == 0;
    plan->has_built = plan->has_built || ours;
    if (ours && comment != NULL && !marked) {
        return error_set(err, ERROR_LEFT_OVER,
                         "database %s is in the way, and its comment is not "
                         "ours",
                         name);
    }
    if (ours && marked && marker.phase == RESTORE_READY) {
        plan->built_is_ready = true;
        return STATUS_OK;
    }
    if (marked && marker.phase == RESTORE_KEPT && strcmp(name, plan->kept) != 0) {
        if (plan->earlier_count < RESTORE_PLAN_EARLIER) {
            (void)snprintf(plan->earlier[plan->earlier_count], IDENTITY_NAME_SIZE, "%s", name);
        }
        plan->earlier_count++;
    }
    bool drop = ours || (marked && marker.phase != RESTORE_KEPT);
    if (drop && plan->leftover_count < RESTORE_PLAN_LEFTOVERS) {
        (void)snprintf(plan->leftovers[plan->leftover_count++], IDENTITY_NAME_SIZE, "%s", name);
    }
    return STATUS_OK;
}

static void on_survey(run_t *run, connection_answer_t *answer) {
    const restore_plan_t *plan = plan_of(run);
    const PGresult *result = answer->results[0];
    error_t err = {0};
    for (int i = 0; i < PQntuples(result); i++) {
        if (take_database(run, (result_row_t){result, i}, &err) != STATUS_OK) {
            run_fail(run, &err);
            return;
        }
    }
    if (!plan->has_tenant || !plan->tenant_is_closed || !plan->limit_is_known) {
        after_survey(run);
        return;
    }
    CLEANUP(buffer_free) buffer_t sql = {0};
    restore_swap_sql_open(run, plan->limit, &sql);
    run_send(run, &sql, &(run_request_t){0}, on_opened);
}

static void survey(run_t *run) {
    const restore_plan_t *plan = plan_of(run);
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(buffer_free) buffer_t marker = {0};
    restore_marker_start(&run->what.tenant, &marker);
    buffer_text(&sql,
                "SELECT datname, comment, NOT datallowconn OR datconnlimit = 0 AS closed FROM "
                "(SELECT *, shobj_description(oid, 'pg_database') AS comment FROM "
                "pg_database) AS d WHERE datname IN (");
    quote_text(&sql, run->what.database);
    buffer_text(&sql, ", ");
    quote_text(&sql, plan->built);
    buffer_text(&sql, ", ");
    quote_text(&sql, plan->kept);
    buffer_text(&sql, ") OR starts_with(comment, ");
    quote_text(&sql, buffer_string(&marker));
    buffer_text(&sql, ")");
    run_query(run, &sql, on_survey);
}

static status_t prepare(run_t *run, bool settling, error_t *err) {
    restore_names_t names = {.database = run->what.database, .job = &run->what.job};
    TRY(restore_side_new(run, err));
    restore_side_t *side = restore_side_of(run);
    TRY(restore_plan_new(&names, &side->plan, err));
    side->plan->settling = settling;
    memcpy(side->database, side->plan->built, sizeof side->database);
    return STATUS_OK;
}

static void begin(run_t *run, bool settling) {
    error_t err = {0};
    run_disconnect(run);
    backup_destroy(&run->backup);
    if (prepare(run, settling, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    run_connect_to(run, restore_swap_maintenance(run), survey);
}

void restore_begin(run_t *run) {
    begin(run, false);
}

void restore_settle(run_t *run) {
    begin(run, true);
}

void restore_abandon(run_t *run) {
    restore_side_free(run);
}
