/* store_audit.c: see store_audit.h. The sequence goes on in memory; a rollback takes it back. */
#include "coordinator/store/store_audit.h"
#include "coordinator/store/query.h"

#include "common/base/utf8.h"

#include <string.h>

/* --- the chain ------------------------------------------------------------------------------- */

static audit_record_t record_of(const audit_row_t *row) {
    return (audit_record_t){
        .sequence = row->sequence,
        .time_us = row->time_us,
        .actor = row->actor,
        .origin = row->origin,
        .action = row->action,
        .rollout = row->rollout,
        .tenant = row->tenant,
        .sql_digest = row->sql_digest,
        .result = row->result,
        .detail = row->detail,
        .previous = row->previous,
    };
}

static audit_row_t read_row(query_t *query) {
    return (audit_row_t){
        .sequence = query_number_at(query, 0),
        .time_us = query_number_at(query, 1),
        .actor = query_text_at(query, 2),
        .origin = query_text_at(query, 3),
        .action = query_text_at(query, 4),
        .rollout = query_ident_at(query, 5),
        .tenant = query_ident_at(query, 6),
        .sql_digest = query_digest_at(query, 7),
        .result = query_text_at(query, 8),
        .detail = query_text_at(query, 9),
        .chained = *query_text_at(query, 10) != '\0',
        .previous = query_digest_at(query, 10),
        .signature = query_text_at(query, 11),
    };
}

status_t store_audit_find_end(store_t *store, store_audit_end_t *ret_end, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_AUDIT_LAST, err);
    bool found = false;
    TRY(query_next(&query, &found));
    store_audit_end_t end = {.next = 1};
    if (found) {
        audit_row_t row = read_row(&query);
        TRY(query_check(&query));
        audit_record_t record = record_of(&row);
        end.next = row.sequence + 1;
        end.digest = row.chained ? audit_record_digest(&record) : (digest_t){{0}};
    }
    *ret_end = end;
    return STATUS_OK;
}

void store_audit_sign_with(store_t *store, const store_audit_signer_t *signer) {
    store->audit_signer = signer;
    store->audit.signed_us = 0;
}

/* The head after a row, signed. */
static audit_head_t sign_head(const store_audit_signer_t *signer, const store_audit_end_t *end,
                              int64_t now_us) {
    audit_head_t head = {
        .sequence = end->next - 1,
        .digest = end->digest,
        .time_us = now_us,
        .catalog = signer->identity.id,
        .epoch = signer->identity.epoch,
        .incarnation = signer->identity.incarnation,
        .key = signer->key,
    };
    audit_head_sign(&head, signer->secret);
    return head;
}

status_t store_audit_head(store_t *store, int64_t now_us, audit_head_t *ret_head, error_t *err) {
    if (store->audit_signer == NULL) {
        return error_set(err, ERROR_INTERNAL, "the catalog was given no key for its audit log");
    }
    *ret_head = sign_head(store->audit_signer, &store->audit, now_us);
    return STATUS_OK;
}

/* Where the log stands after a row, and the text of the head where one is due, else "". */
static store_audit_end_t advance(const store_t *store, const audit_row_t *row,
                                 char head_text[AUDIT_HEAD_TEXT_SIZE]) {
    store_audit_end_t end = store->audit;
    audit_record_t record = record_of(row);
    end.next = row->sequence + 1;
    end.digest = audit_record_digest(&record);
    head_text[0] = '\0';
    bool due = end.signed_us == 0 || row->sequence - end.signed_sequence >= AUDIT_HEAD_ROWS ||
               row->time_us - end.signed_us >= AUDIT_HEAD_US;
    if (store->audit_signer != NULL && due) {
        audit_head_t head = sign_head(store->audit_signer, &end, row->time_us);
        (void)audit_head_text(&head, head_text);
        end.signed_sequence = row->sequence;
        end.signed_us = row->time_us;
    }
    return end;
}

status_t store_audit_seal(store_t *store, int64_t now_us, error_t *err) {
    audit_head_t head = {0};
    char text[AUDIT_HEAD_TEXT_SIZE];
    if (store->audit.next == 1 || digest_is_null(&store->audit.digest)) {
        return STATUS_OK; /* nothing to sign */
    }
    TRY(store_audit_head(store, now_us, &head, err));
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_AUDIT_SEAL, err);
    query_number(&query, 1, head.sequence);
    query_text(&query, 2, audit_head_text(&head, text));
    TRY(query_run(&query, NULL));
    store->audit.signed_sequence = head.sequence;
    store->audit.signed_us = now_us;
    return STATUS_OK;
}

