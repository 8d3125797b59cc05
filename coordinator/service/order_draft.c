/* order_draft.c: see order_draft.h. */
#include "coordinator/service/order_draft.h"

#include <stdlib.h>
#include <string.h>

order_kind_t order_draft_kind(rollout_kind_t kind) {
    static const order_kind_t KINDS[KIND_END] = {
        [KIND_FORWARD] = ORDER_ROLLOUT,     [KIND_UNDO] = ORDER_ROLLBACK,
        [KIND_RESTORE] = ORDER_RESTORE,     [KIND_BASELINE] = ORDER_BASELINE,
        [KIND_BACKUP] = ORDER_BACKUP,       [KIND_LOOK] = ORDER_LOOK,
        [KIND_BACKUP_CHECK] = ORDER_BACKUP, [KIND_PRUNE] = ORDER_PRUNE,
    };
    INVARIANT(kind > 0 && kind < KIND_END);
    return KINDS[kind];
}

static bool has_leaf(const plan_row_t *row) {
    return row->outcome == PLAN_WORK || row->outcome == PLAN_LOOK;
}

static uint32_t leaf_count(const plan_wave_t *wave) {
    return wave->by_outcome[PLAN_WORK] + wave->by_outcome[PLAN_LOOK];
}

bool order_draft_needed(const plan_t *plan) {
    return plan->by_outcome[PLAN_WORK] + plan->by_outcome[PLAN_LOOK] > 0;
}

uint32_t order_draft_wave(const plan_t *plan, uint32_t wave) {
    uint32_t number = 0;
    if (wave >= plan->wave_count || leaf_count(&plan->waves[wave]) == 0) {
        return ORDER_NO_WAVE;
    }
    for (uint32_t i = 0; i < wave; i++) {
        number += leaf_count(&plan->waves[i]) > 0;
    }
    return number;
}

/* --- leaves ---------------------------------------------------------------------------------- */

static int by_tenant(const void *a, const void *b) {
    const leaf_t *left = a;
    const leaf_t *right = b;
    return ident_compare(&left->tenant, &right->tenant);
}

/* Only what uses a backup names one: another kind's is no part of what is signed. */
static status_t take_reference(const plan_t *plan, const plan_row_t *row, leaf_t *leaf,
                               error_t *err) {
    bool uses = plan->kind == KIND_RESTORE || plan->kind == KIND_BACKUP_CHECK;
    error_t why = {0};
    if (!uses || row->reference == NULL) {
        return STATUS_OK;
    }
    return ident_parse(row->reference, &leaf->reference, &why) == STATUS_OK
               ? STATUS_OK
               : error_set(err, ERROR_RECOVERY_POINT,
                           "the backup '%.64s' of tenant '%s' has no id that can be signed for",
                           row->reference, row->name);
}

static status_t fill_leaves(const plan_t *plan, const plan_wave_t *wave, int64_t number,
                            leaf_t *leaves, error_t *err) {
    uint32_t count = 0;
    for (uint32_t i = wave->first; i < wave->first + wave->count; i++) {
        const plan_row_t *row = &plan->rows[i];
        if (!has_leaf(row)) {
            continue;
        }
        leaves[count] = (leaf_t){.tenant = row->tenant,
                                 .cluster = row->system_identifier,
                                 .number = number,
                                 .from_position = row->from,
                                 .to_position = row->to};
        TRY(take_reference(plan, row, &leaves[count], err));
        count++;
    }
    qsort(leaves, count, sizeof *leaves, by_tenant);
    return STATUS_OK;
}

