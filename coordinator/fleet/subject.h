/*
 * subject.h: how a tenant looks to a selector. Pure.
 *
 * Selectors speak of a tenant by its labels and by where it stands (name, cluster, database, agent,
 * version); the catalog keeps these in several rows. One place joins them, so that a plan, a list
 * and a rollback mean the same tenants by the same words.
 */
#ifndef DROVER_COORDINATOR_FLEET_SUBJECT_H
#define DROVER_COORDINATOR_FLEET_SUBJECT_H

#include "common/base/limits.h"
#include "common/selector/selector.h"
#include "coordinator/store/store_tenant.h"

/* What the tenant's own row does not say. */
typedef struct subject_place {
    const char *cluster;     /* name of its cluster, NULL where it is not known */
    const char *agent;       /* name of the agent that reported it, NULL where it is not known */
    const char *application; /* whose version is meant; NULL: the only one that it has, if one */
} subject_place_t;

/* selector borrows from the tenant's row, from the place and from labels: it lives no longer. */
typedef struct subject {
    selector_label_t labels[LIMIT_LABELS];
    selector_subject_t selector;
} subject_t;

/* Fill *ret_subject. Labels past LIMIT_LABELS, which the wire admits none of, are left out. */
void subject_of(const tenant_row_t *tenant, const subject_place_t *place, subject_t *ret_subject);

/* The tenant's row of an application (NULL: the only one, if it has one), or NULL. */
const application_row_t *subject_application(const tenant_row_t *tenant, const char *application);

#endif
