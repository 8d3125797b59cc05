/*
 * policy.c: see policy.h. The pure part: judging, and the calendar of the windows.
 *
 * Days and times of day are counted in minutes since 1970-01-01 00:00 UTC, a Thursday; a leap
 * second has no minute of its own (POSIX.1-2017, 4.16).
 */
#include "agent/policy/policy_internal.h"
#include "common/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PLACE_SIZE = 384, MOMENT_SIZE = 16, EPOCH_WEEKDAY = 3 };

/* "/etc/drover/policy.yaml:3: 'windows'"; without a line where the key is not in the file. */
static const char *place_of(const policy_t *policy, policy_key_t key, char buffer[PLACE_SIZE]) {
    int line = policy->config->lines[key];
    char number[16] = "";
    if (line > 0) {
        (void)snprintf(number, sizeof number, ":%d", line);
    }
    (void)snprintf(buffer, PLACE_SIZE, "%.300s%s: '%s'", policy_path(policy), number,
                   policy_key_text(key));
    return buffer;
}

/* The file's word for a kind of job; COUNT where it has none. */
static policy_kind_t kind_of(job_kind_t kind) {
    switch (kind) {
    case JOB_KIND_FORWARD:
        return POLICY_FORWARD;
    case JOB_KIND_UNDO:
        return POLICY_UNDO;
    case JOB_KIND_RESTORE:
        return POLICY_RESTORE;
    case JOB_KIND_BASELINE:
        return POLICY_BASELINE;
    case JOB_KIND_BACKUP:
    case JOB_KIND_BACKUP_CHECK:
        return POLICY_BACKUP;
    case JOB_KIND_PRUNE:
        return POLICY_PRUNE;
    case JOB_KIND_LOOK:
        return POLICY_LOOK;
    case JOB_KIND_NONE:
    case JOB_KIND_COUNT:
        break;
    }
    return POLICY_KIND_COUNT;
}

/* An unknown word is the weakest. */
static policy_recovery_t recovery_of(const char *text) {
    policy_recovery_t recovery = POLICY_RECOVERY_DUMP;
    while (recovery > POLICY_RECOVERY_NONE &&
           (text == NULL || strcmp(text, policy_recovery_text(recovery)) != 0)) {
        recovery--;
    }
    return recovery;
}

static status_t judge_kind(const policy_t *policy, policy_kind_t kind, error_t *err) {
    char place[PLACE_SIZE];
    if (kind < POLICY_KIND_COUNT && (policy->config->kinds & (UINT32_C(1) << kind)) != 0) {
        return STATUS_OK;
    }
    return error_set(err, ERROR_POLICY_KIND, "%s does not list %s",
                     place_of(policy, POLICY_KEY_KINDS, place),
                     kind < POLICY_KIND_COUNT ? policy_kind_text(kind) : "this kind of work");
}

static status_t judge_tenant(const policy_t *policy, const policy_deed_t *deed, error_t *err) {
    char place[PLACE_SIZE];
    const policy_config_t *config = policy->config;
    if (selector_matches(config->selector, &deed->tenant)) {
        return STATUS_OK;
    }
    return error_set(err, ERROR_POLICY_TENANT, "%s is %.64s, which tenant '%.64s' is not",
                     place_of(policy, POLICY_KEY_TENANTS, place), config->tenants,
                     deed->tenant.name != NULL ? deed->tenant.name : "");
}

static status_t judge_roles(const policy_t *policy, const policy_deed_t *deed, error_t *err) {
    char place[PLACE_SIZE];
    if (policy->config->allow_superuser || (!deed->login_superuser && !deed->owner_superuser)) {
        return STATUS_OK;
    }
    return error_set(err, ERROR_POLICY_SUPERUSER, "%s is false, and %s is a superuser",
                     place_of(policy, POLICY_KEY_ALLOW_SUPERUSER, place),
                     deed->login_superuser ? "the login" : "the role that scripts run as");
}

static status_t judge_scripts(const policy_t *policy, policy_kind_t kind, bool unparsed,
                              error_t *err) {
    char place[PLACE_SIZE];
    if (policy->config->allow_unparsed || !unparsed ||
        (kind != POLICY_FORWARD && kind != POLICY_UNDO)) {
        return STATUS_OK;
    }
    return error_set(err, ERROR_POLICY_UNPARSED,
                     "%s is false, and the bundle has statements that no parser read",
                     place_of(policy, POLICY_KEY_ALLOW_UNPARSED, place));
}

static status_t judge_recovery(const policy_t *policy, policy_kind_t kind, const char *text,
                               error_t *err) {
    char place[PLACE_SIZE];
    policy_recovery_t least = policy->config->minimum_recovery;
    policy_recovery_t recovery = recovery_of(text);
    if (kind != POLICY_FORWARD || recovery >= least) {
        return STATUS_OK;
    }
    return error_set(err, ERROR_POLICY_RECOVERY, "%s is %s, and the order's recovery point is %s",
                     place_of(policy, POLICY_KEY_MINIMUM_RECOVERY, place),
                     policy_recovery_text(least), policy_recovery_text(recovery));
}

/* --- windows --------------------------------------------------------------------------------- */

static int64_t floor_div(int64_t number, int64_t by) {
    return number / by - (number % by < 0 ? 1 : 0);
}

static int weekday_of(int64_t day) {
    int64_t shifted = day + EPOCH_WEEKDAY;
    return (int)(shifted - floor_div(shifted, POLICY_DAYS) * POLICY_DAYS);
}

static bool begins_on(const policy_window_t *window, int64_t day) {
    return (window->days & (UINT32_C(1) << weekday_of(day))) != 0;
}

