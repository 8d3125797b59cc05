/*
 * store_export.h: the catalog as lines of an export, for who verifies it elsewhere (common/audit).
 *
 * Every kind of line is a section: one statement whose columns are named and typed here as data.
 * Sections follow each other so that a row comes after what it refers to. An export is read in many
 * pages, between which the catalog goes on: what began after its first page is left out by
 * until_us, but for the audit log, which is read to its end.
 */
#ifndef DROVER_STORE_STORE_EXPORT_H
#define DROVER_STORE_STORE_EXPORT_H

#include "coordinator/store/driver.h"
#include "coordinator/store/store.h"

/* In the sequence of an export. */
typedef enum export_section {
    EXPORT_TRUST,
    EXPORT_REVOCATION,
    EXPORT_CARD,
    EXPORT_ORDER,
    EXPORT_TICKET,
    EXPORT_ROLLOUT,
    EXPORT_TASK,
    EXPORT_BATCH,
    EXPORT_RESULT,
    EXPORT_RECOVERY,
    EXPORT_AUDIT,
    EXPORT_SECTION_COUNT
} export_section_t;

/* What a column holds, and how it is to be written. */
typedef enum export_kind {
    EXPORT_TEXT,   /* "" means that there is none */
    EXPORT_STRING, /* "" is a value */
    EXPORT_NUMBER,
    EXPORT_FLAG,
    EXPORT_BYTES,
    EXPORT_ROLLOUT_KIND,  /* rollout_kind_t */
    EXPORT_ROLLOUT_STATE, /* rollout_state_t */
    EXPORT_TASK_STATE,    /* task_state_t */
} export_kind_t;

typedef struct export_column {
    const char *name;
    export_kind_t kind;
} export_column_t;

typedef struct export_form {
    const char *type; /* of the line */
    const export_column_t *columns;
    size_t count;
} export_form_t;

/* How the rows of a section look. */
const export_form_t *store_export_form(export_section_t section);

enum { EXPORT_COLUMNS = 16, EXPORT_KEY_SIZE = 900 };

/* A row; borrowed until the callback returns. Exactly the member of each column's kind is set. */
typedef struct export_value {
    const char *text;
    int64_t number;
    driver_bytes_t bytes;
} export_value_t;

typedef struct export_row {
    const export_form_t *form;
    export_value_t values[EXPORT_COLUMNS];
    char key[EXPORT_KEY_SIZE]; /* where a later page goes on */
} export_row_t;

typedef struct export_page {
    export_section_t section;
    const char *after; /* key of the last row of the page before; "" begins */
    int64_t since_us;  /* what began before is left out, papers aside; 0: nothing */
    int64_t until_us;
    uint32_t limit;
} export_page_t;

/* *ret_enough ends the page before its limit. */
typedef status_t store_export_fn(void *context, const export_row_t *row, bool *ret_enough,
                                 error_t *err);

/* INVALID where `after` is no key of that section. */
MUST_CHECK status_t store_export_each(store_t *store, const export_page_t *page,
                                      store_export_fn *fn, void *context, error_t *err);

#endif
