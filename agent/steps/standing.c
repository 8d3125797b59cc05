/* standing.c: see standing.h. */
#include "agent/steps/standing.h"

/* Where the tenant stood before this order applied anything that still stands. */
static uint32_t stood_before(const run_t *run) {
    int32_t at = run->standing.position;
    for (; at > 0; at--) {
        const ledger_row_t *row = run_row_at(run, at);
        if (row == NULL || row->kind != LEDGER_APPLY ||
            !ident_equal(&row->order, &run->what.order)) {
            break;
        }
    }
    return (uint32_t)at;
}

status_t standing_judge(const run_t *run, error_t *err) {
    if (!run->standing_order) {
        return STATUS_OK;
    }
    uint32_t position = (uint32_t)run->standing.position;
    uint32_t before = stood_before(run);
    if (run->what.kind == JOB_KIND_UNDO && run->what.target < before) {
        return error_set(err, ERROR_STANDING_LEDGER,
                         "%s stood at position %u before the standing order; its undo to position "
                         "%u would take back what others did",
                         run->what.tenant_name, before, run->what.target);
    }
    bool claims = run->what.kind == JOB_KIND_FORWARD;
    if (claims && (run->claimed_from < before || run->claimed_from > position)) {
        return error_set(err, ERROR_STANDING_LEDGER,
                         "%s stands at position %u, and at %u before the standing order: the job "
                         "says that it stood at %u",
                         run->what.tenant_name, position, before, run->claimed_from);
    }
    return STATUS_OK;
}
