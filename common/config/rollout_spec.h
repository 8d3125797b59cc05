/*
 * rollout_spec.h: what an operator wants rolled out, to whom, in which waves.
 *
 *     bundle: app
 *     target: V010
 *     select: tier=gold,!legacy
 *     waves:
 *       - {name: canary, count: 2, soak: 5min}
 *       - {name: quarter, percent: 25%}
 *       - {name: rest, rest: true}
 *
 * A spec is checked as a whole: what cannot be carried out is refused at its line. The canonical
 * print holds every value, defaults included, in one order and one spelling: it is what an order
 * signs. Reading it back gives the same spec.
 */
#ifndef DROVER_CONFIG_ROLLOUT_SPEC_H
#define DROVER_CONFIG_ROLLOUT_SPEC_H

#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "common/config/yaml.h"
#include "common/selector/selector.h"

typedef enum rollout_on_failure {
    SPEC_ON_FAILURE_PAUSE,
    SPEC_ON_FAILURE_ROLLBACK_WAVE,
    SPEC_ON_FAILURE_CONTINUE,
    SPEC_ON_FAILURE_COUNT
} spec_on_failure_t;

/* What a tenant on an unreachable cluster means for its wave. */
typedef enum rollout_unreachable {
    SPEC_UNREACHABLE_WAIT,  /* the wave stays open until it is back */
    SPEC_UNREACHABLE_SKIP,  /* passed over, listed as outstanding, spends no budget */
    SPEC_UNREACHABLE_SPEND, /* "count": counts against the error budget */
    SPEC_UNREACHABLE_COUNT
} spec_unreachable_t;

typedef enum rollout_recovery {
    SPEC_RECOVERY_DUMP,
    SPEC_RECOVERY_EXTERNAL,
    SPEC_RECOVERY_NONE, /* needs a reason */
    SPEC_RECOVERY_COUNT
} spec_recovery_t;

/* Whose backups are restored in trial. Canary: those of the first wave; sample: those and a share.
 */
typedef enum rollout_trial {
    SPEC_TRIAL_CANARY,
    SPEC_TRIAL_SAMPLE,
    SPEC_TRIAL_ALL,
    SPEC_TRIAL_NEVER,
    SPEC_TRIAL_COUNT
} spec_trial_t;

/* How a wave is cut. Exactly one of the three sizes; select narrows a size or stands alone. */
typedef enum rollout_wave_kind {
    SPEC_WAVE_TENANTS, /* count tenants */
    SPEC_WAVE_PERCENT, /* percent_bp of all tenants that the rollout selects, rounded up */
    SPEC_WAVE_SELECT,  /* all that its own selector matches */
    SPEC_WAVE_REST,    /* all that no earlier wave took; only the last */
    SPEC_WAVE_KIND_COUNT
} spec_wave_kind_t;

typedef struct rollout_wave {
    char *name;
    spec_wave_kind_t kind; /* derived */
    int64_t count;         /* 0: not given */
    int64_t percent_bp;    /* hundredths of a percent; 0: not given */
    char *select;          /* canonical text; NULL: not given */
    selector_t *selector;  /* of select; NULL: not given */
    bool rest;
    int64_t max_parallel;             /* tenants at once; 0: as many as the agents take */
    int64_t max_parallel_per_cluster; /* 0: the agents' own bound */
    int64_t soak_us;                  /* wait after the last job, before the next wave; default 0 */
    spec_on_failure_t on_failure;     /* default: the rollout's */
    bool own_on_failure;              /* whether the wave named one; derived */
    bool approval;                    /* opens by an approval only; not the first */
} spec_wave_t;

typedef struct rollout_spec {
    char *application;            /* NULL: the bundle's */
    char *bundle;                 /* application name, digest prefix, or a path with a slash */
    char *target;                 /* "V010", or "latest" */
    char *select;                 /* canonical text */
    selector_t *selector;         /* of select */
    yaml_list_t waves;            /* of spec_wave_t; see rollout_spec_wave */
    spec_on_failure_t on_failure; /* default pause */
    struct {
        int64_t count;      /* failures that a wave may have; default 0 */
        int64_t percent_bp; /* or this share of its tenants; the larger of the two counts */
    } error_budget;
    struct {
        spec_recovery_t policy; /* default dump */
        char *reason;
        spec_trial_t trial_restore; /* default canary */
        int64_t sample_bp;          /* for sample; default 5 % */
    } recovery_point;
    spec_unreachable_t unreachable; /* default wait */
    int64_t timeout_us;             /* each tenant's attempt; default 0: none */
    int64_t attempts;               /* tries per tenant at what is transient; default 3 */
    bool look;                      /* visit tenants that inventory has at the target, too */
} rollout_spec_t;

/* SPEC_INVALID with the first problem's line; problems (may be NULL) gets all. */
MUST_CHECK status_t rollout_spec_load(const char *path, problems_t *problems,
                                      rollout_spec_t **ret_spec, error_t *err);
MUST_CHECK status_t rollout_spec_parse(const yaml_text_t *text, problems_t *problems,
                                       rollout_spec_t **ret_spec, error_t *err);

size_t rollout_spec_wave_count(const rollout_spec_t *spec);
const spec_wave_t *rollout_spec_wave(const rollout_spec_t *spec, size_t index);

/* Failures that a wave of `tenants` may have before its on_failure applies. */
int64_t rollout_spec_budget(const rollout_spec_t *spec, int64_t tenants);

/* Tenants of a wave cut by percent, of `selected` in all: rounded up, at least 1. */
int64_t spec_wave_percent_of(const spec_wave_t *wave, int64_t selected);

/* Append the canonical YAML. */
void rollout_spec_print(const rollout_spec_t *spec, buffer_t *out);

/* The words of the file ("rollback_wave"). */
const char *spec_on_failure_text(spec_on_failure_t value);
const char *spec_unreachable_text(spec_unreachable_t value);
const char *spec_recovery_text(spec_recovery_t value);
const char *spec_trial_text(spec_trial_t value);

void rollout_spec_destroy(rollout_spec_t **spec);
DEFINE_CLEANUP(rollout_spec_t, rollout_spec_destroy)

#endif
