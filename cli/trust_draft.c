/* trust_draft.c: see trust_draft.h. Every list has the room that a trust file may fill. */
#include "cli/trust_draft.h"
#include "common/trust/text.h"

#include <string.h>
#include <strings.h>

enum { PREFIX_LEAST = 8 };

void trust_draft_free(trust_draft_t *draft) {
    arena_free(&draft->arena);
    *draft = (trust_draft_t){0};
}

status_t trust_draft_begin(const trust_t *from, trust_draft_t *ret_draft, error_t *err) {
    CLEANUP(trust_draft_free) trust_draft_t draft = {0};
    draft.keys = arena_take(&draft.arena, TRUST_KEYS, sizeof *draft.keys);
    draft.thresholds = arena_take(&draft.arena, TRUST_THRESHOLDS, sizeof *draft.thresholds);
    draft.agents = arena_take(&draft.arena, TRUST_REVOKED_AGENTS, sizeof *draft.agents);
    if (draft.keys == NULL || draft.thresholds == NULL || draft.agents == NULL) {
        return arena_empty(err);
    }
    if (from != NULL) {
        draft.trust = *from;
        memcpy(draft.keys, from->keys, from->key_count * sizeof *draft.keys);
        memcpy(draft.thresholds, from->thresholds,
               from->threshold_count * sizeof *draft.thresholds);
        memcpy(draft.agents, from->revoked_agents,
               from->revoked_agent_count * sizeof *draft.agents);
    }
    draft.trust.keys = draft.keys;
    draft.trust.thresholds = draft.thresholds;
    draft.trust.revoked_agents = draft.agents;
    *ret_draft = draft;
    draft = (trust_draft_t){0};
    return STATUS_OK;
}

static bool use_of(key_kind_t kind, trust_use_t *ret_use) {
    switch (kind) {
    case KEY_ROOT:
        *ret_use = TRUST_ROOT;
        return true;
    case KEY_RELEASE:
        *ret_use = TRUST_RELEASE;
        return true;
    case KEY_OPERATOR:
        *ret_use = TRUST_OPERATOR;
        return true;
    case KEY_COORDINATOR:
        *ret_use = TRUST_COORDINATOR;
        return true;
    case KEY_AGENT:
    case KEY_CURVE:
    case KEY_BACKUP:
    case KEY_RECOVERY:
    case KEY_KIND_COUNT:
        return false;
    }
    INVARIANT(false);
}

/* A text that lives as long as the draft. */
static status_t keep(trust_draft_t *draft, const char *text, const char **ret_text, error_t *err) {
    size_t size = strlen(text) + 1;
    char *copy = arena_take(&draft->arena, size, 1);
    if (copy == NULL) {
        return arena_empty(err);
    }
    memcpy(copy, text, size);
    *ret_text = copy;
    return STATUS_OK;
}

status_t trust_draft_key(trust_draft_t *draft, const key_public_t *key, trust_key_t **ret_key,
                         error_t *err) {
    trust_use_t use = TRUST_ROOT;
    sign_public_t public;
    memcpy(public.bytes, key->bytes, sizeof public.bytes);
    if (!use_of(key->kind, &use)) {
        return error_set(err, ERROR_TRUST_CHOICE,
                         "the %s key of %s: a trust file names root, release, operator and "
                         "coordinator keys",
                         keytext_kind_text(key->kind), key->name);
    }
    for (size_t i = 0; i < draft->trust.key_count; i++) {
        trust_key_t *row = &draft->keys[i];
        if (!sign_public_equal(&row->key, &public)) {
            continue;
        }
        if (row->standing != TRUST_ACTIVE || row->use != use ||
            !text_same_person(row->name, key->name)) {
            return error_set(err, ERROR_TRUST_CHOICE,
                             "this key stands there as %s's %s key, %s: a key never comes back",
                             row->name, trust_use_text(row->use),
                             trust_standing_text(row->standing));
        }
        *ret_key = row;
        return STATUS_OK;
    }
    if (draft->trust.key_count == TRUST_KEYS) {
        return error_set(err, ERROR_BOUND, "a trust file has at most %d keys", (int)TRUST_KEYS);
    }
    const char *name = NULL;
    TRY(keep(draft, key->name, &name, err));
    trust_key_t *row = &draft->keys[draft->trust.key_count++];
    *row = (trust_key_t){.key = public,
                         .use = use,
                         .name = name,
                         .standing = TRUST_ACTIVE,
                         .from_us = draft->trust.issued_us,
                         .reason = ""};
    *ret_key = row;
    return STATUS_OK;
}

static bool same_scope(const char *const a[3], const char *const b[3]) {
    return strcmp(a[0], b[0]) == 0 && strcmp(a[1], b[1]) == 0 && strcmp(a[2], b[2]) == 0;
}

