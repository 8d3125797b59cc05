/*
 * order.h: the way of every command that starts something: its plan is shown, a person agrees, it
 * is started, and followed where --wait says so.
 */
#ifndef DROVER_CLI_ORDER_H
#define DROVER_CLI_ORDER_H

#include "cli/remote.h"

/* Whether the plan verb can list scripts, and whether it shall. */
typedef enum order_sql {
    ORDER_NO_SQL,
    ORDER_SQL_HIDDEN,
    ORDER_SQL_SHOWN,
    ORDER_SQL_COUNT
} order_sql_t;

typedef struct order {
    const char *plan_verb; /* NULL: there is no plan to show */
    const char *start_verb;
    const char *question; /* asked where there is no plan; NULL: nothing is asked */
    const json_t *plan;   /* a saved plan, which is shown instead of asking for one; or NULL */
    bool brief;           /* the plan is shown without tenants and scripts */
    order_sql_t sql;
    bool loose; /* the start takes no plan's digest */
} order_t;

/*
 * arguments go to both verbs, more to the start alone (a name, a reason, an agreement to lose
 * data); both references are taken over, NULL being an error. The plan that a person has agreed to
 * is the one that is started, or PLAN_STALE. ERROR_CONFIRMATION; ERROR_RESTORE_REFUSED where data
 * would be lost and nobody agreed; else as watch_rollout.
 */
MUST_CHECK status_t order_run(remote_t *remote, const command_input_t *input, const order_t *order,
                              json_t *arguments, json_t *more, error_t *err);

#endif
