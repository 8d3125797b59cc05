/*
 * backup_left.h: what stands in the folder of backups and should not, for 'drover doctor': partial
 * files that no living worker holds, backups past their retention, folders of tenants that the
 * agent no longer has, so that nobody prunes them. Only looked at, a few folders at a time; which
 * may be many. Retention is judged as pruning does it (backup_retention.h), and as it would have
 * done a while ago: only what should be gone since then is told.
 */
#ifndef DROVER_AGENT_BACKUP_BACKUP_LEFT_H
#define DROVER_AGENT_BACKUP_BACKUP_LEFT_H

#include "agent/backup/backup_retention.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/limits.h"

enum { BACKUP_LEFT_MOST = 6, BACKUP_LEFT_TEXT = 160 };

/* For so long pruning may pass over a backup before it is told: who prunes weekly, a day late once
 * in a while, has nothing to mend. */
#define BACKUP_LEFT_GRACE_US (8 * INT64_C(86400) * US_PER_S)

/* As the wire's Leftover has it. */
typedef struct backup_left_item {
    char kind[24];
    char name[LIMIT_NAME_BYTES + 1];
    char detail[BACKUP_LEFT_TEXT]; /* the folder; "" where its path is longer */
} backup_left_item_t;

/* By what a folder is judged; borrowed for the look. */
typedef struct backup_left_rules {
    const char *dir;
    backup_trust_t trust;
    backup_retention_t retention;
    const ident_t
        *tenants; /* that the agent has, sorted by ident_compare; NULL: not all are known */
    size_t tenant_count;
} backup_left_rules_t;

typedef struct backup_left backup_left_t;

/* Begin to look. ERROR_IO, ERROR_NO_MEMORY. */
MUST_CHECK status_t backup_left_new(const char *dir, backup_left_t **ret_left, error_t *err);
void backup_left_destroy(backup_left_t **self_p);
DEFINE_CLEANUP(backup_left_t, backup_left_destroy)

/* Look at this many folders more; true once it has seen all of them. What cannot be read is passed
 * over: the jobs that need it tell of it. */
bool backup_left_step(backup_left_t *self, const backup_left_rules_t *rules, size_t folders);

/* What was found, at most BACKUP_LEFT_MOST. Borrowed. */
const backup_left_item_t *backup_left_items(const backup_left_t *self, size_t *ret_count);

#endif