/* The root over the leaves of one of the plan's waves, which has some. */
static status_t root_of(const plan_t *plan, uint32_t number, const order_setting_t *setting,
                        digest_t *ret_root, error_t *err) {
    const plan_wave_t *wave = &plan->waves[number];
    CLEANUP(merkle_destroy_p) merkle_t *merkle = NULL;
    CLEANUP(free_p) leaf_t *made = calloc(leaf_count(wave), sizeof *made);
    if (made == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for %u leaves", leaf_count(wave));
    }
    TRY(fill_leaves(plan, wave, setting->issued_us, made, err));
    leaves_t leaves = {.application = plan->application,
                       .wave = order_draft_wave(plan, number),
                       .leaves = made,
                       .count = leaf_count(wave)};
    TRY(leaves_tree(&leaves, &merkle, err));
    *ret_root = merkle_root(merkle);
    return STATUS_OK;
}

/* --- orders ---------------------------------------------------------------------------------- */

/* An order as it is written, with the waves that it points at. */
typedef struct draft {
    order_t order;
    order_wave_t waves[LIMIT_WAVES];
} draft_t;

static int64_t expiry_of(const plan_t *plan, const order_setting_t *setting) {
    int64_t life_us = setting->life_us;
    for (uint32_t i = 0; plan != NULL && i < plan->wave_count; i++) {
        life_us += plan->waves[i].soak_us;
    }
    return setting->issued_us + (life_us < ORDER_LIFE_US ? life_us : ORDER_LIFE_US);
}

static order_t order_from(const order_setting_t *setting) {
    return (order_t){.fleet = setting->trust->fleet,
                     .id = setting->id,
                     .application = "",
                     .environment = setting->environment,
                     .recovery_kind = "",
                     .recovery_reason = "",
                     .trial_restore = "",
                     .issued_us = setting->issued_us,
                     .not_before_us = setting->issued_us,
                     .proposer = setting->proposer,
                     .subject = setting->subject,
                     .trust_version = setting->trust->version};
}

static status_t fill_waves(const plan_t *plan, const order_setting_t *setting, draft_t *draft,
                           error_t *err) {
    for (uint32_t i = 0; i < plan->wave_count; i++) {
        const plan_wave_t *from = &plan->waves[i];
        uint32_t count = leaf_count(from);
        if (count == 0) {
            continue;
        }
        order_wave_t *wave = &draft->waves[draft->order.wave_count++];
        *wave = (order_wave_t){.count = count,
                               .budget_count =
                                   from->on_failure == ON_FAILURE_CONTINUE ? count : from->budget,
                               .needs_approval = from->needs_approval,
                               .soak_us = from->soak_us,
                               .silence_passes = plan->unreachable == UNREACHABLE_SKIP};
        TRY(root_of(plan, i, setting, &wave->root, err));
    }
    draft->order.waves = draft->waves;
    return STATUS_OK;
}

status_t order_draft_of(const plan_t *plan, const order_setting_t *setting,
                        document_t **ret_document, error_t *err) {
    INVARIANT(order_draft_needed(plan));
    draft_t draft = {.order = order_from(setting)};
    order_t *order = &draft.order;
    order->kind = order_draft_kind(plan->kind);
    order->application = plan->application;
    order->bundle = plan->bundle;
    order->target_position = plan->kind == KIND_FORWARD ? plan->target : 0;
    order->accept_data_loss = plan->kind == KIND_RESTORE && setting->accept_data_loss;
    order->recovery_kind = plan->recovery_kind;
    order->recovery_reason = plan->recovery_reason != NULL ? plan->recovery_reason : "";
    order->trial_restore = plan->trial_restore;
    order->expires_us = expiry_of(plan, setting);
    order->undo_authorized = plan->kind == KIND_FORWARD;
    order->plan = plan->digest;
    order->prune_keep_us = plan->prune_keep_us;
    order->prune_keep_count = plan->prune_keep_count;
    TRY(fill_waves(plan, setting, &draft, err));
    return order_write(order, ret_document, err);
}

status_t order_draft_about(const order_about_t *about, const order_setting_t *setting,
                           document_t **ret_document, error_t *err) {
    order_t order = order_from(setting);
    order.kind = about->kind;
    order.application = about->application;
    order.subject_wave = about->wave;
    order.expires_us = expiry_of(NULL, setting);
    return order_write(&order, ret_document, err);
}

