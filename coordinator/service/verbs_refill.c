/*
 * verbs_refill.c: what operators see and decide while a catalog that went back in time is filled
 * again (coordinator/link/refill.c has the rule by which that ends).
 */
#include "coordinator/service/reach.h"
#include "coordinator/service/verbs.h"
#include "coordinator/store/store_agent.h"
#include "coordinator/store/store_refill.h"
#include "coordinator/store/store_signed_order.h"
#include "coordinator/store/store_trust.h"

#include <inttypes.h>
#include <string.h>

enum { SHOWN_MOST = 200, WORDS_BYTES = 768 };

/* --- who is missing -------------------------------------------------------------------------- */

typedef struct roll {
    call_t *call;
    refill_row_t refill;
    bool show;     /* rows, too */
    int64_t total; /* agents that have a card that counts */
    int64_t waits;
} roll_t;

static int64_t acknowledged_of(call_t *call, const agent_key_t *key) {
    agent_row_t agent = {0};
    error_t unknown = {0};
    return store_agent_get(call->store, key, &call->arena, &agent, &unknown) == STATUS_OK
               ? (int64_t)agent.acknowledged
               : 0;
}

static status_t show_agent(roll_t *roll, const enrolment_row_t *enrolment,
                           const refill_agent_t *agent, error_t *err) {
    CLEANUP(row_free) row_t row = row_new();
    const char *problem = "";
    row_text(&row, "name", enrolment->name);
    row_agent_key(&row, "key", &enrolment->curve);
    row_text(&row, "standing", refill_standing_text(agent->standing));
    row_number(&row, "last_report", (int64_t)agent->number);
    row_number(&row, "acknowledged", acknowledged_of(roll->call, &enrolment->curve));
    row_flag(&row, "online", reach_agent(roll->call, &enrolment->curve, &problem));
    row_text(&row, "words", agent->words);
    return call_add(roll->call, "agents", &row, err);
}

static status_t count_agent(void *context, const enrolment_row_t *enrolment, error_t *err) {
    roll_t *roll = context;
    call_t *call = roll->call;
    refill_agent_t agent = {0};
    if (enrolment->expires_us != 0 && enrolment->expires_us < call->question->now_us) {
        return STATUS_OK;
    }
    TRY(store_refill_agent_get(call->store, &enrolment->curve, roll->refill.since_us, &call->arena,
                               &agent, err));
    bool waits = agent.standing != REFILL_DONE && agent.standing != REFILL_WITHOUT;
    roll->total++;
    roll->waits += waits;
    return roll->show && roll->total <= SHOWN_MOST ? show_agent(roll, enrolment, &agent, err)
                                                   : STATUS_OK;
}

static status_t call_roll(call_t *call, bool show, roll_t *ret_roll, error_t *err) {
    roll_t roll = {.call = call, .show = show};
    TRY(store_refill_get(call->store, &call->arena, &roll.refill, err));
    if (roll.refill.since_us != 0) {
        TRY(store_enrolment_each(call->store, ENROLMENT_ACCEPTED, count_agent, &roll, err));
    }
    *ret_roll = roll;
    return STATUS_OK;
}

status_t verbs_refill_banner(call_t *call, error_t *err) {
    roll_t roll = {0};
    TRY(call_roll(call, false, &roll, err));
    if (!roll.refill.open) {
        return STATUS_OK;
    }
    CLEANUP(row_free) row_t row = row_new();
    row_time(&row, "since", roll.refill.since_us);
    row_text(&row, "reason", roll.refill.reason);
    row_number(&row, "waits_for", roll.waits);
    row_number(&row, "agents", roll.total);
    row_take(&call->document, "recovering", &row);
    return STATUS_OK;
}

/* --- what nobody here knows ------------------------------------------------------------------ */

typedef struct lost_list {
    call_t *call;
    int64_t count;
} lost_list_t;

/* Whether the signed order itself came back, or was never lost. */
static bool has_order(call_t *call, const digest_t *digest) {
    signed_order_row_t order = {0};
    error_t unknown = {0};
    return !digest_is_null(digest) &&
           store_signed_order_get(call->store, digest, &call->arena, &order, &unknown) == STATUS_OK;
}

static status_t show_lost(void *context, const refill_lost_t *lost, error_t *err) {
    lost_list_t *list = context;
    call_t *call = list->call;
    agent_row_t agent = {.name = "?"};
    error_t unknown = {0};
    char order[DIGEST_TEXT_SIZE];
    char words[WORDS_BYTES];
    if (++list->count > SHOWN_MOST) {
        return STATUS_OK;
    }
    bool here = has_order(call, &lost->order);
    if (store_agent_get(call->store, &lost->agent, &call->arena, &agent, &unknown) != STATUS_OK) {
        agent.name = "?"; /* its name left with its card */
    }
    (void)snprintf(words, sizeof words,
                   "its tasks cannot be built again from reports; where its tenants stand comes "
                   "with their inventory. %s%.128s%s%s",
                   digest_is_null(&lost->order) ? "Its reports name no order: agent '"
                   : here                       ? "The signed order is in this catalog; agent '"
                                                : "The signed order is kept by agent '",
                   agent.name,
                   digest_is_null(&lost->order) ? "' worked without one, or is older"
                                                : "' as papers/",
                   digest_is_null(&lost->order) ? "" : digest_text(&lost->order, order));
    CLEANUP(row_free) row_t row = row_new();
    row_digest(&row, "order_digest", &lost->order);
    row_ident(&row, "rollout", &lost->rollout);
    row_text(&row, "application", lost->application);
    row_number(&row, "jobs", lost->jobs);
    row_time(&row, "first", lost->first_us);
    row_time(&row, "last", lost->last_us);
    row_text(&row, "agent", agent.name);
    row_flag(&row, "order_here", here);
    row_text(&row, "words", words);
    return call_add(call, "unknown_rollouts", &row, err);
}

