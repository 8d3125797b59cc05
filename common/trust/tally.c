/* tally.c: see tally.h. */
#include "common/trust/tally.h"

#include "common/trust/card.h"
#include "common/trust/checks.h"
#include "common/trust/text.h"

#include <stdio.h>
#include <string.h>

/* NULL where a key may sign, else why it may not. */
static const char *why_not(const trust_view_t *view, const trust_key_t *key, int64_t signed_us) {
    if (!TRUST_CHECK(KEY_BEGUN, key->from_us <= view->now_us + TRUST_SKEW_US)) {
        return "key has not begun";
    }
    if (!TRUST_CHECK(KEY_NOT_REVOKED, key->standing != TRUST_REVOKED)) {
        return "key is revoked";
    }
    if (!TRUST_CHECK(KEY_NOT_TAKEN_OUT,
                     view->revoked == NULL || !revoked_has(view->revoked, &key->key))) {
        return "key was taken out";
    }
    if (!TRUST_CHECK(KEY_NOT_RETIRED,
                     key->standing != TRUST_RETIRED || signed_us < key->until_us)) {
        return "key is retired";
    }
    return NULL;
}

static bool is_granted(const trust_key_t *key, const tally_question_t *question) {
    for (size_t i = 0; i < key->grant_count; i++) {
        const trust_grant_t *grant = &key->grants[i];
        bool selected = question->tenant == NULL || grant->parsed == NULL ||
                        selector_matches(grant->parsed, question->tenant);
        if (TRUST_CHECK(GRANT_ROLE, grant->role == question->role) &&
            TRUST_CHECK(GRANT_APPLICATION,
                        text_scope_covers(grant->application, question->application)) &&
            TRUST_CHECK(GRANT_ENVIRONMENT,
                        text_scope_covers(grant->environment, question->environment)) &&
            TRUST_CHECK(GRANT_SELECTOR, selected)) {
            return true;
        }
    }
    return false;
}

static bool has_person(const tally_t *tally, const char *name) {
    for (size_t i = 0; i < tally->count; i++) {
        if (text_same_person(tally->counted[i]->name, name)) {
            return true;
        }
    }
    return false;
}

typedef struct rule {
    uint32_t needed; /* 0: no threshold fits */
    bool proposer_counts;
} rule_t;

/* The strictest of the thresholds that fit. */
static rule_t rule_for(const trust_t *trust, const tally_question_t *question) {
    rule_t rule = {.needed = 0, .proposer_counts = true};
    for (size_t i = 0; i < trust->threshold_count; i++) {
        const trust_threshold_t *row = &trust->thresholds[i];
        if (row->role != question->role ||
            !text_scope_covers(row->application, question->application) ||
            !text_scope_covers(row->environment, question->environment)) {
            continue;
        }
        if (rule.needed == 0 || !TRUST_CHECK(THRESHOLD_STRICTEST, row->count <= rule.needed)) {
            rule.needed = row->count;
        }
        rule.proposer_counts = rule.proposer_counts && row->proposer_counts;
    }
    return rule;
}

/* What is known of the signers while they are gone through. */
typedef struct count {
    tally_t tally;
    char reasons[ERROR_FIELD_MAX]; /* why others did not count, for the message */
} count_t;

static void note(count_t *count, const sign_public_t *key, const trust_key_t *row,
                 const char *why) {
    char text[DIGEST_TEXT_SIZE];
    size_t used = strlen(count->reasons);
    (void)snprintf(count->reasons + used, sizeof count->reasons - used, "%s%s: %s",
                   used == 0 ? "; " : ", ", row == NULL ? hex_text(key->bytes, 8, text) : row->name,
                   why);
}

static void count_signer(const trust_view_t *view, const tally_question_t *question,
                         const sign_public_t *key, const char *left_out, count_t *count) {
    const trust_key_t *row = trust_find(view->trust, key);
    const char *why = row == NULL ? "unknown key" : why_not(view, row, question->signed_us);
    if (why == NULL && !is_granted(row, question)) {
        why = "has not that role and scope";
    }
    if (why != NULL) {
        note(count, key, row, why);
        return;
    }
    bool proposes = question->proposer != NULL && sign_public_equal(key, question->proposer);
    count->tally.proposer_signed = count->tally.proposer_signed || proposes;
    if (!TRUST_CHECK(PROPOSER_APART, left_out == NULL || !text_same_person(left_out, row->name))) {
        note(count, key, row, "proposed it");
    } else if (!TRUST_CHECK(PERSON_ONCE, !has_person(&count->tally, row->name))) {
        note(count, key, row, "signed already");
    } else {
        count->tally.counted[count->tally.count++] = row;
    }
}

