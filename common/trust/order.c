/* order.c: see order.h. What each kind of order is, and whether one makes sense by itself. */
#include "common/trust/order_internal.h"

#include "common/crypto/hash.h"
#include "common/trust/checks.h"
#include "common/trust/text.h"

#include <string.h>

// clang-format off
#define BY_OPERATORS .roles = {ROLE_OPERATOR}
#define BY_ONE_AT_NIGHT .roles = {ROLE_ROLLBACK, ROLE_OPERATOR}

static const order_rule_t RULES[ORDER_KIND_END] = {
    [ORDER_ROLLOUT] = {.text = "rollout", BY_OPERATORS, .tenants = true, .bundle = true,
                       .permits = ACTION_FORWARD | ACTION_LOOK},
    [ORDER_ROLLBACK] = {.text = "rollback", BY_ONE_AT_NIGHT, .tenants = true, .bundle = true,
                        .permits = ACTION_UNDO | ACTION_LOOK, .subject = SUBJECT_MAY},
    [ORDER_BASELINE] = {.text = "baseline", BY_OPERATORS, .tenants = true, .bundle = true,
                        .permits = ACTION_BASELINE | ACTION_LOOK},
    [ORDER_BACKUP] = {.text = "backup", BY_OPERATORS, .tenants = true,
                      .permits = ACTION_BACKUP | ACTION_LOOK},
    [ORDER_RESTORE] = {.text = "restore", BY_ONE_AT_NIGHT, .tenants = true, .bundle = true,
                       .permits = ACTION_RESTORE | ACTION_LOOK, .subject = SUBJECT_MAY},
    [ORDER_PRUNE] = {.text = "prune", BY_OPERATORS, .tenants = true, .permits = ACTION_PRUNE},
    [ORDER_LOOK] = {.text = "look", BY_OPERATORS, .tenants = true, .permits = ACTION_LOOK},
    [ORDER_STOP] = {.text = "stop", BY_ONE_AT_NIGHT, .subject = SUBJECT_MUST, .stops = true},
    [ORDER_HOLD] = {.text = "hold", BY_ONE_AT_NIGHT, .stops = true},
    [ORDER_RELEASE_HOLD] = {.text = "release_hold", BY_OPERATORS},
    [ORDER_RETRY] = {.text = "retry", BY_OPERATORS, .subject = SUBJECT_MUST},
    [ORDER_APPROVE_WAVE] = {.text = "approve_wave", .roles = {ROLE_APPROVER},
                            .subject = SUBJECT_MUST},
    [ORDER_TAKE_BACK] = {.text = "take_back", BY_ONE_AT_NIGHT, .subject = SUBJECT_MUST,
                         .stops = true},
};
// clang-format on

const order_rule_t *order_rule(order_kind_t kind) {
    INVARIANT(kind >= ORDER_ROLLOUT && kind < ORDER_KIND_END);
    return &RULES[kind];
}

const char *order_kind_text(order_kind_t kind) {
    return order_rule(kind)->text;
}

bool order_is_standing(const order_t *order) {
    return order->standing != NULL && order->standing[0] != '\0';
}

bool order_kind_has_tenants(order_kind_t kind) {
    return order_rule(kind)->tenants;
}

unsigned order_kind_roles(order_kind_t kind) {
    const order_rule_t *rule = order_rule(kind);
    unsigned second = rule->roles[1] == 0 ? 0 : 1U << rule->roles[1];
    return 1U << rule->roles[0] | second;
}

uint32_t order_wave_budget(const order_wave_t *wave) {
    uint32_t share = (uint32_t)((uint64_t)wave->count * wave->budget_percent_bp / 10000);
    return share > wave->budget_count ? share : wave->budget_count;
}

status_t order_root(const order_wave_t *waves, size_t count, digest_t *ret_root, error_t *err) {
    digest_t items[LIMIT_WAVES];
    if (count == 0 || count > LIMIT_WAVES) {
        return error_set(err, ERROR_BOUND, "an order of %zu waves: it has 1 to %d", count,
                         LIMIT_WAVES);
    }
    for (size_t i = 0; i < count; i++) {
        hash_t hash;
        hash_begin(&hash, HASH_WAVE);
        hash_add_number(&hash, (int64_t)i);
        hash_add_number(&hash, waves[i].count);
        hash_add(&hash, waves[i].root.bytes, DIGEST_BYTES);
        items[i] = hash_end(&hash);
    }
    CLEANUP(merkle_destroy_p) merkle_t *merkle = NULL;
    TRY(merkle_new(items, count, &merkle, err));
    *ret_root = merkle_root(merkle);
    return STATUS_OK;
}

static bool is_one_of(const char *word, const char *const *words) {
    for (; *words != NULL; words++) {
        if (strcmp(word, *words) == 0) {
            return true;
        }
    }
    return false;
}

