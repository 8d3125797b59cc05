/*
 * store_tenant_read.c: the reading half of store_tenant.h.
 *
 * A whole fleet is read in three passes over tables in the same order (tenant_id) and merged, one
 * statement each instead of two per tenant.
 */
#include "common/base/buffer.h"
#include "coordinator/store/query.h"
#include "coordinator/store/store_tenant.h"

#include <string.h>

/* Rows of one tenant while they are collected. */
typedef struct pile {
    void *items;
    size_t item_size;
    size_t count;
    size_t room;
} pile_t;

static void pile_free(pile_t *pile) {
    free(pile->items);
}

static status_t pile_push(pile_t *pile, const void *item, error_t *err) {
    if (pile->count == pile->room) {
        size_t room = pile->room == 0 ? 16 : pile->room * 2;
        void *items = realloc(pile->items, room * pile->item_size);
        if (items == NULL) {
            return error_set(err, ERROR_NO_MEMORY, "out of memory for rows of the catalog");
        }
        pile->items = items;
        pile->room = room;
    }
    memcpy((char *)pile->items + pile->count * pile->item_size, item, pile->item_size);
    pile->count++;
    return STATUS_OK;
}

/* Move what was collected to the arena; ret_items is a pointer to the items. */
static status_t pile_flush(pile_t *pile, arena_t *arena, void *ret_items, error_t *err) {
    if (pile->count == 0) {
        return STATUS_OK;
    }
    void *items = NULL;
    TRY(arena_allocate(arena, pile->count * pile->item_size, &items, err));
    memcpy(items, pile->items, pile->count * pile->item_size);
    memcpy(ret_items, &items, sizeof items);
    pile->count = 0;
    return STATUS_OK;
}

/* Read TENANT_COLUMNS into the arena. */
static status_t read_tenant(query_t *query, arena_t *arena, tenant_row_t *ret_tenant) {
    tenant_row_t tenant = {
        .id = query_ident_at(query, 0),
        .name = query_keep_at(query, 1, arena),
        .system_identifier = query_unsigned_at(query, 2),
        .database = query_keep_at(query, 3, arena),
        .schema = query_keep_at(query, 4, arena),
        .agent = query_key_at(query, 5),
        .stamped = query_flag_at(query, 6),
        .size_bytes = query_number_at(query, 7),
        .incarnation = query_u32_at(query, 8),
        .problem_code = query_keep_at(query, 9, arena),
        .problem = query_keep_at(query, 10, arena),
        .gone = query_flag_at(query, 11),
        .observed_us = query_number_at(query, 12),
        .snapshot = query_ident_at(query, 13),
    };
    *ret_tenant = tenant;
    return query_check(query);
}

/* Read APPLICATION_COLUMNS into the arena. */
static status_t read_application(query_t *query, arena_t *arena, application_row_t *ret_row) {
    application_row_t application = {
        .application = query_keep_at(query, 0, arena),
        .generation = query_u32_at(query, 1),
        .position = query_u32_at(query, 2),
        .version = query_keep_at(query, 3, arena),
        .ledger_sequence = query_number_at(query, 4),
        .ledger_digest = query_digest_at(query, 5),
        .fingerprint_strict = query_digest_at(query, 6),
        .fingerprint_logical = query_digest_at(query, 7),
        .observed_us = query_number_at(query, 8),
    };
    *ret_row = application;
    return query_check(query);
}

static status_t add_labels(store_t *store, tenant_row_t *tenant, arena_t *arena, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_LABELS_OF, err);
    CLEANUP(pile_free) pile_t pile = {.item_size = sizeof(label_row_t)};
    query_ident(&query, 1, &tenant->id);
    for (bool row = true;;) {
        TRY(query_next(&query, &row));
        if (!row) {
            break;
        }
        label_row_t label = {.key = query_keep_at(&query, 0, arena),
                             .value = query_keep_at(&query, 1, arena)};
        TRY(query_check(&query));
        TRY(pile_push(&pile, &label, err));
    }
    tenant->label_count = pile.count;
    return pile_flush(&pile, arena, &tenant->labels, err);
}

