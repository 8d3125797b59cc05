/*
 * rollout_spec_print.c: the canonical text of a spec, which an order signs, and its words.
 *
 * Invariants: every value stands there, defaults included, in one order and one spelling; texts are
 * always quoted; reading the text back gives the same spec and the same text.
 */
#include "common/config/quantity.h"
#include "common/config/rollout_spec_words.h"

#include <inttypes.h>

const char *const SPEC_ON_FAILURE_WORDS[SPEC_ON_FAILURE_COUNT + 1] = {
    [SPEC_ON_FAILURE_PAUSE] = "pause",
    [SPEC_ON_FAILURE_ROLLBACK_WAVE] = "rollback_wave",
    [SPEC_ON_FAILURE_CONTINUE] = "continue",
};
const char *const SPEC_UNREACHABLE_WORDS[SPEC_UNREACHABLE_COUNT + 1] = {
    [SPEC_UNREACHABLE_WAIT] = "wait",
    [SPEC_UNREACHABLE_SKIP] = "skip",
    [SPEC_UNREACHABLE_SPEND] = "count",
};
const char *const SPEC_RECOVERY_WORDS[SPEC_RECOVERY_COUNT + 1] = {
    [SPEC_RECOVERY_DUMP] = "dump",
    [SPEC_RECOVERY_EXTERNAL] = "external",
    [SPEC_RECOVERY_NONE] = "none",
};
const char *const SPEC_TRIAL_WORDS[SPEC_TRIAL_COUNT + 1] = {
    [SPEC_TRIAL_CANARY] = "canary",
    [SPEC_TRIAL_SAMPLE] = "sample",
    [SPEC_TRIAL_ALL] = "all",
    [SPEC_TRIAL_NEVER] = "never",
};

const char *spec_on_failure_text(spec_on_failure_t value) {
    INVARIANT((int)value >= 0 && value < SPEC_ON_FAILURE_COUNT);
    return SPEC_ON_FAILURE_WORDS[value];
}

const char *spec_unreachable_text(spec_unreachable_t value) {
    INVARIANT((int)value >= 0 && value < SPEC_UNREACHABLE_COUNT);
    return SPEC_UNREACHABLE_WORDS[value];
}

const char *spec_recovery_text(spec_recovery_t value) {
    INVARIANT((int)value >= 0 && value < SPEC_RECOVERY_COUNT);
    return SPEC_RECOVERY_WORDS[value];
}

const char *spec_trial_text(spec_trial_t value) {
    INVARIANT((int)value >= 0 && value < SPEC_TRIAL_COUNT);
    return SPEC_TRIAL_WORDS[value];
}

/* key: "text", with what double quotes need escaped. */
static void print_text(const char *key, const char *text, buffer_t *out) {
    buffer_format(out, "%s: \"", key);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            buffer_char(out, '\\');
            buffer_char(out, *c);
        } else if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            buffer_format(out, "\\x%02x", (unsigned)(unsigned char)*c);
        } else {
            buffer_char(out, *c);
        }
    }
    buffer_text(out, "\"\n");
}

static void print_wave(const spec_wave_t *wave, buffer_t *out) {
    char text[QUANTITY_TEXT_SIZE];
    print_text("  - name", wave->name, out);
    if (wave->count > 0) {
        buffer_format(out, "    count: %" PRId64 "\n", wave->count);
    }
    if (wave->percent_bp > 0) {
        buffer_format(out, "    percent: %s\n", quantity_percent_text(wave->percent_bp, text));
    }
    if (wave->select != NULL) {
        print_text("    select", wave->select, out);
    }
    if (wave->rest) {
        buffer_text(out, "    rest: true\n");
    }
    if (wave->max_parallel > 0) {
        buffer_format(out, "    max_parallel: %" PRId64 "\n", wave->max_parallel);
    }
    if (wave->max_parallel_per_cluster > 0) {
        buffer_format(out, "    max_parallel_per_cluster: %" PRId64 "\n",
                      wave->max_parallel_per_cluster);
    }
    buffer_format(out, "    soak: %s\n", quantity_duration_text(wave->soak_us, text));
    buffer_format(out, "    on_failure: %s\n", spec_on_failure_text(wave->on_failure));
    if (wave->approval) {
        buffer_text(out, "    approval: true\n");
    }
}

static void print_recovery(const rollout_spec_t *spec, buffer_t *out) {
    char text[QUANTITY_TEXT_SIZE];
    buffer_format(out, "recovery_point:\n  policy: %s\n",
                  spec_recovery_text(spec->recovery_point.policy));
    if (spec->recovery_point.reason != NULL) {
        print_text("  reason", spec->recovery_point.reason, out);
    }
    buffer_format(out, "  trial_restore: %s\n",
                  spec_trial_text(spec->recovery_point.trial_restore));
    if (spec->recovery_point.trial_restore == SPEC_TRIAL_SAMPLE) {
        buffer_format(out, "  sample_percent: %s\n",
                      quantity_percent_text(spec->recovery_point.sample_bp, text));
    }
}

void rollout_spec_print(const rollout_spec_t *spec, buffer_t *out) {
    char text[QUANTITY_TEXT_SIZE];
    if (spec->application != NULL) {
        print_text("application", spec->application, out);
    }
    print_text("bundle", spec->bundle, out);
    print_text("target", spec->target, out);
    print_text("select", spec->select, out);
    buffer_text(out, "waves:\n");
    for (size_t i = 0; i < rollout_spec_wave_count(spec); i++) {
        print_wave(rollout_spec_wave(spec, i), out);
    }
    buffer_format(out, "on_failure: %s\n", spec_on_failure_text(spec->on_failure));
    buffer_format(out, "error_budget:\n  count: %" PRId64 "\n  percent: %s\n",
                  spec->error_budget.count,
                  quantity_percent_text(spec->error_budget.percent_bp, text));
    print_recovery(spec, out);
    buffer_format(out, "unreachable: %s\n", spec_unreachable_text(spec->unreachable));
    buffer_format(out, "timeout: %s\n", quantity_duration_text(spec->timeout_us, text));
    buffer_format(out, "attempts: %" PRId64 "\n", spec->attempts);
    buffer_format(out, "look: %s\n", spec->look ? "true" : "false");
}
