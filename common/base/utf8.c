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

/* The code point of a well-formed character. */
static uint32_t point_of(const char *text, size_t size) {
    static const uint8_t FIRST[] = {0x7F, 0x7F, 0x1F, 0x0F, 0x07}; /* bits of the first byte */
    const uint8_t *p = (const uint8_t *)text;
    uint32_t point = p[0] & FIRST[size];
    for (size_t i = 1; i < size; i++) {
        point = point << 6 | (p[i] & 0x3F);
    }
    return point;
}

/* By code point, ascending. Unicode 15: general categories Cc, Cf, Zl and Zp, without the marks of
 * Arabic and Syriac numbers, which are seen. */
static const struct {
    uint32_t first;
    uint32_t last;
} CONTROLS[] = {
    {0x0000, 0x001F},   {0x007F, 0x009F}, /* C0, DEL, C1 */
    {0x00AD, 0x00AD},                     /* soft hyphen */
    {0x061C, 0x061C},                     /* Arabic letter mark */
    {0x180E, 0x180E},                     /* Mongolian vowel separator */
    {0x200B, 0x200F},                     /* zero width; left-to-right and right-to-left mark */
    {0x2028, 0x2029},                     /* line and paragraph separator */
    {0x202A, 0x202E},                     /* embeddings and overrides */
    {0x2060, 0x206F},                     /* word joiner, invisible operators, isolates */
    {0xFEFF, 0xFEFF},                     /* zero width no-break space, or byte-order mark */
    {0xFFF9, 0xFFFB},                     /* interlinear annotation */
    {0x13430, 0x1343F},                   /* Egyptian joiners */
    {0x1BCA0, 0x1BCA3},                   /* shorthand overlaps */
    {0x1D173, 0x1D17A},                   /* beams and slurs */
    {0xE0000, 0xE007F},                   /* tags */
};

static bool is_control(uint32_t point) {
    for (size_t i = 0; i < sizeof CONTROLS / sizeof CONTROLS[0]; i++) {
        if (point >= CONTROLS[i].first && point <= CONTROLS[i].last) {
            return true;
        }
    }
    return false;
}

bool utf8_is_control(const char *text, size_t size) {
    return size > 0 && is_control(point_of(text, size));
}

/* A control of several bytes, as C and JSON write it. */
static void put_point(uint32_t point, buffer_t *out) {
    buffer_format(out, point <= 0xFFFF ? "\\u%04x" : "\\U%08x", (unsigned)point);
}

void utf8_escape(const char *text, size_t size, buffer_t *out) {
    for (size_t at = 0; at < size;) {
        size_t step = utf8_size(text + at, size - at);
        if (step > 1 && utf8_is_control(text + at, step)) {
            put_point(point_of(text + at, step), out);
        } else if (step == 0 || utf8_is_control(text + at, step)) {
            buffer_format(out, "\\x%02x", (unsigned)(uint8_t)text[at]);
        } else {
            buffer_append(out, text + at, step);
        }
        at += step > 0 ? step : 1;
    }
}

/* RFC 8259, section 7: past U+FFFF as a pair of surrogates. */
static void put_json_point(uint32_t point, buffer_t *out) {
    if (point > 0xFFFF) {
        uint32_t high = 0xD800 + ((point - 0x10000) >> 10);
        uint32_t low = 0xDC00 + ((point - 0x10000) & 0x3FF);
        buffer_format(out, "\\u%04x\\u%04x", (unsigned)high, (unsigned)low);
        return;
    }
    buffer_format(out, "\\u%04x", (unsigned)point);
}

void utf8_escape_json(const char *text, size_t size, buffer_t *out) {
    size_t kept = 0; /* up to here it is in out */
    for (size_t at = 0; at < size;) {
        size_t step = utf8_size(text + at, size - at);
        /* C0 controls are the line ends and blanks between values: within texts none is left */
        bool plain = (uint8_t)text[at] < 0x7F || !utf8_is_control(text + at, step);
        if (!plain) {
            buffer_append(out, text + kept, at - kept);
            put_json_point(point_of(text + at, step), out);
            kept = at + step;
        }
        at += step > 0 ? step : 1;
    }
    buffer_append(out, text + kept, size - kept);
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
