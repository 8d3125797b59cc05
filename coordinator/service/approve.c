/* approve.c: see approve.h. */
#include "coordinator/service/approve.h"
#include "common/trust/text.h"
#include "common/trust/ticket.h"
#include "coordinator/service/lookup.h"
#include "coordinator/service/names.h"
#include "coordinator/service/start.h"
#include "coordinator/service/status.h"
#include "coordinator/service/verbs.h"
#include "coordinator/trust/holds.h"

#include <stdlib.h>
#include <string.h>

/* An order in hand, joined with the copy that the catalog keeps, if any. */
typedef struct joined {
    orders_paper_t paper;
    bool known;        /* the catalog has it */
    bool accepted;     /* its threshold was reached before */
    ident_t rollout;   /* that it is kept with */
    size_t signatures; /* before this question */
    bool asker_signed; /* before it, by the very key that asks */
} joined_t;

static void joined_free(joined_t *joined) {
    orders_paper_free(&joined->paper);
}

/* Join with the catalog's copy. */
static status_t join(call_t *call, joined_t *joined, error_t *err) {
    CLEANUP(orders_paper_free) orders_paper_t kept = {0};
    signed_order_row_t row = {0};
    error_t why = {0};
    if (orders_load(call, &joined->paper.order->digest, &row, &kept, &why) != STATUS_OK) {
        bool unknown = why.code == ERROR_NOT_FOUND;
        *err = unknown ? *err : why;
        return unknown ? STATUS_OK : STATUS_ERROR;
    }
    joined->known = true;
    joined->accepted = row.accepted_us != 0;
    joined->rollout = row.rollout;
    joined->signatures = kept.document->signature_count;
    joined->asker_signed = document_signed_by(kept.document, &call->asker);
    return orders_merge(&joined->paper, kept.document, err);
}

/* Take the argument and join it. */
static status_t take(call_t *call, const char *key, joined_t *joined, error_t *err) {
    TRY(orders_take(call, key, &joined->paper, err));
    return join(call, joined, err);
}

/* Whether whoever asks is among those who count already, by another key of theirs. */
static bool is_counted(const call_t *call, const orders_signatures_t *before) {
    trust_view_t view = keeper_view(call->service->options.keeper, call->question->now_us);
    const trust_key_t *asker = trust_find(view.trust, &call->asker);
    for (uint32_t i = 0; asker != NULL && i < before->have; i++) {
        if (text_same_person(before->by[i], asker->name)) {
            return true;
        }
    }
    return false;
}

/* A signature that adds nothing is told to whom gave it, rather than kept. */
static status_t check_adds(const call_t *call, const joined_t *joined,
                           const orders_signatures_t *found, const orders_signatures_t *before,
                           error_t *err) {
    if (!joined->known || found->reached || found->have > before->have) {
        return STATUS_OK;
    }
    if (joined->paper.document->signature_count == joined->signatures) {
        return error_set(err, ERROR_TRUST_SIGNED, "everybody who signed this %s had signed before",
                         order_kind_text(joined->paper.order->kind));
    }
    if (!joined->asker_signed && document_signed_by(joined->paper.document, &call->asker) &&
        is_counted(call, before)) {
        return error_set(err, ERROR_PERSON_COUNTED, "%s has signed this %s with another key before",
                         call->question->actor, order_kind_text(joined->paper.order->kind));
    }
    return error_set(err, ERROR_TRUST_KEY,
                     "the signature of %s adds nothing to the %u of %u that this %s has",
                     call->question->actor, found->have, found->needed,
                     order_kind_text(joined->paper.order->kind));
}

static status_t keep(call_t *call, const joined_t *joined, const ident_t *rollout, bool accepted,
                     error_t *err) {
    orders_keep_t what = {.paper = &joined->paper, .rollout = *rollout, .accepted = accepted};
    return orders_store(call, &what, err);
}

/* --- an order that waits --------------------------------------------------------------------- */

