/* protect.c: see protect.h. */
#include "agent/steps/protect.h"

void protect_begin(run_t *run) {
    error_t err = {0};
    (void)error_set(&err, ERROR_NOT_BUILT, "recovery points are not built yet");
    run_fail(run, &err);
}

void protect_check_begin(run_t *run) {
    protect_begin(run);
}

void protect_prune_begin(run_t *run) {
    protect_begin(run);
}
