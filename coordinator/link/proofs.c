/* proofs.c: see proofs.h. */
#include "coordinator/link/proofs.h"
#include "coordinator/link/internal.h"
#include "coordinator/store/store_rollout.h"
#include "coordinator/store/store_signed_order.h"

#include <stdlib.h>
#include <string.h>

DEFINE_CLEANUP(rollout_t, rollout_destroy)

static void proofs_destroy(proofs_t **proofs_p) {
    if (proofs_p == NULL || *proofs_p == NULL) {
        return;
    }
    proofs_t *proofs = *proofs_p;
    for (size_t i = 0; proofs->waves != NULL && i < proofs->wave_count; i++) {
        merkle_destroy(&proofs->waves[i].tree);
        free(proofs->waves[i].items);
        free(proofs->waves[i].ordinals);
    }
    free(proofs->waves);
    free(proofs->wave_of);
    order_destroy(&proofs->order);
    document_destroy(&proofs->document);
    free(proofs);
    *proofs_p = NULL;
}
DEFINE_CLEANUP(proofs_t, proofs_destroy)

/* ------------------------------------------------------------------ leaves */

/* The backup that a signed restore or check names. */
static ident_t reference_of(const rollout_t *rollout, const task_t *task) {
    ident_t reference = {{0}};
    error_t ignored = {0};
    bool names = rollout->kind == KIND_RESTORE || rollout->kind == KIND_BACKUP_CHECK;
    if (names && task->reference != NULL &&
        ident_parse(task->reference, &reference, &ignored) != STATUS_OK) {
        return (ident_t){{0}}; /* an external reference is no id: the agent finds its own */
    }
    return reference;
}

typedef struct named {
    leaf_t leaf;
    uint32_t ordinal;
} named_t;

static int compare_named(const void *a, const void *b) {
    return ident_compare(&((const named_t *)a)->leaf.tenant, &((const named_t *)b)->leaf.tenant);
}

static status_t no_memory(error_t *err) {
    return error_set(err, ERROR_NO_MEMORY, "out of memory for the tenants of an order");
}

/* Those that the order names in one wave of its rollout, in the order of their leaves. */
static status_t name_tenants(const rollout_t *rollout, const wave_t *wave, int64_t number,
                             named_t **ret_named, size_t *ret_count, error_t *err) {
    size_t count = 0;
    named_t *named = calloc(wave->count + 1, sizeof *named);
    if (named == NULL) {
        return no_memory(err);
    }
    for (uint32_t i = wave->first; i < wave->first + wave->count; i++) {
        const task_t *task = &rollout->tasks[i];
        if (task_is_ordered(rollout, task)) {
            named[count++] = (named_t){.leaf = {.tenant = task->tenant,
                                                .cluster = task->system_identifier,
                                                .number = number,
                                                .from_position = task->from_position,
                                                .to_position = task->to_position,
                                                .reference = reference_of(rollout, task)},
                                       .ordinal = i};
        }
    }
    qsort(named, count, sizeof *named, compare_named);
    *ret_named = named;
    *ret_count = count;
    return STATUS_OK;
}

static status_t fill_wave(proofs_wave_t *wave, const named_t *named, size_t count, error_t *err) {
    wave->items = calloc(count, sizeof *wave->items);
    wave->ordinals = calloc(count, sizeof *wave->ordinals);
    if (wave->items == NULL || wave->ordinals == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        wave->items[i] = named[i].leaf;
        wave->ordinals[i] = named[i].ordinal;
    }
    wave->leaves.leaves = wave->items;
    wave->leaves.count = count;
    return leaves_tree(&wave->leaves, &wave->tree, err);
}

static status_t differs(const proofs_t *proofs, error_t *err) {
    char digest[DIGEST_TEXT_SIZE];
    return error_set(err, ERROR_ORDER_INVALID,
                     "the rollout's tenants are not those that its order %.16s names",
                     digest_text(&proofs->digest, digest));
}

