/* utf8.c: see utf8.h. */
#include "common/base/utf8.h"

#include <stdint.h>
#include <string.h>

static bool is_continuation(uint8_t byte) {
    return (byte & 0xC0) == 0x80;
}

size_t utf8_size(const char *text, size_t left) {
    const uint8_t *p = (const uint8_t *)text;
    if (left == 0 || p[0] == 0) {
        return 0;
    }
    uint8_t first = p[0];
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xC2 || first > 0xF4) {
        return 0;
    }
    if (first < 0xE0) {
        return left >= 2 && is_continuation(p[1]) ? 2 : 0;
    }
    if (left < 3 || !is_continuation(p[1]) || !is_continuation(p[2])) {
        return 0;
    }
    if (first < 0xF0) {
        bool overlong = first == 0xE0 && p[1] < 0xA0;
        bool surrogate = first == 0xED && p[1] > 0x9F;
        return overlong || surrogate ? 0 : 3;
    }
    bool overlong = first == 0xF0 && p[1] < 0x90;
    bool too_great = first == 0xF4 && p[1] > 0x8F;
    return left >= 4 && is_continuation(p[3]) && !overlong && !too_great ? 4 : 0;
}

bool utf8_is_control(const char *text, size_t size) {
    const uint8_t *p = (const uint8_t *)text;
    return size == 1 ? p[0] < 0x20 || p[0] == 0x7F : size == 2 && p[0] == 0xC2 && p[1] < 0xA0;
}

void utf8_escape(const char *text, size_t size, buffer_t *out) {
    for (size_t at = 0; at < size;) {
        size_t step = utf8_size(text + at, size - at);
        if (step == 2 && utf8_is_control(text + at, step)) {
            buffer_format(out, "\\u%04x", (unsigned)(uint8_t)text[at + 1]);
        } else if (step == 0 || utf8_is_control(text + at, step)) {
            buffer_format(out, "\\x%02x", (unsigned)(uint8_t)text[at]);
        } else {
            buffer_append(out, text + at, step);
        }
        at += step > 0 ? step : 1;
    }
}

void utf8_columns(const char *text, size_t size, buffer_t *out) {
    for (size_t at = 0; at < size;) {
        size_t step = utf8_size(text + at, size - at);
        if (step == 0) {
            buffer_text(out, is_continuation((uint8_t)text[at]) ? "" : "?");
        } else if (utf8_is_control(text + at, step)) {
            buffer_char(out, ' ');
        } else {
            buffer_append(out, text + at, step);
        }
        at += step > 0 ? step : 1;
    }
}
