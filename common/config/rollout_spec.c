/*
 * rollout_spec.c: see rollout_spec.h. The fields as tables, then what the tables cannot say.
 * Printing is rollout_spec_print.c's.
 */
#include "common/config/rollout_spec.h"
#include "common/base/limits.h"
#include "common/config/keys.h"
#include "common/config/quantity.h"
#include "common/config/rollout_spec_words.h"

#include <string.h>

#define WAVE_AT(member) .offset = offsetof(spec_wave_t, member)
#define AT(member) .offset = offsetof(rollout_spec_t, member)
#define IN(type, member) .offset = offsetof(__typeof__(((rollout_spec_t *)0)->type), member)

enum { SPEC_BYTES = 1024 * 1024, ATTEMPTS_MAX = 100, REASON_BYTES = 512 };

static void check_wave(const yaml_source_t *source, const node_t *node, void *object);
static void release_wave(void *object);
static void check_recovery(const yaml_source_t *source, const node_t *node, void *object);
static void check(const yaml_source_t *source, const node_t *node, void *object);
static void release(void *object);

/* clang-format off */
static const yaml_field_t WAVE_FIELDS[] = {
    {"name",    YAML_TEXT,     WAVE_AT(name), .required = true, .help = "the wave's name, unique"},
    {"count",   YAML_INTEGER,  WAVE_AT(count), .min = 1, .max = LIMIT_TENANTS, .help = "so many tenants"},
    {"percent", YAML_PERCENT,  WAVE_AT(percent_bp), .min = 1, .max = 10000, .help = "this share of all selected tenants"},
    {"select",  YAML_TEXT,     WAVE_AT(select), .help = "only tenants that this selects too"},
    {"rest",    YAML_BOOL,     WAVE_AT(rest), .help = "all that no earlier wave took"},
    {"max_parallel", YAML_INTEGER, WAVE_AT(max_parallel), .min = 1, .max = LIMIT_TENANTS, .help = "tenants at once"},
    {"max_parallel_per_cluster", YAML_INTEGER, WAVE_AT(max_parallel_per_cluster), .min = 1, .max = LIMIT_TENANTS, .help = "tenants at once in one cluster"},
    {"soak",    YAML_DURATION, WAVE_AT(soak_us), .min = 0, .max = 30 * QUANTITY_DAY, .help = "wait before the next wave"},
    {"on_failure", YAML_ENUM,  WAVE_AT(on_failure), .names = SPEC_ON_FAILURE_WORDS, .help = "default the rollout's"},
    {"approval", YAML_BOOL,    WAVE_AT(approval), .help = "opens by an approver's signature only"},
};
static const yaml_schema_t WAVE = {
    .name = "a wave", .size = sizeof(spec_wave_t), YAML_FIELDS(WAVE_FIELDS),
    .check = check_wave, .release = release_wave};

static const yaml_field_t BUDGET_FIELDS[] = {
    {"count",   YAML_INTEGER, IN(error_budget, count), .min = 0, .max = LIMIT_TENANTS, .help = "failures that a wave may have"},
    {"percent", YAML_PERCENT, IN(error_budget, percent_bp), .min = 0, .max = 10000, .help = "or this share of it"},
};
static const yaml_schema_t BUDGET = {
    .name = "error_budget", .size = sizeof(((rollout_spec_t *)0)->error_budget),
    YAML_FIELDS(BUDGET_FIELDS)};

static const yaml_field_t RECOVERY_FIELDS[] = {
    {"policy", YAML_ENUM, IN(recovery_point, policy), .names = SPEC_RECOVERY_WORDS, .default_text = "dump", .help = "what can be gone back to"},
    {"reason", YAML_TEXT, IN(recovery_point, reason), .help = "why there is none"},
    {"trial_restore", YAML_ENUM, IN(recovery_point, trial_restore), .names = SPEC_TRIAL_WORDS, .default_text = "canary", .help = "whose backups are restored in trial"},
    {"sample_percent", YAML_PERCENT, IN(recovery_point, sample_bp), .min = 1, .max = 10000, .default_text = "5%", .help = "share, for sample"},
};
static const yaml_schema_t RECOVERY = {
    .name = "recovery_point", .size = sizeof(((rollout_spec_t *)0)->recovery_point),
    YAML_FIELDS(RECOVERY_FIELDS), .check = check_recovery};

