/*
 * asker.h: the operator's end: one question, one answer, with a deadline. Blocks; has no loop.
 */
#ifndef DROVER_WIRE_ASKER_H
#define DROVER_WIRE_ASKER_H

#include "common/wire/codec.h"
#include "common/wire/transport.h"

typedef struct asker asker_t;

enum { ASKER_ENROLLED = 0 };

/* ERROR_INVALID: no such address. Connects when first asked. */
MUST_CHECK status_t asker_new(const transport_options_t *options, asker_t **ret_asker,
                              error_t *err);
void asker_destroy(asker_t **self_p);
DEFINE_CLEANUP(asker_t, asker_destroy)

/*
 * Send a sealed QUESTION or BUNDLE_PUT and wait for the ANSWER with the same number, or an ENROLL
 * and wait for the ENROLLED (number ASKER_ENROLLED, which no question has); others are passed over.
 * timeout_ms bounds the whole.
 *
 * ERROR_PEER_UNKNOWN: the coordinator refused our key. ERROR_WIRE_UNREACHABLE: no connection in
 * time, or its key is not the configured one. ERROR_WIRE_TIMEOUT: connected, no answer in time: the
 * question may have been obeyed; asking again with the same id is safe. A REFUSED from the
 * coordinator becomes the error that it names.
 */
MUST_CHECK status_t asker_ask(asker_t *self, const buffer_t *sealed, uint32_t number,
                              int timeout_ms, message_t **ret_answer, error_t *err);

#endif
