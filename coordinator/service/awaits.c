/* awaits.c: see awaits.h. */
#include "coordinator/service/awaits.h"
#include "coordinator/service/orders.h"
#include "coordinator/store/store_trust.h"
#include "coordinator/trust/holds.h"

#include <string.h>

enum { SHORT_ID = 8 }; /* digits of an id that a command names a rollout by */

typedef struct awaited {
    const char *kind;
    int64_t wave; /* -1: none */
    const char *wave_name;
    const char *reason;
    const char *command;
} awaited_t;

static void add(row_t *list, const awaited_t *awaited) {
    row_t row = row_new();
    row_text(&row, "kind", awaited->kind);
    row_number(&row, "wave", awaited->wave);
    row_text(&row, "wave_name", awaited->wave_name);
    row_text(&row, "reason", awaited->reason);
    row_text(&row, "command", awaited->command);
    row_append(list, &row);
    row_free(&row);
}

static const char *short_id(const rollout_t *rollout, char text[IDENT_TEXT_SIZE]) {
    (void)ident_text(&rollout->id, text);
    text[SHORT_ID] = '\0';
    return text;
}

/* The order of a rollout that was not started, and how far its signatures have come. */
static status_t add_signatures(call_t *call, const rollout_t *rollout, const order_t *order,
                               row_t *into, row_t *list, error_t *err) {
    CLEANUP(buffer_free) buffer_t reason = {0};
    CLEANUP(buffer_free) buffer_t command = {0};
    char id[IDENT_TEXT_SIZE];
    orders_signatures_t signatures = orders_count(call, order, NULL);
    orders_row_signatures(into, &signatures);
    buffer_format(&reason, "its order has %u of %u signatures", signatures.have, signatures.needed);
    buffer_format(&command, "drover rollout approve %s", short_id(rollout, id));
    TRY(buffer_check(&reason, err));
    TRY(buffer_check(&command, err));
    add(list, &(awaited_t){.kind = "signatures",
                           .wave = -1,
                           .reason = buffer_string(&reason),
                           .command = buffer_string(&command)});
    return STATUS_OK;
}

static status_t add_wave(const rollout_t *rollout, uint32_t number, row_t *list, error_t *err) {
    CLEANUP(buffer_free) buffer_t command = {0};
    char id[IDENT_TEXT_SIZE];
    const wave_t *wave = &rollout->waves[number];
    buffer_format(&command, "drover rollout approve %s --wave '%s'", short_id(rollout, id),
                  wave->name);
    TRY(buffer_check(&command, err));
    add(list, &(awaited_t){.kind = wave->needs_approval ? "approval" : "evidence",
                           .wave = number,
                           .wave_name = wave->name,
                           .reason = rollout->reason != NULL ? rollout->reason : "",
                           .command = buffer_string(&command)});
    return STATUS_OK;
}

/* Beside the current one a wave may wait whose ticket lapsed. */
static status_t add_waves(const rollout_t *rollout, row_t *list, error_t *err) {
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        if (rollout->waves[w].state == WAVE_AWAITING) {
            TRY(add_wave(rollout, w, list, err));
        }
    }
    return STATUS_OK;
}

static status_t add_hold(call_t *call, const rollout_t *rollout, row_t *list, error_t *err) {
    CLEANUP(holds_free) holds_t holds = {0};
    TRY(holds_read(call->service->options.keeper, &holds, err));
    if (rollout_is_held(rollout, &holds.held)) {
        add(list,
            &(awaited_t){.kind = "release",
                         .wave = -1,
                         .reason = "the fleet is held: nothing that goes forward is given out",
                         .command = "drover fleet release"});
    }
    return STATUS_OK;
}

/* What a revoked agent had in hand: nobody's word of it counts any more. */
typedef struct doubts {
    const rollout_t *rollout;
    row_t *list;
} doubts_t;

static status_t add_doubt(const doubts_t *doubts, const enrolment_row_t *agent, const task_t *first,
                          uint32_t count, error_t *err) {
    CLEANUP(buffer_free) buffer_t reason = {0};
    CLEANUP(buffer_free) buffer_t command = {0};
    char id[IDENT_TEXT_SIZE];
    buffer_format(
        &reason,
        "agent '%s' was revoked%s%s%s with tenant '%s'%s in hand: whether it is done with "
        "nobody says who counts; another agent of its cluster looks at it again",
        agent->name, agent->reason[0] != '\0' ? " (" : "", agent->reason,
        agent->reason[0] != '\0' ? ")" : "", first->tenant_name, count > 1 ? " and others" : "");
    buffer_format(&command, "drover rollout retry %s --tenant '%s'", short_id(doubts->rollout, id),
                  first->tenant_name);
    TRY(buffer_check(&reason, err));
    TRY(buffer_check(&command, err));
    add(doubts->list, &(awaited_t){.kind = "retry",
                                   .wave = first->wave,
                                   .wave_name = doubts->rollout->waves[first->wave].name,
                                   .reason = buffer_string(&reason),
                                   .command = buffer_string(&command)});
    return STATUS_OK;
}

