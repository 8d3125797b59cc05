/*
 * rollout_table.h: the life of a rollout, as a table. States are model.h's.
 */
#ifndef DROVER_COORDINATOR_ENGINE_ROLLOUT_TABLE_H
#define DROVER_COORDINATOR_ENGINE_ROLLOUT_TABLE_H

#include "common/base/table.h"
#include "coordinator/engine/model.h"

typedef enum rollout_event {
    ROLLOUT_EVENT_STARTED,     /* operator */
    ROLLOUT_EVENT_PAUSED,      /* operator */
    ROLLOUT_EVENT_RESUMED,     /* operator */
    ROLLOUT_EVENT_STOPPED,     /* operator */
    ROLLOUT_EVENT_RETRIED,     /* operator; the tasks were set back before */
    ROLLOUT_EVENT_WAVE_PASSED, /* the current wave */
    ROLLOUT_EVENT_WAVE_FAILED, /* the current wave */
    ROLLOUT_EVENT_SETTLED,     /* a task in hand ended, or late word of one came */
    ROLLOUT_EVENT_REVERTED,    /* the failed wave's rollback was started, or had nothing to do */
    ROLLOUT_EVENT_UNREVERTED,  /* it could not be */
    ROLLOUT_EVENT_COUNT
} rollout_event_t;

enum {
    ROLLOUT_IF_LAST = 1 << 0,      /* no wave follows the current one */
    ROLLOUT_IF_SHORT = 1 << 1,     /* some tenant is not at the target */
    ROLLOUT_IF_IN_FLIGHT = 1 << 2, /* jobs are in hand */
    ROLLOUT_IF_REVERTS = 1 << 3,   /* on failure: roll back the wave that failed */
    ROLLOUT_IF_SET_BACK = 1 << 4,  /* a retry set tasks back */
    ROLLOUT_IF_ASKED = 1 << 5,     /* the wave's rollback was asked for, and is not answered */
    ROLLOUT_IF_COUNT = 6,
};

typedef enum rollout_effect {
    ROLLOUT_DO_NOTHING,
    ROLLOUT_DO_OPEN_WAVE, /* the current one */
    ROLLOUT_DO_NEXT_WAVE, /* the one after it becomes the current one */
    ROLLOUT_DO_WITHDRAW,  /* every task that is not over */
    ROLLOUT_DO_FORGIVE,   /* accept the failures so far, look at the current wave again */
    ROLLOUT_DO_CANCEL,    /* tasks in hand: asked to stop, unknown ones are no longer waited for */
    ROLLOUT_DO_ROLL_BACK, /* start a rollback of what the wave that failed touched */
    ROLLOUT_DO_FINISH,    /* cancel waves that did not pass, note the end */
    ROLLOUT_EFFECT_COUNT
} rollout_effect_t;

extern const table_machine_t ROLLOUT_MACHINE;

#endif