status_t trust_draft_grant(trust_draft_t *draft, trust_key_t *key, const trust_grant_t *grant,
                           error_t *err) {
    for (size_t i = 0; i < key->grant_count; i++) {
        const trust_grant_t *old = &key->grants[i];
        if (old->role == grant->role &&
            same_scope((const char *[]){old->application, old->environment, old->selector},
                       (const char *[]){grant->application, grant->environment, grant->selector})) {
            return STATUS_OK;
        }
    }
    if (key->grant_count == TRUST_GRANTS) {
        return error_set(err, ERROR_BOUND, "%s's key has %d roles, which is the most", key->name,
                         (int)TRUST_GRANTS);
    }
    trust_grant_t *grants = arena_take(&draft->arena, key->grant_count + 1, sizeof *grants);
    if (grants == NULL) {
        return arena_empty(err);
    }
    if (key->grant_count > 0) {
        memcpy(grants, key->grants, key->grant_count * sizeof *grants);
    }
    grants[key->grant_count++] = *grant;
    key->grants = grants;
    return STATUS_OK;
}

status_t trust_draft_threshold(trust_draft_t *draft, const trust_threshold_t *row, error_t *err) {
    size_t at = 0;
    while (at < draft->trust.threshold_count &&
           !(draft->thresholds[at].role == row->role &&
             strcmp(draft->thresholds[at].application, row->application) == 0 &&
             strcmp(draft->thresholds[at].environment, row->environment) == 0)) {
        at++;
    }
    bool there = at < draft->trust.threshold_count;
    if (row->count == 0 && !there) {
        return error_set(err, ERROR_TRUST_CHOICE,
                         "there is no threshold for %s of application '%s', environment '%s'",
                         trust_role_text(row->role), row->application, row->environment);
    }
    if (row->count == 0) {
        draft->trust.threshold_count--;
        memmove(&draft->thresholds[at], &draft->thresholds[at + 1],
                (draft->trust.threshold_count - at) * sizeof *row);
        return STATUS_OK;
    }
    if (!there && at == TRUST_THRESHOLDS) {
        return error_set(err, ERROR_BOUND, "a trust file has at most %d thresholds",
                         (int)TRUST_THRESHOLDS);
    }
    draft->thresholds[at] = *row;
    draft->trust.threshold_count += there ? 0 : 1;
    return STATUS_OK;
}

/* Whether `who` means this key: by its person, else by how its hexadecimal begins. */
static bool is_meant(const trust_key_t *key, const char *who, bool *ret_by_name) {
    char text[DIGEST_TEXT_SIZE];
    size_t size = strlen(who);
    *ret_by_name = text_same_person(key->name, who);
    return *ret_by_name ||
           (size >= PREFIX_LEAST && size < DIGEST_TEXT_SIZE &&
            strncasecmp(hex_text(key->key.bytes, SIGN_PUBLIC_BYTES, text), who, size) == 0);
}

status_t trust_draft_end(trust_draft_t *draft, const trust_draft_end_t *end, error_t *err) {
    size_t by_name = 0;
    size_t by_key = 0;
    for (int turn = 0; turn < 2; turn++) { /* look first, then change */
        for (size_t i = 0; i < draft->trust.key_count; i++) {
            trust_key_t *key = &draft->keys[i];
            bool named = false;
            if (key->standing != TRUST_ACTIVE || (end->only != 0 && key->use != end->only) ||
                !is_meant(key, end->who, &named)) {
                continue;
            }
            if (turn == 0) {
                by_name += named;
                by_key += !named;
            } else {
                key->standing = end->standing;
                key->until_us = end->at_us > key->from_us ? end->at_us : key->from_us;
                key->reason = end->reason;
            }
        }
        if (by_name + by_key == 0) {
            return error_set(err, ERROR_TRUST_CHOICE, "'%.140s' names no active %s%skey", end->who,
                             end->only != 0 ? trust_use_text(end->only) : "",
                             end->only != 0 ? " " : "");
        }
        if (by_key > 1 || (by_key > 0 && by_name > 0)) {
            return error_set(err, ERROR_TRUST_CHOICE,
                             "'%.140s' names several keys: give more digits", end->who);
        }
    }
    return STATUS_OK;
}

status_t trust_draft_agent(trust_draft_t *draft, const sign_public_t *key, error_t *err) {
    size_t count = draft->trust.revoked_agent_count;
    size_t at = 0;
    while (at < count && memcmp(draft->agents[at].bytes, key->bytes, SIGN_PUBLIC_BYTES) < 0) {
        at++;
    }
    if (at < count && sign_public_equal(&draft->agents[at], key)) {
        return error_set(err, ERROR_TRUST_CHOICE, "this agent's key is revoked already");
    }
    if (count == TRUST_REVOKED_AGENTS) {
        return error_set(err, ERROR_BOUND, "a trust file has at most %d revoked agents",
                         (int)TRUST_REVOKED_AGENTS);
    }
    memmove(&draft->agents[at + 1], &draft->agents[at], (count - at) * sizeof *key);
    draft->agents[at] = *key;
    draft->trust.revoked_agent_count++;
    return STATUS_OK;
}
