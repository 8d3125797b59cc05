/* order_verify.c: whether an order holds, and what it permits on one tenant. */
#include "common/trust/order_internal.h"

#include "common/trust/checks.h"

#include <inttypes.h>
#include <string.h>

/* What takes a tenant back; left while an expired trust file's grace lasts. */
static const unsigned BACKWARD = ACTION_UNDO | ACTION_RESTORE | ACTION_LOOK;
/* What leaves a tenant at another version than before. */
static const unsigned CHANGES = ACTION_FORWARD | ACTION_UNDO | ACTION_RESTORE | ACTION_BASELINE;

static status_t check_time(const order_authority_t *authority, error_t *err) {
    const trust_view_t *view = &authority->view;
    const order_t *order = authority->order;
    const trust_t *trust = view->trust;
    TRUST_REQUIRE(ORDER_BEGUN, order->not_before_us <= view->now_us + TRUST_SKEW_US, err,
                  "the order has not begun");
    TRUST_REQUIRE(ORDER_NOT_ENDED, view->now_us <= order->expires_us + TRUST_SKEW_US, err,
                  "the order has ended");
    TRUST_REQUIRE(ORDER_TRUST_KNOWN, trust->version >= order->trust_version, err,
                  "the order was signed under trust file %" PRId64 ", this is %" PRId64,
                  order->trust_version, trust->version);
    if (authority->expired) {
        TRUST_REQUIRE(FRESH_GRACE,
                      view->now_us <= trust->expires_us + trust->undo_grace_us + TRUST_SKEW_US, err,
                      "trust file %" PRId64 " has expired, and its grace is over", trust->version);
        TRUST_REQUIRE(FRESH_FOR_NEW, authority->accepted || order_rule(order->kind)->stops, err,
                      "trust file %" PRId64 " has expired: nothing new is accepted under it",
                      trust->version);
    }
    return STATUS_OK;
}

static tally_question_t question_of(const order_authority_t *authority, trust_role_t role) {
    const order_t *order = authority->order;
    return (tally_question_t){
        .role = role,
        .application = order->application,
        .environment = order->environment,
        .signers = order->signers,
        .signer_count = order->signer_count,
        .proposer = &order->proposer,
        /* of an approval, the one left out proposed the order that it approves: see ticket.c */
        .left_out = order->kind == ORDER_APPROVE_WAVE ? NULL : &order->proposer,
        .signed_us = authority->accepted ? order->issued_us : TALLY_ACTIVE_ONLY,
    };
}

/* The first of the kind's roles whose threshold is reached; else the first one's error. */
static status_t check_signers(order_authority_t *authority, error_t *err) {
    const order_rule_t *rule = order_rule(authority->order->kind);
    error_t second;
    for (size_t i = 0; i < 2 && rule->roles[i] != 0; i++) {
        tally_question_t question = question_of(authority, rule->roles[i]);
        if (tally_reach(&authority->view, &question, &authority->tally, i == 0 ? err : &second) ==
            STATUS_OK) {
            authority->role = rule->roles[i];
            return STATUS_OK;
        }
    }
    return error_context(err, "verifying an order of kind %s", rule->text);
}

/* How many signatures are missing. */
static size_t lacks(const tally_t *tally) {
    return tally->needed > tally->count ? tally->needed - tally->count : 0;
}

order_count_t order_count(const trust_view_t *view, const order_t *order, const order_t *approved) {
    const order_rule_t *rule = order_rule(order->kind);
    order_authority_t authority = {.order = order};
    order_count_t best = {0};
    for (size_t i = 0; i < 2 && rule->roles[i] != 0; i++) {
        tally_question_t question = question_of(&authority, rule->roles[i]);
        question.left_out = approved != NULL ? &approved->proposer : question.left_out;
        tally_t tally = tally_count(view, &question);
        if (tally.needed > 0 && (best.role == 0 || lacks(&tally) < lacks(&best.tally))) {
            best = (order_count_t){.role = rule->roles[i], .tally = tally};
        }
    }
    return best;
}

