/*
 * job_table.h: the life of one job at the agent, as a table. Pure.
 *
 * A job is one attempt at one tenant. Its steps run outside; what they come back with are events.
 * The numbers of the states are journaled: never reordered, new ones go before the COUNT.
 */
#ifndef DROVER_AGENT_ENGINE_JOB_TABLE_H
#define DROVER_AGENT_ENGINE_JOB_TABLE_H

#include "common/base/table.h"

typedef enum job_state {
    JOB_ACCEPTED,   /* journaled, not begun */
    JOB_CHECKING,   /* looking, changing nothing */
    JOB_PROTECTING, /* taking the recovery point */
    JOB_WORKING,    /* apply, undo, restore, baseline …: as the job's kind says */
    JOB_VERIFYING,  /* after the last commit */
    JOB_WAITING,    /* until the next try of what was interrupted */
    JOB_SETTLING,   /* finding out what an unknown outcome was */
    JOB_DONE,
    JOB_NOT_NEEDED,
    JOB_REFUSED,
    JOB_FAILED,
    JOB_TRANSIENT, /* given back to the coordinator, who may try again */
    JOB_CANCELLED,
    JOB_GONE,
    JOB_STATE_COUNT
} job_state_t;

typedef enum job_event {
    JOB_EVENT_BEGUN,      /* a slot is free for it */
    JOB_EVENT_RESUMED,    /* the agent was restarted with it in hand */
    JOB_EVENT_DONE,       /* the step in hand did what it should */
    JOB_EVENT_NOT_NEEDED, /* the tenant stands at the target */
    JOB_EVENT_REFUSED,    /* the check found the tenant unfit */
    JOB_EVENT_FAILED,     /* the step failed, again would not help; nothing is open */
    JOB_EVENT_LOCKED,     /* the step gave way to another session's lock; nothing is open */
    JOB_EVENT_TRANSIENT,  /* the step failed, again may help; nothing is open */
    JOB_EVENT_UNKNOWN,    /* the connection was lost where something may have been committed */
    JOB_EVENT_HALTED,     /* the step stopped between two units of work, as asked */
    JOB_EVENT_GONE,       /* the database is no more */
    JOB_EVENT_DUE,        /* the wait is over */
    JOB_EVENT_CANCEL,     /* the coordinator asks to stop, or the lease ended */
    JOB_EVENT_COUNT
} job_event_t;

enum {
    JOB_IF_CHECKS = 1 << 0,     /* this kind looks at the tenant first */
    JOB_IF_PROTECTS = 1 << 1,   /* its order demands a recovery point */
    JOB_IF_WORKS = 1 << 2,      /* it has work beyond that */
    JOB_IF_VERIFIES = 1 << 3,   /* and a look afterwards */
    JOB_IF_TRIES_LEFT = 1 << 4, /* fewer lock retries than configured */
    JOB_IF_UNSETTLED = 1 << 5,  /* an outcome is unknown */
    JOB_IF_CANCELLED = 1 << 6,  /* the coordinator asked to stop */
    JOB_IF_LEASELESS = 1 << 7,  /* the cluster's lease has ended: nothing new may start */
    JOB_IF_BEGUN = 1 << 8,      /* its work was begun */
    JOB_IF_COUNT = 9,
};

typedef enum job_effect {
    JOB_DO_NOTHING,
    JOB_DO_CHECK, /* start the step … */
    JOB_DO_PROTECT,
    JOB_DO_WORK,
    JOB_DO_VERIFY,
    JOB_DO_SETTLE,
    JOB_DO_ARM,    /* choose when it is tried again */
    JOB_DO_DOUBT,  /* remember that an outcome is unknown, and say so */
    JOB_DO_TRUST,  /* the ledger was read: no outcome is unknown any more */
    JOB_DO_FINISH, /* report the end */
    JOB_EFFECT_COUNT
} job_effect_t;

extern const table_machine_t JOB_MACHINE;

#endif