static const yaml_field_t FIELDS[] = {
    {"application", YAML_TEXT, AT(application), .help = "default the bundle's"},
    {"bundle",     YAML_TEXT,    AT(bundle), .required = true, .help = "application, digest prefix, or path"},
    {"target",     YAML_TEXT,    AT(target), .default_text = "latest", .help = "version to reach"},
    {"select",     YAML_TEXT,    AT(select), .required = true, .help = "tenants to roll out to"},
    {"waves",      YAML_STRUCTS, AT(waves), .required = true, .max = LIMIT_WAVES, .inner = &WAVE, .help = "in which order"},
    {"on_failure", YAML_ENUM,    AT(on_failure), .names = SPEC_ON_FAILURE_WORDS, .default_text = "pause", .help = "when the error budget is spent"},
    {"error_budget", YAML_STRUCT, AT(error_budget), .inner = &BUDGET, .help = "failures that are borne"},
    {"recovery_point", YAML_STRUCT, AT(recovery_point), .inner = &RECOVERY, .help = "made before every change"},
    {"unreachable", YAML_ENUM,   AT(unreachable), .names = SPEC_UNREACHABLE_WORDS, .default_text = "wait", .help = "tenants on an unreachable cluster"},
    {"timeout",    YAML_DURATION, AT(timeout_us), .min = 0, .max = 365 * QUANTITY_DAY, .default_text = "0s", .help = "longest time for one tenant's attempt; 0s is none"},
    {"attempts",   YAML_INTEGER, AT(attempts), .min = 1, .max = ATTEMPTS_MAX, .default_text = "3", .help = "tries per tenant at what may pass"},
    {"look",       YAML_BOOL,    AT(look), .default_text = "false", .help = "visit tenants at the target too"},
};
/* clang-format on */

static const yaml_schema_t SCHEMA = {.name = "the rollout spec",
                                     .size = sizeof(rollout_spec_t),
                                     YAML_FIELDS(FIELDS),
                                     .check = check,
                                     .release = release};

/* Note a selector's problem at its own column, and without the text that the line shows anyway. */
static void complain_selector(const yaml_source_t *source, const node_t *value, size_t column,
                              error_t *why) {
    problem_place_t place = value->place;
    place.column += (int)column - 1 + (value->quoted ? 1 : 0);
    why->message[strcspn(why->message, "\n")] = '\0';
    problems_add(source->problems, node_source(source->document), place, "%s", why->message);
}

/* Parse the selector under `select` and put its canonical text in the place of what was written. */
static void read_selector(const yaml_source_t *source, const node_t *node, char **text_p,
                          selector_t **selector_p) {
    size_t column = 1;
    error_t why;
    CLEANUP(buffer_free) buffer_t canonical = {0};
    if (selector_parse(*text_p, &column, selector_p, &why) != STATUS_OK) {
        complain_selector(source, node_get(node, "select"), column, &why);
        return;
    }
    selector_print(*selector_p, &canonical);
    char *text = buffer_take(&canonical);
    if (text == NULL) {
        yaml_complain(source, node, "select", "no memory for a selector");
        return;
    }
    free(*text_p);
    *text_p = text;
}

static void check_wave(const yaml_source_t *source, const node_t *node, void *object) {
    spec_wave_t *wave = object;
    int sizes = (wave->count > 0) + (wave->percent_bp > 0) + (wave->rest ? 1 : 0);
    config_check_name(source, node, "name", wave->name);
    wave->own_on_failure = node_get(node, "on_failure") != NULL;
    if (node_get(node, "rest") != NULL && !wave->rest) {
        yaml_complain(source, node, "rest", "'rest' can only be true: leave it out otherwise");
    } else if (sizes > 1) {
        yaml_complain(source, node, NULL, "wave '%s' has more than one of count, percent and rest",
                      wave->name);
    } else if (sizes == 0 && wave->select == NULL) {
        yaml_complain(source, node, NULL,
                      "wave '%s' has no size: one of count, percent, select or rest is needed",
                      wave->name);
    } else if (wave->rest && wave->select != NULL) {
        yaml_complain(source, node, "select",
                      "wave '%s' takes the rest: a selector there would leave tenants out",
                      wave->name);
    }
    wave->kind = wave->rest             ? SPEC_WAVE_REST
                 : wave->count > 0      ? SPEC_WAVE_TENANTS
                 : wave->percent_bp > 0 ? SPEC_WAVE_PERCENT
                                        : SPEC_WAVE_SELECT;
    if (wave->max_parallel > 0 && wave->max_parallel_per_cluster > wave->max_parallel) {
        yaml_complain(source, node, "max_parallel_per_cluster",
                      "'max_parallel_per_cluster' is greater than 'max_parallel'");
    }
    if (wave->select != NULL) {
        read_selector(source, node, &wave->select, &wave->selector);
    }
}

static void release_wave(void *object) {
    spec_wave_t *wave = object;
    selector_destroy(&wave->selector);
}

