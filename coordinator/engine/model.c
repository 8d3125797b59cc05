/* model.c: see model.h. */
#include "coordinator/engine/model.h"
#include "common/base/table.h"

#include <stdlib.h>
#include <string.h>

static void task_free(task_t *task) {
    free(task->tenant_name);
    free(task->database);
    free(task->error);
    free(task->reference);
    free(task->notes);
}

void rollout_destroy(rollout_t **self) {
    if (self == NULL || *self == NULL) {
        return;
    }
    rollout_t *rollout = *self;
    for (uint32_t i = 0; rollout->tasks != NULL && i < rollout->task_count; i++) {
        task_free(&rollout->tasks[i]);
    }
    for (uint32_t i = 0; rollout->waves != NULL && i < rollout->wave_count; i++) {
        free(rollout->waves[i].name);
    }
    free(rollout->tasks);
    free(rollout->waves);
    free(rollout->name);
    free(rollout->application);
    free(rollout->target_version);
    free(rollout->recovery_kind);
    free(rollout->recovery_reason);
    free(rollout->trial_restore);
    free(rollout->spec);
    free(rollout->actor);
    free(rollout->reason);
    free(rollout);
    *self = NULL;
}

bool task_state_is_final(task_state_t state) {
    const uint32_t final = IN(TASK_SUCCEEDED) | IN(TASK_NOT_NEEDED) | IN(TASK_FAILED) |
                           IN(TASK_REFUSED) | IN(TASK_SKIPPED) | IN(TASK_OUTSTANDING) |
                           IN(TASK_GONE);
    return (final & IN(state)) != 0;
}

bool task_state_is_failure(task_state_t state) {
    return state == TASK_FAILED || state == TASK_REFUSED || state == TASK_OUTSTANDING;
}

bool task_is_ordered(const rollout_t *rollout, const task_t *task) {
    bool at_launch = task->finished_us != 0 && task->finished_us == rollout->created_us;
    return !at_launch || task->started_us != 0;
}

bool task_is_left_out(const task_t *task) {
    return task->state == TASK_SKIPPED && task->error_code != ERROR_NONE;
}

bool task_state_is_in_flight(task_state_t state) {
    return state == TASK_DISPATCHED || state == TASK_RUNNING || state == TASK_UNKNOWN;
}

bool rollout_state_is_final(rollout_state_t state) {
    const uint32_t final =
        IN(ROLLOUT_STOPPED) | IN(ROLLOUT_SUCCEEDED) | IN(ROLLOUT_INCOMPLETE) | IN(ROLLOUT_FAILED);
    return (final & IN(state)) != 0;
}

bool rollout_takes_back(const rollout_t *rollout) {
    return rollout->kind == KIND_UNDO || rollout->kind == KIND_RESTORE;
}

bool rollout_goes_forward(const rollout_t *rollout) {
    return rollout->kind == KIND_FORWARD || rollout->kind == KIND_BASELINE;
}

bool rollout_is_held(const rollout_t *rollout, const held_t *held) {
    for (size_t i = 0; i < held->count && rollout_goes_forward(rollout); i++) {
        const char *application = held->applications[i];
        if (application[0] == '\0' || strcmp(application, rollout->application) == 0) {
            return true;
        }
    }
    return false;
}

bool rollout_state_is_called_off(rollout_state_t state) {
    const uint32_t off =
        IN(ROLLOUT_STOPPING) | IN(ROLLOUT_REVERTING) | IN(ROLLOUT_STOPPED) | IN(ROLLOUT_FAILED);
    return (off & IN(state)) != 0;
}

/* The ends of work that moves no tenant to another version: in each place the words of the row, and
 * instead of them. */
const char *rollout_why(rollout_kind_t kind, const char *why) {
    static const char *const AT_TARGET[KIND_END] = {
        [KIND_RESTORE] = "every tenant is restored",
        [KIND_BASELINE] = "every tenant has its baseline",
        [KIND_BACKUP] = "every tenant has its backup",
        [KIND_LOOK] = "every tenant was looked at",
        [KIND_BACKUP_CHECK] = "every backup was checked and is good",
        [KIND_PRUNE] = "every tenant's old backups are pruned",
    };
    static const char *const SHORT[KIND_END] = {
        [KIND_RESTORE] = "every wave is over, and some tenants are not restored",
        [KIND_BASELINE] = "every wave is over, and some tenants have no baseline",
        [KIND_BACKUP] = "every wave is over, and some tenants have no backup",
        [KIND_LOOK] = "every wave is over, and some tenants were not looked at",
        [KIND_BACKUP_CHECK] = "every wave is over, and some backups are not good, or not checked",
        [KIND_PRUNE] = "every wave is over, and some tenants' backups are not pruned",
    };
    static const char *const LATE[KIND_END] = {
        [KIND_RESTORE] = "word came late: every tenant is restored",
        [KIND_BASELINE] = "word came late: every tenant has its baseline",
        [KIND_BACKUP] = "word came late: every tenant has its backup",
        [KIND_LOOK] = "word came late: every tenant was looked at",
        [KIND_BACKUP_CHECK] = "word came late: every backup was checked and is good",
        [KIND_PRUNE] = "word came late: every tenant's old backups are pruned",
    };
    static const struct {
        const char *why;
        const char *const *by_kind;
    } WORDS[] = {
        {"every tenant stands at the target", AT_TARGET},
        {"every wave is over, and some tenants are not at the target", SHORT},
        {"word came late: every tenant stands at the target", LATE},
    };
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (kind < KIND_END && strcmp(WORDS[i].why, why) == 0 && WORDS[i].by_kind[kind] != NULL) {
            return WORDS[i].by_kind[kind];
        }
    }
    return why;
}
