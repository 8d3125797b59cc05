/* backup_retention.c: see backup_retention.h. */
#include "agent/backup/backup_retention.h"
#include "common/base/cleanup.h"

static const char *const VERDICTS[BACKUP_VERDICT_COUNT] = {
    [BACKUP_PRUNE] = "prune",
    [BACKUP_KEEP_COUNT] = "among the newest of its tenant",
    [BACKUP_KEEP_AGE] = "younger than the retention",
    [BACKUP_KEEP_HELD] = "an open rollout may need it",
    [BACKUP_KEEP_UNTRUSTED] = "its manifest is not trusted: look at it",
};

const char *backup_verdict_text(backup_verdict_t verdict) {
    INVARIANT((int)verdict >= 0 && verdict < BACKUP_VERDICT_COUNT);
    return VERDICTS[verdict];
}

/* Entries of one tenant side by side, its newest first; the list is ordered oldest first. */
static int compare_newest(const void *a, const void *b) {
    const backup_entry_t *left = *(const backup_entry_t *const *)a;
    const backup_entry_t *right = *(const backup_entry_t *const *)b;
    int order = ident_compare(&left->manifest.tenant_id, &right->manifest.tenant_id);
    if (order != 0) {
        return order;
    }
    return left > right ? -1 : left < right ? 1 : 0;
}

/* newer: how many PRESENT backups of this tenant are newer. */
static backup_verdict_t judge(const backup_entry_t *entry, int64_t newer,
                              const backup_retention_t *retention) {
    int64_t keep_count = retention->keep_count < 1 ? 1 : retention->keep_count;
    if (entry->state == BACKUP_UNTRUSTED) {
        return BACKUP_KEEP_UNTRUSTED;
    }
    if (retention->held != NULL && retention->held(&entry->manifest, retention->context)) {
        return BACKUP_KEEP_HELD;
    }
    /* A clock that went back leaves backups of the future: they are young. */
    if (retention->now_us - entry->manifest.started_us < retention->keep_age_us) {
        return BACKUP_KEEP_AGE;
    }
    if (entry->state == BACKUP_PRESENT && newer < keep_count) {
        return BACKUP_KEEP_COUNT;
    }
    return BACKUP_PRUNE;
}

status_t backup_retention_plan(const backup_list_t *list, const backup_retention_t *retention,
                               backup_verdict_t *ret_verdicts, error_t *err) {
    if (list->count == 0) {
        return STATUS_OK;
    }
    CLEANUP(free_p) const backup_entry_t **order = calloc(list->count, sizeof *order);
    if (order == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory to plan what to prune");
    }
    for (size_t i = 0; i < list->count; i++) {
        order[i] = &list->entries[i];
    }
    qsort(order, list->count, sizeof *order, compare_newest);
    int64_t newer = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (i == 0 ||
            !ident_equal(&order[i]->manifest.tenant_id, &order[i - 1]->manifest.tenant_id)) {
            newer = 0;
        }
        ret_verdicts[order[i] - list->entries] = judge(order[i], newer, retention);
        newer += order[i]->state == BACKUP_PRESENT ? 1 : 0;
    }
    return STATUS_OK;
}

status_t backup_retention_apply(const backup_list_t *list, const backup_verdict_t *verdicts,
                                int64_t *ret_removed, error_t *err) {
    status_t status = STATUS_OK;
    int64_t removed = 0;
    for (size_t i = 0; i < list->count; i++) {
        error_t inner;
        if (verdicts[i] != BACKUP_PRUNE) {
            continue;
        }
        if (backup_remove(list->entries[i].path, &inner) == STATUS_OK) {
            removed++;
        } else if (status == STATUS_OK) {
            *err = inner;
            status = STATUS_ERROR;
        }
    }
    *ret_removed = removed;
    return status;
}
