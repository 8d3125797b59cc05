/* buffer.c: see buffer.h. */
#include "common/base/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Make room for more bytes and the NUL; false marks the buffer failed. */
static bool reserve(buffer_t *buffer, size_t more) {
    if (buffer->failed) {
        return false;
    }
    if (more > SIZE_MAX / 4 || (buffer->limit != 0 && buffer->size + more > buffer->limit)) {
        buffer->failed = true;
        return false;
    }
    size_t need = buffer->size + more + 1;
    if (need <= buffer->room) {
        return true;
    }
    size_t room = buffer->room == 0 ? 128 : buffer->room;
    while (room < need) {
        room *= 2;
    }
    char *data = realloc(buffer->data, room);
    if (data == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->room = room;
    return true;
}

void buffer_append(buffer_t *buffer, const void *bytes, size_t size) {
    if (!reserve(buffer, size)) {
        return;
    }
    if (size > 0) {
        memcpy(buffer->data + buffer->size, bytes, size);
    }
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
}

void buffer_text(buffer_t *buffer, const char *text) {
    buffer_append(buffer, text, strlen(text));
}

void buffer_char(buffer_t *buffer, char c) {
    buffer_append(buffer, &c, 1);
}

void buffer_format(buffer_t *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !reserve(buffer, (size_t)length)) {
        buffer->failed = true;
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(buffer->data + buffer->size, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->size += (size_t)length;
}

const char *buffer_string(const buffer_t *buffer) {
    return buffer->data != NULL ? buffer->data : "";
}

void buffer_clear(buffer_t *buffer) {
    buffer->size = 0;
    buffer->failed = false;
    if (buffer->data != NULL) {
        buffer->data[0] = '\0';
    }
}

status_t buffer_check(const buffer_t *buffer, error_t *err) {
    if (!buffer->failed) {
        return STATUS_OK;
    }
    if (buffer->limit != 0) {
        return error_set(err, ERROR_BOUND, "more than %zu bytes, or out of memory", buffer->limit);
    }
    return error_set(err, ERROR_NO_MEMORY, "out of memory at %zu bytes", buffer->size);
}

char *buffer_take(buffer_t *buffer) {
    char *data = buffer->data;
    buffer->data = NULL;
    buffer->size = buffer->room = 0;
    return data;
}

void buffer_free(buffer_t *buffer) {
    free(buffer->data);
    buffer->data = NULL;
    buffer->size = buffer->room = 0;
    buffer->failed = false;
}
