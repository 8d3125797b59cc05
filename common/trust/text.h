/*
 * text.h: texts that people read in signed documents must be what they look like.
 */
#ifndef DROVER_TRUST_TEXT_H
#define DROVER_TRUST_TEXT_H

#include <stdbool.h>

/* A name of an application or environment: empty for all, else as keytext_name_ok. */
bool text_scope_ok(const char *text);

/* Whether what was granted for one application or environment ("": for all) is for this one. What
 * is asked about as "" is all of them, which only "" covers. */
bool text_scope_covers(const char *granted, const char *asked);

/* Whether two such have anything in common. */
bool text_scopes_meet(const char *a, const char *b);

/* Free text on one line: no control characters (C0, DEL, C1), no marks that turn the direction of
 * writing (Unicode bidirectional controls), which could show another text than was signed. */
bool text_plain_ok(const char *text);

/* Whether two names are one person's: equal but for the case of ASCII letters. */
bool text_same_person(const char *a, const char *b);

#endif
