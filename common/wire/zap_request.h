/*
 * zap_request.h: what a handshake asks, out of its frames. Pure. What stands in them comes from
 * strangers. Source: RFC 27/ZAP.
 */
#ifndef DROVER_WIRE_ZAP_REQUEST_H
#define DROVER_WIRE_ZAP_REQUEST_H

#include "common/wire/curve.h"

enum {
    ZAP_FRAMES = 7,     /* of a request with CURVE */
    ZAP_TEXT_SIZE = 128 /* of what is shown of a frame */
};

/* Frames of a request, in their sequence. */
typedef enum zap_at {
    ZAP_AT_VERSION,
    ZAP_AT_ID,
    ZAP_AT_DOMAIN,
    ZAP_AT_ADDRESS,
    ZAP_AT_IDENTITY,
    ZAP_AT_MECHANISM,
    ZAP_AT_KEY
} zap_at_t;

typedef struct zap_frame {
    const uint8_t *bytes; /* NULL: there is none */
    size_t size;
} zap_frame_t;

typedef struct zap_request {
    zap_frame_t frames[ZAP_FRAMES];
    size_t count; /* of the frames that came, those beyond ZAP_FRAMES included */
} zap_request_t;

/* NULL where the request is well made, for our domain, with a CURVE key; else why not. The key is
 * set where there is one, whatever is wrong beside it: *ret_has_key tells. */
const char *zap_request_read(const zap_request_t *request, curve_public_t *ret_key,
                             bool *ret_has_key);

/* A frame as printable ASCII, cut to what fits. */
void zap_request_show(const zap_request_t *request, zap_at_t at, char text[ZAP_TEXT_SIZE]);

#endif
