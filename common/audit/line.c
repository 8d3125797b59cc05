/* line.c: see line.h. */
#include "common/audit/line.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

status_t audit_line_read(const char *bytes, size_t size, audit_line_t *ret_line, error_t *err) {
    json_error_t why;
    if (size > AUDIT_LINE_BYTES) {
        return error_set(err, ERROR_AUDIT_LINE, "a line of %zu bytes: at most %d", size,
                         (int)AUDIT_LINE_BYTES);
    }
    CLEANUP(audit_line_free) audit_line_t line = {.json = NULL};
    line.json = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &why);
    if (line.json == NULL) {
        return error_set(err, ERROR_AUDIT_LINE, "no JSON: %s, at byte %d", why.text, why.position);
    }
    line.type = json_string_value(json_object_get(line.json, "type"));
    if (line.type == NULL) {
        return error_set(err, ERROR_AUDIT_LINE, "no JSON object with a text 'type'");
    }
    *ret_line = line;
    line = (audit_line_t){0};
    return STATUS_OK;
}

void audit_line_free(audit_line_t *line) {
    json_decref(line->json);
    *line = (audit_line_t){0};
}

/* --- members --------------------------------------------------------------------------------- */

static status_t refuse(const char *key, const char *what, error_t *err) {
    return error_set(err, ERROR_AUDIT_LINE, "'%s' is no %s", key, what);
}

/* The member, or NULL where it is absent or null. */
static const json_t *member(const audit_line_t *line, const char *key) {
    const json_t *value = json_object_get(line->json, key);
    return json_is_null(value) ? NULL : value;
}

/* A text with a NUL inside would be another text to whoever reads it up to there. */
static status_t plain(const json_t *value, const char *key, const char **ret_text, error_t *err) {
    const char *text = json_string_value(value);
    if (text == NULL || strlen(text) != json_string_length(value)) {
        return refuse(key, "text", err);
    }
    *ret_text = text;
    return STATUS_OK;
}

status_t audit_line_text(const audit_line_t *line, const char *key, const char **ret_text,
                         error_t *err) {
    const json_t *value = member(line, key);
    *ret_text = "";
    return value != NULL ? plain(value, key, ret_text, err) : STATUS_OK;
}

status_t audit_line_need(const audit_line_t *line, const char *key, const char **ret_text,
                         error_t *err) {
    return plain(member(line, key), key, ret_text, err);
}

status_t audit_line_number(const audit_line_t *line, const char *key, int64_t *ret_number,
                           error_t *err) {
    const json_t *value = member(line, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return refuse(key, "whole number of 0 or more", err);
    }
    *ret_number = json_integer_value(value);
    return STATUS_OK;
}

status_t audit_line_flag(const audit_line_t *line, const char *key, bool *ret_flag, error_t *err) {
    const json_t *value = member(line, key);
    if (!json_is_boolean(value)) {
        return refuse(key, "true or false", err);
    }
    *ret_flag = json_is_true(value);
    return STATUS_OK;
}

status_t audit_line_ident(const audit_line_t *line, const char *key, ident_t *ret_id,
                          error_t *err) {
    const char *text = NULL;
    error_t inner;
    *ret_id = (ident_t){{0}};
    TRY(audit_line_text(line, key, &text, err));
    if (*text != '\0' && ident_parse(text, ret_id, &inner) != STATUS_OK) {
        return refuse(key, "id", err);
    }
    return STATUS_OK;
}

status_t audit_line_digest(const audit_line_t *line, const char *key, digest_t *ret_digest,
                           error_t *err) {
    const char *text = NULL;
    error_t inner;
    *ret_digest = (digest_t){{0}};
    TRY(audit_line_text(line, key, &text, err));
    if (*text != '\0' && digest_parse(text, ret_digest, &inner) != STATUS_OK) {
        return refuse(key, "digest", err);
    }
    return STATUS_OK;
}

