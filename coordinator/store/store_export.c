/* store_export.c: see store_export.h. */
#include "coordinator/store/store_export.h"

#include "coordinator/store/query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const export_column_t TRUST[] = {
    {"version", EXPORT_NUMBER}, {"published_us", EXPORT_NUMBER}, {"published_by", EXPORT_TEXT},
    {"document", EXPORT_BYTES}};
static const export_column_t REVOCATION[] = {
    {"key", EXPORT_TEXT}, {"received_us", EXPORT_NUMBER}, {"document", EXPORT_BYTES}};
static const export_column_t CARD[] = {
    {"key", EXPORT_TEXT}, {"name", EXPORT_TEXT}, {"state", EXPORT_TEXT}, {"asked_us", EXPORT_NUMBER},
    {"decided_us", EXPORT_NUMBER}, {"document", EXPORT_BYTES}};
static const export_column_t ORDER[] = {
    {"digest", EXPORT_TEXT}, {"received_us", EXPORT_NUMBER}, {"accepted_us", EXPORT_NUMBER},
    {"rollout", EXPORT_TEXT}, {"document", EXPORT_BYTES}};
static const export_column_t TICKET[] = {
    {"digest", EXPORT_TEXT}, {"order", EXPORT_TEXT}, {"wave", EXPORT_NUMBER},
    {"made_us", EXPORT_NUMBER}};
static const export_column_t ROLLOUT[] = {
    {"rollout", EXPORT_TEXT}, {"name", EXPORT_TEXT}, {"kind", EXPORT_ROLLOUT_KIND},
    {"application", EXPORT_STRING}, {"state", EXPORT_ROLLOUT_STATE}, {"order", EXPORT_TEXT},
    {"ticketed", EXPORT_FLAG}, {"parent", EXPORT_TEXT}, {"bundle", EXPORT_TEXT},
    {"target", EXPORT_NUMBER}, {"recovery_kind", EXPORT_STRING}, {"actor", EXPORT_TEXT},
    {"created_us", EXPORT_NUMBER}, {"started_us", EXPORT_NUMBER}, {"finished_us", EXPORT_NUMBER}};
static const export_column_t TASK[] = {
    {"job", EXPORT_TEXT}, {"rollout", EXPORT_TEXT}, {"ordinal", EXPORT_NUMBER},
    {"wave", EXPORT_NUMBER}, {"tenant", EXPORT_TEXT}, {"name", EXPORT_TEXT}, {"cluster", EXPORT_TEXT},
    {"from", EXPORT_NUMBER}, {"to", EXPORT_NUMBER}, {"attempts", EXPORT_NUMBER},
    {"state", EXPORT_TASK_STATE}, {"reference", EXPORT_TEXT}, {"leaf", EXPORT_FLAG}};
static const export_column_t BATCH[] = {
    {"digest", EXPORT_TEXT}, {"agent", EXPORT_TEXT}, {"journal", EXPORT_TEXT},
    {"payload", EXPORT_BYTES}, {"key", EXPORT_TEXT}, {"signature", EXPORT_TEXT},
    {"received_us", EXPORT_NUMBER}};
static const export_column_t RESULT[] = {
    {"digest", EXPORT_TEXT}, {"received_us", EXPORT_NUMBER}, {"document", EXPORT_BYTES}};
static const export_column_t RECOVERY[] = {
    {"tenant", EXPORT_TEXT}, {"reference", EXPORT_TEXT}, {"kind", EXPORT_TEXT}, {"lsn", EXPORT_TEXT},
    {"taken_us", EXPORT_NUMBER}, {"verified", EXPORT_TEXT}, {"size_bytes", EXPORT_NUMBER},
    {"digest", EXPORT_TEXT}, {"rollout", EXPORT_TEXT}, {"position", EXPORT_NUMBER},
    {"pruned_us", EXPORT_NUMBER}};
