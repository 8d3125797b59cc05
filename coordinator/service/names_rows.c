/* names_rows.c: rows of documents that several verbs share; proto/PROTOCOL.md lists them. */
#include "coordinator/service/names.h"
#include "coordinator/service/reach.h"

#include <string.h>

static row_t application_row(const application_row_t *from) {
    row_t row = row_new();
    row_text(&row, "application", from->application);
    row_text(&row, "version", from->version);
    row_number(&row, "position", from->position);
    row_number(&row, "generation", from->generation);
    row_number(&row, "ledger_sequence", from->ledger_sequence);
    row_digest(&row, "ledger_digest", &from->ledger_digest);
    row_digest(&row, "fingerprint_strict", &from->fingerprint_strict);
    row_digest(&row, "fingerprint_logical", &from->fingerprint_logical);
    row_time(&row, "observed", from->observed_us);
    return row;
}

static void add_lists(const tenant_row_t *tenant, row_t *row) {
    row_t labels = row_new();
    for (size_t i = 0; i < tenant->label_count; i++) {
        row_text(&labels, tenant->labels[i].key, tenant->labels[i].value);
    }
    row_take(row, "labels", &labels);
    row_free(&labels);
    row_t list = row_list();
    for (size_t i = 0; i < tenant->application_count; i++) {
        row_t inner = application_row(&tenant->applications[i]);
        row_append(&list, &inner);
        row_free(&inner);
    }
    row_take(row, "applications", &list);
    row_free(&list);
}

/* The newest reading of it or of one of its ledgers. */
static int64_t observed(const tenant_row_t *tenant) {
    int64_t newest = tenant->observed_us;
    for (size_t i = 0; i < tenant->application_count; i++) {
        int64_t us = tenant->applications[i].observed_us;
        newest = us > newest ? us : newest;
    }
    return newest;
}

row_t names_tenant(const fleet_t *fleet, const tenant_row_t *tenant, const names_when_t *when) {
    row_t row = row_new();
    int64_t age_us = when->now_us - observed(tenant);
    row_ident(&row, "tenant", &tenant->id);
    row_text(&row, "name", tenant->name);
    row_text(&row, "cluster", fleet_cluster_name(fleet, tenant->system_identifier));
    row_cluster(&row, "cluster_id", tenant->system_identifier);
    row_text(&row, "database", tenant->database);
    row_text(&row, "schema", tenant->schema);
    row_text(&row, "agent", fleet_agent_name(fleet, &tenant->agent));
    row_flag(&row, "stamped", tenant->stamped);
    row_number(&row, "size_bytes", tenant->size_bytes);
    row_number(&row, "incarnation", tenant->incarnation);
    row_text(&row, "problem_code", tenant->problem_code);
    row_text(&row, "problem", tenant->problem);
    row_flag(&row, "gone", tenant->gone);
    row_flag(&row, "clone", false);
    add_lists(tenant, &row);
    row_time(&row, "observed", observed(tenant));
    row_number(&row, "age_us", age_us);
    row_flag(&row, "late", age_us > when->late_us);
    return row;
}

row_t names_backup(const fleet_t *fleet, const recovery_row_t *point, const char *tenant_name) {
    row_t row = row_new();
    row_text(&row, "backup", point->reference);
    row_ident(&row, "tenant", &point->tenant);
    row_text(&row, "name", tenant_name);
    row_text(&row, "agent", fleet_agent_name(fleet, &point->agent));
    row_text(&row, "kind", point->kind);
    row_text(&row, "lsn", point->lsn);
    row_time(&row, "taken", point->taken_us);
    row_text(&row, "verified", point->verified);
    row_number(&row, "size_bytes", point->size_bytes);
    row_digest(&row, "digest", &point->digest);
    row_ident(&row, "rollout", &point->rollout);
    row_number(&row, "position", point->position);
    row_time(&row, "pruned", point->pruned_us);
    return row;
}

row_t names_bundle(const bundle_row_t *bundle) {
    row_t row = row_new();
    row_digest(&row, "digest", &bundle->digest);
    row_text(&row, "application", bundle->application);
    row_text(&row, "head", bundle->head);
    row_number(&row, "migrations", bundle->migrations);
    row_number(&row, "size_bytes", bundle->size_bytes);
    row_number(&row, "signatures", bundle->signatures);
    row_text(&row, "pushed_by", bundle->pushed_by);
    row_time(&row, "pushed", bundle->pushed_us);
    return row;
}

row_t names_audit(const audit_row_t *audit) {
    row_t row = row_new();
    row_number(&row, "sequence", audit->sequence);
    row_time(&row, "time", audit->time_us);
    row_text(&row, "actor", audit->actor);
    row_text(&row, "origin", audit->origin);
    row_text(&row, "action", audit->action);
    row_ident(&row, "rollout", &audit->rollout);
    row_ident(&row, "tenant", &audit->tenant);
    row_digest(&row, "sql_digest", &audit->sql_digest);
    row_text(&row, "result", audit->result);
    row_text(&row, "detail", audit->detail);
    return row;
}

