/* names.c: the words; see names.h. Rows stand in names_rows.c. */
#include "coordinator/service/names.h"
#include "coordinator/engine/rollout_table.h"
#include "coordinator/engine/task_table.h"
#include "coordinator/engine/wave_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *names_kind(rollout_kind_t kind) {
    static const char *const WORDS[KIND_END] = {
        [KIND_FORWARD] = "forward",           [KIND_UNDO] = "undo",     [KIND_RESTORE] = "restore",
        [KIND_BASELINE] = "baseline",         [KIND_BACKUP] = "backup", [KIND_LOOK] = "look",
        [KIND_BACKUP_CHECK] = "backup_check", [KIND_PRUNE] = "prune",
    };
    return kind > 0 && kind < KIND_END ? WORDS[kind] : "";
}

const char *names_on_failure(failure_policy_t policy) {
    static const char *const WORDS[ON_FAILURE_COUNT] = {
        [ON_FAILURE_PAUSE] = "pause",
        [ON_FAILURE_ROLLBACK_WAVE] = "rollback_wave",
        [ON_FAILURE_CONTINUE] = "continue",
    };
    return policy < ON_FAILURE_COUNT ? WORDS[policy] : "";
}

const char *names_script(script_kind_t kind) {
    static const char *const WORDS[SCRIPT_COUNT] = {[SCRIPT_UP] = "up",
                                                    [SCRIPT_UNDO] = "undo",
                                                    [SCRIPT_VERIFY] = "verify",
                                                    [SCRIPT_CHECK] = "check"};
    return kind < SCRIPT_COUNT ? WORDS[kind] : "";
}

const char *names_phase(phase_t phase) {
    static const char *const WORDS[PHASE_COUNT] = {[PHASE_NONE] = "",
                                                   [PHASE_EXPAND] = "expand",
                                                   [PHASE_BACKFILL] = "backfill",
                                                   [PHASE_CONTRACT] = "contract"};
    return phase < PHASE_COUNT ? WORDS[phase] : "";
}

/* Numbers of the wire's enums; a test compares both lists with proto/drover.proto. */
const char *names_step(uint32_t step) {
    static const char *const WORDS[] = {"",        "check",    "backup", "apply", "verify", "undo",
                                        "restore", "baseline", "settle", "prune", "list"};
    return step < sizeof WORDS / sizeof WORDS[0] ? WORDS[step] : "";
}

const char *names_outcome(uint32_t outcome) {
    static const char *const WORDS[] = {"",       "started",   "done",    "not_needed", "refused",
                                        "failed", "transient", "unknown", "cancelled",  "gone"};
    return outcome < sizeof WORDS / sizeof WORDS[0] ? WORDS[outcome] : "";
}

const char *names_task_state(task_state_t state, char buffer[NAMES_STATE_MAX]) {
    (void)snprintf(buffer, NAMES_STATE_MAX, "%s", TASK_MACHINE.states[state]);
    for (char *c = buffer; *c != '\0'; c++) {
        *c = *c == ' ' ? '_' : *c;
    }
    return buffer;
}

const char *names_wave_state(wave_state_t state) {
    return WAVE_MACHINE.states[state];
}

const char *names_rollout_state(rollout_state_t state) {
    return ROLLOUT_MACHINE.states[state];
}

task_state_t names_task_state_of(const char *word) {
    char text[NAMES_STATE_MAX];
    for (task_state_t state = 0; state < TASK_STATE_COUNT; state++) {
        if (strcmp(names_task_state(state, text), word) == 0) {
            return state;
        }
    }
    return TASK_STATE_COUNT;
}

void names_counts(row_t *row, const char *key, const uint32_t by_state[TASK_STATE_COUNT]) {
    row_t counts = row_new();
    char text[NAMES_STATE_MAX];
    for (task_state_t state = 0; state < TASK_STATE_COUNT; state++) {
        row_number(&counts, names_task_state(state, text), by_state[state]);
    }
    row_take(row, key, &counts);
    row_free(&counts);
}

void names_sql(row_t *row, const char *text, size_t most) {
    size_t size = strlen(text);
    size_t kept = size < most ? size : most;
    while (kept > 0 && kept < size && ((unsigned char)text[kept] & 0xc0) == 0x80) {
        kept--; /* not in the middle of a character */
    }
    char *copy = strndup(text, kept);
    if (copy == NULL) {
        row->failed = true;
        return;
    }
    row_text(row, "sql", copy);
    row_flag(row, "cut", kept < size);
    free(copy);
}

const char *names_version(const bundle_t *bundle, uint32_t position) {
    return bundle != NULL && position > 0 && position <= bundle_count(bundle)
               ? bundle_migration(bundle, position - 1)->version
               : "";
}
