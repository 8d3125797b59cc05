/*
 * quote.h: values into SQL text, without a connection.
 *
 * Needed where several statements travel in one simple-protocol string, which takes no parameters.
 * Literals come out right whatever standard_conforming_strings says: text with a backslash is
 * written as E'…'. Bytes are assumed to be UTF-8, our sessions' encoding; a NUL cannot occur in a C
 * string. Source: PostgreSQL manual, "Lexical Structure" (string constants, identifiers).
 */
#ifndef DROVER_POSTGRES_QUOTE_H
#define DROVER_POSTGRES_QUOTE_H

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/base/ident.h"

/* 'text', or NULL where text is NULL. */
void quote_text(buffer_t *sql, const char *text);
/* "name" */
void quote_name(buffer_t *sql, const char *name);
/* 42 or (-42): safe beside any operator. */
void quote_number(buffer_t *sql, int64_t number);
/* '…'::uuid, or NULL for a null id or pointer. */
void quote_ident(buffer_t *sql, const ident_t *id);
/* '\x…'::bytea, or NULL for a NULL pointer. */
void quote_bytes(buffer_t *sql, const void *bytes, size_t size);
/* As quote_bytes; NULL for a null digest or pointer. */
void quote_digest(buffer_t *sql, const digest_t *digest);

#endif
