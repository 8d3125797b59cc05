/*
 * orders_count.c: whose signature counts, and who may ask. See orders.h.
 *
 * The verdict is order_verify's alone. What is counted here is told to people: how many are missing
 * and whose are there; it decides nothing but whether an order that is short may wait for more.
 */
#include "coordinator/service/orders.h"
#include "coordinator/trust/keeper.h"

static trust_view_t view_of(const call_t *call) {
    return keeper_view(call->service->options.keeper, call->question->now_us);
}

/* --- who may ask ----------------------------------------------------------------------------- */

/* "operator or rollback" */
static void name_roles(unsigned roles, buffer_t *out) {
    const char *between = "";
    for (trust_role_t role = ROLE_VIEWER; role < ROLE_END; role++) {
        if ((roles & (1U << role)) != 0) {
            buffer_format(out, "%s%s", between, trust_role_text(role));
            between = " or ";
        }
    }
}

static status_t refuse(const call_t *call, unsigned roles, const char *application, error_t *err) {
    CLEANUP(buffer_free) buffer_t names = {0};
    const char *environment = keeper_environment(call->service->options.keeper);
    bool scoped = application[0] != '\0';
    name_roles(roles, &names);
    TRY(buffer_check(&names, err));
    return error_set(err, ERROR_TRUST_KEY, "%s needs the role %s%s%s%s%s%s, which this key has not",
                     call->question->verb, buffer_string(&names), scoped ? " for application " : "",
                     application, environment[0] != '\0' ? " in environment " : "", environment,
                     call->known ? "" : " (no key of the trust file)");
}

status_t orders_allow(const call_t *call, unsigned roles, const char *application, error_t *err) {
    trust_view_t view = view_of(call);
    tally_scope_t scope = {.application = application,
                           .environment = keeper_environment(call->service->options.keeper)};
    if (call->known && (tally_grants(&view, &call->asker, &scope) & roles) != 0) {
        return STATUS_OK;
    }
    return refuse(call, roles, application, err);
}

/* --- who signed ------------------------------------------------------------------------------ */

static tally_question_t question_of(const order_t *order, trust_role_t role) {
    return (tally_question_t){.role = role,
                              .application = order->application,
                              .environment = order->environment,
                              .signers = order->signers,
                              .signer_count = order->signer_count,
                              .proposer = &order->proposer,
                              .left_out = &order->proposer,
                              .signed_us = TALLY_ACTIVE_ONLY};
}

static size_t lacks(const tally_t *tally) {
    return tally->needed > tally->count ? tally->needed - tally->count : 0;
}

/* Whether a is nearer to its end than b: no role ends without the proposer, and at one distance who
 * has signed decides. */
static bool is_nearer(const tally_t *a, const tally_t *b) {
    if (b->needed == 0 || a->proposer_signed != b->proposer_signed) {
        return b->needed == 0 || a->proposer_signed;
    }
    return lacks(a) < lacks(b) || (lacks(a) == lacks(b) && a->count > b->count);
}

/* By the role of its kind's that lacks the fewest. */
static tally_t tally_of(const trust_view_t *view, const order_t *order, const order_t *subject) {
    tally_t best = {0};
    unsigned roles = order_kind_roles(order->kind);
    for (trust_role_t role = ROLE_VIEWER; role < ROLE_END; role++) {
        tally_question_t question = question_of(order, role);
        question.left_out = subject != NULL ? &subject->proposer : question.left_out;
        if ((roles & (1U << role)) != 0) {
            tally_t tally = tally_count(view, &question);
            best = tally.needed > 0 && is_nearer(&tally, &best) ? tally : best;
        }
    }
    return best;
}

static orders_signatures_t signatures_of(const tally_t *tally) {
    orders_signatures_t found = {.needed = tally->needed, .have = (uint32_t)tally->count};
    for (size_t i = 0; i < tally->count; i++) {
        found.by[i] = tally->counted[i]->name;
    }
    found.reached = found.needed > 0 && found.have >= found.needed;
    return found;
}

orders_signatures_t orders_count(const call_t *call, const order_t *order, const order_t *subject) {
    trust_view_t view = view_of(call);
    tally_t tally = tally_of(&view, order, subject);
    return signatures_of(&tally);
}

status_t orders_verify(const call_t *call, const order_t *order,
                       orders_signatures_t *ret_signatures, error_t *err) {
    trust_view_t view = view_of(call);
    order_authority_t authority;
    error_t why = {0};
    if (order_verify(&view, order, false, &authority, &why) == STATUS_OK) {
        *ret_signatures = signatures_of(&authority.tally);
        ret_signatures->reached = true;
        return STATUS_OK;
    }
    tally_t tally = tally_of(&view, order, NULL);
    orders_signatures_t found = signatures_of(&tally);
    if (why.code != ERROR_TRUST_THRESHOLD || found.needed == 0 || found.reached ||
        !tally.proposer_signed) {
        *err = why;
        return STATUS_ERROR;
    }
    *ret_signatures = found;
    return STATUS_OK;
}

status_t orders_needed(const call_t *call, order_kind_t kind, const char *application,
                       uint32_t *ret_needed, error_t *err) {
    trust_view_t view = view_of(call);
    unsigned roles = order_kind_roles(kind);
    uint32_t least = 0;
    order_t alone = {.application = application,
                     .environment = keeper_environment(call->service->options.keeper),
                     .proposer = call->asker,
                     .signers = &call->asker,
                     .signer_count = 1};
    for (trust_role_t role = ROLE_VIEWER; role < ROLE_END; role++) {
        tally_question_t question = question_of(&alone, role);
        if ((roles & (1U << role)) != 0) {
            tally_t tally = tally_count(&view, &question);
            bool may = tally.needed > 0 && tally.proposer_signed;
            least = may && (least == 0 || tally.needed < least) ? tally.needed : least;
        }
    }
    *ret_needed = least;
    return least > 0 ? STATUS_OK : refuse(call, roles, application, err);
}

status_t orders_fresh(const call_t *call, order_kind_t kind, error_t *err) {
    trust_view_t view = view_of(call);
    bool stops = kind == ORDER_STOP || kind == ORDER_HOLD;
    if (stops || trust_freshness(&view) != TRUST_EXPIRED) {
        return STATUS_OK;
    }
    return error_set(err, ERROR_TRUST_EXPIRED,
                     "trust file %lld has expired: nothing new is accepted under it",
                     (long long)view.trust->version);
}