/* The waves of the order, each held against what was signed. */
static status_t fill_waves(proofs_t *proofs, const rollout_t *rollout, error_t *err) {
    const order_t *order = proofs->order;
    proofs->owner_waves = rollout->wave_count;
    proofs->waves = calloc(rollout->wave_count + 1, sizeof *proofs->waves);
    proofs->wave_of = calloc(rollout->wave_count + 1, sizeof *proofs->wave_of);
    if (proofs->waves == NULL || proofs->wave_of == NULL) {
        return no_memory(err);
    }
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        CLEANUP(free_p) named_t *named = NULL;
        size_t count = 0;
        TRY(name_tenants(rollout, &rollout->waves[w], order->issued_us, &named, &count, err));
        proofs->wave_of[w] = count > 0 ? (uint32_t)proofs->wave_count : PROOFS_NO_WAVE;
        if (count == 0) {
            continue;
        }
        proofs_wave_t *wave = &proofs->waves[proofs->wave_count];
        wave->leaves.application = order->application;
        wave->leaves.wave = (uint32_t)proofs->wave_count++;
        TRY(fill_wave(wave, named, count, err));
        if (wave->leaves.wave >= order->wave_count ||
            order->waves[wave->leaves.wave].count != count) {
            return differs(proofs, err);
        }
        digest_t root = merkle_root(wave->tree);
        if (!digest_equal(&root, &order->waves[wave->leaves.wave].root)) {
            return differs(proofs, err);
        }
    }
    return proofs->wave_count == order->wave_count ? STATUS_OK : differs(proofs, err);
}

/* ------------------------------------------------------------------ where they come from */

/* Whose order it is: the rollout's own, or its parent's, which is loaded where it is not with the
 * engine any more. */
static status_t find_owner(hub_t *self, const rollout_t *rollout, rollout_t **ret_loaded,
                           const rollout_t **ret_owner, error_t *err) {
    store_t *store = self->options.store;
    *ret_owner = rollout;
    if (ident_is_null(&rollout->parent)) {
        return STATUS_OK;
    }
    const rollout_t *parent = engine_rollout(self->engine, &rollout->parent);
    CLEANUP(rollout_destroy_p) rollout_t *head = NULL;
    if (parent == NULL) {
        TRY(store_rollout_load_head(store, &rollout->parent, &head, err));
    }
    const digest_t *theirs = parent != NULL ? &parent->order_digest : &head->order_digest;
    if (!digest_equal(theirs, &rollout->order_digest)) {
        return STATUS_OK;
    }
    if (parent == NULL) {
        TRY(store_rollout_load(store, &rollout->parent, ret_loaded, err));
        parent = *ret_loaded;
    }
    *ret_owner = parent;
    return STATUS_OK;
}

static status_t read_order(hub_t *self, proofs_t *proofs, error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    signed_order_row_t row;
    TRY(store_signed_order_get(self->options.store, &proofs->digest, &arena, &row, err));
    TRY(document_decode(row.document, row.document_size, &proofs->document, err));
    if (!digest_equal(&proofs->document->id, &proofs->digest)) {
        return differs(proofs, err); /* the catalog was changed by another hand */
    }
    return order_read(proofs->document, &proofs->order, err);
}

static status_t load(hub_t *self, const rollout_t *rollout, proofs_t **ret_proofs, error_t *err) {
    CLEANUP(proofs_destroy_p) proofs_t *proofs = calloc(1, sizeof *proofs);
    CLEANUP(rollout_destroy_p) rollout_t *loaded = NULL;
    const rollout_t *owner = NULL;
    if (proofs == NULL) {
        return no_memory(err);
    }
    proofs->digest = rollout->order_digest;
    TRY(read_order(self, proofs, err));
    TRY(find_owner(self, rollout, &loaded, &owner, err));
    proofs->owner = owner->id;
    if (order_is_standing(proofs->order)) { /* it has many rollouts, and no tree */
        proofs->owner = (ident_t){{0}};
        *ret_proofs = TAKE(proofs);
        return STATUS_OK;
    }
    if (fill_waves(proofs, owner, err) != STATUS_OK) {
        if (err->code != ERROR_ORDER_INVALID) {
            return STATUS_ERROR;
        }
        proofs->problem = *err; /* stays so: it is not looked for again with every job */
        error_clear(err);
    }
    *ret_proofs = TAKE(proofs);
    return STATUS_OK;
}

proofs_t *proofs_known(const hub_t *self, const digest_t *order) {
    proofs_t *proofs = NULL;
    HASH_FIND(hh, self->proofs, order, sizeof *order, proofs);
    return proofs;
}

