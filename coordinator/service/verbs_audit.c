/*
 * verbs_audit.c: the audit log's signed head, and the catalog as an export that others verify
 * without it (common/audit).
 *
 * An export is asked for in pages. A place in it is "UNTIL:SECTION:KEY": the moment of the first
 * page, after which nothing that began is told, the section (store_export.h) and the row to go on
 * behind. A batch of reports that is too large for a message goes in parts: its row has `more`, and
 * rows of type `more` follow, whose payloads are to be joined to one base64 text.
 */
#include "common/audit/line.h"
#include "coordinator/service/names.h"
#include "coordinator/service/verbs.h"
#include "coordinator/store/store_audit.h"
#include "coordinator/store/store_export.h"
#include "coordinator/store/store_report.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* Bytes of a payload in one row; a multiple of 3, so that parts in base64 join. */
enum { PART_BYTES = 384 * 1024 };

/* --- the head -------------------------------------------------------------------------------- */

static void fill_head(row_t *row, const audit_head_t *head) {
    char key[2 * SIGN_PUBLIC_BYTES + 1];
    char signature[2 * SIGN_SIGNATURE_BYTES + 1];
    row_text(row, "type", "head");
    row_number(row, "sequence", head->sequence);
    row_digest(row, "digest", &head->digest);
    row_time(row, "time", head->time_us);
    row_ident(row, "catalog", &head->catalog);
    row_number(row, "epoch", (int64_t)head->epoch);
    row_ident(row, "incarnation", &head->incarnation);
    row_text(row, "key", hex_text(head->key.bytes, sizeof head->key.bytes, key));
    row_text(row, "signature",
             hex_text(head->signature.bytes, sizeof head->signature.bytes, signature));
}

status_t verbs_audit_head(call_t *call, error_t *err) {
    audit_head_t head;
    TRY(store_audit_head(call->store, call->question->now_us, &head, err));
    fill_head(&call->document, &head);
    return STATUS_OK;
}

/* --- rows of an export ----------------------------------------------------------------------- */

static status_t row_bytes(row_t *row, const char *key, const void *bytes, size_t size,
                          error_t *err) {
    size_t room = sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL);
    CLEANUP(free_p) char *text = malloc(room);
    if (text == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for an export");
    }
    row_text(row, key, sodium_bin2base64(text, room, bytes, size, sodium_base64_VARIANT_ORIGINAL));
    return STATUS_OK;
}

static status_t row_value(row_t *row, const export_column_t *column, const export_value_t *value,
                          error_t *err) {
    char state[NAMES_STATE_MAX];
    switch (column->kind) {
    case EXPORT_TEXT:
        row_text(row, column->name, value->text[0] != '\0' ? value->text : NULL);
        return STATUS_OK;
    case EXPORT_STRING:
        row_text(row, column->name, value->text);
        return STATUS_OK;
    case EXPORT_NUMBER:
        row_number(row, column->name, value->number);
        return STATUS_OK;
    case EXPORT_FLAG:
        row_flag(row, column->name, value->number != 0);
        return STATUS_OK;
    case EXPORT_BYTES:
        return row_bytes(row, column->name, value->bytes.data,
                         value->bytes.size < PART_BYTES ? value->bytes.size : PART_BYTES, err);
    case EXPORT_ROLLOUT_KIND:
        row_text(row, column->name, names_kind((rollout_kind_t)value->number));
        return STATUS_OK;
    case EXPORT_ROLLOUT_STATE:
        row_text(row, column->name, names_rollout_state((rollout_state_t)value->number));
        return STATUS_OK;
    case EXPORT_TASK_STATE:
        row_text(row, column->name, names_task_state((task_state_t)value->number, state));
        return STATUS_OK;
    }
    INVARIANT(false);
    return STATUS_OK;
}

/* An export while one page of it is made. */
typedef struct page {
    call_t *call;
    export_section_t section;
    int64_t since_us;
    int64_t until_us;
    char last[EXPORT_KEY_SIZE]; /* key of the last row that was told */
} page_t;

static bool end_page(page_t *page) {
    if (call_is_full(page->call)) {
        call_more(page->call, "%" PRId64 ":%d:%s", page->until_us, (int)page->section, page->last);
        return true;
    }
    return false;
}

/* What of a batch is left from an offset on, as far as the page has room. */
static status_t add_parts(page_t *page, const void *payload, size_t size, size_t offset,
                          error_t *err) {
    const uint8_t *bytes = payload;
    char digest[DIGEST_TEXT_SIZE];
    (void)snprintf(digest, sizeof digest, "%.64s", page->last);
    while (offset < size) { /* at most 3 parts */
        (void)snprintf(page->last, sizeof page->last, "%s+%zu", digest, offset);
        if (end_page(page)) {
            return STATUS_OK;
        }
        size_t part = size - offset < PART_BYTES ? size - offset : PART_BYTES;
        CLEANUP(row_free) row_t row = row_new();
        row_text(&row, "type", "more");
        TRY(row_bytes(&row, "payload", bytes + offset, part, err));
        offset += part;
        row_flag(&row, "more", offset < size);
        TRY(call_add(page->call, "lines", &row, err));
    }
    (void)snprintf(page->last, sizeof page->last, "%s", digest);
    return STATUS_OK;
}

