/*
 * order.h: the way of every command that starts something: the coordinator drafts the order with
 * its plan, the two are held against each other (order_check.h), shown, agreed to and signed here;
 * then it is started, and followed where --wait says so.
 */
#ifndef DROVER_CLI_ORDER_H
#define DROVER_CLI_ORDER_H

#include "cli/remote.h"
#include "common/config/rollout_spec.h"
#include "common/trust/order.h"

/* Whether the plan has scripts to list, and whether it shall. */
typedef enum order_sql {
    ORDER_NO_SQL,
    ORDER_SQL_HIDDEN,
    ORDER_SQL_SHOWN,
    ORDER_SQL_COUNT
} order_sql_t;

typedef struct order_way {
    const char *verb;           /* that starts it */
    order_kind_t kind;          /* of the order that it needs */
    const char *plan_kind;      /* of its plan: "forward" */
    const rollout_spec_t *spec; /* of a rollout; or NULL */
    const char *list_verb;      /* answers 'backups', which are shown with the plan; or NULL */
    const char *plan_verb;      /* shows the plan where no order is drafted; or NULL */
    const char *question;       /* asked in place of the plan's own; or NULL */
    const json_t *plan; /* a saved plan: shown, and started if it is the plan still; or NULL */
    bool quiet;         /* the plan is not shown, and nothing but `question` is asked */
    bool brief;         /* it is shown without tenants and scripts */
    order_sql_t sql;
} order_way_t;

/*
 * arguments are those of the plan, more those of the start alone (a name, a reason, an agreement to
 * lose data); both references are taken over, NULL being an error. The plan that was signed is the
 * one that is started. ERROR_ORDER_DIFFERS; ERROR_PLAN_STALE; ERROR_CONFIRMATION;
 * ERROR_RESTORE_REFUSED where data would be lost and nobody agreed; ERROR_ORDER_WAITS where others
 * must sign, too; else as watch_rollout.
 */
MUST_CHECK status_t order_run(remote_t *remote, const command_input_t *input,
                              const order_way_t *way, json_t *arguments, json_t *more,
                              error_t *err);

/* Whether an answer says that more people must sign. */
bool order_is_short(const json_t *answer);

/* Then say on stderr who has signed, and what the next one types; wave: that is opened, or NULL for
 * the order. ERROR_ORDER_WAITS. */
MUST_CHECK status_t order_waits(const json_t *answer, const char *wave, error_t *err);

#endif
