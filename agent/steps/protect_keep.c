/*
 * protect_keep.c: see protect.h. The two jobs on backups that stand: reading one again from end to
 * end, and removing what retention lets go. They need no session and touch no tenant.
 */
#include "agent/backup/backup_retention.h"
#include "agent/steps/protect.h"
#include "agent/steps/restore_side.h"
#include "common/base/clock.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* ---- check ---- */

static void on_checked(run_t *run) {
    backup_result_t result;
    error_t err = {0};
    char id[IDENT_TEXT_SIZE];
    run->backup_over = NULL;
    status_t status = backup_result(run->backup, &result, &err);
    backup_destroy(&run->backup);
    restore_side_free(run);
    if (status != STATUS_OK) {
        (void)error_context(&err, "checking backup %s",
                            ident_text(&run->what.recovery_reference, id));
        run_fail(run, &err);
        return;
    }
    run_note(run, "%" PRId64 " entries, %" PRIu64 " bytes read back whole", result.list_entries,
             result.manifest.sealed_bytes);
    run_tell(run,
             &(run_report_t){.step = job_work_step(run->what.kind),
                             .outcome = JOB_OUTCOME_STARTED,
                             .started_us = run->step_started_us,
                             .finished_us = clock_wall_us(),
                             .recovery_kind = "dump",
                             .recovery_reference = ident_text(&run->what.recovery_reference, id),
                             .recovery_lsn = result.manifest.lsn,
                             .recovery_verified = "readable",
                             .recovery_time_us = result.manifest.started_us,
                             .recovery_size_bytes = (int64_t)result.manifest.sealed_bytes});
    run_over(run, JOB_EVENT_DONE);
}

static status_t start_check(run_t *run, error_t *err) {
    char folder[4096];
    TRY(restore_side_new(run, err));
    TRY(restore_side_find(run, &run->what.recovery_reference, err));
    const restore_side_t *side = restore_side_of(run);
    if (run->shared->backup_keys.seal_secret == NULL) {
        return error_set(err, ERROR_KEY_FILE,
                         "this agent cannot open its backups: keys.backup is not set");
    }
    restore_side_tools(run->shared->config, side->manifest.server_version, folder);
    backup_check_request_t request = {
        .programs = {.bin_dir = folder, .server_version = side->manifest.server_version},
        .keys = run->shared->backup_keys,
        .trust = restore_side_trust(run),
        .manifest_path = side->manifest_path,
    };
    return backup_check_start(&request, &run->backup, err);
}

void protect_check_begin(run_t *run) {
    error_t err = {0};
    if (start_check(run, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    run->backup_over = on_checked;
}

/* ---- prune ---- */

/* Said before it is done: what is removed cannot be asked for its name. */
static void note_verdicts(run_t *run, const backup_list_t *list, const backup_verdict_t *verdicts) {
    size_t kept[BACKUP_VERDICT_COUNT] = {0};
    for (size_t i = 0; i < list->count; i++) {
        const backup_entry_t *entry = &list->entries[i];
        char id[IDENT_TEXT_SIZE];
        char at[CLOCK_TEXT_SIZE];
        kept[verdicts[i]]++;
        if (verdicts[i] == BACKUP_PRUNE) {
            run_note(run, "removed backup %s of %s, %" PRIu64 " bytes",
                     ident_text(&entry->manifest.backup_id, id),
                     clock_text(entry->manifest.started_us, at), entry->manifest.sealed_bytes);
        }
    }
    for (int verdict = BACKUP_PRUNE + 1; verdict < BACKUP_VERDICT_COUNT; verdict++) {
        if (kept[verdict] > 0) {
            run_note(run, "kept %zu: %s", kept[verdict],
                     backup_verdict_text((backup_verdict_t)verdict));
        }
    }
}

/* A report for each that is gone, so that the catalog offers it to nobody; also where a later one
 * could not be removed. */
static void tell_removed(run_t *run, const backup_list_t *list, const backup_verdict_t *verdicts) {
    char id[IDENT_TEXT_SIZE];
    for (size_t i = 0; i < list->count; i++) {
        const backup_manifest_t *manifest = &list->entries[i].manifest;
        if (verdicts[i] != BACKUP_PRUNE || access(list->entries[i].path, F_OK) == 0) {
            continue;
        }
        run_tell(run, &(run_report_t){.step = job_work_step(run->what.kind),
                                      .outcome = JOB_OUTCOME_STARTED,
                                      .started_us = run->step_started_us,
                                      .finished_us = clock_wall_us(),
                                      .recovery_kind = "dump",
                                      .recovery_reference = ident_text(&manifest->backup_id, id),
                                      .recovery_lsn = manifest->lsn,
                                      .recovery_time_us = manifest->started_us,
                                      .recovery_size_bytes = (int64_t)manifest->sealed_bytes});
    }
}

static status_t prune(run_t *run, int64_t *ret_removed, error_t *err) {
    const agent_config_t *config = run->shared->config;
    CLEANUP(backup_list_free) backup_list_t list = {0};
    backup_trust_t trust = restore_side_trust(run);
    backup_retention_t retention = {
        .now_us = clock_wall_us(),
        .keep_age_us =
            run->what.prune_keep_us > 0 ? run->what.prune_keep_us : config->backup.keep_us,
        .keep_count = run->what.prune_keep_count > 0 ? (int64_t)run->what.prune_keep_count
                                                     : config->backup.keep_count,
        .held = run->shared->held,
        .context = run->shared->context,
    };
    if (config->backup.directory == NULL) {
        return error_set(err, ERROR_RECOVERY_POINT,
                         "this agent keeps no backups: backup.directory is not set");
    }
    TRY(backup_list_read(config->backup.directory, &run->what.tenant, &trust, &list, err));
    if (list.count == 0) {
        return STATUS_OK;
    }
    CLEANUP(free_p) backup_verdict_t *verdicts = calloc(list.count, sizeof *verdicts);
    if (verdicts == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory to plan what to prune");
    }
    TRY(backup_retention_plan(&list, &retention, verdicts, err));
    note_verdicts(run, &list, verdicts);
    status_t status = backup_retention_apply(&list, verdicts, ret_removed, err);
    tell_removed(run, &list, verdicts);
    return status;
}

void protect_prune_begin(run_t *run) {
    error_t err = {0};
    int64_t removed = 0;
    if (prune(run, &removed, &err) != STATUS_OK) {
        (void)error_context(&err, "pruning the backups of %s", run->what.tenant_name);
        run_fail(run, &err);
        return;
    }
    run_note(run, "%" PRId64 " backups removed", removed);
    run_over(run, removed > 0 ? JOB_EVENT_DONE : JOB_EVENT_NOT_NEEDED);
}