static status_t check_waits(const rollout_t *rollout, const order_t *order, error_t *err) {
    if (rollout->state != ROLLOUT_PLANNED || digest_is_null(&rollout->order_digest)) {
        return error_set(err, ERROR_ROLLOUT_STATE,
                         "rollout '%s' is %s: its order waits for no signature", rollout->name,
                         names_rollout_state(rollout->state));
    }
    if (!digest_equal(&order->digest, &rollout->order_digest)) {
        char wanted[DIGEST_TEXT_SIZE];
        char found[DIGEST_TEXT_SIZE];
        return error_set(err, ERROR_TRUST_MERGE,
                         "rollout '%s' waits for signatures under order %.16s…, this is %.16s…",
                         rollout->name, digest_text(&rollout->order_digest, wanted),
                         digest_text(&order->digest, found));
    }
    return STATUS_OK;
}

status_t approve_order(call_t *call, rollout_t *rollout, error_t *err) {
    CLEANUP(joined_free) joined_t joined = {0};
    CLEANUP(orders_paper_free) orders_paper_t kept = {0};
    signed_order_row_t row = {0};
    orders_signatures_t found = {0};
    TRY(orders_take(call, "order", &joined.paper, err));
    TRY(check_waits(rollout, joined.paper.order, err));
    TRY(orders_load(call, &rollout->order_digest, &row, &kept, err));
    orders_signatures_t before = orders_count(call, kept.order, NULL);
    TRY(join(call, &joined, err));
    TRY(orders_verify(call, joined.paper.order, &found, err));
    TRY(check_adds(call, &joined, &found, &before, err));
    TRY(keep(call, &joined, &rollout->id, found.reached, err));
    TRY(found.reached ? start_ready(call, rollout, err) : STATUS_OK);
    buffer_format(&call->detail, "'%s': signed by %u of %u", rollout->name, found.have,
                  found.needed);
    status_write_short(call, rollout);
    row_digest(&call->document, "order_digest", &rollout->order_digest);
    orders_row_signatures(&call->document, &found);
    return STATUS_OK;
}

/* --- a wave's approval ----------------------------------------------------------------------- */

/* The rollout's wave that the order's wave is; UINT32_MAX where it has none. */
static uint32_t wave_of(const rollout_t *rollout, uint32_t order_wave) {
    uint32_t waves[LIMIT_WAVES];
    orders_waves(rollout, waves);
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        if (waves[w] == order_wave) {
            return w;
        }
    }
    return UINT32_MAX;
}

/* Whether the approval is of a wave that waits for one, or will. */
static status_t check_wave(const rollout_t *rollout, int64_t wanted, const order_t *approval,
                           error_t *err) {
    uint32_t order_wave = 0;
    uint32_t number = wave_of(rollout, approval->subject_wave);
    if (approval->kind != ORDER_APPROVE_WAVE || number == UINT32_MAX) {
        return error_set(err, ERROR_TICKET_APPROVAL,
                         "the order of kind %s approves no wave of rollout '%s'",
                         order_kind_text(approval->kind), rollout->name);
    }
    TRY(orders_wave(rollout, wanted < 0 ? number : wanted, &order_wave, err));
    if (order_wave != approval->subject_wave) {
        return error_set(err, ERROR_TICKET_APPROVAL, "the approval is of wave '%s', not of '%s'",
                         rollout->waves[number].name, rollout->waves[wanted].name);
    }
    wave_state_t state = rollout->waves[number].state;
    if (rollout_state_is_final(rollout->state) ||
        (state != WAVE_PENDING && state != WAVE_AWAITING)) {
        return error_set(err, ERROR_ROLLOUT_STATE, "wave '%s' of rollout '%s' is %s already",
                         rollout->waves[number].name, rollout->name, names_wave_state(state));
    }
    return STATUS_OK;
}

/* The order that the wave is of, as agents would find it: accepted before. */
static status_t open_subject(call_t *call, const rollout_t *rollout, orders_paper_t *paper,
                             order_authority_t *ret_authority, error_t *err) {
    signed_order_row_t row = {0};
    trust_view_t view = keeper_view(call->service->options.keeper, call->question->now_us);
    TRY(orders_load(call, &rollout->order_digest, &row, paper, err));
    return order_verify(&view, paper->order, row.accepted_us != 0, ret_authority, err);
}

/* Whether it holds; short of signatures is no error. */
static status_t verify_approval(call_t *call, const order_authority_t *subject,
                                const joined_t *joined, orders_signatures_t *ret_found,
                                error_t *err) {
    error_t why = {0};
    const order_t *approval = joined->paper.order;
    orders_signatures_t found = orders_count(call, approval, subject->order);
    bool holds =
        ticket_approval(subject, approval->subject_wave, joined->paper.document, &why) == STATUS_OK;
    if (!holds && (why.code != ERROR_TRUST_THRESHOLD || found.reached || found.have == 0)) {
        *err = why;
        return STATUS_ERROR;
    }
    found.reached = holds;
    *ret_found = found;
    return STATUS_OK;
}

