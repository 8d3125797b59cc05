/* trust_rules.c: whether a trust file makes sense by itself, whoever signed it. */
#include "common/trust/trust_internal.h"

#include "common/crypto/keytext.h"
#include "common/trust/checks.h"
#include "common/trust/text.h"

#include <sodium.h>
#include <string.h>

static status_t check_text(const trust_t *trust, error_t *err) {
    for (size_t i = 0; i < trust->key_count; i++) {
        const trust_key_t *key = &trust->keys[i];
        bool ok = keytext_name_ok(key->name) && text_plain_ok(key->reason);
        for (size_t j = 0; j < key->grant_count && ok; j++) {
            const trust_grant_t *grant = &key->grants[j];
            ok = text_scope_ok(grant->application) && text_scope_ok(grant->environment) &&
                 text_plain_ok(grant->selector);
        }
        TRUST_REQUIRE(TRUST_TEXT, ok, err,
                      "key %zu of %zu: a name has 1 to %d letters, digits and ._@+-, other text no "
                      "control characters",
                      i + 1, trust->key_count, (int)LIMIT_NAME_BYTES);
    }
    for (size_t i = 0; i < trust->threshold_count; i++) {
        const trust_threshold_t *row = &trust->thresholds[i];
        TRUST_REQUIRE(TRUST_TEXT,
                      text_scope_ok(row->application) && text_scope_ok(row->environment), err,
                      "threshold %zu of %zu: its application or environment is no name", i + 1,
                      trust->threshold_count);
    }
    return STATUS_OK;
}

static status_t check_times(const trust_t *trust, error_t *err) {
    TRUST_REQUIRE(TRUST_TIMES,
                  trust->version >= 1 && trust->issued_us > 0 &&
                      trust->expires_us > trust->issued_us &&
                      trust->expires_us - trust->issued_us <= TRUST_LIFE_US &&
                      trust->undo_grace_us >= 0 && trust->undo_grace_us <= TRUST_GRACE_US,
                  err,
                  "a trust file's version is at least 1, it lasts at most %d days, and its grace "
                  "for undo at most %d",
                  (int)(TRUST_LIFE_US / TRUST_DAY_US), (int)(TRUST_GRACE_US / TRUST_DAY_US));
    return STATUS_OK;
}

static status_t check_key(const trust_key_t *key, error_t *err) {
    bool ended = key->standing != TRUST_ACTIVE;
    TRUST_REQUIRE(TRUST_DATES,
                  key->from_us > 0 && (ended ? key->until_us >= key->from_us : key->until_us == 0),
                  err, "%s's %s key: a key has a beginning, and an end unless it is active",
                  key->name, trust_use_text(key->use));
    bool grants_allowed = key->use == TRUST_RELEASE || key->use == TRUST_OPERATOR;
    for (size_t i = 0; i < key->grant_count; i++) {
        const trust_grant_t *grant = &key->grants[i];
        bool release = grant->role == ROLE_RELEASE;
        /* a bundle is for an application; it knows neither environments nor tenants */
        bool scoped = grant->environment[0] != '\0' || grant->selector[0] != '\0';
        TRUST_REQUIRE(TRUST_GRANT_SUITS,
                      grants_allowed && release == (key->use == TRUST_RELEASE) &&
                          !(release && scoped),
                      err, "%s's %s key cannot have the role %s%s", key->name,
                      trust_use_text(key->use), trust_role_text(grant->role),
                      release && scoped ? " for an environment or selector" : "");
    }
    return STATUS_OK;
}

static status_t check_unique(const trust_t *trust, size_t index, error_t *err) {
    const trust_key_t *key = &trust->keys[index];
    bool has_curve = !sodium_is_zero(key->curve, sizeof key->curve);
    for (size_t i = 0; i < index; i++) {
        const trust_key_t *other = &trust->keys[i];
        TRUST_REQUIRE(TRUST_KEY_UNIQUE, !sign_public_equal(&key->key, &other->key), err,
                      "one key stands there twice, for %s and for %s", other->name, key->name);
        bool same_curve = has_curve && memcmp(key->curve, other->curve, sizeof key->curve) == 0;
        TRUST_REQUIRE(TRUST_CURVE_UNIQUE, !same_curve || text_same_person(key->name, other->name),
                      err, "%s and %s have one transport key", other->name, key->name);
    }
    return STATUS_OK;
}

static bool serves(const trust_key_t *key, const trust_threshold_t *threshold) {
    for (size_t i = 0; i < key->grant_count; i++) {
        const trust_grant_t *grant = &key->grants[i];
        if (grant->role == threshold->role &&
            text_scopes_meet(grant->application, threshold->application) &&
            text_scopes_meet(grant->environment, threshold->environment)) {
            return true;
        }
    }
    return false;
}

/* Active persons who could sign, up to the number wanted; threshold NULL: root keys. */
static uint32_t count_people(const trust_t *trust, const trust_threshold_t *threshold,
                             uint32_t wanted) {
    const char *people[DOCUMENT_SIGNATURES];
    uint32_t count = 0;
    for (size_t i = 0; i < trust->key_count && count < wanted; i++) {
        const trust_key_t *key = &trust->keys[i];
        bool fits = threshold == NULL ? key->use == TRUST_ROOT : serves(key, threshold);
        bool known = false;
        for (uint32_t j = 0; j < count; j++) {
            known = known || text_same_person(people[j], key->name);
        }
        if (key->standing == TRUST_ACTIVE && fits && !known) {
            people[count++] = key->name;
        }
    }
    return count;
}

static status_t check_threshold(const trust_t *trust, const trust_threshold_t *row, uint32_t wanted,
                                error_t *err) {
    const char *what = row == NULL ? "root" : trust_role_text(row->role);
    TRUST_REQUIRE(TRUST_COUNT, wanted >= 1, err, "the threshold for %s is 0: at least one signs",
                  what);
    uint32_t most = wanted < DOCUMENT_SIGNATURES ? wanted : DOCUMENT_SIGNATURES;
    uint32_t people = count_people(trust, row, most);
    TRUST_REQUIRE(TRUST_REACHABLE, people >= wanted, err,
                  "the threshold for %s is %u, but only %u people with active keys can sign", what,
                  wanted, people);
    return STATUS_OK;
}

status_t trust_check_rules(const trust_t *trust, error_t *err) {
    if (ident_is_null(&trust->fleet)) {
        return error_set(err, ERROR_TRUST_RULES, "the fleet's id is all zeros: draw one at random");
    }
    TRY(check_text(trust, err));
    TRY(check_times(trust, err));
    for (size_t i = 0; i < trust->key_count; i++) {
        TRY(check_key(&trust->keys[i], err));
        TRY(check_unique(trust, i, err));
    }
    for (size_t i = 1; i < trust->revoked_agent_count; i++) {
        TRUST_REQUIRE(TRUST_AGENTS_ASCEND,
                      memcmp(trust->revoked_agents[i - 1].bytes, trust->revoked_agents[i].bytes,
                             SIGN_PUBLIC_BYTES) < 0,
                      err, "the revoked agents do not ascend by key");
    }
    TRY(check_threshold(trust, NULL, trust->root_threshold, err));
    for (size_t i = 0; i < trust->threshold_count; i++) {
        TRY(check_threshold(trust, &trust->thresholds[i], trust->thresholds[i].count, err));
    }
    return STATUS_OK;
}