/* The person whose own approval does not count; NULL: there is none. */
static const char *person_left_out(const trust_t *trust, const tally_question_t *question,
                                   const rule_t *rule) {
    if (question->left_out == NULL || rule->proposer_counts) {
        return NULL;
    }
    const trust_key_t *row = trust_find(trust, question->left_out);
    return row == NULL ? NULL : row->name;
}

static void count_all(const trust_view_t *view, const tally_question_t *question, count_t *count) {
    INVARIANT(question->signer_count <= DOCUMENT_SIGNATURES);
    rule_t rule = rule_for(view->trust, question);
    const char *left_out = person_left_out(view->trust, question, &rule);
    *count = (count_t){.tally = {.needed = rule.needed}};
    for (size_t i = 0; i < question->signer_count; i++) {
        count_signer(view, question, &question->signers[i], left_out, count);
    }
}

tally_t tally_count(const trust_view_t *view, const tally_question_t *question) {
    count_t count;
    count_all(view, question, &count);
    return count.tally;
}

status_t tally_reach(const trust_view_t *view, const tally_question_t *question, tally_t *ret_tally,
                     error_t *err) {
    count_t count;
    count_all(view, question, &count);
    const tally_t *tally = &count.tally;
    const char *role = trust_role_text(question->role);
    TRUST_REQUIRE(THRESHOLD_STATED, tally->needed > 0, err,
                  "the trust file has no threshold for %s of application '%s', environment '%s'",
                  role, question->application, question->environment);
    TRUST_REQUIRE(PROPOSER_SIGNED, question->proposer == NULL || tally->proposer_signed, err,
                  "who proposed it has not signed it as %s%s", role, count.reasons);
    TRUST_REQUIRE(THRESHOLD_REACHED, tally->count >= tally->needed, err,
                  "%zu of %u signatures as %s%s", tally->count, tally->needed, role, count.reasons);
    *ret_tally = *tally;
    return STATUS_OK;
}

status_t tally_admins(const trust_view_t *view, const document_t *document, int64_t signed_us,
                      error_t *err) {
    tally_question_t question = {
        .role = ROLE_ADMIN,
        .application = "",
        .environment = "",
        .signers = document->keys,
        .signer_count = document->signature_count,
        .signed_us = signed_us,
    };
    tally_t tally;
    return tally_reach(view, &question, &tally, err);
}

unsigned tally_grants(const trust_view_t *view, const sign_public_t *key,
                      const tally_scope_t *scope) {
    const trust_key_t *row = trust_find(view->trust, key);
    if (row == NULL || why_not(view, row, TALLY_ACTIVE_ONLY) != NULL) {
        return 0;
    }
    unsigned roles = 0;
    for (size_t i = 0; i < row->grant_count; i++) {
        const trust_grant_t *grant = &row->grants[i];
        if (TRUST_CHECK(GRANT_APPLICATION,
                        text_scopes_meet(grant->application, scope->application)) &&
            TRUST_CHECK(GRANT_ENVIRONMENT,
                        text_scopes_meet(grant->environment, scope->environment))) {
            roles |= 1U << grant->role;
        }
    }
    return roles;
}

status_t tally_knows(const trust_view_t *view, const document_t *document, error_t *err) {
    if (document->signature_count == 0) {
        return error_set(err, ERROR_TRUST_THRESHOLD, "nobody has signed this %s yet",
                         document_kind_text(document->kind));
    }
    for (size_t i = 0; i < document->signature_count; i++) {
        if (trust_find(view->trust, &document->keys[i]) != NULL) {
            return STATUS_OK;
        }
    }
    char text[DIGEST_TEXT_SIZE];
    return error_set(err, ERROR_TRUST_THRESHOLD, "this %s is signed by strangers only: key %s",
                     document_kind_text(document->kind),
                     hex_text(document->keys[0].bytes, 8, text));
}

size_t tally_count_roots(const tally_roots_t *roots) {
    tally_t tally = {0};
    for (size_t i = 0; i < roots->document->signature_count; i++) {
        const trust_key_t *row = trust_find(roots->trust, &roots->document->keys[i]);
        if (row != NULL && TRUST_CHECK(ROOT_USE, row->use == TRUST_ROOT) &&
            TRUST_CHECK(ROOT_ACTIVE, row->standing == TRUST_ACTIVE) &&
            TRUST_CHECK(ROOT_PERSON, !has_person(&tally, row->name))) {
            tally.counted[tally.count++] = row;
        }
    }
    return tally.count;
}