/* --- what came back -------------------------------------------------------------------------- */

/* Whether the two are about the same tenants, in the same waves. */
static bool same_tenants(const order_t *a, const order_t *b) {
    bool same = a->wave_count == b->wave_count && a->tenants_total == b->tenants_total &&
                digest_equal(&a->merkle_root, &b->merkle_root) && digest_equal(&a->plan, &b->plan);
    for (size_t i = 0; same && i < a->wave_count; i++) {
        same = a->waves[i].count == b->waves[i].count &&
               digest_equal(&a->waves[i].root, &b->waves[i].root);
    }
    return same;
}

static const char *wave_difference(const order_t *wanted, const order_t *found) {
    for (size_t i = 0; i < wanted->wave_count; i++) {
        const order_wave_t *a = &wanted->waves[i];
        const order_wave_t *b = &found->waves[i];
        if (a->budget_count != b->budget_count || a->budget_percent_bp != b->budget_percent_bp) {
            return "a wave's budget";
        }
        if (a->soak_us != b->soak_us) {
            return "a wave's soak";
        }
        if (a->needs_approval != b->needs_approval || a->silence_passes != b->silence_passes) {
            return "what opens a wave";
        }
    }
    return NULL;
}

/* The first field in which two orders of the same tenants differ; NULL: none that is known here. */
static const char *difference(const order_t *wanted, const order_t *found) {
    const struct {
        bool same;
        const char *field;
    } fields[] = {
        {ident_equal(&wanted->fleet, &found->fleet), "fleet"},
        {wanted->kind == found->kind, "kind"},
        {strcmp(wanted->application, found->application) == 0, "application"},
        {strcmp(wanted->environment, found->environment) == 0, "environment"},
        {digest_equal(&wanted->bundle, &found->bundle), "bundle"},
        {wanted->target_position == found->target_position, "target_position"},
        {wanted->accept_data_loss == found->accept_data_loss, "accept_data_loss"},
        {strcmp(wanted->recovery_kind, found->recovery_kind) == 0, "recovery_kind"},
        {strcmp(wanted->recovery_reason, found->recovery_reason) == 0, "recovery_reason"},
        {strcmp(wanted->trial_restore, found->trial_restore) == 0, "trial_restore"},
        {wanted->not_before_us == found->not_before_us, "not_before"},
        {wanted->expires_us == found->expires_us, "expires"},
        {sign_public_equal(&wanted->proposer, &found->proposer), "proposer"},
        {wanted->undo_authorized == found->undo_authorized, "undo_authorized"},
        {digest_equal(&wanted->subject, &found->subject), "subject"},
        {wanted->subject_wave == found->subject_wave, "subject_wave"},
        {wanted->trust_version == found->trust_version, "trust_version"},
        {wanted->prune_keep_us == found->prune_keep_us &&
             wanted->prune_keep_count == found->prune_keep_count,
         "prune_keep"},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!fields[i].same) {
            return fields[i].field;
        }
    }
    return wave_difference(wanted, found);
}

status_t order_draft_check(const plan_t *plan, const order_setting_t *setting, const order_t *order,
                           error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(order_destroy_p) order_t *wanted = NULL;
    order_setting_t own = *setting;
    own.id = order->id;
    own.issued_us = order->issued_us;
    TRY(order_draft_of(plan, &own, &document, err));
    if (digest_equal(&document->id, &order->digest)) {
        return STATUS_OK;
    }
    TRY(order_read(document, &wanted, err));
    if (wanted->kind == order->kind && !same_tenants(wanted, order)) {
        return error_set(err, ERROR_PLAN_STALE,
                         "the order was signed for other tenants, or other ways of theirs, than "
                         "the plan has now");
    }
    const char *field = wanted->kind == order->kind ? difference(wanted, order) : "kind";
    return error_set(err, ERROR_ORDER_INVALID,
                     "the order differs from what would be drafted for this plan now: %s",
                     field != NULL ? field : "its bytes");
}
