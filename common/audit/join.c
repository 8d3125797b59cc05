/* join.c: see join.h. */
#include "common/audit/join.h"

#include "common/audit/line.h"
#include "common/base/utf8.h"

#include <stdlib.h>
#include <string.h>

static status_t write_line(audit_join_t *join, const json_t *row, buffer_t *out, error_t *err) {
    CLEANUP(free_p) char *text = json_dumps(row, JSON_COMPACT);
    if (text == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for an export");
    }
    utf8_escape_json(text, strlen(text), out); /* it may go to a terminal */
    buffer_char(out, '\n');
    join->lines++;
    return buffer_check(out, err);
}

/* A payload goes on: keep what there is, within what a reader takes. */
static status_t keep(audit_join_t *join, const json_t *row, error_t *err) {
    const char *payload = json_string_value(json_object_get(row, "payload"));
    if (payload == NULL) {
        return error_set(err, ERROR_AUDIT_LINE, "an export's row goes on without a payload");
    }
    join->payload.limit = AUDIT_LINE_BYTES;
    buffer_text(&join->payload, payload);
    return buffer_check(&join->payload, err);
}

static status_t complete(audit_join_t *join, buffer_t *out, error_t *err) {
    json_t *payload = json_string(buffer_string(&join->payload));
    if (payload == NULL || json_object_set_new(join->open, "payload", payload) != 0 ||
        json_object_del(join->open, "more") != 0) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for an export");
    }
    TRY(write_line(join, join->open, out, err));
    json_decref(join->open);
    join->open = NULL;
    buffer_clear(&join->payload);
    return STATUS_OK;
}

status_t audit_join_row(audit_join_t *join, json_t *row, buffer_t *out, error_t *err) {
    const char *type = json_string_value(json_object_get(row, "type"));
    bool part = type != NULL && strcmp(type, "more") == 0;
    bool more = json_is_true(json_object_get(row, "more"));
    if (type == NULL || part != (join->open != NULL)) {
        return error_set(err, ERROR_AUDIT_LINE,
                         "the coordinator's export has a row where it does not belong");
    }
    if (!part && !more) {
        return write_line(join, row, out, err);
    }
    TRY(keep(join, row, err));
    if (!part) {
        join->open = json_incref(row);
        return STATUS_OK;
    }
    return more ? STATUS_OK : complete(join, out, err);
}

status_t audit_join_end(const audit_join_t *join, error_t *err) {
    return join->open == NULL
               ? STATUS_OK
               : error_set(err, ERROR_AUDIT_LINE, "the coordinator's export ends within a row");
}

void audit_join_free(audit_join_t *join) {
    json_decref(join->open);
    buffer_free(&join->payload);
    *join = (audit_join_t){0};
}