status_t verbs_coordinator_recovery(call_t *call, error_t *err) {
    roll_t roll = {0};
    int64_t saved_us = 0;
    const char *epoch = "";
    error_t unknown = {0};
    call_array(call, "agents");
    call_array(call, "unknown_rollouts");
    TRY(call_roll(call, true, &roll, err));
    TRY(store_refill_saved_get(call->store, &saved_us, err));
    lost_list_t lost = {.call = call};
    if (roll.refill.since_us != 0) {
        TRY(store_refill_lost_each(call->store, roll.refill.since_us, show_lost, &lost, err));
    }
    if (store_meta_get(call->store, "epoch", &call->arena, &epoch, &unknown) != STATUS_OK) {
        epoch = ""; /* it never began a run */
    }
    row_flag(&call->document, "recovering", roll.refill.open);
    row_time(&call->document, "since", roll.refill.since_us);
    row_time(&call->document, "ended", roll.refill.ended_us);
    row_text(&call->document, "reason", roll.refill.reason);
    row_text(&call->document, "epoch", epoch);
    row_time(&call->document, "saved", saved_us);
    row_number(&call->document, "agents_total", roll.total);
    row_number(&call->document, "waits_for", roll.waits);
    row_number(&call->document, "unknown_total", lost.count);
    return STATUS_OK;
}

/* --- going on without ------------------------------------------------------------------------ */

status_t verbs_coordinator_recovered(call_t *call, error_t *err) {
    const char *name = NULL;
    const char *reason = NULL;
    char words[WORDS_BYTES];
    refill_row_t refill = {0};
    enrolment_row_t enrolment = {0};
    refill_agent_t agent = {0};
    TRY(call_need(call, "without", &name, err));
    TRY(call_need(call, "reason", &reason, err));
    TRY(store_refill_get(call->store, &call->arena, &refill, err));
    if (!refill.open) {
        return error_set(err, ERROR_ROLLOUT_STATE, "the catalog is not recovering: nothing waits");
    }
    TRY(store_enrolment_by_name(call->store, name, &call->arena, &enrolment, err));
    if (enrolment.state != ENROLMENT_ACCEPTED) {
        return error_set(err, ERROR_NOT_FOUND, "'%.128s' is no agent: it is %s", name,
                         enrolment_state_text(enrolment.state));
    }
    TRY(store_refill_agent_get(call->store, &enrolment.curve, refill.since_us, &call->arena, &agent,
                               err));
    if (agent.standing == REFILL_DONE) {
        return error_set(err, ERROR_ROLLOUT_STATE,
                         "agent '%.128s' has handed over everything: nothing waits for it", name);
    }
    (void)snprintf(words, sizeof words, "%.128s: %.500s", call->question->actor, reason);
    agent.standing = REFILL_WITHOUT;
    agent.words = words;
    call_changes(call);
    TRY(store_refill_agent_put(call->store, &agent, err));
    row_text(&call->document, "name", name);
    row_text(&call->document, "standing", refill_standing_text(agent.standing));
    buffer_format(
        &call->detail,
        "goes on without agent '%.128s': what it did after the catalog's copy was made is "
        "not known until it comes back: %.300s",
        name, reason);
    return STATUS_OK;
}

/* --- copies of the catalog ------------------------------------------------------------------- */

status_t verbs_coordinator_saved(call_t *call, error_t *err) {
    int64_t now_us = call->question->now_us;
    int64_t at_us = 0;
    int64_t known_us = 0;
    const call_number_t number = {.key = "at_us", .least = 1, .most = now_us, .missing = now_us};
    TRY(call_number(call, &number, &at_us, err));
    TRY(store_refill_saved_get(call->store, &known_us, err));
    if (at_us < known_us) {
        return error_set(err, ERROR_INVALID, "a later copy of the catalog is known already");
    }
    call_changes(call);
    TRY(store_refill_saved_put(call->store, at_us, err));
    row_time(&call->document, "saved", at_us);
    buffer_format(&call->detail, "agents may forget reports of rollouts that closed before");
    return STATUS_OK;
}

/* --- what has to wait ------------------------------------------------------------------------ */

status_t verbs_refill_permits(call_t *call, error_t *err) {
    /* they begin work, or decide by what stands in the catalog */
    static const char *const WAIT[] = {"rollout.start",   "rollout.resume", "rollout.retry",
                                       "rollout.approve", "rollback.start", "baseline.start",
                                       "backup.create",   "backup.check",   "backup.restore",
                                       "backup.prune",    "task.resolve",   "fleet.release"};
    refill_row_t refill = {0};
    bool waits = false;
    for (size_t i = 0; i < sizeof WAIT / sizeof WAIT[0]; i++) {
        waits = waits || strcmp(call->verb->name, WAIT[i]) == 0;
    }
    if (!waits) {
        return STATUS_OK;
    }
    TRY(store_refill_get(call->store, &call->arena, &refill, err));
    return refill.open
               ? error_set(err, ERROR_CATALOG_RECOVERING,
                           "the catalog went back in time and is filled again from agents: %s",
                           refill.reason)
               : STATUS_OK;
}
