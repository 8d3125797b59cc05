/* trust_read.c: trust files between their plain structs and their bytes. */
#include "common/trust/bodies.h"
#include "common/trust/trust_internal.h"

#include <string.h>

typedef Drover__Trust__TrustBody body_t;

/* trust_t with what it points to. */
typedef struct holder {
    trust_t trust; /* first: trust_destroy frees the holder through it */
    arena_t arena;
    selector_t **selectors; /* in the arena; each is freed by itself */
    size_t selector_count;
} holder_t;

void trust_destroy(trust_t **trust_p) {
    if (trust_p == NULL || *trust_p == NULL) {
        return;
    }
    holder_t *holder = (holder_t *)*trust_p;
    for (size_t i = 0; i < holder->selector_count; i++) {
        selector_destroy(&holder->selectors[i]);
    }
    arena_free(&holder->arena);
    free(holder);
    *trust_p = NULL;
}

static status_t read_selector(holder_t *holder, trust_grant_t *grant, const char *person,
                              error_t *err) {
    if (grant->selector[0] == '\0') {
        return STATUS_OK;
    }
    selector_t **slot = &holder->selectors[holder->selector_count];
    error_t inner;
    if (selector_parse(grant->selector, NULL, slot, &inner) != STATUS_OK) {
        return error_set(err, ERROR_TRUST_RULES, "a grant of %s: %s", person, inner.message);
    }
    holder->selector_count++;
    grant->parsed = *slot;
    return STATUS_OK;
}

static status_t read_grants(holder_t *holder, const Drover__Trust__TrustKey *from, trust_key_t *key,
                            error_t *err) {
    trust_grant_t *grants = arena_take(&holder->arena, from->n_grants, sizeof *grants);
    if (grants == NULL) {
        return arena_empty(err);
    }
    for (size_t i = 0; i < from->n_grants; i++) {
        const Drover__Trust__TrustGrant *grant = from->grants[i];
        grants[i] = (trust_grant_t){
            .role = (trust_role_t)grant->role,
            .application = grant->application,
            .environment = grant->environment,
            .selector = grant->selector,
        };
        TRY(read_selector(holder, &grants[i], from->name, err));
    }
    key->grants = grants;
    key->grant_count = from->n_grants;
    return STATUS_OK;
}

static status_t read_keys(holder_t *holder, const body_t *body, error_t *err) {
    size_t grants = 0;
    for (size_t i = 0; i < body->n_keys; i++) {
        grants += body->keys[i]->n_grants;
    }
    trust_key_t *keys = arena_take(&holder->arena, body->n_keys, sizeof *keys);
    holder->selectors = arena_take(&holder->arena, grants, sizeof *holder->selectors);
    if (keys == NULL || holder->selectors == NULL) {
        return arena_empty(err);
    }
    for (size_t i = 0; i < body->n_keys; i++) {
        const Drover__Trust__TrustKey *from = body->keys[i];
        keys[i] = (trust_key_t){
            .key = body_key(from->key),
            .use = (trust_use_t)from->use,
            .name = from->name,
            .standing = (trust_standing_t)from->standing,
            .from_us = from->from_us,
            .until_us = from->until_us,
            .reason = from->reason,
        };
        sign_public_t curve = body_key(from->curve);
        memcpy(keys[i].curve, curve.bytes, sizeof keys[i].curve);
        TRY(read_grants(holder, from, &keys[i], err));
    }
    holder->trust.keys = keys;
    holder->trust.key_count = body->n_keys;
    return STATUS_OK;
}

static status_t read_rest(holder_t *holder, const body_t *body, error_t *err) {
    trust_threshold_t *rows = arena_take(&holder->arena, body->n_thresholds, sizeof *rows);
    sign_public_t *agents = arena_take(&holder->arena, body->n_revoked_agents, sizeof *agents);
    if (rows == NULL || agents == NULL) {
        return arena_empty(err);
    }
    for (size_t i = 0; i < body->n_thresholds; i++) {
        const Drover__Trust__TrustThreshold *from = body->thresholds[i];
        rows[i] = (trust_threshold_t){
            .role = (trust_role_t)from->role,
            .count = from->count,
            .application = from->application,
            .environment = from->environment,
            .proposer_counts = from->proposer_counts,
        };
    }
    for (size_t i = 0; i < body->n_revoked_agents; i++) {
        agents[i] = body_key(body->revoked_agents[i]);
    }
    holder->trust.thresholds = rows;
    holder->trust.threshold_count = body->n_thresholds;
    holder->trust.revoked_agents = agents;
    holder->trust.revoked_agent_count = body->n_revoked_agents;
    return STATUS_OK;
}

