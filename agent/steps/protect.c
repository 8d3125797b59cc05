/* protect.c: see protect.h. The recovery point before a change; protect_keep.c has the two jobs. */
#include "agent/steps/protect.h"
#include "agent/backup/backup_store.h"
#include "agent/steps/load.h"
#include "agent/steps/look.h"
#include "agent/steps/protect_trial.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/crypto/random.h"
#include "common/postgres/quote.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { LOCK_WAIT_MS = 60000 }; /* of pg_dump behind somebody's exclusive lock */

static void fail(run_t *run, const error_t *err) {
    error_t told = *err;
    (void)error_context(&told, "taking the recovery point of %s", run->what.tenant_name);
    run_fail(run, &told);
}

/* ---- none ---- */

static void waive(run_t *run) {
    const char *reason = run->what.recovery_reason != NULL ? run->what.recovery_reason : "";
    error_t err = {0};
    if (reason[0] == '\0') {
        (void)error_set(&err, ERROR_RECOVERY_POINT, "the order waives it without a reason");
        fail(run, &err);
        return;
    }
    CLEANUP(buffer_free) buffer_t notes = {0};
    buffer_format(&notes, "no recovery point: %s", reason);
    int64_t now_us = clock_wall_us();
    run_tell(run, &(run_report_t){.step = JOB_STEP_BACKUP,
                                  .outcome = JOB_OUTCOME_STARTED,
                                  .started_us = run->step_started_us,
                                  .finished_us = now_us,
                                  .notes = buffer_string(&notes),
                                  .recovery_kind = "none",
                                  .recovery_time_us = now_us});
    run_over(run, JOB_EVENT_DONE);
}

/* ---- external ---- */

static void json_free_p(json_t **json) {
    json_decref(*json);
}

/* What the command gets on its stdin. */
static status_t external_facts(const run_t *run, char **ret_text, error_t *err) {
    char tenant[IDENT_TEXT_SIZE];
    char rollout[IDENT_TEXT_SIZE];
    char job[IDENT_TEXT_SIZE];
    char head[DIGEST_TEXT_SIZE];
    char strict[DIGEST_TEXT_SIZE];
    char cluster[24];
    (void)snprintf(cluster, sizeof cluster, "%" PRIu64, run->what.system_identifier);
    CLEANUP(json_free_p)
    json_t *facts = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s}", "tenant",
        ident_text(&run->what.tenant, tenant), "tenant_name", run->what.tenant_name, "application",
        run->what.application, "cluster", cluster, "database", run->what.database, "version",
        run->standing.version, "server_version", (json_int_t)run->identity.server_version,
        "ledger_head", digest_text(&run->standing.head, head), "fingerprint",
        digest_text(&run->fingerprint.strict, strict), "rollout",
        ident_text(&run->what.rollout, rollout), "job", ident_text(&run->what.job, job));
    *ret_text = facts != NULL ? json_dumps(facts, JSON_COMPACT) : NULL;
    return *ret_text != NULL ? STATUS_OK
                             : error_set(err, ERROR_INVALID,
                                         "the tenant's names are no UTF-8, or memory is short");
}

static void on_external(run_t *run) {
    backup_result_t result;
    error_t err = {0};
    run->backup_over = NULL;
    status_t status = backup_result(run->backup, &result, &err);
    backup_destroy(&run->backup);
    if (status != STATUS_OK) {
        fail(run, &err);
        return;
    }
    int64_t now_us = clock_wall_us();
    run_tell(run, &(run_report_t){.step = JOB_STEP_BACKUP,
                                  .outcome = JOB_OUTCOME_STARTED,
                                  .started_us = run->step_started_us,
                                  .finished_us = now_us,
                                  .recovery_kind = "external",
                                  .recovery_reference = result.reference,
                                  .recovery_lsn = result.lsn,
                                  .recovery_verified = "",
                                  .recovery_time_us = now_us});
    run_over(run, JOB_EVENT_DONE);
}

static status_t start_external(run_t *run, error_t *err) {
    const agent_config_t *config = run->shared->config;
    const yaml_texts_t *command = &config->backup.external.command;
    ident_t id = random_ident();
    CLEANUP(free_p) char *facts = NULL;
    if (command->count == 0) {
        return error_set(err, ERROR_RECOVERY_POINT,
                         "this agent has no backup.external.command to make one with");
    }
    CLEANUP(free_p) const char **argv = calloc(command->count + 1, sizeof *argv);
    if (argv == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a command");
    }
    for (size_t i = 0; i < command->count; i++) {
        argv[i] = command->items[i];
    }
    TRY(external_facts(run, &facts, err));
    backup_external_request_t request = {.argv = argv,
                                         .facts_json = facts,
                                         .tenant_id = &run->what.tenant,
                                         .backup_id = &id,
                                         .timeout_ms =
                                             config->backup.external.timeout_us / US_PER_MS};
    return backup_external_start(&request, &run->backup, err);
}

