/* check.c: see check.h. */
#include "agent/steps/check.h"
#include "agent/steps/load.h"
#include "agent/steps/look.h"
#include "agent/steps/proof.h"
#include "agent/steps/standing.h"
#include "common/base/clock.h"
#include "common/postgres/progress.h"

#include <string.h>

/* One applied position against the bundle; baselines before it vouch for what stood there. */
static status_t check_position(const run_t *run, int32_t position, error_t *err) {
    const ledger_row_t *row = run_row_at(run, position);
    if (row == NULL || row->kind != LEDGER_APPLY) {
        return STATUS_OK;
    }
    const bundle_migration_t *migration = bundle_migration(run->bundle, (size_t)position - 1);
    const bundle_script_t *script = migration->scripts[SCRIPT_UP];
    if (!digest_equal(&row->script, &script->digest)) {
        char was[DIGEST_TEXT_SIZE];
        char is[DIGEST_TEXT_SIZE];
        return error_set(
            err, ERROR_LEDGER_CHECKSUM, "%s was applied with digest %.16s…, the bundle has %.16s…",
            migration->version, digest_text(&row->script, was), digest_text(&script->digest, is));
    }
    return STATUS_OK;
}

status_t check_ledger(const run_t *run, error_t *err) {
    int32_t position = run->standing.position;
    size_t head = bundle_count(run->bundle);
    if (position > 0 && (size_t)position > head) {
        return error_set(err, ERROR_TENANT_AHEAD,
                         "tenant %s stands at %s, position %d; the bundle ends at position %zu",
                         run->what.tenant_name, run->standing.version, (int)position, head);
    }
    for (int32_t at = 1; at <= position; at++) {
        TRY(check_position(run, at, err));
    }
    return STATUS_OK;
}

static void finish(run_t *run) {
    run_tell(run, &(run_report_t){.step = JOB_STEP_CHECK,
                                  .outcome = JOB_OUTCOME_STARTED,
                                  .started_us = run->step_started_us,
                                  .finished_us = clock_wall_us(),
                                  .has_state = true});
    run_over(run, JOB_EVENT_DONE);
}

/* ---- the first migration's check script; the others are asked by work.c, each before its own ----
 */

static void after_proof(run_t *run) {
    run->checked_position = (uint32_t)run->standing.position + 1;
    finish(run);
}

static void prove_next(run_t *run) {
    const bundle_script_t *script = NULL;
    const bundle_migration_t *migration = NULL;
    if (run->what.kind == JOB_KIND_FORWARD) {
        migration = bundle_migration(run->bundle, (size_t)run->standing.position);
        script = migration->scripts[SCRIPT_CHECK];
    }
    if (script == NULL) {
        finish(run);
        return;
    }
    proof_begin(run, &(proof_t){.script = script,
                                .version = migration->version,
                                .failure = ERROR_CHECK_FAILED,
                                .next = after_proof});
}

/* ---- leftovers ---- */

static void on_leftovers(run_t *run, connection_answer_t *answer) {
    const PGresult *result = answer->results[answer->count - 1];
    error_t err = {0};
    if (PQntuples(result) > 0) {
        (void)error_set(&err, ERROR_INVALID_INDEX, "index %s of tenant %s is INVALID",
                        PQgetvalue(result, 0, 0), run->what.tenant_name);
        run_fail(run, &err);
        return;
    }
    prove_next(run);
}

/* An INVALID index is somebody's unfinished work; one that a job of ours was building is taken up
 * by its resume (piecewise.c) and is no reason to refuse. */
static void look_for_leftovers(run_t *run) {
    if (!run->unfit_index) {
        prove_next(run);
        return;
    }
    CLEANUP(buffer_free) buffer_t sql = {0};
    buffer_text(&sql, "SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_index i"
                      " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
                      " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                      " WHERE NOT i.indisvalid AND c.relkind = 'i'"
                      " AND NOT EXISTS (SELECT 1 FROM drover.statement s WHERE s.state = 'started')"
                      " ORDER BY 1 LIMIT 1");
    run_query(run, &sql, on_leftovers);
}

/* ---- drift ---- */

static bool stands_at_target(const run_t *run) {
    bool works = run->what.kind == JOB_KIND_FORWARD || run->what.kind == JOB_KIND_UNDO;
    work_question_t question = {.kind = run->what.kind,
                                .position = (uint32_t)run->standing.position,
                                .target = run->what.target,
                                .bundle_head =
                                    run->bundle != NULL ? (uint32_t)bundle_count(run->bundle) : 0};
    return works && work_direction(&question) == WORK_NONE;
}