status_t order_verify(const trust_view_t *view, const order_t *order, bool accepted,
                      order_authority_t *ret_authority, error_t *err) {
    order_authority_t authority = {
        .view = *view,
        .order = order,
        .permits = order_rule(order->kind)->permits | (order->undo_authorized ? ACTION_UNDO : 0U),
        .accepted = accepted,
        .expired = trust_freshness(view) == TRUST_EXPIRED,
    };
    TRUST_REQUIRE(FLEET_ORDER, ident_equal(&order->fleet, &view->trust->fleet), err,
                  "the order is for another fleet");
    TRY(check_time(&authority, err));
    TRY(check_signers(&authority, err));
    *ret_authority = authority;
    return STATUS_OK;
}

status_t order_open(const trust_view_t *view, const order_source_t *source, order_t **ret_order,
                    order_authority_t *ret_authority, error_t *err) {
    CLEANUP(order_destroy_p) order_t *order = NULL;
    TRY(tally_knows(view, source->document, err));
    TRY(order_read(source->document, &order, err));
    TRY(order_verify(view, order, source->accepted, ret_authority, err));
    *ret_order = TAKE(order);
    return STATUS_OK;
}

/* --- one tenant ------------------------------------------------------------------------------ */

static status_t check_permission(const order_authority_t *authority, const order_deed_t *deed,
                                 error_t *err) {
    const order_t *order = authority->order;
    TRUST_REQUIRE(FRESH_FOR_FORWARD, !authority->expired || (deed->action & BACKWARD) != 0, err,
                  "trust file %" PRId64 " has expired: only the way back is left",
                  authority->view.trust->version);
    TRUST_REQUIRE(PERMITS, (authority->permits & deed->action) != 0, err,
                  "an order of kind %s does not permit this", order_kind_text(order->kind));
    TRUST_REQUIRE(PLACE_ENVIRONMENT, strcmp(order->environment, deed->environment) == 0, err,
                  "the order is for environment '%s', this is '%s'", order->environment,
                  deed->environment);
    return STATUS_OK;
}

/* Whether the leaf stands in its wave. A wave that the order lacks stands for the last one where
 * that check was taken out, so that nothing is read past the end. */
static status_t check_proof(const order_authority_t *authority, proof_t *proof, error_t *err) {
    const order_t *order = authority->order;
    TRUST_REQUIRE(PROOF_WAVE, proof->wave < order->wave_count, err,
                  "a proof in wave %u of an order of %zu", proof->wave + 1, order->wave_count);
    if (order->wave_count == 0) {
        return error_set(err, ERROR_ORDER_PROOF, "a proof in an order without tenants");
    }
    uint32_t last = (uint32_t)order->wave_count - 1;
    const order_wave_t *wave = &order->waves[proof->wave < last ? proof->wave : last];
    leaves_t leaves = {
        .application = order->application,
        .wave = (uint32_t)(wave - order->waves),
    };
    proof->path.count = wave->count;
    digest_t item = leaf_digest(&leaves, &proof->leaf);
    TRUST_REQUIRE(PROOF_PATH, merkle_verify(&wave->root, &item, &proof->path), err,
                  "the order does not name this tenant with number %" PRId64
                  " from position %u to %u in wave %u",
                  proof->leaf.number, proof->leaf.from_position, proof->leaf.to_position,
                  proof->wave + 1);
    return STATUS_OK;
}

/* What a standing order's job claims of its tenant: nobody signed it, so that it must be the one
 * leaf that there can be. The agent's own view of the tenant decides whether it is meant; what the
 * order moved it may take back, even where the tenant does not match any more. */
