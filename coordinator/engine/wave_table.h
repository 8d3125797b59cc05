/*
 * wave_table.h: the life of a wave, as a table. States are model.h's.
 */
#ifndef DROVER_COORDINATOR_ENGINE_WAVE_TABLE_H
#define DROVER_COORDINATOR_ENGINE_WAVE_TABLE_H

#include "common/base/table.h"
#include "coordinator/engine/model.h"

typedef enum wave_event {
    WAVE_EVENT_OPENED,    /* the rollout has come to it */
    WAVE_EVENT_JUDGED,    /* something in it changed */
    WAVE_EVENT_SOAKED,    /* the soak time is over */
    WAVE_EVENT_CANCELLED, /* the rollout ends before it */
    WAVE_EVENT_RETRIED,   /* an operator asked for another try of tasks in it */
    WAVE_EVENT_FORGIVEN,  /* an operator resumed the rollout and accepts the failures so far */
    WAVE_EVENT_EVIDENCE,  /* results or an approval came: what opens it may be there now */
    WAVE_EVENT_TICKETED,  /* what opens it was verified and stored */
    WAVE_EVENT_DENIED,    /* it cannot be opened yet, and the words say why */
    WAVE_EVENT_POSTPONED, /* a retry took the rollout back to an earlier wave */
    WAVE_EVENT_LAPSED,    /* what opened it would not open it today: a signer was taken out */
    WAVE_EVENT_COUNT
} wave_event_t;

enum {
    WAVE_IF_SETTLED = 1 << 0, /* every task in it is in a final state */
    WAVE_IF_SPENT = 1 << 1,   /* failures exceed the error budget, and the policy is not to go on */
    WAVE_IF_SOAKS = 1 << 2,   /* it has a soak time */
    WAVE_IF_GATED = 1 << 3, /* it opens by a ticket: a later wave of an order, or an approved one */
    WAVE_IF_COUNT = 4,
};

typedef enum wave_effect {
    WAVE_DO_NOTHING,
    WAVE_DO_RELEASE,     /* its tasks may be dispatched */
    WAVE_DO_SOAK,        /* begin the soak */
    WAVE_DO_TELL_PASSED, /* to the rollout */
    WAVE_DO_TELL_FAILED, /* to the rollout */
    WAVE_DO_JUDGE,       /* look at it again at once */
    WAVE_DO_ASK,         /* ask for what opens it */
    WAVE_DO_EXPLAIN,     /* the rollout's reason says how that stands */
    WAVE_DO_WITHHOLD,    /* its tasks that nobody has are not dispatched any more */
    WAVE_EFFECT_COUNT
} wave_effect_t;

extern const table_machine_t WAVE_MACHINE;

#endif
