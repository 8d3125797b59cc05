/*
 * fuzz_zap.c: a handshake's request of any frames. A byte says how many frames there are, then each
 * frame's size stands in two bytes before it. Only a request that is well made in every part is let
 * through, and only its own key.
 */
#include "common/wire/transport.h"
#include "common/wire/zap_request.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cut the input into frames; those beyond what the handler keeps are only counted. */
static zap_request_t cut(const uint8_t *data, size_t size) {
    zap_request_t request = {.count = size > 0 ? data[0] : 0};
    size_t at = 1;
    for (size_t i = 0; i < request.count && i < ZAP_FRAMES; i++) {
        if (at + 2 > size) {
            request.count = i;
            break;
        }
        size_t wanted = (size_t)data[at] << 8 | data[at + 1];
        size_t left = size - at - 2;
        request.frames[i].bytes = data + at + 2;
        request.frames[i].size = wanted < left ? wanted : left;
        at += 2 + request.frames[i].size;
    }
    return request;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    zap_request_t request = cut(data, size);
    curve_public_t key;
    bool has_key = false;
    char text[ZAP_TEXT_SIZE];
    const char *reason = zap_request_read(&request, &key, &has_key);
    for (zap_at_t at = ZAP_AT_VERSION; at <= ZAP_AT_KEY; at++) {
        zap_request_show(&request, at, text);
        for (const char *c = text; *c != '\0'; c++) {
            if (*c < 0x20 || *c >= 0x7f) {
                abort();
            }
        }
    }
    if (reason == NULL && (!has_key || request.count != ZAP_FRAMES ||
                           memcmp(request.frames[ZAP_AT_KEY].bytes, key.bytes, CURVE_BYTES) != 0 ||
                           request.frames[ZAP_AT_DOMAIN].size != strlen(TRANSPORT_DOMAIN))) {
        abort();
    }
    return 0;
}
