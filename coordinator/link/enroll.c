/*
 * enroll.c: a host without a card asks for one, on the one-time key of an invitation. That is all
 * that such a key is good for; whatever else is wrong is refused and changes nothing.
 */
#include "common/wire/field.h"
#include "coordinator/link/internal.h"
#include "coordinator/trust/enrolment.h"

#include <string.h>

/* Whether the catalog or memory failed, rather than that the host asks for what it may not. */
static bool is_ours(const error_t *err) {
    return err->code == ERROR_STORE || err->code == ERROR_DISK_FULL ||
           err->code == ERROR_NO_MEMORY || err->code == ERROR_INTERNAL;
}

static status_t take_request(hub_t *self, const listener_message_t *from,
                             const Drover__Enroll *enroll, enrolment_state_t *ret_state,
                             digest_t *ret_fingerprint, error_t *err) {
    CLEANUP(document_destroy_p) document_t *request = NULL;
    enrolment_ask_t ask = {.now_us = self->now_us};
    TRY(document_decode(enroll->request.data, enroll->request.len, &request, err));
    memcpy(ask.invited.bytes, from->peer->key.bytes, sizeof ask.invited.bytes);
    ask.request = request;
    *ret_fingerprint = request->id;
    return enrolment_ask(self->options.keeper, &ask, ret_state, err);
}

static status_t note_request(hub_t *self, const listener_message_t *from,
                             const digest_t *fingerprint, error_t *err) {
    char text[DIGEST_TEXT_SIZE];
    char detail[DIGEST_TEXT_SIZE + 32];
    (void)snprintf(detail, sizeof detail, "fingerprint %s", digest_text(fingerprint, text));
    log_info("host asks to be enrolled", "name", from->peer->name, "address", from->address,
             "fingerprint", text);
    audit_row_t row = {.actor = from->peer->name,
                       .origin = from->address,
                       .action = "agent.asked",
                       .result = "ok",
                       .detail = detail};
    return hub_audit(self, &row, err);
}

status_t enroll_take(hub_t *self, const listener_message_t *from, const Drover__Enroll *enroll,
                     error_t *err) {
    error_t problem = {0};
    enrolment_state_t state = ENROLMENT_PENDING;
    digest_t fingerprint = {0};
    uint64_t changes = keeper_changes(self->options.keeper);
    TRY(hub_begin(self, err));
    if (take_request(self, from, enroll, &state, &fingerprint, &problem) != STATUS_OK) {
        if (is_ours(&problem)) {
            *err = problem;
            return STATUS_ERROR;
        }
        hub_refuse(self, from, &problem);
        return STATUS_OK;
    }
    if (keeper_changes(self->options.keeper) != changes) { /* it is new */
        TRY(note_request(self, from, &fingerprint, err));
    }
    Drover__Enrolled enrolled = DROVER__ENROLLED__INIT;
    enrolled.state = field_of_text(enrolment_state_text(state));
    hub_reply(self, from, DROVER__KIND__KIND_ENROLLED, &enrolled.base, 0);
    return STATUS_OK;
}
