/* lookup.c: see lookup.h. */
#include "coordinator/service/lookup.h"
#include "coordinator/store/store_tenant.h"

#include <string.h>

enum { LOOKUP_PAGE = 64 };

void lookup_rollout_free(lookup_rollout_t *found) {
    rollout_destroy(&found->owned);
    found->rollout = NULL;
}

typedef struct newest {
    uint32_t kinds;
    ident_t id;   /* the first that fits */
    ident_t last; /* end of the page */
    int64_t last_us;
    uint32_t count;
} newest_t;

static status_t take_newest(void *context, const rollout_summary_t *summary, error_t *err) {
    (void)err;
    newest_t *into = context;
    into->last = summary->rollout.id;
    into->last_us = summary->rollout.created_us;
    into->count++;
    bool fits = into->kinds == 0 || (into->kinds & IN(summary->rollout.kind)) != 0;
    if (fits && ident_is_null(&into->id)) {
        into->id = summary->rollout.id;
    }
    return STATUS_OK;
}

static status_t find_newest(call_t *call, uint32_t kinds, ident_t *ret_id, error_t *err) {
    newest_t newest = {.kinds = kinds};
    do { /* ends with the last page */
        rollout_page_t page = {.before_us = newest.last_us,
                               .before_id = newest.last,
                               .limit = kinds == 0 ? 1 : LOOKUP_PAGE};
        newest.count = 0;
        TRY(store_rollout_each(call->store, &page, take_newest, &newest, err));
        if (!ident_is_null(&newest.id)) {
            *ret_id = newest.id;
            return STATUS_OK;
        }
    } while (newest.count == LOOKUP_PAGE);
    return error_set(err, ERROR_NOT_FOUND, "there is no %srollout yet", kinds != 0 ? "such " : "");
}

status_t lookup_rollout_id(call_t *call, const lookup_wish_t *wish, ident_t *ret_id, error_t *err) {
    return wish->text != NULL ? store_rollout_find(call->store, wish->text, ret_id, err)
                              : find_newest(call, wish->kinds, ret_id, err);
}

status_t lookup_rollout_by_id(call_t *call, const ident_t *id, lookup_rollout_t *ret_found,
                              error_t *err) {
    rollout_t *rollout = engine_rollout(call->engine, id);
    rollout_t *owned = NULL;
    if (rollout == NULL) {
        TRY(store_rollout_load(call->store, id, &owned, err));
        rollout = owned;
    }
    *ret_found = (lookup_rollout_t){.rollout = rollout, .owned = owned};
    return STATUS_OK;
}

status_t lookup_rollout(call_t *call, lookup_rollout_t *ret_found, error_t *err) {
    lookup_wish_t wish = {0};
    ident_t id = {0};
    TRY(call_text(call, "rollout", &wish.text, err));
    TRY(lookup_rollout_id(call, &wish, &id, err));
    call->rollout = id;
    return lookup_rollout_by_id(call, &id, ret_found, err);
}

typedef struct backup_search {
    call_t *call;
    const char *text;
    recovery_row_t found;
    bool several;
    bool exact;
    recovery_row_t last; /* end of the page */
    uint32_t count;
} backup_search_t;

static status_t keep_point(arena_t *arena, const recovery_row_t *point, recovery_row_t *ret_kept,
                           error_t *err) {
    recovery_row_t kept = *point;
    TRY(arena_text(arena, point->reference, strlen(point->reference), &kept.reference, err));
    TRY(arena_text(arena, point->kind, strlen(point->kind), &kept.kind, err));
    TRY(arena_text(arena, point->lsn, strlen(point->lsn), &kept.lsn, err));
    TRY(arena_text(arena, point->verified, strlen(point->verified), &kept.verified, err));
    *ret_kept = kept;
    return STATUS_OK;
}

static status_t match_point(void *context, const recovery_row_t *point, error_t *err) {
    backup_search_t *search = context;
    bool exact = strcmp(point->reference, search->text) == 0;
    bool begins = strncmp(point->reference, search->text, strlen(search->text)) == 0;
    search->count++;
    TRY(keep_point(&search->call->arena, point, &search->last, err));
    if (exact || (begins && !search->exact)) {
        search->several = search->found.reference != NULL && search->exact == exact;
        search->found = search->last;
        search->exact = exact;
    }
    return STATUS_OK;
}

static status_t search_points(call_t *call, const ident_t *tenant, backup_search_t *search,
                              error_t *err) {
    do { /* ends with the last page */
        recovery_page_t page = {.tenant = *tenant,
                                .before_us = search->last.taken_us,
                                .before_reference = search->last.reference,
                                .limit = LOOKUP_PAGE * 16,
                                .with_pruned = true};
        search->count = 0;
        TRY(store_recovery_each(call->store, &page, match_point, search, err));
    } while (search->count == LOOKUP_PAGE * 16);
    return STATUS_OK;
}

status_t lookup_backup(call_t *call, const char *text, recovery_row_t *ret_point, error_t *err) {
    const char *name = NULL;
    ident_t tenant = {0};
    TRY(call_text(call, "tenant", &name, err));
    if (name != NULL) {
        tenant_row_t row = {0};
        TRY(store_tenant_get(call->store, name, &call->arena, &row, err));
        tenant = row.id;
    }
    backup_search_t search = {.call = call, .text = text};
    TRY(search_points(call, &tenant, &search, err));
    if (search.found.reference == NULL) {
        return error_set(err, ERROR_NOT_FOUND, "no backup is called '%s'", text);
    }
    if (search.several) {
        return error_set(err, ERROR_INVALID, "several backups begin with '%s'", text);
    }
    call->tenant = search.found.tenant;
    *ret_point = search.found;
    return STATUS_OK;
}

status_t lookup_selector(call_t *call, const char *key, selector_t **ret_selector, error_t *err) {
    const char *text = NULL;
    TRY(call_text(call, key, &text, err));
    *ret_selector = NULL;
    return text != NULL ? selector_parse(text, NULL, ret_selector, err) : STATUS_OK;
}

status_t lookup_version(const bundle_t *bundle, const char *text, uint32_t *ret_position,
                        error_t *err) {
    if (strcmp(text, "empty") == 0) {
        *ret_position = 0;
        return STATUS_OK;
    }
    uint32_t position = bundle_position_of_version(bundle, text);
    if (position == 0) {
        size_t count = bundle_count(bundle);
        return error_set(err, ERROR_INVALID,
                         "the bundle of '%s' has no version '%s', its last is %s",
                         bundle_application(bundle), text,
                         count > 0 ? bundle_migration(bundle, count - 1)->version : "none");
    }
    *ret_position = position;
    return STATUS_OK;
}