static status_t check_claim(const order_authority_t *authority, const order_deed_t *deed,
                            proof_t *proof, error_t *err) {
    const order_t *order = authority->order;
    CLEANUP(selector_destroy_p) selector_t *selector = NULL;
    proof->path.count = 0;
    TRUST_REQUIRE(PROOF_WAVE, proof->wave == 0, err, "wave %u of a standing order, which has none",
                  proof->wave + 1);
    TRUST_REQUIRE(PROOF_PATH, proof->path.size == 0, err,
                  "a way to a root, and a standing order has none");
    TRUST_REQUIRE(STANDING_NUMBER, proof->leaf.number == order->issued_us, err,
                  "number %" PRId64 " under a standing order of number %" PRId64,
                  proof->leaf.number, order->issued_us);
    if (deed->action == ACTION_UNDO) {
        TRUST_REQUIRE(STANDING_UNDO, digest_equal(&deed->accepted.moved_order, &order->digest), err,
                      "the standing order is not what moved this tenant last");
        return STATUS_OK;
    }
    TRY(selector_parse(order->standing, NULL, &selector, err));
    TRUST_REQUIRE(STANDING_TENANT, selector_matches(selector, deed->labels), err,
                  "tenant %s does not match the standing order's selector %s",
                  deed->labels->name != NULL ? deed->labels->name : "?", order->standing);
    return STATUS_OK;
}

static status_t check_leaf(const order_authority_t *authority, const order_deed_t *deed,
                           const leaf_t *leaf, error_t *err) {
    const order_t *order = authority->order;
    bool rollout = order->kind == ORDER_ROLLOUT;
    TRUST_REQUIRE(LEAF_TENANT, ident_equal(&leaf->tenant, &deed->tenant), err,
                  "the proof is another tenant's");
    TRUST_REQUIRE(LEAF_CLUSTER, leaf->cluster == 0 || leaf->cluster == deed->cluster, err,
                  "the order names the tenant on cluster %" PRIu64 ", this is %" PRIu64,
                  leaf->cluster, deed->cluster);
    TRUST_REQUIRE(LEAF_TARGET, !rollout || leaf->to_position == order->target_position, err,
                  "the order is for position %u, this tenant's leaf for %u", order->target_position,
                  leaf->to_position);
    bool back = order->kind == ORDER_ROLLBACK; /* a backup may stand further on than its tenant */
    TRUST_REQUIRE(LEAF_DIRECTION,
                  !(back && leaf->to_position > leaf->from_position) &&
                      !(rollout && leaf->to_position < leaf->from_position),
                  err, "an order of kind %s does not lead from position %u to %u",
                  order_kind_text(order->kind), leaf->from_position, leaf->to_position);
    uint32_t target =
        rollout && deed->action == ACTION_UNDO ? leaf->from_position : leaf->to_position;
    TRUST_REQUIRE(DEED_TARGET, (deed->action & CHANGES) == 0 || deed->target_position == target,
                  err, "the order leads this tenant to position %u, the job to %u", target,
                  deed->target_position);
    bool uses_backup = (deed->action & (ACTION_RESTORE | ACTION_BACKUP)) != 0;
    char signed_text[IDENT_TEXT_SIZE];
    char deed_text[IDENT_TEXT_SIZE];
    TRUST_REQUIRE(DEED_REFERENCE, !uses_backup || ident_equal(&leaf->reference, &deed->reference),
                  err, "the order names backup %s for this tenant, the job %s",
                  ident_text(&leaf->reference, signed_text),
                  ident_text(&deed->reference, deed_text));
    return STATUS_OK;
}

static status_t check_turn(const order_authority_t *authority, const order_deed_t *deed,
                           const proof_t *proof, error_t *err) {
    const order_t *order = authority->order;
    bool own_undo = order->kind == ORDER_ROLLOUT && deed->action == ACTION_UNDO;
    bool waits = proof->wave > 0 && deed->action != ACTION_LOOK && !own_undo;
    TRUST_REQUIRE(WAVE_OPEN, !waits || deed->open_wave == proof->wave, err,
                  "wave %u has not been opened by a ticket", proof->wave + 1);
    if ((deed->action & CHANGES) == 0) {
        return STATUS_OK;
    }
    bool standing = order_is_standing(order);
    int64_t number = proof->leaf.number;
    int64_t highest = standing ? deed->accepted.moved : deed->accepted.number;
    TRUST_REQUIRE(NUMBER_HIGHEST, number >= 1 && number >= highest, err,
                  "order number %" PRId64 " after %" PRId64 " was accepted for this tenant", number,
                  highest);
    /* an order has begun, so that its own time is no later than now */
    TRUST_REQUIRE(NUMBER_NOT_AHEAD, number <= order->issued_us, err,
                  "order number %" PRId64 " is ahead of the order's own time, %" PRId64, number,
                  order->issued_us);
    TRUST_REQUIRE(
        NUMBER_ONE_ORDER,
        (number != deed->accepted.number || digest_equal(&deed->accepted.order, &order->digest)) &&
            (number != deed->accepted.moved ||
             digest_equal(&deed->accepted.moved_order, &order->digest)),
        err, "another order of number %" PRId64 " was accepted for this tenant", number);
    return STATUS_OK;
}