static const export_column_t AUDIT[] = {
    {"sequence", EXPORT_NUMBER}, {"time_us", EXPORT_NUMBER}, {"actor", EXPORT_STRING},
    {"origin", EXPORT_STRING}, {"action", EXPORT_STRING}, {"rollout", EXPORT_TEXT},
    {"tenant", EXPORT_TEXT}, {"sql_digest", EXPORT_TEXT}, {"result", EXPORT_STRING},
    {"detail", EXPORT_STRING}, {"previous", EXPORT_TEXT}, {"signature", EXPORT_TEXT}};

/* Which columns name the place of a row: one or two, the second a number or a text. */
typedef enum place { PLACE_NUMBER, PLACE_TEXT, PLACE_TEXT_NUMBER, PLACE_TEXT_TEXT } place_t;

typedef struct section {
    export_form_t form;
    statement_id_t statement;
    place_t place;
    int first; /* column of the place */
    bool since;
    bool until;
} section_t;

#define FORM(type_, columns_) \
    {.type = (type_), .columns = (columns_), .count = sizeof(columns_) / sizeof(columns_)[0]}

static const section_t SECTIONS[EXPORT_SECTION_COUNT] = {
    [EXPORT_TRUST] = {FORM("trust", TRUST), STATEMENT_EXPORT_TRUST, PLACE_NUMBER, 0, false, false},
    [EXPORT_REVOCATION] = {FORM("revocation", REVOCATION), STATEMENT_EXPORT_REVOCATION, PLACE_TEXT, 0, false, false},
    [EXPORT_CARD] = {FORM("card", CARD), STATEMENT_EXPORT_CARD, PLACE_TEXT, 0, false, false},
    [EXPORT_ORDER] = {FORM("order", ORDER), STATEMENT_EXPORT_ORDER, PLACE_TEXT, 0, false, true},
    [EXPORT_TICKET] = {FORM("ticket", TICKET), STATEMENT_EXPORT_TICKET, PLACE_TEXT, 0, true, true},
    [EXPORT_ROLLOUT] = {FORM("rollout", ROLLOUT), STATEMENT_EXPORT_ROLLOUT, PLACE_TEXT, 0, true, true},
    [EXPORT_TASK] = {FORM("task", TASK), STATEMENT_EXPORT_TASK, PLACE_TEXT_NUMBER, 1, true, true},
    [EXPORT_BATCH] = {FORM("batch", BATCH), STATEMENT_EXPORT_BATCH, PLACE_TEXT, 0, true, true},
    [EXPORT_RESULT] = {FORM("result", RESULT), STATEMENT_EXPORT_RESULT, PLACE_TEXT, 0, true, true},
    [EXPORT_RECOVERY] = {FORM("recovery", RECOVERY), STATEMENT_EXPORT_RECOVERY, PLACE_TEXT_TEXT, 0, true, true},
    [EXPORT_AUDIT] = {FORM("audit", AUDIT), STATEMENT_EXPORT_AUDIT, PLACE_NUMBER, 0, true, false},
};
/* clang-format on */

const export_form_t *store_export_form(export_section_t section) {
    INVARIANT(section < EXPORT_SECTION_COUNT);
    return &SECTIONS[section].form;
}

/* --- places ---------------------------------------------------------------------------------- */

/* A place as it stands in a key: its first part, and what follows its first blank. */
typedef struct split {
    char text[EXPORT_KEY_SIZE];
    const char *second;
} split_t;

static status_t split_key(const char *after, split_t *ret_split, error_t *err) {
    if (snprintf(ret_split->text, sizeof ret_split->text, "%s", after) >=
        (int)sizeof ret_split->text) {
        return error_set(err, ERROR_INVALID, "a place in an export of %zu bytes", strlen(after));
    }
    char *blank = strchr(ret_split->text, ' ');
    ret_split->second = "";
    if (blank != NULL) {
        *blank = '\0';
        ret_split->second = blank + 1;
    }
    return STATUS_OK;
}

static status_t number_of(const char *text, int64_t *ret_number, error_t *err) {
    if (*text == '\0') {
        *ret_number = -1; /* before the first */
        return STATUS_OK;
    }
    char *end = NULL;
    errno = 0;
    *ret_number = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0'
               ? STATUS_OK
               : error_set(err, ERROR_INVALID, "'%.40s' is no place in an export", text);
}

