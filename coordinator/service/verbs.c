/* verbs.c: the list of verbs; a test compares it with the table in proto/PROTOCOL.md. */
#include "coordinator/service/verbs.h"

#include <string.h>

// clang-format off
const verb_t VERBS[] = {
    {"coordinator.show", false, "", verbs_coordinator_show},
    {"tenants.list", false, "select application gone limit", verbs_tenants_list},
    {"tenant.show", false, "tenant", verbs_tenant_show},
    {"agents.list", false, "", verbs_agents_list},
    {"clusters.list", false, "", verbs_clusters_list},
    {"history", false, "tenant limit", verbs_history},
    {"audit.list", false, "tenant actor action rollout since_us until_us limit", verbs_audit_list},
    {"bundles.list", false, "application", verbs_bundles_list},
    {"bundle.show", false, "bundle sql", verbs_bundle_show},
    {"rollout.plan", false, "spec bundle look sql", verbs_rollout_plan},
    {"rollout.start", true, "spec bundle look name plan_digest reason", verbs_rollout_start},
    {"rollout.status", false, "rollout", verbs_rollout_status},
    {"rollout.list", false, "all limit", verbs_rollout_list},
    {"rollout.tasks", false, "rollout states wave limit", verbs_rollout_tasks},
    {"rollout.report", false, "rollout", verbs_rollout_report},
    {"rollout.pause", true, "rollout reason", verbs_rollout_pause},
    {"rollout.resume", true, "rollout reason", verbs_rollout_resume},
    {"rollout.stop", true, "rollout reason", verbs_rollout_stop},
    {"rollout.retry", true, "rollout tenants reason", verbs_rollout_retry},
    {"rollback.plan", false, "rollout select to application bundle method sql", verbs_rollback_plan},
    {"rollback.start", true,
     "rollout select to application bundle method accept_data_loss plan_digest name reason",
     verbs_rollback_start},
    {"baseline.plan", false, "select at bundle sql", verbs_baseline_plan},
    {"baseline.start", true, "select at bundle plan_digest name reason", verbs_baseline_start},
    {"backup.create", true, "select tenant application name reason", verbs_backup_create},
    {"backup.list", false, "tenant select rollout pruned limit", verbs_backup_list},
    {"backup.show", false, "backup tenant", verbs_backup_show},
    {"backup.check", true, "backup tenant application name reason", verbs_backup_check},
    {"backup.restore", true, "backup tenant application accept_data_loss name reason", verbs_backup_restore},
    {"backup.prune", true, "select tenant keep_us keep_count application name reason",
     verbs_backup_prune},
    {"backup.prune_plan", false, "select tenant keep_us keep_count application",
     verbs_backup_prune_plan},
};
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