/* ---- dump ---- */

static void finish(run_t *run, const char *verified) {
    restore_side_t *side = restore_side_of(run);
    const backup_manifest_t *manifest = &side->manifest;
    char id[IDENT_TEXT_SIZE];
    side->unreported = false;
    run_tell(run, &(run_report_t){.step = JOB_STEP_BACKUP,
                                  .outcome = JOB_OUTCOME_STARTED,
                                  .started_us = run->step_started_us,
                                  .finished_us = clock_wall_us(),
                                  .recovery_kind = "dump",
                                  .recovery_reference = ident_text(&manifest->backup_id, id),
                                  .recovery_lsn = manifest->lsn,
                                  .recovery_verified = verified,
                                  .recovery_time_us = manifest->started_us,
                                  .recovery_size_bytes = (int64_t)manifest->sealed_bytes});
    restore_side_free(run);
    run_over(run, job_should_halt(&run->machine) ? JOB_EVENT_HALTED : JOB_EVENT_DONE);
}

static void after_trial(run_t *run) {
    error_t err = restore_side_of(run)->err;
    FAILPOINT("agent.protect.tried");
    if (err.code != ERROR_NONE) {
        (void)error_context(&err, "restoring the backup in trial");
        fail(run, &err);
        return;
    }
    finish(run, "verified");
}

static void on_dumped(run_t *run) {
    restore_side_t *side = restore_side_of(run);
    backup_result_t result;
    error_t err = {0};
    run->backup_over = NULL;
    status_t status = backup_result(run->backup, &result, &err);
    backup_destroy(&run->backup);
    if (status != STATUS_OK) {
        fail(run, &err);
        return;
    }
    FAILPOINT("agent.protect.dumped");
    side->manifest = result.manifest;
    memcpy(side->manifest_path, result.path, sizeof side->manifest_path);
    side->unreported = true;
    if (run->what.trial_restore && !job_should_halt(&run->machine)) {
        protect_trial_begin(run, after_trial);
        return;
    }
    finish(run, "readable");
}

static void fill_manifest(const run_t *run, backup_manifest_t *facts) {
    const restore_side_t *side = run->restore;
    facts->backup_id = run->what.attempt; /* an attempt takes one: see forget_unreported */
    facts->tenant_id = run->what.tenant;
    facts->rollout_id = run->what.rollout;
    facts->job_id = run->what.job;
    facts->server_version = run->identity.server_version;
    facts->fingerprint_strict = run->fingerprint.strict;
    facts->fingerprint_logical = run->fingerprint.logical;
    facts->ledger_head = run->standing.head;
    (void)snprintf(facts->tenant_name, sizeof facts->tenant_name, "%s", run->what.tenant_name);
    (void)snprintf(facts->application, sizeof facts->application, "%s", run->what.application);
    (void)snprintf(facts->cluster, sizeof facts->cluster, "%" PRIu64, run->what.system_identifier);
    (void)snprintf(facts->database, sizeof facts->database, "%s", run->what.database);
    (void)snprintf(facts->owner, sizeof facts->owner, "%s", side->owner);
    (void)snprintf(facts->ledger_version, sizeof facts->ledger_version, "%s",
                   run->standing.version);
    (void)snprintf(facts->lsn, sizeof facts->lsn, "%s", side->lsn);
}

/* The offline keepers' keys, and the agent's own where it has one. */
static size_t choose_recipients(const run_t *run, seal_public_t to[SEALED_RECIPIENTS_MAX]) {
    const agent_config_t *config = run->shared->config;
    size_t count = 0;
    for (size_t i = 0; i < config->backup.recovery_keys.count && count + 1 < SEALED_RECIPIENTS_MAX;
         i++) {
        memcpy(&to[count++], config->backup.recovery_key_bytes[i], SEAL_KEY_BYTES);
    }
    if (run->shared->backup_keys.seal_public != NULL) {
        to[count++] = *run->shared->backup_keys.seal_public;
    }
    return count;
}

static status_t start_dump(run_t *run, error_t *err) {
    const agent_config_t *config = run->shared->config;
    CLEANUP(buffer_free) buffer_t conninfo = {0};
    char folder[4096];
    seal_public_t recipients[SEALED_RECIPIENTS_MAX];
    backup_manifest_t facts = {0};
    int64_t size_bytes = run->size_bytes > 0 ? run->size_bytes : 0;
    TRY(restore_side_conninfo(run, run->what.database, &conninfo, err));
    restore_side_tools(config, run->identity.server_version, folder);
    fill_manifest(run, &facts);
    backup_request_t request = {
        .connection = restore_side_connection(buffer_string(&conninfo)),
        .programs = {.bin_dir = folder, .server_version = run->identity.server_version},
        .keys = run->shared->backup_keys,
        .dir = config->backup.directory,
        .recipients = recipients,
        .recipient_count = choose_recipients(run, recipients),
        .facts = &facts,
        .room_bytes = (uint64_t)(size_bytes + config->backup.min_free_bytes),
        .lock_wait_ms = LOCK_WAIT_MS,
    };
    request.connection.role = run->cluster->roles.backup;
    return backup_start(&request, &run->backup, err);
}