static status_t add_applications(store_t *store, tenant_row_t *tenant, arena_t *arena,
                                 error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_APPLICATIONS_OF, err);
    CLEANUP(pile_free) pile_t pile = {.item_size = sizeof(application_row_t)};
    query_ident(&query, 1, &tenant->id);
    for (bool row = true;;) {
        TRY(query_next(&query, &row));
        if (!row) {
            break;
        }
        application_row_t application = {0};
        TRY(read_application(&query, arena, &application));
        TRY(pile_push(&pile, &application, err));
    }
    tenant->application_count = pile.count;
    return pile_flush(&pile, arena, &tenant->applications, err);
}

static status_t get_by_id(store_t *store, const ident_t *id, arena_t *arena,
                          tenant_row_t *ret_tenant, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TENANT_GET, err);
    query_ident(&query, 1, id);
    bool row = false;
    TRY(query_next(&query, &row));
    if (!row) {
        char text[IDENT_TEXT_SIZE];
        return error_set(err, ERROR_NOT_FOUND, "no tenant has id %s", ident_text(id, text));
    }
    tenant_row_t tenant = {0};
    TRY(read_tenant(&query, arena, &tenant));
    TRY(add_labels(store, &tenant, arena, err));
    TRY(add_applications(store, &tenant, arena, err));
    *ret_tenant = tenant;
    return STATUS_OK;
}

/* The one tenant of this name; those that are gone count only where no other has it. */
static status_t id_of_name(store_t *store, const char *name, ident_t *ret_id, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TENANT_BY_NAME, err);
    CLEANUP(buffer_free) buffer_t ids = {0};
    query_text(&query, 1, name);
    ident_t first = {0};
    bool first_gone = false;
    int count = 0;
    for (bool row = true;;) {
        TRY(query_next(&query, &row));
        if (!row || (count > 0 && !first_gone && query_flag_at(&query, 1))) {
            break;
        }
        if (count == 0) {
            first = query_ident_at(&query, 0);
            first_gone = query_flag_at(&query, 1);
        }
        buffer_format(&ids, "%s%s", count > 0 ? ", " : "",
                      count < 8 ? query_text_at(&query, 0) : "…");
        count++;
    }
    TRY(query_check(&query));
    if (count == 0) {
        return error_set(err, ERROR_NOT_FOUND, "no tenant is called '%s'", name);
    }
    if (count > 1) {
        return error_set(err, ERROR_INVALID, "several tenants are called '%s': %s", name,
                         buffer_string(&ids));
    }
    *ret_id = first;
    return STATUS_OK;
}

status_t store_tenant_get(store_t *store, const char *name_or_id, arena_t *arena,
                          tenant_row_t *ret_tenant, error_t *err) {
    ident_t id = {0};
    error_t no_id;
    if (ident_parse(name_or_id, &id, &no_id) != STATUS_OK) {
        TRY(id_of_name(store, name_or_id, &id, err));
    }
    return get_by_id(store, &id, arena, ret_tenant, err);
}

status_t store_tenant_each(store_t *store, const tenant_page_t *page, store_tenant_fn *fn,
                           void *context, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TENANT_PAGE, err);
    CLEANUP(arena_free) arena_t arena = {0};
    query_text(&query, 1, page->after_name);
    query_ident(&query, 2, &page->after_id);
    query_flag(&query, 3, page->with_gone);
    query_number(&query, 4, page->limit);
    for (;;) { /* ends with the page */
        bool row = false;
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        tenant_row_t tenant = {0};
        arena_clear(&arena);
        TRY(read_tenant(&query, &arena, &tenant));
        TRY(add_labels(store, &tenant, &arena, err));
        TRY(add_applications(store, &tenant, &arena, err));
        TRY(fn(context, &tenant, err));
    }
}

static status_t count_tenants(store_t *store, size_t *ret_count, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TENANT_COUNT, err);
    bool row = false;
    TRY(query_next(&query, &row));
    *ret_count = (size_t)query_number_at(&query, 0);
    return STATUS_OK;
}

/* Rows by id, as the two passes after it come. */
static status_t load_rows(store_t *store, arena_t *arena, tenant_row_t **ret_rows,
                          size_t *ret_count, error_t *err) {
    size_t room = 0;
    TRY(count_tenants(store, &room, err));
    tenant_row_t *rows = NULL;
    TRY(arena_allocate(arena, room * sizeof *rows, &rows, err));
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TENANT_LIST, err);
    size_t count = 0;
    for (bool row = true;; count++) {
        TRY(query_next(&query, &row));
        if (!row) {
            break;
        }
        INVARIANT(count < room); /* one owner: nobody writes between the two statements */
        TRY(read_tenant(&query, arena, &rows[count]));
    }
    *ret_rows = rows;
    *ret_count = count;
    return STATUS_OK;
}