status_t approve_wave(call_t *call, rollout_t *rollout, int64_t wave, error_t *err) {
    CLEANUP(joined_free) joined_t joined = {0};
    CLEANUP(orders_paper_free) orders_paper_t subject = {0};
    order_authority_t authority;
    orders_signatures_t found = {0};
    TRY(orders_allow(call, MAY(APPROVER), rollout->application, err));
    TRY(take(call, "approval", &joined, err));
    TRY(check_wave(rollout, wave, joined.paper.order, err));
    TRY(open_subject(call, rollout, &subject, &authority, err));
    TRY(verify_approval(call, &authority, &joined, &found, err));
    TRY(keep(call, &joined, &rollout->id, found.reached, err));
    if (found.reached) {
        event_t event = call_event(call, EVENT_EVIDENCE, &rollout->id);
        engine_step(call->engine, &event, call->effects);
    }
    buffer_format(&call->detail, "wave %u of the order approved by %u of %u",
                  joined.paper.order->subject_wave, found.have, found.needed);
    row_digest(&call->document, "approval_digest", &joined.paper.document->id);
    orders_row_signatures(&call->document, &found);
    return call->effects->failed
               ? error_set(err, ERROR_NO_MEMORY, "out of memory for a rollout's effects")
               : STATUS_OK;
}

/* --- stops and holds ------------------------------------------------------------------------- */

static status_t check_kind(const order_t *order, order_kind_t kind, error_t *err) {
    return order->kind == kind
               ? STATUS_OK
               : error_set(err, ERROR_ORDER_INVALID, "the order is of kind %s, wanted is a %s",
                           order_kind_text(order->kind), order_kind_text(kind));
}

/* Verify and keep: what is accepted is told to agents from then on. */
static status_t accept(call_t *call, joined_t *joined, const ident_t *rollout, error_t *err) {
    orders_signatures_t found = {0};
    TRY(orders_verify(call, joined->paper.order, &found, err));
    TRY(keep(call, joined, rollout, found.reached, err));
    buffer_format(&call->detail, "%s signed by %u of %u",
                  order_kind_text(joined->paper.order->kind), found.have, found.needed);
    row_digest(&call->document, "order_digest", &joined->paper.document->id);
    orders_row_signatures(&call->document, &found);
    return STATUS_OK;
}

status_t approve_stop_of(call_t *call, const approve_subject_t *subject, error_t *err) {
    CLEANUP(joined_free) joined_t joined = {0};
    TRY(take(call, "order", &joined, err));
    const order_t *order = joined.paper.order;
    TRY(check_kind(order, ORDER_STOP, err));
    if (digest_is_null(&subject->digest) || !digest_equal(&order->subject, &subject->digest) ||
        strcmp(order->application, subject->application) != 0) {
        return error_set(err, ERROR_ORDER_INVALID, "the stop is of another order than '%s'",
                         subject->name);
    }
    return accept(call, &joined, &subject->rollout, err);
}

status_t approve_stop(call_t *call, const rollout_t *rollout, error_t *err) {
    approve_subject_t subject = {.digest = rollout->order_digest,
                                 .application = rollout->application,
                                 .name = rollout->name,
                                 .rollout = rollout->id};
    return approve_stop_of(call, &subject, err);
}

status_t approve_hold(call_t *call, order_kind_t kind, error_t *err) {
    CLEANUP(joined_free) joined_t joined = {0};
    ident_t none = {0};
    keeper_t *keeper = call->service->options.keeper;
    CLEANUP(holds_free) holds_t before = {0};
    CLEANUP(holds_free) holds_t after = {0};
    TRY(take(call, "order", &joined, err));
    TRY(check_kind(joined.paper.order, kind, err));
    TRY(holds_read(keeper, &before, err));
    TRY(holds_check(&before, joined.paper.order, err));
    TRY(accept(call, &joined, &none, err));
    TRY(holds_read(keeper, &after, err));
    row_flag(&call->document, "held", after.held.count > 0);
    return STATUS_OK;
}
