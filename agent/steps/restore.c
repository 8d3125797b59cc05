/* restore.c: see restore.h. */
#include "agent/steps/restore.h"

void restore_begin(run_t *run) {
    error_t err = {0};
    (void)error_set(&err, ERROR_NOT_BUILT, "restores are not built yet");
    run_fail(run, &err);
}

void restore_settle(run_t *run) {
    restore_begin(run);
}

void restore_abandon(run_t *run) {
    (void)run;
}
