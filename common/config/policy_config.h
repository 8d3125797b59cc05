/*
 * policy_config.h: the policy file of an agent's host as a struct. What it means is judged by
 * agent/policy.
 *
 *     tenants: region=eu              # which may be touched here; default all
 *     kinds: [forward, undo, look]    # default all
 *     windows:                        # when forward work may begin, UTC; default always
 *       - {days: [mon, tue, wed, thu], from: "22:00", to: "05:00"}
 *     windows_bind_undo: false
 *     tenants_per_hour: 50            # 0: no bound
 *     allow_superuser: false
 *     allow_unparsed: false
 *     kill_switch: /etc/drover/STOP
 *     minimum_recovery: dump          # none, external, dump
 */
#ifndef DROVER_CONFIG_POLICY_CONFIG_H
#define DROVER_CONFIG_POLICY_CONFIG_H

#include "common/base/cleanup.h"
#include "common/config/yaml.h"
#include "common/selector/selector.h"

enum {
    POLICY_CONFIG_BYTES = 256 * 1024,
    POLICY_WINDOWS_MAX = 64,
    POLICY_DAYS = 7,
    POLICY_DAY_MINUTES = 24 * 60,
};

/* The words of `kinds`. */
typedef enum policy_kind {
    POLICY_FORWARD,
    POLICY_UNDO,
    POLICY_RESTORE,
    POLICY_BASELINE,
    POLICY_BACKUP, /* taking one and reading one back */
    POLICY_PRUNE,
    POLICY_LOOK,
    POLICY_KIND_COUNT
} policy_kind_t;

/* What a forward job's recovery point must at least be, from weakest to strongest: an external
 * command's word cannot be read back here, a dump can. */
typedef enum policy_recovery {
    POLICY_RECOVERY_NONE,
    POLICY_RECOVERY_EXTERNAL,
    POLICY_RECOVERY_DUMP,
    POLICY_RECOVERY_COUNT
} policy_recovery_t;

/* A part of days. One that ends at or before its beginning ends on the next day, and belongs to the
 * day on which it begins. */
typedef struct policy_window {
    yaml_texts_t day_texts;
    char *from_text;
    char *to_text;
    uint32_t days; /* bit 0 is Monday; derived, as are the next two */
    int from;      /* minutes from midnight UTC, 0 to 1439 */
    int to;        /* 1 to 1440 */
} policy_window_t;

/* Keys that a refusal names. */
typedef enum policy_key {
    POLICY_KEY_TENANTS,
    POLICY_KEY_KINDS,
    POLICY_KEY_WINDOWS,
    POLICY_KEY_TENANTS_PER_HOUR,
    POLICY_KEY_ALLOW_SUPERUSER,
    POLICY_KEY_ALLOW_UNPARSED,
    POLICY_KEY_KILL_SWITCH,
    POLICY_KEY_MINIMUM_RECOVERY,
    POLICY_KEY_COUNT
} policy_key_t;

typedef struct policy_config {
    char *tenants; /* default "all" */
    yaml_texts_t kind_texts;
    yaml_list_t windows; /* of policy_window_t; empty: always */
    bool windows_bind_undo;
    int64_t tenants_per_hour; /* 0: no bound */
    bool allow_superuser;
    bool allow_unparsed;
    char *kill_switch; /* absolute path, or NULL */
    policy_recovery_t minimum_recovery;
    selector_t *selector;        /* of tenants; derived, as are the next two */
    uint32_t kinds;              /* bit 1 << policy_kind_t */
    int lines[POLICY_KEY_COUNT]; /* where the key stands in the file; 0: it does not */
} policy_config_t;

/* Read a policy that is in memory already. ERROR_CONFIG_INVALID, BOUND, NO_MEMORY; problems may be
 * NULL. */
MUST_CHECK status_t policy_config_parse(const yaml_text_t *text, problems_t *problems,
                                        policy_config_t **ret_config, error_t *err);

/* Read a file, whoever owns it: for tests of the documentation. The agent reads its own with
 * policy_load (agent/policy), which looks at who could have written it. ERROR_CONFIG_MISSING. */
MUST_CHECK status_t policy_config_load(const char *path, problems_t *problems,
                                       policy_config_t **ret_config, error_t *err);

size_t policy_config_window_count(const policy_config_t *config);
const policy_window_t *policy_config_window(const policy_config_t *config, size_t index);

/* "forward", "tenants_per_hour", "mon", "dump" */
const char *policy_kind_text(policy_kind_t kind);
const char *policy_key_text(policy_key_t key);
const char *policy_day_text(int day);
const char *policy_recovery_text(policy_recovery_t recovery);

void policy_config_destroy(policy_config_t **config);
DEFINE_CLEANUP(policy_config_t, policy_config_destroy)

#endif