/* Whether its tasks are to bring tenants to a position. */
static bool moves_tenants(const rollout_t *rollout) {
    return rollout->kind != KIND_BACKUP && rollout->kind != KIND_BACKUP_CHECK &&
           rollout->kind != KIND_PRUNE && rollout->kind != KIND_LOOK;
}

/* Where the task is to end. */
static uint32_t target_of(const rollout_t *rollout, const task_t *task) {
    uint32_t own = rollout->waves[task->wave].target_position;
    return !moves_tenants(rollout) ? task->from_position
           : own != 0              ? own
                                   : rollout->target_position;
}

/* What a task that nobody could do ended with says of its cluster and agent, then and now. */
void names_error(const names_task_context_t *context, const task_t *task, buffer_t *out) {
    const char *error = task->error != NULL ? task->error : "";
    if (task->error_code != ERROR_AGENT_UNREACHABLE) {
        buffer_text(out, error);
        return;
    }
    char ended[CLOCK_TEXT_SIZE];
    CLEANUP(buffer_free) buffer_t now = {0};
    reach_blocker(context->call, context->fleet, task->system_identifier, &now);
    buffer_format(out, "cluster '%s': %s, at %s; now %s",
                  fleet_cluster_name(context->fleet, task->system_identifier), error,
                  clock_text(task->finished_us, ended),
                  now.size > 0 ? buffer_string(&now) : "an agent acts on it");
}

static void add_end(const names_task_context_t *context, const task_t *task, row_t *row) {
    bool failed = task->error_code != ERROR_NONE;
    CLEANUP(buffer_free) buffer_t error = {0};
    names_error(context, task, &error);
    row_text(row, "code", failed ? error_code_text(task->error_code) : "");
    row_text(row, "sqlstate", task->sqlstate);
    row_text(row, "error", buffer_string(&error));
    row_text(row, "hint", failed ? error_code_hint(task->error_code) : "");
    row_text(row, "reference", task->reference != NULL ? task->reference : "");
    row_text(row, "notes", task->notes != NULL ? task->notes : "");
    row_time(row, "started", task->started_us);
    row_time(row, "finished", task->finished_us);
    row_time(row, "due", task->state == TASK_WAITING ? task->due_us : 0);
}

names_evidence_t names_evidence(const rollout_t *rollout, const task_t *task) {
    bool there = task->state == TASK_SUCCEEDED || task->state == TASK_NOT_NEEDED;
    if (!there || !moves_tenants(rollout)) {
        return NAMES_EVIDENCE_NONE;
    }
    if (task->error_code == ERROR_OUTCOME_RULED) {
        return NAMES_EVIDENCE_RULED;
    }
    return task->attempts > 0 ? NAMES_EVIDENCE_VERIFIED : NAMES_EVIDENCE_INVENTORY;
}

static void add_evidence(const rollout_t *rollout, const task_t *task, row_t *row) {
    static const char *const WORDS[NAMES_EVIDENCE_COUNT] = {
        [NAMES_EVIDENCE_NONE] = "",
        [NAMES_EVIDENCE_VERIFIED] = "verified",
        [NAMES_EVIDENCE_INVENTORY] = "inventory",
        [NAMES_EVIDENCE_RULED] = "ruled",
    };
    names_evidence_t evidence = names_evidence(rollout, task);
    row_text(row, "evidence", WORDS[evidence]);
    row_time(row, "evidence_at",
             evidence == NAMES_EVIDENCE_VERIFIED || evidence == NAMES_EVIDENCE_RULED
                 ? task->finished_us
             : evidence == NAMES_EVIDENCE_INVENTORY ? task->observed_us
                                                    : 0);
}

row_t names_task(const names_task_context_t *context, const task_t *task) {
    row_t row = row_new();
    char state[NAMES_STATE_MAX];
    const rollout_t *rollout = context->rollout;
    uint32_t to = target_of(rollout, task);
    row_number(&row, "ordinal", task->ordinal);
    row_number(&row, "wave", task->wave);
    row_text(&row, "wave_name", rollout->waves[task->wave].name);
    row_ident(&row, "job", &task->job);
    row_ident(&row, "tenant", &task->tenant);
    row_text(&row, "name", task->tenant_name);
    row_text(&row, "cluster", fleet_cluster_name(context->fleet, task->system_identifier));
    row_cluster(&row, "cluster_id", task->system_identifier);
    row_text(&row, "database", task->database);
    row_text(&row, "state", names_task_state(task->state, state));
    row_text(&row, "step", names_step(task->step));
    row_number(&row, "attempts", task->attempts);
    row_text(&row, "agent", fleet_agent_name(context->fleet, &task->agent));
    row_number(&row, "from", task->from_position);
    row_text(&row, "from_version", names_version(context->bundle, task->from_position));
    row_number(&row, "to", to);
    row_text(&row, "to_version", names_version(context->bundle, to));
    row_number(&row, "position", task->position);
    row_text(&row, "version", names_version(context->bundle, task->position));
    row_flag(&row, "touched", task->touched);
    add_end(context, task, &row);
    add_evidence(rollout, task, &row);
    return row;
}
