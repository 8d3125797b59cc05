/* text.c: see text.h. */
#include "common/migration/text.h"

#include "common/base/limits.h"
#include "common/base/utf8.h"

#include <stdint.h>
#include <string.h>

enum { LINE_SHOWN = 200 };

static bool is_continuation(uint8_t byte) {
    return (byte & 0xC0) == 0x80;
}

size_t text_utf8_length(const void *bytes, size_t size) {
    if (size == 0) {
        return 0;
    }
    const char *text = bytes;
    size_t at = 0;
    for (size_t step = 0; (step = utf8_size(text + at, size - at)) > 0;) {
        at += step;
    }
    return at;
}

static status_t refuse(error_t *err, size_t offset, size_t *ret_offset, const char *what) {
    if (ret_offset != NULL) {
        *ret_offset = offset;
    }
    return error_set(err, ERROR_ENCODING, "%s", what);
}

status_t text_check(text_span_t text, size_t *ret_offset, error_t *err) {
    if (text.size > LIMIT_SCRIPT_BYTES) {
        if (ret_offset != NULL) {
            *ret_offset = 0;
        }
        return error_set(err, ERROR_BOUND, "%zu bytes: a script has at most %d", text.size,
                         LIMIT_SCRIPT_BYTES);
    }
    if (text.size >= 3 && memcmp(text.bytes, "\xEF\xBB\xBF", 3) == 0) {
        return refuse(err, 0, ret_offset, "begins with a UTF-8 byte-order mark");
    }
    if (text.size >= 2 &&
        (memcmp(text.bytes, "\xFF\xFE", 2) == 0 || memcmp(text.bytes, "\xFE\xFF", 2) == 0)) {
        return refuse(err, 0, ret_offset, "begins with a UTF-16 byte-order mark, not UTF-8");
    }
    size_t good = text_utf8_length(text.bytes, text.size);
    if (good == text.size) {
        return STATUS_OK;
    }
    if (text.bytes[good] == '\0') {
        return refuse(err, good, ret_offset, "holds a NUL byte");
    }
    if (ret_offset != NULL) {
        *ret_offset = good;
    }
    return error_set(err, ERROR_ENCODING, "byte 0x%02x is no valid UTF-8",
                     (unsigned)(uint8_t)text.bytes[good]);
}

static size_t line_start(text_span_t text, size_t offset) {
    while (offset > 0 && text.bytes[offset - 1] != '\n') {
        offset--;
    }
    return offset;
}

text_place_t text_place(text_span_t text, size_t offset) {
    text_place_t place = {.line = 1, .column = 1};
    if (offset > text.size) {
        offset = text.size;
    }
    for (size_t i = 0; i < offset; i++) {
        if (text.bytes[i] == '\n') {
            place.line++;
        }
    }
    for (size_t i = line_start(text, offset); i < offset; i++) {
        place.column += !is_continuation((uint8_t)text.bytes[i]);
    }
    return place;
}

text_span_t text_line(text_span_t text, size_t offset) {
    if (text.size == 0) {
        return (text_span_t){.bytes = "", .size = 0};
    }
    if (offset > text.size) {
        offset = text.size;
    }
    size_t start = line_start(text, offset);
    const char *newline = memchr(text.bytes + offset, '\n', text.size - offset);
    size_t end = newline != NULL ? (size_t)(newline - text.bytes) : text.size;
    if (offset - start > LINE_SHOWN / 2) {
        start = offset - LINE_SHOWN / 2;
        while (start < offset && is_continuation((uint8_t)text.bytes[start])) {
            start++;
        }
    }
    if (end - start > LINE_SHOWN) {
        end = start + LINE_SHOWN;
        while (end > offset && is_continuation((uint8_t)text.bytes[end])) {
            end--;
        }
    }
    if (end > start && text.bytes[end - 1] == '\r') {
        end--;
    }
    return (text_span_t){.bytes = text.bytes + start, .size = end - start};
}

size_t text_end_of_comment(text_span_t text, size_t offset) {
    while (offset < text.size && text.bytes[offset] != '\n' && text.bytes[offset] != '\r') {
        offset++;
    }
    return offset;
}

size_t text_skip_comment(text_span_t text, size_t offset) {
    size_t depth = 1;
    offset += 2;
    while (offset < text.size && depth > 0) {
        bool pair = offset + 1 < text.size;
        if (pair && text.bytes[offset] == '/' && text.bytes[offset + 1] == '*') {
            depth++;
            offset += 2;
        } else if (pair && text.bytes[offset] == '*' && text.bytes[offset + 1] == '/') {
            depth--;
            offset += 2;
        } else {
            offset++;
        }
    }
    return offset;
}

size_t text_skip_blank(text_span_t text, size_t offset) {
    while (offset < text.size) {
        bool pair = offset + 1 < text.size;
        char c = text.bytes[offset];
        if (strchr(" \t\r\n\f\v", c) != NULL && c != '\0') {
            offset++;
        } else if (pair && c == '-' && text.bytes[offset + 1] == '-') {
            offset = text_end_of_comment(text, offset);
        } else if (pair && c == '/' && text.bytes[offset + 1] == '*') {
            offset = text_skip_comment(text, offset);
        } else {
            break;
        }
    }
    return offset;
}
