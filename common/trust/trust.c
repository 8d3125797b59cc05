/* trust.c: see trust.h. The chain of trust files, and who a key is. */
#include "common/trust/trust.h"

#include "common/trust/card.h"
#include "common/trust/checks.h"
#include "common/trust/tally.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

static const char *const USES[TRUST_USE_END] = {
    [TRUST_ROOT] = "root",
    [TRUST_RELEASE] = "release",
    [TRUST_OPERATOR] = "operator",
    [TRUST_COORDINATOR] = "coordinator",
};

static const char *const STANDINGS[TRUST_STANDING_END] = {
    [TRUST_ACTIVE] = "active",
    [TRUST_RETIRED] = "retired",
    [TRUST_REVOKED] = "revoked",
};

static const char *const ROLES[ROLE_END] = {
    [ROLE_VIEWER] = "viewer", [ROLE_OPERATOR] = "operator", [ROLE_APPROVER] = "approver",
    [ROLE_ADMIN] = "admin",   [ROLE_ROLLBACK] = "rollback", [ROLE_RELEASE] = "release",
};

const char *trust_use_text(trust_use_t use) {
    INVARIANT(use >= TRUST_ROOT && use < TRUST_USE_END);
    return USES[use];
}

const char *trust_standing_text(trust_standing_t standing) {
    INVARIANT(standing >= TRUST_ACTIVE && standing < TRUST_STANDING_END);
    return STANDINGS[standing];
}

const char *trust_role_text(trust_role_t role) {
    INVARIANT(role >= ROLE_VIEWER && role < ROLE_END);
    return ROLES[role];
}

status_t trust_use_parse(const char *text, trust_use_t *ret_use, error_t *err) {
    for (int use = TRUST_ROOT; use < TRUST_USE_END; use++) {
        if (strcmp(USES[use], text) == 0) {
            *ret_use = (trust_use_t)use;
            return STATUS_OK;
        }
    }
    return error_set(err, ERROR_INVALID,
                     "'%.40s' is no use of a key: root, release, operator or coordinator", text);
}

status_t trust_role_parse(const char *text, trust_role_t *ret_role, error_t *err) {
    for (int role = ROLE_VIEWER; role < ROLE_END; role++) {
        if (strcmp(ROLES[role], text) == 0) {
            *ret_role = (trust_role_t)role;
            return STATUS_OK;
        }
    }
    return error_set(err, ERROR_INVALID,
                     "'%.40s' is no role: viewer, operator, approver, admin, rollback or release",
                     text);
}

/* --- the chain ------------------------------------------------------------------------------- */

static status_t check_own_roots(const trust_t *trust, const document_t *document, error_t *err) {
    tally_roots_t roots = {.trust = trust, .document = document};
    size_t count = tally_count_roots(&roots);
    TRUST_REQUIRE(OWN_ROOTS, count >= trust->root_threshold, err,
                  "trust file %" PRId64 ": %zu of its %u root signatures", trust->version, count,
                  trust->root_threshold);
    return STATUS_OK;
}

status_t trust_pin(const document_t *document, trust_t **ret_trust, error_t *err) {
    CLEANUP(trust_destroy_p) trust_t *trust = NULL;
    TRY(trust_read(document, &trust, err));
    TRY(check_own_roots(trust, document, err));
    *ret_trust = TAKE(trust);
    return STATUS_OK;
}

status_t trust_follow(const trust_step_t *step, trust_t **ret_trust, error_t *err) {
    const trust_t *current = step->current;
    /* before a byte of the body is parsed */
    tally_roots_t roots = {.trust = current, .document = step->next};
    size_t count = tally_count_roots(&roots);
    TRUST_REQUIRE(OLD_ROOTS, count >= current->root_threshold, err,
                  "a trust file after %" PRId64 ": %zu of its %u root signatures", current->version,
                  count, current->root_threshold);
    CLEANUP(trust_destroy_p) trust_t *next = NULL;
    TRY(trust_read(step->next, &next, err));
    TRUST_REQUIRE(FLEET_TRUST, ident_equal(&next->fleet, &current->fleet), err,
                  "trust file %" PRId64 " is of another fleet", next->version);
    TRUST_REQUIRE(NEXT_VERSION, next->version == current->version + 1, err,
                  "trust file %" PRId64 " does not follow %" PRId64, next->version,
                  current->version);
    TRUST_REQUIRE(ISSUED_AFTER, next->issued_us >= current->issued_us, err,
                  "trust file %" PRId64 " was issued before the one it follows", next->version);
    TRUST_REQUIRE(ISSUED_PAST, next->issued_us <= step->now_us + TRUST_SKEW_US, err,
                  "trust file %" PRId64 " says that it was issued in the future", next->version);
    TRY(check_own_roots(next, step->next, err));
    *ret_trust = TAKE(next);
    return STATUS_OK;
}

