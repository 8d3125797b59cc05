/*
 * names.h: the words that documents use for enums, and the rows that several verbs share.
 */
#ifndef DROVER_SERVICE_NAMES_H
#define DROVER_SERVICE_NAMES_H

#include "common/migration/bundle.h"
#include "coordinator/service/call.h"
#include "coordinator/service/fleet.h"
#include "coordinator/service/row.h"
#include "coordinator/store/store_audit.h"
#include "coordinator/store/store_bundle.h"
#include "coordinator/store/store_recovery.h"

enum { NAMES_STATE_MAX = 32 };

/* "forward", "undo", "restore", "baseline", "backup", "look", "backup_check", "prune". */
const char *names_kind(rollout_kind_t kind);
const char *names_on_failure(failure_policy_t policy);
const char *names_script(script_kind_t kind);
const char *names_phase(phase_t phase);
const char *names_step(uint32_t step);       /* of the wire; "" where unknown */
const char *names_outcome(uint32_t outcome); /* of the wire */

/* A state as the tables name it, with _ for a space; answers buffer. */
const char *names_task_state(task_state_t state, char buffer[NAMES_STATE_MAX]);
const char *names_wave_state(wave_state_t state);
const char *names_rollout_state(rollout_state_t state);

/* The state that a word means; TASK_STATE_COUNT where none does. */
task_state_t names_task_state_of(const char *word);

/* {state: number} with every state. */
void names_counts(row_t *row, const char *key, const uint32_t by_state[TASK_STATE_COUNT]);

/* sql and cut: a script's text, at most so many bytes of it. */
void names_sql(row_t *row, const char *text, size_t most);

/* Rows as proto/PROTOCOL.md has them. */
typedef struct names_when {
    int64_t now_us;
    int64_t late_us;
} names_when_t;
row_t names_tenant(const fleet_t *fleet, const tenant_row_t *tenant, const names_when_t *when);
row_t names_backup(const fleet_t *fleet, const recovery_row_t *point, const char *tenant_name);
row_t names_bundle(const bundle_row_t *bundle);
row_t names_audit(const audit_row_t *audit);

/* versions (may be NULL) has the bundle's; see plan_version. */
typedef struct names_task_context {
    const fleet_t *fleet;
    const rollout_t *rollout;
    const bundle_t *bundle; /* NULL: versions are not known */
    const call_t *call;
} names_task_context_t;
row_t names_task(const names_task_context_t *context, const task_t *task);

/* Append why it ended, or waits. */
void names_error(const names_task_context_t *context, const task_t *task, buffer_t *out);

/* What says that a tenant stands where its rollout wants it. */
typedef enum names_evidence {
    NAMES_EVIDENCE_NONE,      /* it does not, or not yet */
    NAMES_EVIDENCE_VERIFIED,  /* its agent was there and found it so */
    NAMES_EVIDENCE_INVENTORY, /* an older reading: nobody looked since */
    NAMES_EVIDENCE_RULED,     /* a person said so, where nobody could look */
    NAMES_EVIDENCE_COUNT
} names_evidence_t;
names_evidence_t names_evidence(const rollout_t *rollout, const task_t *task);

/* Version of a position in a bundle that may be NULL. */
const char *names_version(const bundle_t *bundle, uint32_t position);

#endif