static void check_recovery(const yaml_source_t *source, const node_t *node, void *object) {
    __typeof__(((rollout_spec_t *)0)->recovery_point) *point = object;
    bool dumps = point->policy == SPEC_RECOVERY_DUMP;
    if (point->policy == SPEC_RECOVERY_NONE && point->reason == NULL) {
        yaml_complain(source, node, "policy",
                      "'policy: none' needs a 'reason': it goes into the audit log");
    }
    if (point->policy != SPEC_RECOVERY_NONE && point->reason != NULL) {
        yaml_complain(source, node, "reason", "'reason' belongs to 'policy: none' alone");
    }
    if (point->reason != NULL && strlen(point->reason) > REASON_BYTES) {
        yaml_complain(source, node, "reason", "'reason' is longer than %d bytes", REASON_BYTES);
    }
    if (!dumps && node_get(node, "trial_restore") != NULL &&
        point->trial_restore != SPEC_TRIAL_NEVER) {
        yaml_complain(source, node, "trial_restore", "only dumps can be restored in trial");
    }
    if (node_get(node, "sample_percent") != NULL && point->trial_restore != SPEC_TRIAL_SAMPLE) {
        yaml_complain(source, node, "sample_percent",
                      "'sample_percent' belongs to 'trial_restore: sample' alone");
    }
    if (!dumps) {
        point->trial_restore = SPEC_TRIAL_NEVER;
    }
}

/* Node of a wave; at most LIMIT_WAVES steps. */
static const node_t *wave_node(const node_t *node, size_t index) {
    const node_t *item = node_get(node, "waves")->first;
    for (size_t i = 0; i < index; i++) {
        item = item->next;
    }
    return item;
}

static void check_waves(const yaml_source_t *source, const node_t *node,
                        const rollout_spec_t *spec) {
    spec_wave_t *waves = spec->waves.items;
    int64_t share = 0;
    if (spec->waves.count == 0) {
        yaml_complain(source, node, "waves", "at least one wave is needed");
    }
    for (size_t i = 0; i < spec->waves.count; i++) {
        const node_t *item = wave_node(node, i);
        share += waves[i].percent_bp;
        if (share > 10000 && share - waves[i].percent_bp <= 10000) {
            char text[QUANTITY_TEXT_SIZE];
            yaml_complain(source, item, "percent", "the waves come to %s with this one, past 100%%",
                          quantity_percent_text(share, text));
        }
        if (waves[i].rest && i + 1 < spec->waves.count) {
            yaml_complain(source, item, "rest",
                          "only the last wave can take the rest: nothing is left after '%s'",
                          waves[i].name);
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(waves[i].name, waves[j].name) == 0) {
                yaml_complain(source, item, "name", "two waves have the name '%s'", waves[i].name);
                break;
            }
        }
        if (waves[i].approval && i == 0) {
            yaml_complain(source, item, "approval",
                          "the signatures of its order open the first wave: '%s' needs no approval",
                          waves[i].name);
        }
        if (!waves[i].own_on_failure) {
            waves[i].on_failure = spec->on_failure;
        }
    }
}

static void check(const yaml_source_t *source, const node_t *node, void *object) {
    rollout_spec_t *spec = object;
    if (strchr(spec->bundle, '/') != NULL && spec->bundle[0] != '/') {
        char *path = NULL;
        if (asprintf(&path, "%s/%s", source->folder, spec->bundle) < 0) {
            yaml_complain(source, node, "bundle", "no memory for a path");
            return;
        }
        free(spec->bundle);
        spec->bundle = path;
    }
    config_check_name(source, node, "target", spec->target);
    if (spec->application != NULL) {
        config_check_name(source, node, "application", spec->application);
    }
    read_selector(source, node, &spec->select, &spec->selector);
    check_waves(source, node, spec);
}

static void release(void *object) {
    rollout_spec_t *spec = object;
    selector_destroy(&spec->selector);
}

static yaml_request_t request_of(problems_t *problems) {
    return (yaml_request_t){.schema = &SCHEMA,
                            .code = ERROR_SPEC_INVALID,
                            .limit_bytes = SPEC_BYTES,
                            .problems = problems};
}

status_t rollout_spec_load(const char *path, problems_t *problems, rollout_spec_t **ret_spec,
                           error_t *err) {
    const yaml_request_t request = request_of(problems);
    void *object = NULL;
    TRY(yaml_load_file(&request, path, &object, err));
    *ret_spec = object;
    return STATUS_OK;
}

status_t rollout_spec_parse(const yaml_text_t *text, problems_t *problems,
                            rollout_spec_t **ret_spec, error_t *err) {
    const yaml_request_t request = request_of(problems);
    void *object = NULL;
    TRY(yaml_load_text(&request, text, &object, err));
    *ret_spec = object;
    return STATUS_OK;
}

size_t rollout_spec_wave_count(const rollout_spec_t *spec) {
    return spec->waves.count;
}

const spec_wave_t *rollout_spec_wave(const rollout_spec_t *spec, size_t index) {
    INVARIANT(index < spec->waves.count);
    return (const spec_wave_t *)spec->waves.items + index;
}

int64_t rollout_spec_budget(const rollout_spec_t *spec, int64_t tenants) {
    int64_t share = tenants * spec->error_budget.percent_bp / 10000;
    return share > spec->error_budget.count ? share : spec->error_budget.count;
}

int64_t spec_wave_percent_of(const spec_wave_t *wave, int64_t selected) {
    return (selected * wave->percent_bp + 9999) / 10000;
}

void rollout_spec_destroy(rollout_spec_t **spec) {
    yaml_release(&SCHEMA, *spec);
    *spec = NULL;
}