status_t trust_read(const document_t *document, trust_t **ret_trust, error_t *err) {
    holder_t *holder = calloc(1, sizeof *holder);
    if (holder == NULL) {
        return arena_empty(err);
    }
    CLEANUP(trust_destroy_p) trust_t *trust = &holder->trust;
    const void *message = NULL;
    TRY(body_unpack(document, DOCUMENT_TRUST, &holder->arena, &message, err));
    const body_t *body = message;
    trust->fleet = body_ident(body->fleet);
    trust->version = body->version;
    trust->issued_us = body->issued_us;
    trust->expires_us = body->expires_us;
    trust->root_threshold = body->root_threshold;
    trust->undo_grace_us = body->undo_grace_us;
    trust->digest = document->id;
    TRY(read_keys(holder, body, err));
    TRY(read_rest(holder, body, err));
    TRY(trust_check_rules(trust, err));
    *ret_trust = TAKE(trust);
    return STATUS_OK;
}

/* --- writing --------------------------------------------------------------------------------- */

static Drover__Trust__TrustKey *write_key(arena_t *arena, const trust_key_t *from) {
    Drover__Trust__TrustKey *key = arena_take(arena, 1, sizeof *key);
    Drover__Trust__TrustGrant *grants = arena_take(arena, from->grant_count, sizeof *grants);
    Drover__Trust__TrustGrant **list = arena_take(arena, from->grant_count, sizeof *list);
    if (key == NULL || grants == NULL || list == NULL) {
        return NULL;
    }
    drover__trust__trust_key__init(key);
    key->key = body_bytes(from->key.bytes, SIGN_PUBLIC_BYTES);
    key->use = (Drover__Trust__Use)from->use;
    key->name = body_text(from->name);
    key->curve = body_optional(from->curve, sizeof from->curve);
    key->standing = (Drover__Trust__Standing)from->standing;
    key->from_us = from->from_us;
    key->until_us = from->until_us;
    key->reason = body_text(from->reason);
    key->grants = list;
    key->n_grants = from->grant_count;
    for (size_t i = 0; i < from->grant_count; i++) {
        drover__trust__trust_grant__init(&grants[i]);
        grants[i].role = (Drover__Trust__Role)from->grants[i].role;
        grants[i].application = body_text(from->grants[i].application);
        grants[i].environment = body_text(from->grants[i].environment);
        grants[i].selector = body_text(from->grants[i].selector);
        list[i] = &grants[i];
    }
    return key;
}

static status_t write_lists(arena_t *arena, const trust_t *trust, body_t *body, error_t *err) {
    body->keys = arena_take(arena, trust->key_count, sizeof(void *));
    body->thresholds = arena_take(arena, trust->threshold_count, sizeof(void *));
    Drover__Trust__TrustThreshold *rows = arena_take(arena, trust->threshold_count, sizeof *rows);
    body->revoked_agents =
        arena_take(arena, trust->revoked_agent_count, sizeof *body->revoked_agents);
    if (body->keys == NULL || body->thresholds == NULL || rows == NULL ||
        body->revoked_agents == NULL) {
        return arena_empty(err);
    }
    for (size_t i = 0; i < trust->key_count; i++) {
        body->keys[i] = write_key(arena, &trust->keys[i]);
        if (body->keys[i] == NULL) {
            return arena_empty(err);
        }
    }
    for (size_t i = 0; i < trust->threshold_count; i++) {
        drover__trust__trust_threshold__init(&rows[i]);
        rows[i].role = (Drover__Trust__Role)trust->thresholds[i].role;
        rows[i].count = trust->thresholds[i].count;
        rows[i].application = body_text(trust->thresholds[i].application);
        rows[i].environment = body_text(trust->thresholds[i].environment);
        rows[i].proposer_counts = trust->thresholds[i].proposer_counts;
        body->thresholds[i] = &rows[i];
    }
    for (size_t i = 0; i < trust->revoked_agent_count; i++) {
        body->revoked_agents[i] = body_bytes(trust->revoked_agents[i].bytes, SIGN_PUBLIC_BYTES);
    }
    body->n_keys = trust->key_count;
    body->n_thresholds = trust->threshold_count;
    body->n_revoked_agents = trust->revoked_agent_count;
    return STATUS_OK;
}

status_t trust_write(const trust_t *trust, document_t **ret_document, error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    body_t body;
    drover__trust__trust_body__init(&body);
    body.format = TRUST_FORMAT;
    body.fleet = body_bytes(trust->fleet.bytes, IDENT_BYTES);
    body.version = trust->version;
    body.issued_us = trust->issued_us;
    body.expires_us = trust->expires_us;
    body.root_threshold = trust->root_threshold;
    body.undo_grace_us = trust->undo_grace_us;
    TRY(write_lists(&arena, trust, &body, err));
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(body_pack(DOCUMENT_TRUST, &body.base, &document, err));
    CLEANUP(trust_destroy_p) trust_t *back = NULL;
    TRY(trust_read(document, &back, err));
    *ret_document = TAKE(document);
    return STATUS_OK;
}
