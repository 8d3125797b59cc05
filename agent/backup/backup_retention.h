/*
 * backup_retention.h: which backups may go. Pure: reads no clock, no disk.
 *
 * A backup is pruned only if it is PRESENT, SIZE_DIFFERS or MISSING with a good manifest, is older
 * than keep_age_us, is not among the keep_count newest PRESENT ones of its tenant, and the caller's
 * predicate (what an open rollout may need) does not hold it. UNTRUSTED ones are never touched:
 * somebody should look. The newest PRESENT backup of a tenant always stays.
 */
#ifndef DROVER_AGENT_BACKUP_RETENTION_H
#define DROVER_AGENT_BACKUP_RETENTION_H

#include "agent/backup/backup_store.h"

typedef struct backup_retention {
    int64_t now_us;
    int64_t keep_age_us;                                            /* younger ones stay */
    int64_t keep_count;                                             /* per tenant, at least 1 */
    bool (*held)(const backup_manifest_t *manifest, void *context); /* NULL: nothing is held */
    void *context;
} backup_retention_t;

typedef enum backup_verdict {
    BACKUP_PRUNE,
    BACKUP_KEEP_COUNT,
    BACKUP_KEEP_AGE,
    BACKUP_KEEP_HELD,
    BACKUP_KEEP_UNTRUSTED,
    BACKUP_VERDICT_COUNT
} backup_verdict_t;

const char *backup_verdict_text(backup_verdict_t verdict);

/* Judge every entry of a list; ret_verdicts has list->count members. ERROR_NO_MEMORY. */
MUST_CHECK status_t backup_retention_plan(const backup_list_t *list,
                                          const backup_retention_t *retention,
                                          backup_verdict_t *ret_verdicts, error_t *err);

/* Remove those judged PRUNE; goes on past a failure and answers the first. */
MUST_CHECK status_t backup_retention_apply(const backup_list_t *list,
                                           const backup_verdict_t *verdicts, int64_t *ret_removed,
                                           error_t *err);

#endif