status_t proofs_find(hub_t *self, const rollout_t *rollout, proofs_t **ret_proofs, error_t *err) {
    if (digest_is_null(&rollout->order_digest)) {
        return error_set(err, ERROR_NOT_FOUND, "rollout '%.100s' has no signed order",
                         rollout->name);
    }
    proofs_t *proofs = proofs_known(self, &rollout->order_digest);
    if (proofs == NULL) {
        TRY(load(self, rollout, &proofs, err));
        HASH_ADD(hh, self->proofs, digest, sizeof proofs->digest, proofs);
    }
    if (proofs->problem.code != ERROR_NONE) {
        *err = proofs->problem;
        return STATUS_ERROR;
    }
    *ret_proofs = proofs;
    return STATUS_OK;
}

/* ------------------------------------------------------------------ what is asked of them */

uint32_t proofs_wave_of(const proofs_t *proofs, uint32_t rollout_wave) {
    INVARIANT(rollout_wave < proofs->owner_waves);
    return proofs->wave_of[rollout_wave];
}

status_t proofs_claim(const proofs_t *proofs, const rollout_t *rollout, const task_t *task,
                      buffer_t *out, error_t *err) {
    if (!order_is_standing(proofs->order) || rollout->kind != KIND_FORWARD) {
        return error_set(err, ERROR_ORDER_PROOF, "rollout '%.100s' is no sweep of a standing order",
                         rollout->name);
    }
    proof_t proof = {.leaf = {.tenant = task->tenant,
                              .cluster = task->system_identifier,
                              .number = proofs->order->issued_us,
                              .from_position = task->from_position,
                              .to_position = task->to_position}};
    proof_encode(&proof, out);
    return buffer_check(out, err);
}

status_t proofs_make(const proofs_t *proofs, const ident_t *tenant, buffer_t *out,
                     uint32_t *ret_wave, error_t *err) {
    for (size_t w = 0; w < proofs->wave_count; w++) {
        const proofs_wave_t *wave = &proofs->waves[w];
        const leaf_t *leaf = leaves_find(&wave->leaves, tenant);
        if (leaf == NULL) {
            continue;
        }
        proof_t proof = {.leaf = *leaf, .wave = wave->leaves.wave};
        merkle_path(wave->tree, (uint32_t)(leaf - wave->items), &proof.path);
        proof_encode(&proof, out);
        TRY(buffer_check(out, err));
        *ret_wave = wave->leaves.wave;
        return STATUS_OK;
    }
    char id[IDENT_TEXT_SIZE];
    return error_set(err, ERROR_ORDER_PROOF, "the order does not name tenant %s",
                     ident_text(tenant, id));
}

bool proofs_task(const proofs_t *proofs, uint32_t wave, const ident_t *tenant,
                 uint32_t *ret_ordinal) {
    if (wave >= proofs->wave_count) {
        return false;
    }
    const proofs_wave_t *named = &proofs->waves[wave];
    const leaf_t *leaf = leaves_find(&named->leaves, tenant);
    if (leaf == NULL) {
        return false;
    }
    *ret_ordinal = named->ordinals[leaf - named->items];
    return true;
}

/* ------------------------------------------------------------------ and forgotten */

static bool is_used(const hub_t *self, const proofs_t *proofs) {
    for (size_t i = 0; i < engine_rollout_count(self->engine); i++) {
        const rollout_t *rollout = engine_rollout_at(self->engine, i);
        if (digest_equal(&rollout->order_digest, &proofs->digest)) {
            return true;
        }
    }
    return false;
}

void proofs_sweep(hub_t *self) {
    proofs_t *proofs = NULL;
    proofs_t *next = NULL;
    HASH_ITER(hh, self->proofs, proofs, next) {
        if (!is_used(self, proofs)) {
            HASH_DEL(self->proofs, proofs);
            proofs_destroy(&proofs);
        }
    }
}

void proofs_free(hub_t *self) {
    proofs_t *proofs = NULL;
    proofs_t *next = NULL;
    HASH_ITER(hh, self->proofs, proofs, next) {
        HASH_DEL(self->proofs, proofs);
        proofs_destroy(&proofs);
    }
}
