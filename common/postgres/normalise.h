/*
 * normalise.h: expression text of the server, made the same before and after a dump and restore.
 *
 * PostgreSQL prints `status IN ('a','b')` over a varchar column as
 *     (status)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])
 * and, once that text has been restored, as
 *     (status)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])
 * The first form is rewritten into the second, token by token: no recursion, no parser, so hostile
 * text can do no harm. Pure. Source: transformTypeCast() in PostgreSQL's parse_expr.c.
 */
#ifndef DROVER_POSTGRES_NORMALISE_H
#define DROVER_POSTGRES_NORMALISE_H

#include "common/base/buffer.h"

#include <stddef.h>

/* Append the normalised form of size bytes to out. Text without the pattern is copied as it is. */
void normalise_expression(const char *text, size_t size, buffer_t *out);

#endif