/* The bytes of a row that are too many for one message: only batches have such. */
static const driver_bytes_t *large_bytes(const export_row_t *row) {
    for (size_t i = 0; i < row->form->count; i++) {
        bool large =
            row->form->columns[i].kind == EXPORT_BYTES && row->values[i].bytes.size > PART_BYTES;
        if (large && strcmp(row->form->columns[i].name, "payload") == 0) {
            return &row->values[i].bytes;
        }
    }
    return NULL;
}

static status_t add_row(void *context, const export_row_t *from, bool *ret_enough, error_t *err) {
    page_t *page = context;
    if (end_page(page)) {
        *ret_enough = true;
        return STATUS_OK;
    }
    const driver_bytes_t *large = large_bytes(from);
    CLEANUP(row_free) row_t row = row_new();
    row_text(&row, "type", from->form->type);
    for (size_t i = 0; i < from->form->count; i++) {
        TRY(row_value(&row, &from->form->columns[i], &from->values[i], err));
    }
    if (large != NULL) {
        row_flag(&row, "more", true);
    }
    TRY(call_add(page->call, "lines", &row, err));
    (void)snprintf(page->last, sizeof page->last, "%s", from->key);
    if (large != NULL) {
        TRY(add_parts(page, large->data, large->size, PART_BYTES, err));
        *ret_enough = page->call->more;
    }
    return STATUS_OK;
}

/* --- pages ----------------------------------------------------------------------------------- */

static status_t add_header(page_t *page, error_t *err) {
    call_t *call = page->call;
    trust_view_t view = keeper_view(call->service->options.keeper, call->question->now_us);
    CLEANUP(row_free) row_t row = row_new();
    row_text(&row, "type", "header");
    row_number(&row, "format", AUDIT_FORMAT);
    row_ident(&row, "fleet", &view.trust->fleet);
    row_number(&row, "exported_us", page->until_us);
    row_number(&row, "since_us", page->since_us);
    return call_add(call, "lines", &row, err);
}

static status_t add_head(page_t *page, error_t *err) {
    audit_head_t head;
    CLEANUP(row_free) row_t row = row_new();
    TRY(store_audit_head(page->call->store, page->call->question->now_us, &head, err));
    fill_head(&row, &head);
    return call_add(page->call, "lines", &row, err);
}

/* A page that ended within a batch goes on within it. */
static status_t finish_batch(page_t *page, error_t *err) {
    char *plus = strchr(page->last, '+');
    digest_t digest;
    report_batch_row_t batch = {0};
    char *end = NULL;
    if (page->section != EXPORT_BATCH || plus == NULL) {
        return STATUS_OK;
    }
    unsigned long long offset = strtoull(plus + 1, &end, 10);
    *plus = '\0';
    if (*end != '\0' || offset == 0 || offset % PART_BYTES != 0 || offset > LIMIT_MESSAGE_BYTES) {
        return error_set(err, ERROR_INVALID, "argument 'after' is not what an answer said");
    }
    TRY(digest_parse(page->last, &digest, err));
    TRY(store_report_get_batch(page->call->store, &digest, &page->call->arena, &batch, err));
    return add_parts(page, batch.payload, batch.payload_size, (size_t)offset, err);
}

static status_t add_sections(page_t *page, error_t *err) {
    TRY(finish_batch(page, err));
    for (; page->section < EXPORT_SECTION_COUNT && !page->call->more; page->section++) {
        char after[EXPORT_KEY_SIZE];
        (void)snprintf(after, sizeof after, "%s", page->last);
        export_page_t wanted = {.section = page->section,
                                .after = after,
                                .since_us = page->since_us,
                                .until_us = page->until_us,
                                .limit = page->call->row_limit + 1};
        TRY(store_export_each(page->call->store, &wanted, add_row, page, err));
        if (page->call->more) {
            return STATUS_OK;
        }
        page->last[0] = '\0';
    }
    return add_head(page, err);
}

/* Where the page before ended. */
static status_t read_place(page_t *page, const char *after, error_t *err) {
    call_place_t until;
    call_place_t section;
    TRY(call_place(after, &until, err));
    TRY(call_place(until.text, &section, err));
    if (section.number < 0 || section.number >= EXPORT_SECTION_COUNT || until.number < 0 ||
        snprintf(page->last, sizeof page->last, "%s", section.text) >= (int)sizeof page->last) {
        return error_set(err, ERROR_INVALID, "argument 'after' is not what an answer said");
    }
    page->until_us = until.number;
    page->section = (export_section_t)section.number;
    return STATUS_OK;
}

status_t verbs_audit_export(call_t *call, error_t *err) {
    page_t page = {.call = call, .until_us = call->question->now_us};
    const char *after = NULL;
    TRY(call_number(call, &(call_number_t){.key = "since_us", .most = INT64_MAX}, &page.since_us,
                    err));
    TRY(call_after(call, &after, err));
    TRY(after != NULL ? read_place(&page, after, err) : add_header(&page, err));
    return add_sections(&page, err);
}
