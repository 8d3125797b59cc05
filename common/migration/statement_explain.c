/*
 * statement_explain.c: the parser answers nothing but a message and a position, whatever was wrong.
 * What people put into scripts that only psql understands is recognised here and named.
 */
#include "common/migration/statement_internal.h"

#include "common/base/cleanup.h"
#include "common/migration/finding.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { QUOTED_SHOWN = 40 };

/* Byte offset of the character that the parser counts from 1. */
static size_t byte_offset(text_span_t script, int cursor) {
    size_t offset = 0;
    for (int left = cursor - 1; left > 0 && offset < script.size; left--) {
        offset++;
        while (offset < script.size && ((unsigned char)script.bytes[offset] & 0xC0) == 0x80) {
            offset++;
        }
    }
    return offset;
}

/* Offset after the ; that ends the last statement with the word stdin before `before`, or 0. */
static size_t end_of_stdin(text_span_t script, size_t before) {
    for (size_t at = before; at-- > 0;) {
        if (before - at >= 5 && strncasecmp(script.bytes + at, "stdin", 5) == 0) {
            const char *end = memchr(script.bytes + at, ';', before - at);
            return end != NULL ? (size_t)(end - script.bytes) + 1 : 0;
        }
    }
    return 0;
}

/* Whether what the parser stumbled over are the data lines of a COPY from stdin; ret_offset gets
 * the COPY. */
static bool is_copy_data(text_span_t script, size_t at, size_t *ret_offset) {
    size_t end = end_of_stdin(script, at);
    if (end == 0) {
        return false;
    }
    CLEANUP(free_p) char *before = strndup(script.bytes, end);
    if (before == NULL) {
        return false;
    }
    return statement_ends_with_copy((text_span_t){.bytes = before, .size = end}, ret_offset);
}

static int word_length(text_span_t script, size_t at) {
    size_t end = at;
    while (end < script.size && end - at < QUOTED_SHOWN &&
           !isspace((unsigned char)script.bytes[end])) {
        end++;
    }
    while (end < script.size && end > at && ((unsigned char)script.bytes[end] & 0xC0) == 0x80) {
        end--;
    }
    return (int)(end - at);
}

static bool is_psql_variable(text_span_t script, size_t at) {
    if (at + 1 >= script.size || script.bytes[at] != ':') {
        return false;
    }
    unsigned char next = (unsigned char)script.bytes[at + 1];
    return isalpha(next) || next == '_' || next == '\'' || next == '"' || next == '{';
}

/* PostgreSQL quotes all that is left of the text after "at or near": a line's worth will do. */
static void shorten(const char *message, error_t *error) {
    static const char near[] = " at or near \"";
    const char *quoted = strstr(message, near);
    size_t head = quoted != NULL ? (size_t)(quoted - message) + sizeof near - 1 : 0;
    bool short_enough = quoted == NULL || (strlen(message + head) <= QUOTED_SHOWN + 1 &&
                                           strchr(message + head, '\n') == NULL);
    if (short_enough) {
        (void)error_set(error, ERROR_SQL_SYNTAX, "%s", message);
        return;
    }
    size_t kept = head;
    while (message[kept] != '\n' && message[kept] != '\r' && kept - head < QUOTED_SHOWN) {
        kept++;
    }
    while (kept > head && ((unsigned char)message[kept] & 0xC0) == 0x80) {
        kept--;
    }
    (void)error_set(error, ERROR_SQL_SYNTAX, "%.*s …\"", (int)kept, message);
}

void statement_explain(text_span_t script, statement_complaint_t complaint,
                       statement_problem_t *ret_problem) {
    size_t at = byte_offset(script, complaint.cursor);
    error_t *error = &ret_problem->error;
    ret_problem->rule = RULE_PARSES;
    ret_problem->offset = at;
    if (strstr(complaint.message, "memory exhausted") != NULL ||
        strstr(complaint.message, "out of memory") != NULL ||
        strstr(complaint.message, "stack depth limit") != NULL) {
        (void)error_set(
            error, ERROR_SQL_TOO_COMPLEX,
            "too complex to parse: nested too deeply or too large; split the statement");
    } else if (is_copy_data(script, at, &ret_problem->offset)) {
        ret_problem->rule = RULE_COPY_STDIN;
        (void)error_set(error, ERROR_SQL_SYNTAX,
                        "COPY from stdin with its data in the script: only psql reads that");
    } else if (at < script.size && script.bytes[at] == '\\') {
        ret_problem->rule = RULE_PSQL_COMMAND;
        (void)error_set(error, ERROR_SQL_SYNTAX,
                        "psql meta-command '%.*s': only psql understands it",
                        word_length(script, at), script.bytes + at);
    } else if (is_psql_variable(script, at)) {
        ret_problem->rule = RULE_PSQL_COMMAND;
        (void)error_set(error, ERROR_SQL_SYNTAX, "psql variable '%.*s': only psql fills it in",
                        word_length(script, at), script.bytes + at);
    } else {
        shorten(complaint.message, error);
    }
}