static bool is_open(const policy_window_t *window, int64_t minute) {
    int64_t today = floor_div(minute, POLICY_DAY_MINUTES);
    int64_t length =
        window->to - window->from + (window->to <= window->from ? POLICY_DAY_MINUTES : 0);
    for (int64_t day = today - 1; day <= today; day++) {
        int64_t start = day * POLICY_DAY_MINUTES + window->from;
        if (begins_on(window, day) && start <= minute && minute < start + length) {
            return true;
        }
    }
    return false;
}

/* The first minute after this one at which a window begins. */
static int64_t next_opening(const policy_config_t *config, int64_t minute) {
    int64_t today = floor_div(minute, POLICY_DAY_MINUTES);
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < policy_config_window_count(config); i++) {
        const policy_window_t *window = policy_config_window(config, i);
        for (int64_t day = today; day <= today + POLICY_DAYS; day++) {
            int64_t start = day * POLICY_DAY_MINUTES + window->from;
            if (begins_on(window, day) && start > minute && start < first) {
                first = start;
            }
        }
    }
    return first;
}

/* "mon 22:00" */
static const char *moment_text(int64_t minute, char buffer[MOMENT_SIZE]) {
    int64_t day = floor_div(minute, POLICY_DAY_MINUTES);
    int of_day = (int)(minute - day * POLICY_DAY_MINUTES);
    (void)snprintf(buffer, MOMENT_SIZE, "%s %02d:%02d", policy_day_text(weekday_of(day)),
                   of_day / 60 % 24, of_day % 60);
    return buffer;
}

static bool is_bound_by_windows(const policy_config_t *config, policy_kind_t kind) {
    return policy_config_window_count(config) > 0 &&
           (kind == POLICY_FORWARD ||
            (config->windows_bind_undo && (kind == POLICY_UNDO || kind == POLICY_RESTORE)));
}

static status_t judge_time(const policy_t *policy, policy_kind_t kind, int64_t now_us,
                           error_t *err) {
    char place[PLACE_SIZE], now[MOMENT_SIZE], next[MOMENT_SIZE];
    const policy_config_t *config = policy->config;
    int64_t minute = floor_div(now_us, 60 * US_PER_S);
    bool open = !is_bound_by_windows(config, kind);
    for (size_t i = 0; i < policy_config_window_count(config) && !open; i++) {
        open = is_open(policy_config_window(config, i), minute);
    }
    if (open) {
        return STATUS_OK;
    }
    return error_set(err, ERROR_POLICY_WINDOW, "%s opens next at %s UTC, and it is %s UTC",
                     place_of(policy, POLICY_KEY_WINDOWS, place),
                     moment_text(next_opening(config, minute), next), moment_text(minute, now));
}

/* --- all of it ------------------------------------------------------------------------------- */

static status_t judge_rate(const policy_t *policy, policy_kind_t kind, int64_t begun,
                           error_t *err) {
    char place[PLACE_SIZE];
    int64_t most = policy->config->tenants_per_hour;
    if (kind != POLICY_FORWARD || most == 0 || begun < most) {
        return STATUS_OK;
    }
    return error_set(err, ERROR_POLICY_RATE,
                     "%s is %" PRId64 ", and forward work began at %" PRId64
                     " tenants within the last hour",
                     place_of(policy, POLICY_KEY_TENANTS_PER_HOUR, place), most, begun);
}

status_t policy_judge(const policy_t *policy, const policy_deed_t *deed, error_t *err) {
    char place[PLACE_SIZE];
    if (policy == NULL) {
        return STATUS_OK;
    }
    if (policy->config == NULL) {
        return error_set(err, ERROR_POLICY_FILE, "%s", policy->problem.message);
    }
    if (deed->killed) {
        return error_set(err, ERROR_POLICY_KILLED, "%s: %.200s is there",
                         place_of(policy, POLICY_KEY_KILL_SWITCH, place),
                         policy->config->kill_switch != NULL ? policy->config->kill_switch : "it");
    }
    policy_kind_t kind = kind_of(deed->kind);
    TRY(judge_kind(policy, kind, err));
    TRY(judge_tenant(policy, deed, err));
    TRY(judge_roles(policy, deed, err));
    TRY(judge_scripts(policy, kind, deed->unparsed, err));
    TRY(judge_recovery(policy, kind, deed->recovery, err));
    TRY(judge_time(policy, kind, deed->now_us, err));
    return judge_rate(policy, kind, deed->begun_last_hour, err);
}

bool policy_allows_superuser(const policy_t *policy) {
    return policy == NULL || (policy->config != NULL && policy->config->allow_superuser);
}

const problems_t *policy_problems(const policy_t *policy) {
    static const problems_t none;
    return policy != NULL ? &policy->problems : &none;
}

const error_t *policy_problem(const policy_t *policy) {
    return policy == NULL || policy->config != NULL ? NULL : &policy->problem;
}

const char *policy_path(const policy_t *policy) {
    return policy->path != NULL ? policy->path : "the policy";
}

policy_t *policy_new(policy_config_t **config_p) {
    policy_t *policy = calloc(1, sizeof *policy);
    if (policy != NULL) {
        policy->config = TAKE(*config_p);
    }
    return policy;
}

void policy_destroy(policy_t **policy_p) {
    if (*policy_p == NULL) {
        return;
    }
    policy_config_destroy(&(*policy_p)->config);
    free((*policy_p)->bytes);
    free((*policy_p)->path);
    free(*policy_p);
    *policy_p = NULL;
}
