/* verify.c: see verify.h. */
#include "agent/steps/verify.h"
#include "agent/steps/load.h"
#include "agent/steps/look.h"
#include "agent/steps/proof.h"

static void done(run_t *run) {
    run_over(run, JOB_EVENT_DONE);
}

static void after_look(run_t *run) {
    const ledger_row_t *last = run->row_count > 0 ? &run->rows[run->row_count - 1] : NULL;
    if (last != NULL && !digest_is_null(&last->strict) &&
        !digest_equal(&last->strict, &run->fingerprint.strict)) {
        (void)look_note_differences(run, &last->strict, "the schema differs from the ledger's");
    } else {
        run_note(run, "the schema is what the ledger says");
    }
    done(run);
}

static void prove(run_t *run) {
    if (run->what.kind == JOB_KIND_LOOK) {
        look_begin(run, &(look_t){.next = after_look});
        return;
    }
    const bundle_script_t *verify = NULL;
    const bundle_migration_t *migration = NULL;
    if (run->what.kind == JOB_KIND_FORWARD && run->standing.position > 0) {
        migration = bundle_migration(run->bundle, (size_t)run->standing.position - 1);
        verify = migration->scripts[SCRIPT_VERIFY];
    }
    if (verify == NULL) {
        done(run);
        return;
    }
    proof_begin(run, &(proof_t){.script = verify,
                                .version = migration->version,
                                .failure = ERROR_VERIFY_FAILED,
                                .next = done});
}

static void judge(run_t *run) {
    error_t err = {0};
    bool moves = run->what.kind == JOB_KIND_FORWARD || run->what.kind == JOB_KIND_UNDO;
    if (moves && (uint32_t)run->standing.position != run->what.target) {
        (void)error_set(&err, ERROR_LEDGER_EDITED, "the ledger of %s stands at position %d, not %u",
                        run->what.tenant_name, (int)run->standing.position, run->what.target);
        run_fail(run, &err);
        return;
    }
    prove(run);
}

void verify_begin(run_t *run) {
    bool ready = run->connection != NULL && connection_state(run->connection) == CONNECTION_IDLE &&
                 run->locked && run->standing.seq > 0;
    if (ready) {
        judge(run);
        return;
    }
    load_begin(run, judge);
}