int64_t store_audit_signed(const store_t *store) {
    return store->audit.signed_sequence;
}

/* --- rows ------------------------------------------------------------------------------------ */

/* A text as every reader will see it; a copy in the arena only where it is no UTF-8. */
static status_t clean(arena_t *arena, const char **text, error_t *err) {
    const char *from = *text != NULL ? *text : "";
    size_t size = strlen(from);
    size_t good = 0;
    for (size_t step = 1; good < size && step > 0; good += step) {
        step = utf8_size(from + good, size - good);
    }
    *text = from;
    if (good == size) {
        return STATUS_OK;
    }
    char *copy = NULL;
    TRY(arena_allocate(arena, size + 1, &copy, err));
    memcpy(copy, from, size + 1);
    for (size_t at = 0; at < size;) {
        size_t step = utf8_size(copy + at, size - at);
        copy[at] = step > 0 ? copy[at] : '?';
        at += step > 0 ? step : 1;
    }
    *text = copy;
    return STATUS_OK;
}

static status_t clean_row(arena_t *arena, audit_row_t *row, error_t *err) {
    const char **texts[] = {&row->actor, &row->origin, &row->action, &row->result, &row->detail};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        TRY(clean(arena, texts[i], err));
    }
    return STATUS_OK;
}

static status_t insert(store_t *store, const audit_row_t *row, error_t *err) {
    char previous[DIGEST_TEXT_SIZE];
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_AUDIT_APPEND, err);
    query_number(&query, 1, row->sequence);
    query_number(&query, 2, row->time_us);
    query_text(&query, 3, row->actor);
    query_text(&query, 4, row->origin);
    query_text(&query, 5, row->action);
    query_ident(&query, 6, &row->rollout);
    query_ident(&query, 7, &row->tenant);
    query_digest(&query, 8, &row->sql_digest);
    query_text(&query, 9, row->result);
    query_text(&query, 10, row->detail);
    query_text(&query, 11, digest_text(&row->previous, previous)); /* zeros as such, not as '' */
    query_text(&query, 12, row->signature);
    return query_run(&query, NULL);
}

status_t store_audit_append(store_t *store, const audit_row_t *row, error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    char head[AUDIT_HEAD_TEXT_SIZE];
    audit_row_t full = *row;
    full.sequence = store->audit.next;
    full.previous = store->audit.digest;
    if (clean_row(&arena, &full, err) != STATUS_OK) {
        store->spoiled = true;
        return STATUS_ERROR;
    }
    store_audit_end_t end = advance(store, &full, head);
    full.signature = head;
    TRY(insert(store, &full, err));
    store->audit = end;
    return STATUS_OK;
}

/* --- reading --------------------------------------------------------------------------------- */

static void bind_page(query_t *query, const audit_page_t *page) {
    query_number(query, 1, query_newest(page->before));
    query_number(query, 2, page->since_us);
    query_number(query, 3, query_newest(page->until_us));
    query_text(query, 4, page->actor);
    query_text(query, 5, page->action);
    query_number(query, 6, page->limit);
    if (query->id == STATEMENT_AUDIT_PAGE_TENANT) {
        query_ident(query, 7, &page->tenant);
        query_ident(query, 8, &page->rollout);
    } else if (query->id == STATEMENT_AUDIT_PAGE_ROLLOUT) {
        query_ident(query, 7, &page->rollout);
    }
}

status_t store_audit_each(store_t *store, const audit_page_t *page, store_audit_fn *fn,
                          void *context, error_t *err) {
    statement_id_t id = !ident_is_null(&page->tenant)    ? STATEMENT_AUDIT_PAGE_TENANT
                        : !ident_is_null(&page->rollout) ? STATEMENT_AUDIT_PAGE_ROLLOUT
                                                         : STATEMENT_AUDIT_PAGE;
    CLEANUP(query_end) query_t query = query_begin(store, id, err);
    bind_page(&query, page);
    for (;;) { /* ends with the page */
        bool row = false;
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        audit_row_t read = read_row(&query);
        TRY(query_check(&query));
        TRY(fn(context, &read, err));
    }
}