/* NULL where the fields are those of the order's kind, else which is not. */
static const char *misfit(const order_t *order) {
    static const char *const RECOVERIES[] = {"", "dump", "external", "none", NULL};
    static const char *const TRIALS[] = {"", "all", "sample", "canary", "none", "never", NULL};
    const order_rule_t *rule = order_rule(order->kind);
    bool fleet_wide = order->kind == ORDER_HOLD || order->kind == ORDER_RELEASE_HOLD;
    bool approves = order->kind == ORDER_APPROVE_WAVE;
    bool recovers = order->recovery_kind[0] != '\0' || order->recovery_reason[0] != '\0' ||
                    order->trial_restore[0] != '\0';
    bool standing = order_is_standing(order);
    if (standing && (order->kind != ORDER_ROLLOUT || !order->undo_authorized)) {
        return order->kind != ORDER_ROLLOUT ? "standing_selector" : "undo_authorized";
    }
    if ((order->wave_count > 0) != (rule->tenants && !standing)) {
        return "waves";
    }
    if (order->application[0] == '\0' && !fleet_wide) {
        return "application";
    }
    if (digest_is_null(&order->bundle) == rule->bundle) {
        return "bundle";
    }
    if ((order->target_position != 0) != (order->kind == ORDER_ROLLOUT)) {
        return "target_position";
    }
    if (digest_is_null(&order->subject) ? rule->subject == SUBJECT_MUST
                                        : rule->subject == SUBJECT_NONE) {
        return "subject";
    }
    if (approves ? order->subject_wave == 0 || order->subject_wave >= LIMIT_WAVES
                 : order->subject_wave != 0) {
        return "subject_wave";
    }
    if (order->accept_data_loss && order->kind != ORDER_RESTORE) {
        return "accept_data_loss";
    }
    if (order->undo_authorized && order->kind != ORDER_ROLLOUT) {
        return "undo_authorized";
    }
    bool keeps = order->prune_keep_us != 0 || order->prune_keep_count != 0;
    if ((keeps && order->kind != ORDER_PRUNE) || order->prune_keep_us < 0) {
        return "prune_keep";
    }
    if ((recovers && !rule->tenants) || !is_one_of(order->recovery_kind, RECOVERIES) ||
        !is_one_of(order->trial_restore, TRIALS)) {
        return "recovery";
    }
    return NULL;
}

static status_t check_waves(const order_t *order, error_t *err) {
    uint64_t total = 0;
    for (size_t i = 0; i < order->wave_count; i++) {
        const order_wave_t *wave = &order->waves[i];
        total += wave->count;
        TRUST_REQUIRE(ORDER_TIMES, wave->soak_us >= 0 && wave->soak_us <= ORDER_LIFE_US, err,
                      "wave %zu: it soaks at most %d days", i + 1,
                      (int)(ORDER_LIFE_US / TRUST_DAY_US));
        if (wave->count > MERKLE_LEAVES || wave->budget_percent_bp > 10000) {
            return error_set(err, ERROR_ORDER_INVALID, "wave %zu: %u tenants, budget %u of 10000",
                             i + 1, wave->count, wave->budget_percent_bp);
        }
    }
    TRUST_REQUIRE(ORDER_TOTAL, total == order->tenants_total && total <= LIMIT_TENANTS, err,
                  "the waves have %llu tenants, the order says %u", (unsigned long long)total,
                  order->tenants_total);
    digest_t root = {0};
    if (order->wave_count > 0) {
        TRY(order_root(order->waves, order->wave_count, &root, err));
    }
    TRUST_REQUIRE(ORDER_ROOT, digest_equal(&root, &order->merkle_root), err,
                  "the order's root is not that of its waves");
    return STATUS_OK;
}

/* What people sign is what an agent reads: a text that parses, in the one spelling that it has. */
static status_t check_standing(const order_t *order, error_t *err) {
    if (!order_is_standing(order)) {
        return STATUS_OK;
    }
    CLEANUP(selector_destroy_p) selector_t *selector = NULL;
    CLEANUP(buffer_free) buffer_t text = {0};
    error_t why;
    bool good = selector_parse(order->standing, NULL, &selector, &why) == STATUS_OK;
    if (good) {
        selector_print(selector, &text);
        good = !text.failed && text.size == strlen(order->standing) &&
               memcmp(text.data, order->standing, text.size) == 0;
    }
    TRUST_REQUIRE(STANDING_TEXT, good, err,
                  "the standing selector is none, or is not written in its canonical text");
    return STATUS_OK;
}

status_t order_check_rules(const order_t *order, error_t *err) {
    TRUST_REQUIRE(ORDER_TEXT,
                  text_scope_ok(order->application) && text_scope_ok(order->environment) &&
                      text_plain_ok(order->recovery_reason),
                  err, "an order's application, environment or reason is no plain text");
    const char *wrong = misfit(order);
    TRUST_REQUIRE(ORDER_SHAPE, wrong == NULL, err, "the field %s does not fit an order of kind %s",
                  wrong, order_kind_text(order->kind));
    TRUST_REQUIRE(ORDER_TIMES,
                  order->issued_us > 0 && order->not_before_us >= order->issued_us &&
                      order->expires_us > order->not_before_us &&
                      order->expires_us - order->issued_us <= ORDER_LIFE_US,
                  err, "an order is issued, begins, and ends within %d days, in that sequence",
                  (int)(ORDER_LIFE_US / TRUST_DAY_US));
    TRY(check_standing(order, err));
    return check_waves(order, err);
}
