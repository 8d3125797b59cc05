/*
 * fleet.h: the fleet as one answer sees it: names of agents and clusters, and who a selector means.
 */
#ifndef DROVER_SERVICE_FLEET_H
#define DROVER_SERVICE_FLEET_H

#include "coordinator/service/call.h"
#include "coordinator/store/store_agent.h"
#include "coordinator/store/store_tenant.h"

/* Lives in the call's arena. */
typedef struct fleet {
    const agent_row_t *agents; /* by key */
    size_t agent_count;
    const cluster_row_t *clusters; /* by identifier */
    size_t cluster_count;
} fleet_t;

MUST_CHECK status_t fleet_load(call_t *call, fleet_t *ret_fleet, error_t *err);

/* NULL where unknown. */
const agent_row_t *fleet_agent(const fleet_t *fleet, const agent_key_t *key);
const cluster_row_t *fleet_cluster(const fleet_t *fleet, uint64_t system_identifier);

/* "" where unknown. */
const char *fleet_agent_name(const fleet_t *fleet, const agent_key_t *key);
const char *fleet_cluster_name(const fleet_t *fleet, uint64_t system_identifier);

/* The tenant's row of the application, or NULL. An application of NULL or "" means the only one
 * that the tenant has. */
const application_row_t *fleet_application(const tenant_row_t *tenant, const char *application);

/* What a selector sees; labels_room has LIMIT_LABELS places and must live as long as the subject.
 */
selector_subject_t fleet_subject(const fleet_t *fleet, const tenant_row_t *tenant,
                                 const char *application, selector_label_t *labels_room);

/* Who is meant. One of selector and tenants is given. */
typedef struct fleet_question {
    const char *application;
    const selector_t *selector;
    const char *const *tenants; /* names or ids */
    size_t tenant_count;
    rollout_kind_t kind;   /* of the plan: decides which open rollouts are in the way */
    const ident_t *except; /* rollout that is not in the way, or NULL */
} fleet_question_t;

/* The application of a plan whose asker named none: the only one among the tenants that are meant.
 * INVALID where there are several, TENANT_NO_LEDGER where there is none, SELECTS_NOTHING. */
MUST_CHECK status_t fleet_only_application(call_t *call, const fleet_t *fleet,
                                           const fleet_question_t *question,
                                           const char **ret_application, error_t *err);

/* Fill a plan's rows with the tenants that are meant; their texts go into the plan's arena.
 * SELECTS_NOTHING, NOT_FOUND. */
MUST_CHECK status_t fleet_fill(call_t *call, const fleet_t *fleet, const fleet_question_t *question,
                               plan_t *plan, error_t *err);

/* One tenant as a plan's row. */
MUST_CHECK status_t fleet_row(const fleet_t *fleet, const tenant_row_t *tenant,
                              const char *application, plan_t *plan, plan_row_t *ret_row,
                              error_t *err);

/* Which tenants are in open rollouts that are in the way. */
typedef struct fleet_busy fleet_busy_t;
MUST_CHECK status_t fleet_busy_new(call_t *call, const fleet_question_t *question,
                                   fleet_busy_t **ret_busy, error_t *err);
/* Name of the rollout, or NULL. Borrowed from the engine. */
const char *fleet_busy_with(const fleet_busy_t *busy, const ident_t *tenant);
void fleet_busy_destroy(fleet_busy_t **self);
DEFINE_CLEANUP(fleet_busy_t, fleet_busy_destroy)

#endif
