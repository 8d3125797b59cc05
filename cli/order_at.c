/* order_at.c: see order_at.h. */
#include "cli/order_at.h"
#include "cli/order_check.h"
#include "cli/paper.h"
#include "common/base/clock.h"

void order_at_free(order_at_t *at) {
    json_decref(at->answer);
    document_destroy(&at->paper);
    order_destroy(&at->order);
    *at = (order_at_t){0};
}

void order_draft_free(order_draft_t *draft) {
    document_destroy(&draft->paper);
    order_destroy(&draft->order);
}

status_t order_at_get(remote_t *remote, const order_at_place_t *place, order_at_t *ret_at,
                      error_t *err) {
    CLEANUP(order_at_free) order_at_t at = {0};
    const remote_list_t list = {.verb = "order.show", .head = place->head};
    TRY(remote_ask_list(remote, &list, json_pack("{s:s}", "rollout", place->rollout), &at.answer,
                        err));
    const paper_place_t paper = {.answer = at.answer, .path = "order", .kind = DOCUMENT_ORDER};
    TRY(paper_read(&paper, &at.paper, err));
    TRY(order_read(at.paper, &at.order, err));
    TRY(order_check_pin(remote_pin(remote), at.order, err));
    TRY(place->head ? STATUS_OK : order_check_rows(at.answer, at.order, err));
    *ret_at = at;
    at = (order_at_t){0};
    return STATUS_OK;
}

/* What it must be. */
static status_t expect(const remote_t *remote, const order_about_t *about, order_blank_t *ret_blank,
                       error_t *err) {
    order_blank_t blank = {.kind = about->kind,
                           .subject = about->at != NULL ? about->at->order : NULL,
                           .application = about->application,
                           .key = remote_key(remote),
                           .pin = remote_pin(remote),
                           .asked_us = clock_wall_us()};
    if (about->kind == ORDER_APPROVE_WAVE &&
        !order_check_wave(about->at->answer, about->wave, &blank.wave)) {
        return error_set(err, ERROR_INVALID, "wave %lld has no tenant in the order",
                         (long long)about->wave + 1);
    }
    *ret_blank = blank;
    return STATUS_OK;
}

status_t order_at_draft(remote_t *remote, const order_about_t *about, order_draft_t *ret_draft,
                        error_t *err) {
    CLEANUP(document_release) json_t *answer = NULL;
    CLEANUP(order_draft_free) order_draft_t draft = {0};
    bool approves = about->kind == ORDER_APPROVE_WAVE;
    order_blank_t blank = {0};
    TRY(expect(remote, about, &blank, err));
    json_t *question =
        json_pack("{s:s,s:s*,s:s*,s:s*}", "kind", order_kind_text(about->kind), "rollout",
                  about->rollout, "standing", about->standing, "application", about->application);
    if (question != NULL && approves) {
        (void)json_object_set_new(question, "wave", json_integer(about->wave));
    }
    TRY(remote_ask(remote, "order.blank", question, &answer, err));
    const paper_place_t place = {.answer = answer, .path = "draft", .kind = DOCUMENT_ORDER};
    TRY(paper_read_draft(&place, &draft.paper, err));
    if (draft.paper == NULL) {
        return error_set(err, ERROR_WIRE_INVALID, "the coordinator drafted nothing");
    }
    TRY(order_read(draft.paper, &draft.order, err));
    blank.now_us = clock_wall_us();
    TRY(order_check_blank(&blank, draft.order, err));
    *ret_draft = draft;
    draft = (order_draft_t){0};
    return STATUS_OK;
}

status_t order_at_pending(remote_t *remote, const order_about_t *about, order_draft_t *ret_draft,
                          error_t *err) {
    CLEANUP(document_release) json_t *answer = NULL;
    CLEANUP(order_draft_free) order_draft_t draft = {0};
    const remote_list_t list = {.verb = "order.show", .head = true};
    order_blank_t blank = {0};
    TRY(expect(remote, about, &blank, err));
    json_t *question =
        json_pack("{s:s,s:I}", "rollout", about->rollout, "wave", (json_int_t)about->wave);
    if (remote_ask_list(remote, &list, question, &answer, err) != STATUS_OK) {
        return err->code == ERROR_NOT_FOUND ? STATUS_OK : STATUS_ERROR;
    }
    if (document_number(answer, "signatures.have") >=
        document_number(answer, "signatures.needed")) {
        return STATUS_OK;
    }
    const paper_place_t place = {.answer = answer, .path = "approval", .kind = DOCUMENT_ORDER};
    TRY(paper_read(&place, &draft.paper, err));
    TRY(order_read(draft.paper, &draft.order, err));
    blank.key = NULL;
    TRY(order_check_blank(&blank, draft.order, err));
    if (draft.order->expires_us > clock_wall_us()) { /* else a new one is wanted */
        *ret_draft = draft;
        draft = (order_draft_t){0};
    }
    return STATUS_OK;
}

status_t order_draft_sign(const remote_t *remote, order_draft_t *draft, json_t **ret_text,
                          error_t *err) {
    TRY(remote_sign(remote, draft->paper, err));
    return paper_text(draft->paper, ret_text, err);
}

bool order_at_is_silence(const error_t *err) {
    return err->code == ERROR_WIRE_UNREACHABLE || err->code == ERROR_WIRE_TIMEOUT;
}

bool order_at_is_grave(const error_t *err) {
    static const error_code_t GRAVE[] = {ERROR_ORDER_DIFFERS,  ERROR_TRUST_FLEET,
                                         ERROR_TRUST_ROLLBACK, ERROR_TRUST_SIGNATURE,
                                         ERROR_TRUST_KIND,     ERROR_TRUST_DOCUMENT};
    for (size_t i = 0; i < sizeof GRAVE / sizeof GRAVE[0]; i++) {
        if (err->code == GRAVE[i]) {
            return true;
        }
    }
    return order_at_is_silence(err);
}