/* Nothing is to be done where the tenant stands: what was compared is the whole answer. A drifted
 * one was refused, INVALID indexes included, for the fingerprint has them. */
static void compared(run_t *run) {
    if (stands_at_target(run)) {
        run_over(run, JOB_EVENT_NOT_NEEDED);
        return;
    }
    error_t err = {0};
    if (standing_judge(run, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    look_for_leftovers(run);
}

static void drifted(run_t *run) {
    const ledger_row_t *last = &run->rows[run->row_count - 1];
    error_t err = {0};
    (void)look_note_differences(run, &last->strict, "the schema was changed outside Drover");
    (void)error_set(&err, ERROR_TENANT_DRIFT,
                    "the schema of %s is not what its ledger's row %lld left",
                    run->what.tenant_name, (long long)last->seq);
    run_fail(run, &err);
}

/* The script that comes next, where an earlier attempt may have left it half done; else NULL. */
static const bundle_script_t *piecewise_next(const run_t *run) {
    bool undo = run->what.kind == JOB_KIND_UNDO;
    bool works = undo || run->what.kind == JOB_KIND_FORWARD;
    if (!works || run->bundle == NULL || stands_at_target(run)) {
        return NULL;
    }
    size_t index = (size_t)run->standing.position - (undo ? 1 : 0);
    if (index >= bundle_count(run->bundle)) {
        return NULL;
    }
    const bundle_script_t *script =
        bundle_migration(run->bundle, index)->scripts[undo ? SCRIPT_UNDO : SCRIPT_UP];
    return script != NULL && !script->transactional ? script : NULL;
}

/* What its first statements did is no drift: the rest follows where they ended (piecewise.c). */
static void on_progress(run_t *run, connection_answer_t *answer) {
    error_t err = {0};
    progress_found_t found;
    if (progress_read(answer->results[answer->count - 1], &found, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    if (found.done == 0 && found.started == 0) {
        drifted(run);
        return;
    }
    run_note(run, "an earlier attempt did %d statements of the next script: it goes on from there",
             (int)found.done);
    compared(run);
}

static void ask_progress(run_t *run, const bundle_script_t *script) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    progress_of_t of = {
        .key = run_key(run), .seq = run->standing.seq + 1, .script = script->digest};
    progress_sql_read(&sql, &of);
    run_query(run, &sql, on_progress);
}

static void after_look(run_t *run) {
    const ledger_row_t *last = &run->rows[run->row_count - 1];
    if (!digest_is_null(&last->logical) &&
        !digest_equal(&last->logical, &run->fingerprint.logical)) {
        const bundle_script_t *script = piecewise_next(run);
        if (script != NULL) {
            ask_progress(run, script);
        } else {
            drifted(run);
        }
        return;
    }
    if (!digest_is_null(&last->strict) && !digest_equal(&last->strict, &run->fingerprint.strict)) {
        (void)look_note_differences(run, &last->strict,
                                    "comments, grants or column order were changed outside Drover");
    }
    compared(run);
}

static void compare_schema(run_t *run) {
    const ledger_row_t *last = &run->rows[run->row_count - 1];
    if (last->stamp[0] != '\0' && run->stamp[0] != '\0' && strcmp(last->stamp, run->stamp) == 0) {
        run->fingerprint = (fingerprint_t){.strict = last->strict, .logical = last->logical};
        compared(run);
        return;
    }
    look_begin(run, &(look_t){.next = after_look});
}

static void after_load(run_t *run) {
    error_t err = {0};
    if (run->what.kind == JOB_KIND_BASELINE) {
        run_over(run, JOB_EVENT_DONE);
        return;
    }
    if (run->row_count == 0) {
        (void)error_set(&err, ERROR_TENANT_NO_LEDGER, "tenant %s has no ledger for %s",
                        run->what.tenant_name, run->what.application);
        run_fail(run, &err);
        return;
    }
    if (run->bundle != NULL && check_ledger(run, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    if (run->what.kind == JOB_KIND_UNDO && stands_at_target(run)) {
        run_over(run, JOB_EVENT_NOT_NEEDED); /* a way back has no schema to find there */
        return;
    }
    compare_schema(run);
}

void check_begin(run_t *run) {
    load_begin(run, after_load);
}