static void dump(run_t *run) {
    error_t err = {0};
    if (start_dump(run, &err) != STATUS_OK) {
        fail(run, &err);
        return;
    }
    run->backup_over = on_dumped;
}

static void on_granted(run_t *run, connection_answer_t *answer) {
    (void)answer;
    dump(run);
}

/* The ledger belongs to the login; the role that dumps the tenant must read it too. */
static void after_facts(run_t *run) {
    if (!restore_side_of(run)->backup_lacks_rights) {
        dump(run);
        return;
    }
    CLEANUP(buffer_free) buffer_t sql = {0};
    buffer_text(&sql, "GRANT USAGE ON SCHEMA drover TO ");
    quote_name(&sql, run->cluster->roles.backup);
    buffer_text(&sql, ";GRANT SELECT ON ALL TABLES IN SCHEMA drover TO ");
    quote_name(&sql, run->cluster->roles.backup);
    run_query(run, &sql, on_granted);
}

static void ask_facts(run_t *run) {
    restore_side_facts(run, after_facts);
}

static void after_clear(run_t *run) {
    if (digest_is_null(&run->fingerprint.logical)) {
        look_begin(run, &(look_t){.next = ask_facts});
        return;
    }
    ask_facts(run);
}

/* What the configuration lacks is found before anything runs. */
static status_t check_dump(const run_t *run, error_t *err) {
    const agent_config_t *config = run->shared->config;
    const backup_keys_t *keys = &run->shared->backup_keys;
    if (config->backup.directory == NULL) {
        return error_set(err, ERROR_RECOVERY_POINT,
                         "this agent takes no dumps: backup.directory is not set");
    }
    if (config->backup.recovery_keys.count == 0 && keys->seal_public == NULL) {
        return error_set(err, ERROR_RECOVERY_POINT,
                         "nobody could open a backup: neither backup.recovery_keys nor keys.backup "
                         "is set");
    }
    if (run->what.trial_restore && keys->seal_secret == NULL) {
        return error_set(err, ERROR_RECOVERY_POINT,
                         "a trial restore needs the agent's own backup key: keys.backup is not "
                         "set");
    }
    return STATUS_OK;
}

/*
 * A backup of this very attempt stands where the agent was killed after it was whole and before its
 * report was kept. The tenant may have been written to since: it makes way for a new one.
 */
static status_t forget_unreported(run_t *run, error_t *err) {
    CLEANUP(backup_list_free) backup_list_t list = {0};
    backup_trust_t trust = restore_side_trust(run);
    TRY(backup_list_read(run->shared->config->backup.directory, &run->what.tenant, &trust, &list,
                         err));
    for (size_t i = 0; i < list.count; i++) {
        const backup_entry_t *entry = &list.entries[i];
        if (entry->state != BACKUP_UNTRUSTED &&
            ident_equal(&entry->manifest.backup_id, &run->what.attempt)) {
            TRY(backup_remove(entry->path, err));
            run_note(run,
                     "removed the backup that this attempt had taken before it was interrupted");
        }
    }
    return STATUS_OK;
}

static status_t begin_dump(run_t *run, error_t *err) {
    TRY(check_dump(run, err));
    TRY(restore_side_new(run, err));
    return forget_unreported(run, err);
}

void protect_begin(run_t *run) {
    error_t err = {0};
    const char *kind = run->what.recovery_kind != NULL ? run->what.recovery_kind : "";
    if (strcmp(kind, "none") == 0) {
        waive(run);
        return;
    }
    if (run->connection == NULL || connection_state(run->connection) != CONNECTION_IDLE) {
        load_begin(run, protect_begin); /* the session was lost since the check */
        return;
    }
    status_t status = STATUS_ERROR;
    if (strcmp(kind, "dump") == 0) {
        status = begin_dump(run, &err);
    } else if (strcmp(kind, "external") == 0) {
        status = start_external(run, &err);
    } else {
        (void)error_set(&err, ERROR_RECOVERY_POINT, "'%.40s' is no kind of recovery point", kind);
    }
    if (status != STATUS_OK) {
        fail(run, &err);
    } else if (run->backup != NULL) {
        run->backup_over = on_external;
    } else {
        protect_trial_clear(run, after_clear);
    }
}
