/*
 * unheard.c: messages that come in over a connection whose key left the table since. They are
 * dropped, as they must be; that they come is told, for the host at the other end is connected and
 * hears nothing. Once a key and interval in the log and in the audit log, with their number.
 */
#include "common/crypto/keytext.h"
#include "coordinator/link/internal.h"

#include <inttypes.h>
#include <stdio.h>

enum { INTERVAL_S = 300, EACH = 1, ALL = 64 };

static status_t tell(hub_t *self, const throttle_word_t *word, error_t *err) {
    char detail[512];
    log_warning("messages dropped", "code", error_code_text(ERROR_PEER_LEFT), "agent", word->text,
                "key", word->key, "messages", LOG_NUMBER((int64_t)word->total), "since_told",
                LOG_NUMBER((int64_t)word->count), "hint", error_code_hint(ERROR_PEER_LEFT));
    (void)snprintf(detail, sizeof detail,
                   "%" PRIu64 " messages of key %s were dropped, %" PRIu64
                   " since this was last told: the key is no longer enrolled",
                   word->total, word->key, word->count);
    audit_row_t row = {.actor = word->text[0] != '\0' ? word->text : "unknown",
                       .origin = "connection",
                       .action = "peer.unheard",
                       .result = error_code_text(ERROR_PEER_LEFT),
                       .detail = detail};
    return hub_audit(self, &row, err);
}

status_t unheard_open(hub_t *self, error_t *err) {
    self->unheard = throttle_new(
        &(throttle_options_t){.interval_us = INTERVAL_S * US_PER_S, .each = EACH, .all = ALL});
    return self->unheard != NULL
               ? STATUS_OK
               : error_set(err, ERROR_NO_MEMORY, "out of memory for what is dropped");
}

status_t unheard_note(hub_t *self, const curve_public_t *key, error_t *err) {
    const session_t *session = session_find(self->sessions, key);
    char text[Z85_KEY_SIZE];
    throttle_word_t word;
    throttle_hit_t hit = {.key = keytext_z85(key->bytes, text),
                          .text = session != NULL ? session->name : "",
                          .now_us = self->boot_us};
    return throttle_take(self->unheard, &hit, &word) ? tell(self, &word, err) : STATUS_OK;
}

status_t unheard_tick(hub_t *self, error_t *err) {
    throttle_word_t word;
    while (throttle_next(self->unheard, self->boot_us, &word)) { /* at most ALL */
        TRY(tell(self, &word, err));
    }
    return STATUS_OK;
}
