/* handlers.h: what the commands do; one function a command, found from the tree. */
#ifndef DROVER_CLI_HANDLERS_H
#define DROVER_CLI_HANDLERS_H

#include "cli/command.h"

/* The tree of drover; tree.c. */
extern const command_t CLI_TREE;

/* Commands that need no coordinator; local.c, local_migration.c, local_key.c. */
status_t handle_version(const command_input_t *input, error_t *err);
status_t handle_new(const command_input_t *input, error_t *err);
status_t handle_lint(const command_input_t *input, error_t *err);
status_t handle_bundle_build(const command_input_t *input, error_t *err);
status_t handle_bundle_sign(const command_input_t *input, error_t *err);
status_t handle_bundle_show(const command_input_t *input, error_t *err);
status_t handle_key_new(const command_input_t *input, error_t *err);
status_t handle_key_show(const command_input_t *input, error_t *err);
status_t handle_key_change_passphrase(const command_input_t *input, error_t *err);
status_t handle_doc(const command_input_t *input, error_t *err);

/* Trust files, offline; local_trust*.c. Without a file, show asks the coordinator. */
status_t handle_trust_init(const command_input_t *input, error_t *err);
status_t handle_trust_show(const command_input_t *input, error_t *err);
status_t handle_trust_merge(const command_input_t *input, error_t *err);
status_t handle_trust_sign(const command_input_t *input, error_t *err);
status_t handle_trust_add(const command_input_t *input, error_t *err);
status_t handle_trust_revoke(const command_input_t *input, error_t *err);
status_t handle_trust_threshold(const command_input_t *input, error_t *err);
status_t handle_trust_rotate(const command_input_t *input, error_t *err);
status_t handle_trust_renew(const command_input_t *input, error_t *err);
status_t handle_trust_verify(const command_input_t *input, error_t *err);

/* Orders for agents that take them from a file, offline; local_order.c. */
status_t handle_order_take_back(const command_input_t *input, error_t *err);
status_t handle_order_stop(const command_input_t *input, error_t *err);
status_t handle_order_hold(const command_input_t *input, error_t *err);
status_t handle_order_release(const command_input_t *input, error_t *err);

/* Commands that ask the coordinator; remote_*.c. */
status_t handle_coordinator_recovery(const command_input_t *input, error_t *err);
status_t handle_coordinator_recovered(const command_input_t *input, error_t *err);
status_t handle_coordinator_saved(const command_input_t *input, error_t *err);
status_t handle_resolve(const command_input_t *input, error_t *err);
status_t handle_doctor(const command_input_t *input, error_t *err);
status_t handle_bundle_list(const command_input_t *input, error_t *err);
status_t handle_bundle_push(const command_input_t *input, error_t *err);
status_t handle_rollout_plan(const command_input_t *input, error_t *err);
status_t handle_rollout_start(const command_input_t *input, error_t *err);
status_t handle_rollout_approve(const command_input_t *input, error_t *err);
status_t handle_rollout_watch(const command_input_t *input, error_t *err);
status_t handle_rollout_status(const command_input_t *input, error_t *err);
status_t handle_rollout_list(const command_input_t *input, error_t *err);
status_t handle_rollout_failures(const command_input_t *input, error_t *err);
status_t handle_rollout_pause(const command_input_t *input, error_t *err);
status_t handle_rollout_resume(const command_input_t *input, error_t *err);
status_t handle_rollout_stop(const command_input_t *input, error_t *err);
status_t handle_rollout_retry(const command_input_t *input, error_t *err);
status_t handle_rollout_report(const command_input_t *input, error_t *err);
status_t handle_rollback(const command_input_t *input, error_t *err);
status_t handle_baseline(const command_input_t *input, error_t *err);
status_t handle_tenants(const command_input_t *input, error_t *err);
status_t handle_tenant_show(const command_input_t *input, error_t *err);
status_t handle_agents(const command_input_t *input, error_t *err);
status_t handle_agents_invite(const command_input_t *input, error_t *err);
status_t handle_agents_pending(const command_input_t *input, error_t *err);
status_t handle_agents_accept(const command_input_t *input, error_t *err);
status_t handle_agents_reject(const command_input_t *input, error_t *err);
status_t handle_agents_revoke(const command_input_t *input, error_t *err);
status_t handle_agents_resume(const command_input_t *input, error_t *err);
status_t handle_standing_start(const command_input_t *input, error_t *err);
status_t handle_standing_approve(const command_input_t *input, error_t *err);
status_t handle_standing_list(const command_input_t *input, error_t *err);
status_t handle_standing_resume(const command_input_t *input, error_t *err);
status_t handle_standing_end(const command_input_t *input, error_t *err);
status_t handle_fleet_hold(const command_input_t *input, error_t *err);
status_t handle_fleet_release(const command_input_t *input, error_t *err);
status_t handle_trust_publish(const command_input_t *input, error_t *err);
status_t handle_key_revoke(const command_input_t *input, error_t *err);
status_t handle_clusters(const command_input_t *input, error_t *err);
status_t handle_coordinator(const command_input_t *input, error_t *err);
status_t handle_history(const command_input_t *input, error_t *err);
status_t handle_backup_create(const command_input_t *input, error_t *err);
status_t handle_backup_list(const command_input_t *input, error_t *err);
status_t handle_backup_show(const command_input_t *input, error_t *err);
status_t handle_backup_check(const command_input_t *input, error_t *err);
status_t handle_backup_restore(const command_input_t *input, error_t *err);
status_t handle_backup_prune(const command_input_t *input, error_t *err);
status_t handle_audit_log(const command_input_t *input, error_t *err);
status_t handle_audit_export(const command_input_t *input, error_t *err);
status_t handle_audit_head(const command_input_t *input, error_t *err);

/* An export, verified without a coordinator; local_audit.c. */
status_t handle_audit_verify(const command_input_t *input, error_t *err);

#endif
