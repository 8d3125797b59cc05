/*
 * look.h: the schema's fingerprint on the session in hand, inside or outside a transaction.
 */
#ifndef DROVER_AGENT_STEPS_LOOK_H
#define DROVER_AGENT_STEPS_LOOK_H

#include "agent/steps/run.h"

/*
 * Read stamp and full fingerprint into run->fingerprint and run->stamp, keep its canonical text
 * (texts.h) and call next. in_transaction: one is open and stays open, its settings as they were.
 */
typedef struct look {
    bool in_transaction;
    run_next_fn *next;
} look_t;
void look_begin(run_t *run, const look_t *look);

/* Append to the notes how the schema differs from the text kept under this strict digest; says so
 * where none was kept. title opens the first line. Answers the number of lines that differ, or -1
 * where it cannot be told. */
int look_note_differences(run_t *run, const digest_t *was, const char *title);

#endif
