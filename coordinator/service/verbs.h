/*
 * verbs.h: every verb of Question as data. service.c finds it here; each function answers one.
 */
#ifndef DROVER_SERVICE_VERBS_H
#define DROVER_SERVICE_VERBS_H

#include "coordinator/service/call.h"

/* Sets of roles of which an asker's key must have one. */
#define MAY(role) (1U << ROLE_##role)
#define MAY_ANY                                                                                    \
    (MAY(VIEWER) | MAY(OPERATOR) | MAY(APPROVER) | MAY(ADMIN) | MAY(ROLLBACK) | MAY(RELEASE))

typedef struct verb {
    const char *name;
    bool changes;
    unsigned roles;        /* bits of 1U << trust_role_t, of which the asker's key needs one */
    const char *arguments; /* names, parted by spaces; `after` goes without saying */
    call_verb_fn *run;
} verb_t;

extern const verb_t VERBS[];
extern const size_t VERB_COUNT;

/* NULL for an unknown one. */
const verb_t *verbs_find(const char *name);

/* verbs_fleet.c */
MUST_CHECK status_t verbs_coordinator_show(call_t *call, error_t *err);
MUST_CHECK status_t verbs_tenants_list(call_t *call, error_t *err);
MUST_CHECK status_t verbs_tenant_show(call_t *call, error_t *err);
MUST_CHECK status_t verbs_agents_list(call_t *call, error_t *err);
MUST_CHECK status_t verbs_clusters_list(call_t *call, error_t *err);

/* verbs_refill.c: a catalog that went back in time */
MUST_CHECK status_t verbs_coordinator_recovery(call_t *call, error_t *err);
MUST_CHECK status_t verbs_coordinator_recovered(call_t *call, error_t *err);
MUST_CHECK status_t verbs_coordinator_saved(call_t *call, error_t *err);
/* Refuse what would rest on a catalog that is not filled again. CATALOG_RECOVERING. */
MUST_CHECK status_t verbs_refill_permits(call_t *call, error_t *err);
/* "recovering": since when, why and how many agents are missing; absent where it is not. */
MUST_CHECK status_t verbs_refill_banner(call_t *call, error_t *err);

/* verbs_resolve.c: what only a person can decide */
MUST_CHECK status_t verbs_task_show(call_t *call, error_t *err);
MUST_CHECK status_t verbs_task_resolve(call_t *call, error_t *err);

/* verbs_doctor.c: what was left behind, and what is not as it should be */
MUST_CHECK status_t verbs_fleet_doctor(call_t *call, error_t *err);

/* verbs_past.c */
MUST_CHECK status_t verbs_history(call_t *call, error_t *err);
MUST_CHECK status_t verbs_audit_list(call_t *call, error_t *err);

/* verbs_audit.c */
MUST_CHECK status_t verbs_audit_head(call_t *call, error_t *err);
MUST_CHECK status_t verbs_audit_export(call_t *call, error_t *err);

/* verbs_bundle.c */
MUST_CHECK status_t verbs_bundles_list(call_t *call, error_t *err);
MUST_CHECK status_t verbs_bundle_show(call_t *call, error_t *err);

/* verbs_rollout.c */
MUST_CHECK status_t verbs_rollout_status(call_t *call, error_t *err);
MUST_CHECK status_t verbs_rollout_list(call_t *call, error_t *err);
MUST_CHECK status_t verbs_rollout_tasks(call_t *call, error_t *err);
MUST_CHECK status_t verbs_rollout_report(call_t *call, error_t *err);

/* verbs_control.c */
MUST_CHECK status_t verbs_rollout_pause(call_t *call, error_t *err);
MUST_CHECK status_t verbs_rollout_resume(call_t *call, error_t *err);
MUST_CHECK status_t verbs_rollout_stop(call_t *call, error_t *err);
MUST_CHECK status_t verbs_rollout_retry(call_t *call, error_t *err);

/* verbs_order.c */
MUST_CHECK status_t verbs_order_draft(call_t *call, error_t *err);
MUST_CHECK status_t verbs_order_blank(call_t *call, error_t *err);
MUST_CHECK status_t verbs_order_show(call_t *call, error_t *err);

/* verbs_approve.c */
MUST_CHECK status_t verbs_rollout_approve(call_t *call, error_t *err);
MUST_CHECK status_t verbs_fleet_hold(call_t *call, error_t *err);
MUST_CHECK status_t verbs_fleet_release(call_t *call, error_t *err);

/* verbs_plan.c */
MUST_CHECK status_t verbs_rollout_plan(call_t *call, error_t *err);
MUST_CHECK status_t verbs_rollout_start(call_t *call, error_t *err);
MUST_CHECK status_t verbs_rollback_plan(call_t *call, error_t *err);
MUST_CHECK status_t verbs_rollback_start(call_t *call, error_t *err);
MUST_CHECK status_t verbs_baseline_plan(call_t *call, error_t *err);
MUST_CHECK status_t verbs_baseline_start(call_t *call, error_t *err);

/* verbs_agents.c */
MUST_CHECK status_t verbs_trust_publish(call_t *call, error_t *err);
MUST_CHECK status_t verbs_trust_show(call_t *call, error_t *err);
MUST_CHECK status_t verbs_trust_revoke(call_t *call, error_t *err);
MUST_CHECK status_t verbs_agents_invite(call_t *call, error_t *err);
MUST_CHECK status_t verbs_agents_pending(call_t *call, error_t *err);
MUST_CHECK status_t verbs_agents_show(call_t *call, error_t *err);
MUST_CHECK status_t verbs_agents_accept(call_t *call, error_t *err);
MUST_CHECK status_t verbs_agents_reject(call_t *call, error_t *err);
MUST_CHECK status_t verbs_agents_revoke(call_t *call, error_t *err);
MUST_CHECK status_t verbs_agents_resume(call_t *call, error_t *err);
/* "fresh", "expires soon" or "expired" */
const char *verbs_freshness(const trust_view_t *view);

/* verbs_standing.c */
MUST_CHECK status_t verbs_standing_draft(call_t *call, error_t *err);
MUST_CHECK status_t verbs_standing_start(call_t *call, error_t *err);
MUST_CHECK status_t verbs_standing_list(call_t *call, error_t *err);
MUST_CHECK status_t verbs_standing_show(call_t *call, error_t *err);
MUST_CHECK status_t verbs_standing_approve(call_t *call, error_t *err);
MUST_CHECK status_t verbs_standing_resume(call_t *call, error_t *err);
MUST_CHECK status_t verbs_standing_end(call_t *call, error_t *err);

/* verbs_backup.c */
MUST_CHECK status_t verbs_backup_create(call_t *call, error_t *err);
MUST_CHECK status_t verbs_backup_list(call_t *call, error_t *err);
MUST_CHECK status_t verbs_backup_show(call_t *call, error_t *err);
MUST_CHECK status_t verbs_backup_check(call_t *call, error_t *err);
MUST_CHECK status_t verbs_backup_restore(call_t *call, error_t *err);
MUST_CHECK status_t verbs_backup_prune(call_t *call, error_t *err);
MUST_CHECK status_t verbs_backup_prune_plan(call_t *call, error_t *err);

#endif