status_t order_admits(const order_authority_t *authority, const order_deed_t *deed, proof_t *proof,
                      error_t *err) {
    INVARIANT(deed->labels != NULL);
    TRY(check_permission(authority, deed, err));
    TRY(order_is_standing(authority->order) ? check_claim(authority, deed, proof, err)
                                            : check_proof(authority, proof, err));
    TRY(check_leaf(authority, deed, &proof->leaf, err));
    TRY(check_turn(authority, deed, proof, err));
    tally_question_t question = question_of(authority, authority->role);
    question.tenant = deed->labels;
    tally_t tally;
    return tally_reach(&authority->view, &question, &tally, err);
}

status_t order_taken_back(const order_authority_t *take_back, const order_t *order,
                          const selector_subject_t *labels, error_t *err) {
    const order_t *said = take_back->order;
    TRUST_REQUIRE(TAKE_BACK_KIND, said->kind == ORDER_TAKE_BACK && order->kind == ORDER_ROLLOUT,
                  err, "an order of kind %s does not take back one of kind %s",
                  order_kind_text(said->kind), order_kind_text(order->kind));
    TRUST_REQUIRE(TAKE_BACK_ORDER, digest_equal(&said->subject, &order->digest), err,
                  "the take-back is of another order");
    TRUST_REQUIRE(TAKE_BACK_SCOPE,
                  strcmp(said->application, order->application) == 0 &&
                      strcmp(said->environment, order->environment) == 0,
                  err, "the take-back is for application '%s', environment '%s'", said->application,
                  said->environment);
    tally_question_t question = question_of(take_back, take_back->role);
    question.tenant = labels;
    tally_t tally;
    return tally_reach(&take_back->view, &question, &tally, err);
}

/* --- the bundle ------------------------------------------------------------------------------ */

status_t release_verify(const trust_view_t *view, const release_claim_t *claim, bool forward,
                        error_t *err) {
    tally_question_t question = {
        .role = ROLE_RELEASE,
        .application = claim->application,
        .environment = "",
        .signers = claim->signers,
        .signer_count = claim->signer_count,
        .signed_us = forward ? TALLY_ACTIVE_ONLY : TALLY_ANY_DATE,
    };
    tally_t tally;
    if (tally_reach(view, &question, &tally, err) != STATUS_OK) {
        return error_context(err, "verifying a bundle of application %s", claim->application);
    }
    return STATUS_OK;
}

status_t order_takes_bundle(const order_authority_t *authority, const release_claim_t *claim,
                            error_t *err) {
    const order_t *order = authority->order;
    char wanted[DIGEST_TEXT_SIZE];
    char found[DIGEST_TEXT_SIZE];
    TRUST_REQUIRE(ORDER_BUNDLE, digest_equal(&order->bundle, &claim->digest), err,
                  "the order is for bundle %.12s, this is %.12s",
                  digest_text(&order->bundle, wanted), digest_text(&claim->digest, found));
    TRUST_REQUIRE(BUNDLE_APPLICATION, strcmp(order->application, claim->application) == 0, err,
                  "the order is for application %s, the bundle for %s", order->application,
                  claim->application);
    bool forward = (order_rule(order->kind)->permits & CHANGES & ~BACKWARD) != 0;
    return release_verify(&authority->view, claim, forward && !authority->accepted, err);
}
