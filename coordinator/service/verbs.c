/* verbs.c: the list of verbs; a test compares it with the table in proto/PROTOCOL.md. */
#include "coordinator/service/verbs.h"

#include <string.h>

// clang-format off
#define ORDERS MAY(OPERATOR)                   /* who may sign a way forward */
#define BACK (MAY(OPERATOR) | MAY(ROLLBACK))   /* who may sign a way back, a stop, a hold */
const verb_t VERBS[] = {
    {"coordinator.show", false, MAY_ANY, "", verbs_coordinator_show},
    {"coordinator.recovery", false, MAY_ANY, "", verbs_coordinator_recovery},
    {"coordinator.recovered", true, MAY(ADMIN), "without reason", verbs_coordinator_recovered},
    {"coordinator.saved", true, MAY(ADMIN) | MAY(OPERATOR), "at_us", verbs_coordinator_saved},
    {"tenants.list", false, MAY_ANY, "select application gone limit", verbs_tenants_list},
    {"tenant.show", false, MAY_ANY, "tenant", verbs_tenant_show},
    {"agents.list", false, MAY_ANY, "", verbs_agents_list},
    {"clusters.list", false, MAY_ANY, "", verbs_clusters_list},
    {"history", false, MAY_ANY, "tenant limit", verbs_history},
    {"audit.list", false, MAY_ANY, "tenant actor action rollout since_us until_us limit",
     verbs_audit_list},
    {"audit.head", false, MAY_ANY, "", verbs_audit_head},
    {"audit.export", false, MAY_ANY, "since_us", verbs_audit_export},
    {"bundles.list", false, MAY_ANY, "application", verbs_bundles_list},
    {"bundle.show", false, MAY_ANY, "bundle sql", verbs_bundle_show},
    {"order.draft", false, MAY_ANY, "verb arguments", verbs_order_draft},
    {"order.blank", false, MAY_ANY, "kind rollout standing wave application", verbs_order_blank},
    {"order.show", false, MAY_ANY, "rollout wave limit", verbs_order_show},
    {"rollout.plan", false, MAY_ANY, "spec bundle look sql", verbs_rollout_plan},
    {"rollout.start", true, ORDERS, "spec bundle look name plan_digest reason order",
     verbs_rollout_start},
    {"rollout.approve", true, BACK | MAY(APPROVER), "rollout order wave approval",
     verbs_rollout_approve},
    {"rollout.status", false, MAY_ANY, "rollout", verbs_rollout_status},
    {"rollout.list", false, MAY_ANY, "all limit", verbs_rollout_list},
    {"rollout.tasks", false, MAY_ANY, "rollout states wave limit", verbs_rollout_tasks},
    {"rollout.report", false, MAY_ANY, "rollout", verbs_rollout_report},
    {"rollout.pause", true, BACK, "rollout reason", verbs_rollout_pause},
    {"rollout.resume", true, ORDERS, "rollout reason approval", verbs_rollout_resume},
    {"rollout.stop", true, BACK, "rollout reason order", verbs_rollout_stop},
    {"rollout.retry", true, ORDERS, "rollout tenants reason", verbs_rollout_retry},
    {"task.show", false, MAY_ANY, "tenant rollout", verbs_task_show},
    {"task.resolve", true, ORDERS | MAY(ADMIN), "tenant rollout as reason", verbs_task_resolve},
    {"rollback.plan", false, MAY_ANY, "rollout select to application bundle method sql",
     verbs_rollback_plan},
    {"rollback.start", true, BACK,
     "rollout select to application bundle method accept_data_loss plan_digest name reason order",
     verbs_rollback_start},
    {"baseline.plan", false, MAY_ANY, "select at bundle sql", verbs_baseline_plan},
    {"baseline.start", true, ORDERS, "select at bundle plan_digest name reason order",
     verbs_baseline_start},
    {"backup.create", true, ORDERS, "select tenant application name plan_digest reason order",
     verbs_backup_create},
    {"backup.list", false, MAY_ANY, "tenant select rollout pruned limit", verbs_backup_list},
    {"backup.show", false, MAY_ANY, "backup tenant", verbs_backup_show},
    {"backup.check", true, ORDERS, "backup tenant application name plan_digest reason order",
     verbs_backup_check},
    {"backup.restore", true, BACK,
     "backup tenant application accept_data_loss name plan_digest reason order",
     verbs_backup_restore},
    {"backup.prune", true, ORDERS,
     "select tenant keep_us keep_count application name plan_digest reason order",
     verbs_backup_prune},
    {"backup.prune_plan", false, MAY_ANY, "select tenant keep_us keep_count application",
     verbs_backup_prune_plan},
    {"standing.draft", false, MAY_ANY, "spec bundle name until_us", verbs_standing_draft},
    {"standing.start", true, ORDERS, "spec bundle name until_us reason order",
     verbs_standing_start},
    {"standing.list", false, MAY_ANY, "all", verbs_standing_list},
    {"standing.show", false, MAY_ANY, "standing", verbs_standing_show},
    {"standing.approve", true, ORDERS, "standing order", verbs_standing_approve},
    {"standing.resume", true, ORDERS, "standing reason", verbs_standing_resume},
    {"standing.end", true, BACK, "standing reason order", verbs_standing_end},
    {"fleet.doctor", false, MAY_ANY, "", verbs_fleet_doctor},
    {"fleet.hold", true, BACK, "order", verbs_fleet_hold},
    {"fleet.release", true, ORDERS, "order", verbs_fleet_release},
    {"trust.publish", true, MAY_ANY, "document", verbs_trust_publish},
    {"trust.show", false, MAY_ANY, "from", verbs_trust_show},
    {"trust.revoke", true, MAY(ADMIN), "document", verbs_trust_revoke},
    {"agents.invite", true, MAY(ADMIN), "name curve expires_us valid_us", verbs_agents_invite},
    {"agents.pending", false, MAY_ANY, "", verbs_agents_pending},
    {"agents.show", false, MAY_ANY, "name request", verbs_agents_show},
    {"agents.accept", true, MAY(ADMIN), "request card", verbs_agents_accept},
    {"agents.reject", true, MAY(ADMIN), "name reason", verbs_agents_reject},
    {"agents.revoke", true, MAY(ADMIN), "document", verbs_agents_revoke},
    {"agents.resume", true, MAY(ADMIN), "name reason", verbs_agents_resume},
};
#undef ORDERS
#undef BACK
// clang-format on
const size_t VERB_COUNT = sizeof VERBS / sizeof VERBS[0];

const verb_t *verbs_find(const char *name) {
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(VERBS[i].name, name) == 0) {
            return &VERBS[i];
        }
    }
    return NULL;
}