static status_t look_at_revoked(void *context, const enrolment_row_t *agent, error_t *err) {
    const doubts_t *doubts = context;
    const rollout_t *rollout = doubts->rollout;
    const task_t *first = NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        const task_t *task = &rollout->tasks[i];
        if (task->state == TASK_UNKNOWN &&
            memcmp(&task->agent, &agent->curve, sizeof task->agent) == 0) {
            first = first != NULL ? first : task;
            count++;
        }
    }
    return first != NULL ? add_doubt(doubts, agent, first, count, err) : STATUS_OK;
}

static status_t add_doubts(call_t *call, const rollout_t *rollout, row_t *list, error_t *err) {
    doubts_t doubts = {.rollout = rollout, .list = list};
    if (rollout->in_flight == 0) {
        return STATUS_OK;
    }
    return store_enrolment_each(keeper_store(call->service->options.keeper), ENROLMENT_REVOKED,
                                look_at_revoked, &doubts, err);
}

static status_t add_end(call_t *call, const rollout_t *rollout, const order_t *order, row_t *list,
                        error_t *err) {
    CLEANUP(buffer_free) buffer_t reason = {0};
    CLEANUP(buffer_free) buffer_t command = {0};
    char when[CLOCK_TEXT_SIZE];
    char id[IDENT_TEXT_SIZE];
    if (call->question->now_us <= order->expires_us) {
        return STATUS_OK;
    }
    buffer_format(&reason, "its order ended at %s: agents begin nothing under it",
                  clock_text(order->expires_us, when));
    buffer_format(&command, "drover rollout stop %s", short_id(rollout, id));
    TRY(buffer_check(&reason, err));
    TRY(buffer_check(&command, err));
    add(list, &(awaited_t){.kind = "order",
                           .wave = -1,
                           .reason = buffer_string(&reason),
                           .command = buffer_string(&command)});
    return STATUS_OK;
}

/* Its status is told all the same: whoever looks must find out that another hand was there. */
static status_t add_unreadable(const rollout_t *rollout, const error_t *why, row_t *list,
                               error_t *err) {
    CLEANUP(buffer_free) buffer_t reason = {0};
    CLEANUP(buffer_free) buffer_t command = {0};
    char id[IDENT_TEXT_SIZE];
    if (why->code == ERROR_STORE || why->code == ERROR_NO_MEMORY) {
        *err = *why;
        return STATUS_ERROR;
    }
    bool ends = rollout_state_is_called_off(rollout->state);
    buffer_format(&reason,
                  "the catalog's copy of its order is damaged: %s %s: no job of it is sent%s",
                  error_code_text(why->code), why->message,
                  ends ? "; what is in hand ends without it, and then a rollback with an order of "
                         "its own takes it back"
                       : "");
    buffer_format(&command, "drover %s %s", ends ? "rollback" : "rollout stop",
                  short_id(rollout, id));
    TRY(buffer_check(&reason, err));
    TRY(buffer_check(&command, err));
    add(list, &(awaited_t){.kind = "order",
                           .wave = -1,
                           .reason = buffer_string(&reason),
                           .command = buffer_string(&command)});
    return STATUS_OK;
}

/* *ret_told: signatures stand in `into`. */
static status_t add_order(call_t *call, const rollout_t *rollout, row_t *into, row_t *list,
                          bool *ret_told, error_t *err) {
    CLEANUP(orders_paper_free) orders_paper_t paper = {0};
    signed_order_row_t row = {0};
    error_t why = {0};
    if (digest_is_null(&rollout->order_digest)) {
        return STATUS_OK;
    }
    if (orders_load(call, &rollout->order_digest, &row, &paper, &why) != STATUS_OK) {
        return add_unreadable(rollout, &why, list, err);
    }
    TRY(add_end(call, rollout, paper.order, list, err));
    if (rollout->state == ROLLOUT_PLANNED) {
        *ret_told = true;
        return add_signatures(call, rollout, paper.order, into, list, err);
    }
    return STATUS_OK;
}

status_t awaits_write(call_t *call, const rollout_t *rollout, row_t *into, error_t *err) {
    CLEANUP(row_free) row_t list = row_list();
    bool told = false;
    if (rollout != NULL && !rollout_state_is_final(rollout->state)) {
        TRY(add_order(call, rollout, into, &list, &told, err));
        TRY(add_waves(rollout, &list, err));
        TRY(add_hold(call, rollout, &list, err));
        TRY(add_doubts(call, rollout, &list, err));
    }
    if (!told) {
        row_text(into, "signatures", NULL);
    }
    row_take(into, "awaits", &list);
    return row_check(into, err);
}
