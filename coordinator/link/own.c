/* own.c: see own.h. */
#include "coordinator/link/own.h"

#include "common/wire/field.h"
#include "coordinator/link/internal.h"

/* It was accepted when the job began, which only its agent says: it may have ended since. By the
 * trust file of today, that is: who left it since is no signer here, and the report is told of as
 * any other that nobody ordered. */
static bool holds(const hub_t *self, ProtobufCBinaryData bytes, const Drover__Report *report) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(order_destroy_p) order_t *order = NULL;
    order_authority_t authority;
    error_t ignored = {0};
    digest_t take_back = field_digest(report->take_back);
    digest_t subject = field_digest(report->order);
    trust_view_t view = keeper_view(self->options.keeper, self->now_us);
    bool earlier = report->started_us > 0 && report->started_us < view.now_us;
    view.now_us = earlier ? report->started_us : view.now_us;
    if (document_decode(bytes.data, bytes.len, &document, &ignored) != STATUS_OK ||
        !digest_equal(&document->id, &take_back)) {
        return false;
    }
    order_source_t source = {.document = document, .accepted = true};
    return order_open(&view, &source, &order, &authority, &ignored) == STATUS_OK &&
           order->kind == ORDER_TAKE_BACK && digest_equal(&order->subject, &subject);
}

bool own_is_ordered(const hub_t *self, const Drover__Reports *reports,
                    const Drover__Report *report) {
    for (size_t i = 0; report->take_back.len > 0 && i < reports->n_take_backs; i++) {
        if (holds(self, reports->take_backs[i], report)) {
            return true;
        }
    }
    return false;
}
