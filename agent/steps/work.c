/* work.c: see work.h. */
#include "agent/steps/work.h"
#include "agent/steps/change.h"
#include "agent/steps/load.h"
#include "agent/steps/look.h"
#include "agent/steps/proof.h"
#include "agent/steps/standing.h"

static void next_change(run_t *run);

static work_direction_t direction_of(const run_t *run) {
    work_question_t question = {.kind = run->what.kind,
                                .position = (uint32_t)run->standing.position,
                                .target = run->what.target,
                                .bundle_head = (uint32_t)bundle_count(run->bundle)};
    return work_direction(&question);
}

/* After an undo chain: what the schema looks like, against what it was at that position. */
static void compare_undone(run_t *run) {
    const ledger_row_t *was = run_row_at(run, run->standing.position);
    if (was == NULL || digest_is_null(&was->strict)) {
        run_note(run, "undone; the schema before cannot be compared: its fingerprint is not in the "
                      "ledger");
        return;
    }
    if (digest_equal(&was->strict, &run->fingerprint.strict)) {
        run_note(run, "undone; the schema is exactly what it was");
        return;
    }
    bool logical = digest_equal(&was->logical, &run->fingerprint.logical);
    (void)look_note_differences(run, &was->strict,
                                logical
                                    ? "undone; only order, comments or grants differ from before"
                                    : "undone; the schema differs from before");
}

/* Whether an undo exists; refused before the first one runs, so that nothing is half undone. */
static status_t check_undos(const run_t *run, error_t *err) {
    for (int32_t at = run->standing.position; at > (int32_t)run->what.target; at--) {
        const bundle_migration_t *migration = bundle_migration(run->bundle, (size_t)at - 1);
        if (migration->scripts[SCRIPT_UNDO] == NULL) {
            return error_set(err, ERROR_IRREVERSIBLE, "%s has no undo: %s", migration->version,
                             migration->irreversible);
        }
        const ledger_row_t *row = run_row_at(run, at);
        if (row == NULL || row->kind != LEDGER_APPLY) {
            return error_set(err, ERROR_IRREVERSIBLE,
                             "%s was not applied by Drover but vouched for by a baseline",
                             migration->version);
        }
    }
    return STATUS_OK;
}

static void after_check(run_t *run) {
    run->checked_position = (uint32_t)run->standing.position + 1;
    next_change(run);
}

/* A migration's check script is asked right before it; false where the answer is awaited. */
static bool ask_check(run_t *run, const bundle_migration_t *migration) {
    const bundle_script_t *script = migration->scripts[SCRIPT_CHECK];
    if (script == NULL || run->checked_position == migration->position) {
        return true;
    }
    proof_begin(run, &(proof_t){.script = script,
                                .version = migration->version,
                                .failure = ERROR_CHECK_FAILED,
                                .next = after_check});
    return false;
}

static void next_change(run_t *run) {
    work_direction_t direction = direction_of(run);
    if (direction == WORK_NONE) {
        if (run->what.kind == JOB_KIND_UNDO) {
            compare_undone(run);
        }
        run_over(run, JOB_EVENT_DONE);
        return;
    }
    if (job_should_halt(&run->machine)) {
        run_over(run, JOB_EVENT_HALTED);
        return;
    }
    uint32_t position = (uint32_t)run->standing.position;
    bool undo = direction == WORK_BACK;
    size_t index = undo ? position - 1 : position;
    if (!undo && !ask_check(run, bundle_migration(run->bundle, index))) {
        return;
    }
    change_t change = {.migration = bundle_migration(run->bundle, index),
                       .undo = undo,
                       .last = undo ? position - 1 == run->what.target
                                    : position + 1 == run->what.target,
                       .next = next_change};
    change_begin(run, &change);
}

static void begin(run_t *run) {
    error_t err = {0};
    work_direction_t direction = direction_of(run);
    if (direction != WORK_NONE && standing_judge(run, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    if (direction == WORK_AHEAD) {
        (void)error_set(&err, ERROR_TENANT_AHEAD,
                        "tenant %s stands past the bundle's last position", run->what.tenant_name);
        run_fail(run, &err);
        return;
    }
    if (direction == WORK_BACK && check_undos(run, &err) != STATUS_OK) {
        run->error = err;
        run_over(run, run->touched ? JOB_EVENT_FAILED : JOB_EVENT_REFUSED);
        return;
    }
    next_change(run);
}

void work_begin(run_t *run) {
    bool ready = run->connection != NULL && connection_state(run->connection) == CONNECTION_IDLE &&
                 run->locked && run->standing.seq > 0;
    if (ready) {
        begin(run);
        return;
    }
    load_begin(run, begin); /* the session was lost while the recovery point was taken */
}