status_t trust_check_seen(const trust_t *trust, const trust_seen_t *seen, error_t *err) {
    TRUST_REQUIRE(OLDER_VERSION, trust->version >= seen->version, err,
                  "trust file %" PRId64 " after %" PRId64 " was seen", trust->version,
                  seen->version);
    TRUST_REQUIRE(SAME_VERSION,
                  trust->version != seen->version || digest_equal(&trust->digest, &seen->digest),
                  err, "another trust file %" PRId64 " was seen before", trust->version);
    return STATUS_OK;
}

trust_freshness_t trust_freshness(const trust_view_t *view) {
    int64_t expires_us = view->trust->expires_us;
    if (view->now_us > expires_us + TRUST_SKEW_US) {
        return TRUST_EXPIRED;
    }
    return view->now_us >= expires_us - TRUST_WARNING_US ? TRUST_WARNING : TRUST_FRESH;
}

/* --- who a key is ---------------------------------------------------------------------------- */

const trust_key_t *trust_find(const trust_t *trust, const sign_public_t *key) {
    for (size_t i = 0; i < trust->key_count; i++) {
        if (TRUST_CHECK(KEY_KNOWN, sign_public_equal(&trust->keys[i].key, key))) {
            return &trust->keys[i];
        }
    }
    return NULL;
}

bool trust_is_active(const trust_view_t *view, const trust_key_t *key) {
    return key->standing == TRUST_ACTIVE && key->from_us <= view->now_us + TRUST_SKEW_US &&
           (view->revoked == NULL || !revoked_has(view->revoked, &key->key));
}

const trust_key_t *trust_find_curve(const trust_view_t *view, const uint8_t curve[32]) {
    if (sodium_is_zero(curve, 32)) {
        return NULL;
    }
    for (size_t i = 0; i < view->trust->key_count; i++) {
        const trust_key_t *key = &view->trust->keys[i];
        if (memcmp(key->curve, curve, sizeof key->curve) == 0 &&
            TRUST_CHECK(CURVE_ACTIVE, trust_is_active(view, key))) {
            return key;
        }
    }
    return NULL;
}

trust_standing_t trust_standing_at(const trust_key_t *key, int64_t at_us, bool *ret_known) {
    *ret_known = at_us >= key->from_us;
    return key->standing == TRUST_ACTIVE || at_us < key->until_us ? TRUST_ACTIVE : key->standing;
}

status_t trust_coordinator(const trust_view_t *view, const sign_public_t *key, error_t *err) {
    const trust_key_t *row = trust_find(view->trust, key);
    if (row == NULL) {
        char text[DIGEST_TEXT_SIZE];
        return error_set(err, ERROR_TRUST_KEY, "key %s is in no trust file",
                         hex_text(key->bytes, 8, text));
    }
    TRUST_REQUIRE(COORDINATOR_USE, row->use == TRUST_COORDINATOR, err,
                  "%s's %s key cannot sign jobs: a coordinator's does", row->name,
                  trust_use_text(row->use));
    TRUST_REQUIRE(COORDINATOR_ACTIVE, trust_is_active(view, row), err,
                  "the coordinator key of %s is %s, taken out or has not begun", row->name,
                  trust_standing_text(row->standing));
    return STATUS_OK;
}

bool trust_is_revoked(const trust_view_t *view, const sign_public_t *key) {
    revoked_t listed = {
        /* only read */
        .keys = (sign_public_t *)(uintptr_t)view->trust->revoked_agents,
        .count = view->trust->revoked_agent_count,
    };
    return revoked_has(&listed, key) || (view->revoked != NULL && revoked_has(view->revoked, key));
}
