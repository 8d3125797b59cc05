/*
 * task_table.h: the life of one tenant's part in a rollout, as a table. States are model.h's.
 */
#ifndef DROVER_COORDINATOR_ENGINE_TASK_TABLE_H
#define DROVER_COORDINATOR_ENGINE_TASK_TABLE_H

#include "common/base/table.h"
#include "coordinator/engine/model.h"

typedef enum task_event {
    TASK_EVENT_OPENED,       /* its wave opened */
    TASK_EVENT_DISPATCHED,   /* an agent with room gets it */
    TASK_EVENT_STARTED,      /* reported: a step began or ended, more follow */
    TASK_EVENT_DONE,         /* reported, final */
    TASK_EVENT_NOT_NEEDED,   /* reported, or known from inventory */
    TASK_EVENT_REFUSED,      /* reported: the check found it unfit */
    TASK_EVENT_FAILED,       /* reported, trying again will not help */
    TASK_EVENT_TRANSIENT,    /* reported, trying again may help */
    TASK_EVENT_UNKNOWN,      /* reported: no evidence yet */
    TASK_EVENT_CANCELLED,    /* reported: stopped between steps as asked */
    TASK_EVENT_GONE,         /* reported, or known from inventory */
    TASK_EVENT_SILENT,       /* the lease of its agent ended without a word */
    TASK_EVENT_LACKED,       /* its agent is back and does not have the attempt in hand */
    TASK_EVENT_DUE,          /* the wait before the next try is over */
    TASK_EVENT_WITHDRAWN,    /* the rollout ends before it */
    TASK_EVENT_RETRIED,      /* an operator asks for another try */
    TASK_EVENT_OUT_OF_REACH, /* its cluster was out of reach for longer than the spec allows */
    TASK_EVENT_WITHHELD,     /* what opened its wave holds no longer */
    TASK_EVENT_FOUND,        /* reported: an attempt that the catalog had forgotten */
    TASK_EVENT_RULED_DONE,   /* a person says: it was applied, and nobody can read it any more */
    TASK_EVENT_RULED_NOT,    /* a person says: it was not applied */
    TASK_EVENT_RULED_GONE,   /* a person says: the tenant's database is gone for good */
    TASK_EVENT_COUNT
} task_event_t;

enum {
    TASK_IF_TRIES_LEFT = 1 << 0, /* fewer attempts than the spec allows */
    TASK_IF_TOUCHED = 1 << 1,    /* something was, or may have been, committed */
    TASK_IF_COUNTS = 1 << 2,     /* out of reach counts as failure */
    TASK_IF_WAVE_OPEN = 1 << 3,  /* its wave has been opened */
    TASK_IF_ORDERED = 1 << 4,    /* the signed order names it */
    TASK_IF_COUNT = 5,
};

typedef enum task_effect {
    TASK_DO_NOTHING,
    TASK_DO_QUEUE,  /* put it where agents with room find it */
    TASK_DO_SEND,   /* send the job once this state is committed */
    TASK_DO_CANCEL, /* ask the agent to stop after the step in hand */
    TASK_DO_ARM,    /* choose when it is tried again */
    TASK_DO_CLEAR,  /* forget error and attempts for a fresh try */
    TASK_EFFECT_COUNT
} task_effect_t;

extern const table_machine_t TASK_MACHINE;

#endif
