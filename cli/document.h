/* document.h: reading and joining the JSON documents that a coordinator answers with. */
#ifndef DROVER_CLI_DOCUMENT_H
#define DROVER_CLI_DOCUMENT_H

#include "common/base/buffer.h"

#include <jansson.h>
#include <stdint.h>

/* Cleaner for locals. */
void document_release(json_t **document);

/* The value at a path of members ("bundle.digest"), or NULL. Borrowed. */
const json_t *document_at(const json_t *document, const char *path);

/* What stands at a path: "" and 0 and false where it is absent, null or of another type. */
const char *document_text(const json_t *document, const char *path);
int64_t document_number(const json_t *document, const char *path);
bool document_flag(const json_t *document, const char *path);
size_t document_count(const json_t *document, const char *path);

/* Append a later page to the first one: rows of arrays join the array of the same name, members
 * that the first lacks are added. The page keeps nothing of value. ERROR_NO_MEMORY. */
MUST_CHECK status_t document_join(json_t *first, json_t *page, error_t *err);

/* Make an array no longer than most. Answers whether something was cut. */
bool document_cut(json_t *document, const char *array, size_t most);

/* A reference that may be NULL where memory ran out, or a text was no UTF-8, as an error. Steals
 * the reference. ERROR_INVALID. */
MUST_CHECK status_t document_made(json_t *document, json_t **ret_document, error_t *err);

#endif