static status_t bind_place(query_t *query, int n, place_t place, const split_t *split,
                           error_t *err) {
    int64_t number = 0;
    if (place == PLACE_NUMBER || place == PLACE_TEXT_NUMBER) {
        TRY(number_of(place == PLACE_NUMBER ? split->text : split->second, &number, err));
    }
    if (place == PLACE_NUMBER) {
        query_number(query, n, number);
        return STATUS_OK;
    }
    query_text(query, n, split->text);
    if (place == PLACE_TEXT_NUMBER) {
        query_number(query, n + 1, number);
    } else if (place == PLACE_TEXT_TEXT) {
        query_text(query, n + 1, split->second);
    }
    return STATUS_OK;
}

static status_t write_key(const section_t *section, export_row_t *row, error_t *err) {
    const export_value_t *first = &row->values[section->first];
    int size = 0;
    switch (section->place) {
    case PLACE_NUMBER:
        size = snprintf(row->key, sizeof row->key, "%" PRId64, first->number);
        break;
    case PLACE_TEXT:
        size = snprintf(row->key, sizeof row->key, "%s", first->text);
        break;
    case PLACE_TEXT_NUMBER:
        size = snprintf(row->key, sizeof row->key, "%s %" PRId64, first[0].text, first[1].number);
        break;
    case PLACE_TEXT_TEXT:
        size = snprintf(row->key, sizeof row->key, "%s %s", first[0].text, first[1].text);
        break;
    }
    return size < (int)sizeof row->key
               ? STATUS_OK
               : error_set(err, ERROR_BOUND, "a name of %d bytes in the catalog's %s rows", size,
                           section->form.type);
}

/* --- rows ------------------------------------------------------------------------------------ */

static export_value_t read_value(query_t *query, int column, export_kind_t kind) {
    switch (kind) {
    case EXPORT_TEXT:
    case EXPORT_STRING:
        return (export_value_t){.text = query_text_at(query, column)};
    case EXPORT_BYTES:
        return (export_value_t){.bytes = query_bytes_at(query, column)};
    case EXPORT_NUMBER:
    case EXPORT_FLAG:
        return (export_value_t){.number = query_number_at(query, column)};
    case EXPORT_ROLLOUT_KIND:
        return (export_value_t){.number = query_enum_at(query, column, KIND_END)};
    case EXPORT_ROLLOUT_STATE:
        return (export_value_t){.number = query_enum_at(query, column, ROLLOUT_STATE_COUNT)};
    case EXPORT_TASK_STATE:
        return (export_value_t){.number = query_enum_at(query, column, TASK_STATE_COUNT)};
    }
    INVARIANT(false);
    return (export_value_t){0};
}

static void bind(query_t *query, const section_t *section, const export_page_t *page,
                 int *ret_place) {
    int n = 1;
    query_number(query, n++, page->limit);
    if (section->since) {
        query_number(query, n++, page->since_us);
    }
    if (section->until) {
        query_number(query, n++, page->until_us);
    }
    *ret_place = n;
}

status_t store_export_each(store_t *store, const export_page_t *page, store_export_fn *fn,
                           void *context, error_t *err) {
    INVARIANT(page->section < EXPORT_SECTION_COUNT);
    const section_t *section = &SECTIONS[page->section];
    split_t split;
    int place = 0;
    TRY(split_key(page->after, &split, err));
    CLEANUP(query_end) query_t query = query_begin(store, section->statement, err);
    bind(&query, section, page, &place);
    TRY(bind_place(&query, place, section->place, &split, err));
    for (bool enough = false; !enough;) { /* ends with the page */
        bool found = false;
        export_row_t row = {.form = &section->form};
        TRY(query_next(&query, &found));
        if (!found) {
            return STATUS_OK;
        }
        for (size_t i = 0; i < section->form.count; i++) {
            row.values[i] = read_value(&query, (int)i, section->form.columns[i].kind);
        }
        TRY(query_check(&query));
        TRY(write_key(section, &row, err));
        TRY(fn(context, &row, &enough, err));
    }
    return STATUS_OK;
}
