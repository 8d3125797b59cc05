/*
 * store_rollout.h: rollouts with their waves and tasks, written and built again.
 *
 * What the engine keeps for itself (indices, counts of tasks settled and in flight, the ready
 * queue) is not stored: it is 0 after a load and the engine's to count.
 */
#ifndef DROVER_STORE_STORE_ROLLOUT_H
#define DROVER_STORE_STORE_ROLLOUT_H

#include "coordinator/engine/model.h"
#include "coordinator/store/store.h"

/* Insert the rollout with all its waves and tasks. INVALID where the id exists. */
MUST_CHECK status_t store_rollout_insert(store_t *store, const rollout_t *rollout, error_t *err);

/* Write what can change: state, current wave, reason, times. */
MUST_CHECK status_t store_rollout_save(store_t *store, const rollout_t *rollout, error_t *err);

/* Write what can change in rollout->waves[number]: state, forgiven, times. */
MUST_CHECK status_t store_rollout_save_wave(store_t *store, const rollout_t *rollout,
                                            uint32_t number, error_t *err);

/* Write what can change in one task. */
MUST_CHECK status_t store_rollout_save_task(store_t *store, const task_t *task, error_t *err);

/* Build one rollout. NOT_FOUND. The caller owns it (rollout_destroy). */
MUST_CHECK status_t store_rollout_load(store_t *store, const ident_t *id, rollout_t **ret_rollout,
                                       error_t *err);

/* The same without waves and tasks. NOT_FOUND. */
MUST_CHECK status_t store_rollout_load_head(store_t *store, const ident_t *id,
                                            rollout_t **ret_rollout, error_t *err);

/* A rollout that takes another one back, as that one's status names it. */
typedef struct rollout_child {
    ident_t id;
    const char *name;
    rollout_kind_t kind;
    rollout_state_t state;
} rollout_child_t;

typedef status_t store_child_fn(void *context, const rollout_child_t *child, error_t *err);

/* Rollouts whose parent this is, oldest first. */
MUST_CHECK status_t store_rollout_children(store_t *store, const ident_t *parent,
                                           store_child_fn *fn, void *context, error_t *err);

/* Name of the first rollback of the rollout that names the tenant, whatever came of it, into the
 * arena; NULL: none does. */
MUST_CHECK status_t store_rollout_taken_back(store_t *store, const ident_t *rollout,
                                             const ident_t *tenant, arena_t *arena,
                                             const char **ret_name, error_t *err);

typedef struct rollout_list {
    rollout_t **rollouts; /* oldest first */
    size_t count;
} rollout_list_t;

/* Build every open rollout (finished_us is 0). The caller owns the list and each one in it. */
MUST_CHECK status_t store_rollout_load_open(store_t *store, rollout_list_t *ret_list, error_t *err);

/* Release a list and what is still in it (a place taken out is NULL). */
void store_rollout_list_free(rollout_list_t *list);

/* The id that a whole id, the beginning of one (4 characters or more) or a name means; for a name
 * the newest that has it. NOT_FOUND; INVALID where a beginning fits several. */
MUST_CHECK status_t store_rollout_find(store_t *store, const char *text, ident_t *ret_id,
                                       error_t *err);

/* A rollout as a list shows it: the struct without waves and tasks, and what its tasks add up to.
 * Its texts are borrowed for the callback. */
typedef struct rollout_summary {
    rollout_t rollout;
    uint32_t waves;
    uint32_t tasks;
    uint32_t by_state[TASK_STATE_COUNT];
} rollout_summary_t;

typedef struct rollout_page {
    int64_t before_us; /* created; 0 begins with the newest */
    ident_t before_id;
    uint32_t limit;
    bool open_only;
} rollout_page_t;

typedef status_t store_rollout_fn(void *context, const rollout_summary_t *summary, error_t *err);

/* A page of rollouts, newest first. */
MUST_CHECK status_t store_rollout_each(store_t *store, const rollout_page_t *page,
                                       store_rollout_fn *fn, void *context, error_t *err);

/* A set of task states as bits: TASK_SET(TASK_FAILED) | TASK_SET(TASK_REFUSED). */
#define TASK_SET(state) (UINT32_C(1) << (state))
#define TASK_SET_ALL ((UINT32_C(1) << TASK_STATE_COUNT) - 1)

typedef struct task_page {
    ident_t rollout;
    uint32_t states; /* bits of TASK_SET */
    int64_t wave;    /* -1: any */
    int64_t after;   /* ordinal; -1 begins */
    uint32_t limit;
} task_page_t;

/* task->wave and ->ordinal are set; its texts are borrowed for the callback. */
typedef status_t store_task_fn(void *context, const task_t *task, error_t *err);

/* A page of a rollout's tasks by ordinal. */
MUST_CHECK status_t store_task_each(store_t *store, const task_page_t *page, store_task_fn *fn,
                                    void *context, error_t *err);

typedef struct task_query {
    ident_t tenant;
    const char *application;
    ident_t except;  /* rollout that does not count, or null */
    uint32_t states; /* of the task, bits of TASK_SET */
} task_query_t;

/* The oldest open rollout of the application that has the tenant in one of these states, or null.
 */
MUST_CHECK status_t store_task_open_elsewhere(store_t *store, const task_query_t *query,
                                              ident_t *ret_rollout, error_t *err);

/* One task by its job, with the rollout it belongs to. NOT_FOUND. Texts live in the arena. */
MUST_CHECK status_t store_task_get(store_t *store, const ident_t *job, arena_t *arena,
                                   task_t *ret_task, ident_t *ret_rollout, error_t *err);

#endif
