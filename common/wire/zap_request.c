/* zap_request.c: see zap_request.h. */
#include "common/wire/zap_request.h"
#include "common/wire/transport.h"

#include <string.h>

static bool says(const zap_request_t *request, zap_at_t at, const char *text) {
    const zap_frame_t *frame = &request->frames[at];
    size_t size = strlen(text);
    return frame->bytes != NULL && frame->size == size && memcmp(frame->bytes, text, size) == 0;
}

const char *zap_request_read(const zap_request_t *request, curve_public_t *ret_key,
                             bool *ret_has_key) {
    *ret_has_key = false;
    if (request->count < ZAP_AT_MECHANISM + 1 || !says(request, ZAP_AT_VERSION, "1.0")) {
        return "malformed request";
    }
    if (!says(request, ZAP_AT_MECHANISM, "CURVE")) {
        return "mechanism is not CURVE";
    }
    const zap_frame_t *key = &request->frames[ZAP_AT_KEY];
    if (request->count != ZAP_FRAMES || key->size != CURVE_BYTES) {
        return "malformed key";
    }
    *ret_key = curve_public_from(key->bytes);
    *ret_has_key = true;
    return says(request, ZAP_AT_DOMAIN, TRANSPORT_DOMAIN) ? NULL : "unknown domain";
}

void zap_request_show(const zap_request_t *request, zap_at_t at, char text[ZAP_TEXT_SIZE]) {
    const zap_frame_t *frame = &request->frames[at];
    size_t size = frame->bytes == NULL ? 0 : frame->size;
    size_t length = size < ZAP_TEXT_SIZE - 1 ? size : ZAP_TEXT_SIZE - 1;
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = frame->bytes[i];
        text[i] = byte >= 0x20 && byte < 0x7f ? (char)byte : '?';
    }
    text[length] = '\0';
}