/* Go on to the row of this id; ret_row NULL where it is not in the list (gone). */
static tenant_row_t *seek(tenant_row_t *rows, size_t count, size_t *at, const ident_t *id) {
    while (*at < count && ident_compare(&rows[*at].id, id) < 0) {
        (*at)++;
    }
    return *at < count && ident_equal(&rows[*at].id, id) ? &rows[*at] : NULL;
}

static status_t load_labels(store_t *store, arena_t *arena, tenant_row_t *rows, size_t count,
                            error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_LABEL_LIST, err);
    CLEANUP(pile_free) pile_t pile = {.item_size = sizeof(label_row_t)};
    tenant_row_t *of = NULL;
    size_t at = 0;
    for (bool row = true; row;) {
        TRY(query_next(&query, &row));
        ident_t id = row ? query_ident_at(&query, 0) : (ident_t){0};
        if (of != NULL && (!row || !ident_equal(&of->id, &id))) {
            of->label_count = pile.count;
            TRY(pile_flush(&pile, arena, &of->labels, err));
            of = NULL;
        }
        of = row ? seek(rows, count, &at, &id) : NULL;
        if (of != NULL) {
            label_row_t label = {.key = query_keep_at(&query, 1, arena),
                                 .value = query_keep_at(&query, 2, arena)};
            TRY(query_check(&query));
            TRY(pile_push(&pile, &label, err));
        }
    }
    return query_check(&query);
}

static status_t load_applications(store_t *store, const char *application, arena_t *arena,
                                  tenant_row_t *rows, size_t count, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_APPLICATION_LIST, err);
    CLEANUP(pile_free) pile_t pile = {.item_size = sizeof(application_row_t)};
    query_text(&query, 1, application);
    tenant_row_t *of = NULL;
    size_t at = 0;
    for (bool row = true; row;) {
        TRY(query_next(&query, &row));
        ident_t id = row ? query_ident_at(&query, 9) : (ident_t){0};
        if (of != NULL && (!row || !ident_equal(&of->id, &id))) {
            of->application_count = pile.count;
            TRY(pile_flush(&pile, arena, &of->applications, err));
            of = NULL;
        }
        of = row ? seek(rows, count, &at, &id) : NULL;
        if (of != NULL) {
            application_row_t head = {0};
            TRY(read_application(&query, arena, &head));
            TRY(pile_push(&pile, &head, err));
        }
    }
    return query_check(&query);
}

static int by_name(const void *a, const void *b) {
    const tenant_row_t *left = a;
    const tenant_row_t *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : ident_compare(&left->id, &right->id);
}

status_t store_tenant_load(store_t *store, const char *application, arena_t *arena,
                           tenant_list_t *ret_list, error_t *err) {
    tenant_row_t *rows = NULL;
    tenant_list_t list = {0};
    TRY(load_rows(store, arena, &rows, &list.count, err));
    TRY(load_labels(store, arena, rows, list.count, err));
    TRY(load_applications(store, application, arena, rows, list.count, err));
    qsort(rows, list.count, sizeof *rows, by_name);
    list.rows = rows;
    *ret_list = list;
    return STATUS_OK;
}

status_t store_tenant_each_clone(store_t *store, store_tenant_fn *fn, void *context, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_CLONE_LIST, err);
    for (;;) { /* ends with the rows */
        bool row = false;
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        tenant_row_t tenant = {
            .id = query_ident_at(&query, 0),
            .system_identifier = query_unsigned_at(&query, 1),
            .database = query_text_at(&query, 2),
            .schema = query_text_at(&query, 3),
            .name = query_text_at(&query, 4),
            .agent = query_key_at(&query, 5),
            .problem_code = query_text_at(&query, 6),
            .problem = query_text_at(&query, 7),
            .observed_us = query_number_at(&query, 8),
            .snapshot = query_ident_at(&query, 9),
        };
        TRY(query_check(&query));
        TRY(fn(context, &tenant, err));
    }
}
