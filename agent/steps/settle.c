/* settle.c: see settle.h. */
#include "agent/steps/settle.h"
#include "agent/steps/check.h"
#include "agent/steps/load.h"
#include "agent/steps/restore.h"
#include "common/base/clock.h"
#include "common/postgres/transaction.h"

#include <string.h>

static void finish(run_t *run) {
    error_t err = {0};
    if (run->bundle != NULL && check_ledger(run, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    bool ours = run->row_count > 0 &&
                ident_equal(&run->rows[run->row_count - 1].attempt, &run->what.attempt);
    run->touched = run->touched || ours;
    /* The schema's fingerprint is the last row's: the row and the change were one transaction. */
    if (run->row_count > 0) {
        const ledger_row_t *last = &run->rows[run->row_count - 1];
        run->fingerprint = (fingerprint_t){.strict = last->strict, .logical = last->logical};
    }
    run_note(run, "an outcome was unknown; the ledger says position %d (%s)",
             (int)run->standing.position,
             run->standing.version[0] != '\0' ? run->standing.version : "nothing applied");
    run_tell(run, &(run_report_t){.step = JOB_STEP_SETTLE,
                                  .outcome = JOB_OUTCOME_STARTED,
                                  .started_us = run->step_started_us,
                                  .finished_us = clock_wall_us(),
                                  .has_state = true});
    run_over(run, JOB_EVENT_DONE);
}

static void on_settled(run_t *run, connection_answer_t *answer) {
    error_t err = {0};
    transaction_fate_t fate;
    if (transaction_read_settled(answer->results[0], &fate, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    if (fate == TRANSACTION_IN_PROGRESS) {
        (void)error_set(&err, ERROR_TENANT_BUSY, "transaction %s of tenant %s is still in progress",
                        run->change.xid, run->what.tenant_name);
        run_fail(run, &err);
        return;
    }
    run->change.xid[0] = '\0';
    load_begin(run, finish); /* read after the transaction is known to be over */
}

/* The lock is ours. Where the transaction's id is known too, ask for it: a script may have let go
 * of the session's lock. */
static void after_load(run_t *run) {
    if (run->change.xid[0] == '\0') {
        finish(run);
        return;
    }
    CLEANUP(buffer_free) buffer_t sql = {0};
    transaction_sql_settled(&sql, run->change.xid);
    run_query(run, &sql, on_settled);
}

void settle_begin(run_t *run) {
    if (run->what.kind == JOB_KIND_RESTORE) {
        restore_settle(run);
        return;
    }
    if (run->what.kind == JOB_KIND_BACKUP_CHECK || run->what.kind == JOB_KIND_PRUNE) {
        run_over(run, JOB_EVENT_DONE); /* they begin anew */
        return;
    }
    run_disconnect(run);
    load_begin(run, after_load);
}
