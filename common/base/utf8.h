/*
 * utf8.h: texts of others as a terminal may see them. Pure.
 *
 * Names of files, lines of scripts and words of a command line come from anywhere: a control byte
 * among them could steer the terminal or forge a line of ours.
 */
#ifndef DROVER_BASE_UTF8_H
#define DROVER_BASE_UTF8_H

#include "common/base/buffer.h"

/* Bytes of the well-formed character at text, of which left bytes are there; 0 where there is none
 * (RFC 3629: no overlong form, no surrogate, nothing past U+10FFFF). NUL is none. */
size_t utf8_size(const char *text, size_t left);

/* Whether the well-formed character of this many bytes is a control: C0, DEL, C1, or one that is
 * not seen itself and changes how others are: it reorders them (U+202E shows a name backwards),
 * ends a line, or takes no room, so that two names look the same. */
bool utf8_is_control(const char *text, size_t size);

/* Append size bytes of text: controls of one byte and bytes of no character as \xNN, other controls
 * as \uNNNN, or \UNNNNNNNN past U+FFFF. */
void utf8_escape(const char *text, size_t size, buffer_t *out);

/* Append a text of JSON, in which C0 controls stand between values only: other controls as \uNNNN,
 * which every reader of JSON takes for the same text. */
void utf8_escape_json(const char *text, size_t size, buffer_t *out);

/* Append size bytes of text as one column a character, to stand above a caret: controls as blanks,
 * bytes of no character as question marks, but continuation bytes among those as nothing. */
void utf8_columns(const char *text, size_t size, buffer_t *out);

#endif
