/*
 * row.h: JSON objects that are filled member by member.
 *
 * Filling never fails in the middle of a chain: memory that runs out makes the row "failed", and
 * whoever takes it in the end tells. Text that is not UTF-8 (it should have been refused at the
 * door) is shown with '?' in place of its bytes above 127, so that a page can always be written.
 */
#ifndef DROVER_SERVICE_ROW_H
#define DROVER_SERVICE_ROW_H

#include "common/base/digest.h"
#include "common/base/ident.h"
#include "coordinator/engine/model.h"

#include <jansson.h>

typedef struct row {
    json_t *json; /* an object, or an array made by row_list; NULL once taken */
    bool failed;
} row_t;

row_t row_new(void);
row_t row_list(void);

/* Release; a taken one is fine. Usable with CLEANUP. */
void row_free(row_t *row);

/* Members of an object. A NULL text and a null id are null. */
void row_text(row_t *row, const char *key, const char *text);
void row_number(row_t *row, const char *key, int64_t number);
void row_flag(row_t *row, const char *key, bool flag);
void row_real(row_t *row, const char *key, double number);
void row_ident(row_t *row, const char *key, const ident_t *id);
void row_digest(row_t *row, const char *key, const digest_t *digest); /* zeros are null */
void row_agent_key(row_t *row, const char *key, const agent_key_t *agent);
void row_cluster(row_t *row, const char *key, uint64_t system_identifier); /* decimal text */

/* key as text and key_us as a number; 0 is null and 0. */
void row_time(row_t *row, const char *key, int64_t us);

/* Take a filled row as a member, or as the next item of a list. */
void row_take(row_t *row, const char *key, row_t *inner);
void row_append(row_t *list, row_t *inner);
void row_append_text(row_t *list, const char *text);

/* ERROR_NO_MEMORY where filling failed. */
MUST_CHECK status_t row_check(const row_t *row, error_t *err);

#endif
