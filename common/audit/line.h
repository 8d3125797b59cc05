/*
 * line.h: one line of an export: a JSON object with a `type`. Pure but for memory.
 *
 * A member is read by its name and must be of its kind; members that nobody asks for are passed
 * over. Errors are ERROR_AUDIT_LINE and name the member.
 */
#ifndef DROVER_AUDIT_LINE_H
#define DROVER_AUDIT_LINE_H

#include "common/audit/chain.h"
#include "common/trust/document.h"

#include <jansson.h>

/* Most bytes of a line: a message's payload in base64 with what stands around it. */
enum { AUDIT_LINE_BYTES = 2 * 1024 * 1024, AUDIT_FORMAT = 1 };

typedef struct audit_line {
    json_t *json; /* an object */
    const char *type;
} audit_line_t;

MUST_CHECK status_t audit_line_read(const char *bytes, size_t size, audit_line_t *ret_line,
                                    error_t *err);
void audit_line_free(audit_line_t *line);

/* A text; null and an absent member are "". Borrowed from the line. */
MUST_CHECK status_t audit_line_text(const audit_line_t *line, const char *key,
                                    const char **ret_text, error_t *err);
/* A text that must be there, though it may be empty. */
MUST_CHECK status_t audit_line_need(const audit_line_t *line, const char *key,
                                    const char **ret_text, error_t *err);
/* A whole number of 0 or more. */
MUST_CHECK status_t audit_line_number(const audit_line_t *line, const char *key,
                                      int64_t *ret_number, error_t *err);
MUST_CHECK status_t audit_line_flag(const audit_line_t *line, const char *key, bool *ret_flag,
                                    error_t *err);

/* null is a null id or digest. */
MUST_CHECK status_t audit_line_ident(const audit_line_t *line, const char *key, ident_t *ret_id,
                                     error_t *err);
MUST_CHECK status_t audit_line_digest(const audit_line_t *line, const char *key,
                                      digest_t *ret_digest, error_t *err);

/* Exactly size bytes in hexadecimal. */
MUST_CHECK status_t audit_line_hex(const audit_line_t *line, const char *key, size_t size,
                                   uint8_t *ret_bytes, error_t *err);

/* Base64 with padding; the bytes are the caller's to free. */
typedef struct audit_bytes {
    uint8_t *data;
    size_t size;
} audit_bytes_t;
void audit_bytes_free(audit_bytes_t *bytes);
MUST_CHECK status_t audit_line_bytes(const audit_line_t *line, const char *key,
                                     audit_bytes_t *ret_bytes, error_t *err);

/* A signed document in base64, every signature of it checked. TRUST_DOCUMENT, TRUST_SIGNATURE. */
MUST_CHECK status_t audit_line_document(const audit_line_t *line, document_t **ret_document,
                                        error_t *err);

/* A row of the audit log; its texts are borrowed from the line. *ret_chained: it cites another. */
MUST_CHECK status_t audit_line_record(const audit_line_t *line, audit_record_t *ret_record,
                                      bool *ret_chained, error_t *err);

/* A line of type head. */
MUST_CHECK status_t audit_line_head(const audit_line_t *line, audit_head_t *ret_head, error_t *err);

#endif