status_t audit_line_hex(const audit_line_t *line, const char *key, size_t size, uint8_t *ret_bytes,
                        error_t *err) {
    const char *text = NULL;
    error_t inner;
    TRY(audit_line_need(line, key, &text, err));
    return hex_parse(text, size, ret_bytes, &inner) == STATUS_OK
               ? STATUS_OK
               : refuse(key, "run of hexadecimal digits of the right length", err);
}

void audit_bytes_free(audit_bytes_t *bytes) {
    free(bytes->data);
    *bytes = (audit_bytes_t){0};
}

status_t audit_line_bytes(const audit_line_t *line, const char *key, audit_bytes_t *ret_bytes,
                          error_t *err) {
    const char *text = NULL;
    TRY(audit_line_need(line, key, &text, err));
    size_t length = strlen(text);
    audit_bytes_t bytes = {.data = malloc(length + 1)};
    if (bytes.data == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for an export");
    }
    const char *end = NULL;
    if (sodium_base642bin(bytes.data, length + 1, text, length, NULL, &bytes.size, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        *end != '\0') {
        audit_bytes_free(&bytes);
        return refuse(key, "base64", err);
    }
    *ret_bytes = bytes;
    return STATUS_OK;
}

status_t audit_line_document(const audit_line_t *line, document_t **ret_document, error_t *err) {
    CLEANUP(audit_bytes_free) audit_bytes_t bytes = {0};
    TRY(audit_line_bytes(line, "document", &bytes, err));
    return document_decode(bytes.data, bytes.size, ret_document, err);
}

/* --- the audit log --------------------------------------------------------------------------- */

status_t audit_line_record(const audit_line_t *line, audit_record_t *ret_record, bool *ret_chained,
                           error_t *err) {
    audit_record_t record = {0};
    const char *previous = NULL;
    TRY(audit_line_number(line, "sequence", &record.sequence, err));
    TRY(audit_line_number(line, "time_us", &record.time_us, err));
    TRY(audit_line_need(line, "actor", &record.actor, err));
    TRY(audit_line_need(line, "origin", &record.origin, err));
    TRY(audit_line_need(line, "action", &record.action, err));
    TRY(audit_line_ident(line, "rollout", &record.rollout, err));
    TRY(audit_line_ident(line, "tenant", &record.tenant, err));
    TRY(audit_line_digest(line, "sql_digest", &record.sql_digest, err));
    TRY(audit_line_need(line, "result", &record.result, err));
    TRY(audit_line_need(line, "detail", &record.detail, err));
    TRY(audit_line_text(line, "previous", &previous, err));
    TRY(audit_line_digest(line, "previous", &record.previous, err));
    *ret_chained = *previous != '\0';
    *ret_record = record;
    return STATUS_OK;
}

status_t audit_line_head(const audit_line_t *line, audit_head_t *ret_head, error_t *err) {
    audit_head_t head = {0};
    int64_t epoch = 0;
    if (strcmp(line->type, "head") != 0) {
        return error_set(err, ERROR_AUDIT_LINE, "a line of type '%.40s' where a head belongs",
                         line->type);
    }
    TRY(audit_line_number(line, "sequence", &head.sequence, err));
    TRY(audit_line_digest(line, "digest", &head.digest, err));
    TRY(audit_line_number(line, "time_us", &head.time_us, err));
    TRY(audit_line_ident(line, "catalog", &head.catalog, err));
    TRY(audit_line_number(line, "epoch", &epoch, err));
    TRY(audit_line_ident(line, "incarnation", &head.incarnation, err));
    TRY(audit_line_hex(line, "key", sizeof head.key.bytes, head.key.bytes, err));
    TRY(audit_line_hex(line, "signature", sizeof head.signature.bytes, head.signature.bytes, err));
    head.epoch = (uint64_t)epoch;
    *ret_head = head;
    return STATUS_OK;
}
