/* inventory_cache.c: entries: changed, due, departed; see inventory_internal.h. */
#include "agent/inventory/inventory_internal.h"
#include "common/wire/scan.h"

#include <stdio.h>
#include <string.h>

/* ---- lists ---- */

status_t entries_reserve(entries_t *list, size_t more, error_t *err) {
    size_t wanted = list->count + more;
    if (wanted <= list->room) {
        return STATUS_OK;
    }
    size_t room = list->room * 2 > wanted ? list->room * 2 : wanted;
    entry_t **items = realloc(list->items, room * sizeof *items);
    if (items == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for %zu tenants", room);
    }
    list->items = items;
    list->room = room;
    return STATUS_OK;
}

static void entry_free(entry_t *entry) {
    if (entry != NULL) {
        free(entry->seen.applications);
        free(entry->seen.problem);
        free(entry->seen.left);
        free(entry);
    }
}

static void list_free(entries_t *list) {
    for (size_t i = 0; i < list->count; i++) {
        entry_free(list->items[i]);
    }
    free(list->items);
    *list = (entries_t){0};
}

void cache_free(inventory_t *inventory) {
    for (size_t i = 0; i < inventory->site_count; i++) {
        list_free(&inventory->sites[i].entries);
    }
    list_free(&inventory->departed);
    free(inventory->by_id);
}

/* ---- changes ---- */

void cache_changed(inventory_t *inventory, entry_t *entry) {
    entry->change = ++inventory->change;
    inventory->ids_changed = true; /* the order of equal ids may have changed too */
    if (inventory->callbacks.tenants_changed != NULL) {
        inventory->callbacks.tenants_changed(inventory->callbacks.context);
    }
}

void problem_text(const error_t *err, char *text, size_t size) {
    char line[ERROR_TEXT_MAX + ERROR_CONTEXT_DEPTH * ERROR_CONTEXT_MAX + 32];
    const char *words = error_line(err, line, sizeof line) + strlen(error_code_text(err->code));
    (void)snprintf(text, size, "%s", *words == ' ' ? words + 1 : words);
    size_t length = strlen(text);
    for (size_t back = 0; back < 3 && length > 0; back++) { /* a character that was cut */
        if (scan_text((const uint8_t *)text, length)) {
            return;
        }
        text[--length] = '\0';
    }
    for (char *c = text; *c != '\0'; c++) {
        *c = (unsigned char)*c < 0x80 ? *c : '?';
    }
}

bool cache_set_problem(inventory_t *inventory, entry_t *entry, const error_t *err) {
    char text[ERROR_TEXT_MAX] = "";
    inventory_tenant_t *seen = &entry->seen;
    error_code_t code = err == NULL ? ERROR_NONE : err->code;
    if (code != ERROR_NONE) {
        problem_text(err, text, sizeof text);
    }
    if (code == seen->problem_code &&
        (code == ERROR_NONE || (seen->problem != NULL && strcmp(seen->problem, text) == 0))) {
        return false;
    }
    free(seen->problem);
    seen->problem = code == ERROR_NONE ? NULL : strdup(text); /* the code alone is news enough */
    seen->problem_code = code;
    inventory->ids_changed = true;
    return true;
}

void cache_clear_applications(entry_t *entry) {
    free(entry->seen.applications);
    entry->seen.applications = NULL;
    entry->seen.application_count = 0;
}

/* Kept by name; there are at most IDENTITY_APPLICATIONS of them. */
status_t cache_set_application(entry_t *entry, const inventory_application_t *application,
                               error_t *err) {
    inventory_tenant_t *seen = &entry->seen;
    size_t at = 0;
    while (at < seen->application_count &&
           strcmp(seen->applications[at].application, application->application) < 0) {
        at++;
    }
    bool same = at < seen->application_count &&
                strcmp(seen->applications[at].application, application->application) == 0;
    if (!same) {
        size_t count = seen->application_count;
        if (count == IDENTITY_APPLICATIONS) {
            return error_set(err, ERROR_BOUND, "more than %d applications in database '%s'",
                             IDENTITY_APPLICATIONS, seen->database);
        }
        inventory_application_t *grown =
            realloc(seen->applications, (count + 1) * sizeof *seen->applications);
        if (grown == NULL) {
            return error_set(err, ERROR_NO_MEMORY, "no memory for an application's standing");
        }
        memmove(grown + at + 1, grown + at, (count - at) * sizeof *grown);
        seen->applications = grown;
        seen->application_count++;
    }
    seen->applications[at] = *application;
    return STATUS_OK;
}

/* ---- due ---- */

void cache_due_in(const inventory_t *inventory, site_t *site, entry_t *entry, int64_t wait_us) {
    entry->due_us = inventory->now.boot_us + wait_us;
    if (entry->due_us < site->next_due_us) {
        site->next_due_us = entry->due_us;
    }
}

void cache_all_due(const inventory_t *inventory, site_t *site) {
    for (size_t i = 0; i < site->entries.count; i++) {
        cache_due_in(inventory, site, site->entries.items[i], 0);
    }
}

/* Goes around from where the last search ended; a search that finds nothing remembers until when
 * there is nothing to find. */
entry_t *cache_next_due(const inventory_t *inventory, site_t *site) {
    int64_t now = inventory->now.boot_us;
    int64_t soonest = INT64_MAX;
    size_t count = site->entries.count;
    if (site->next_due_us > now) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = (site->cursor + i) % count;
        entry_t *entry = site->entries.items[at];
        if (entry->in_hand) {
            continue; /* its end says when it is due */
        }
        if (entry->due_us <= now) {
            site->cursor = at + 1;
            return entry;
        }
        soonest = entry->due_us < soonest ? entry->due_us : soonest;
    }
    site->next_due_us = soonest;
    return NULL;
}

/* ---- departing ---- */

void cache_set_observed(entry_t *entry, const inventory_now_t *at) {
    entry->seen.observed_us = at->wall_us;
    entry->seen.observed_boot_us = at->boot_us;
}

void cache_depart(inventory_t *inventory, entry_t *entry) {
    entry->seen.gone = true;
    cache_set_observed(entry, &inventory->now);
    entry->gone_us = inventory->now.boot_us;
    inventory->departed.items[inventory->departed.count++] = entry;
    inventory->ids_changed = true;
    if (!ident_is_null(&entry->seen.tenant)) {
        cache_changed(inventory, entry);
    }
}

status_t cache_depart_all(inventory_t *inventory, site_t *site, error_t *err) {
    TRY(entries_reserve(&inventory->departed, site->entries.count, err));
    for (size_t i = 0; i < site->entries.count; i++) {
        cache_depart(inventory, site->entries.items[i]);
    }
    site->entries.count = 0;
    return STATUS_OK;
}

/* A tenant that came back to its place is not gone from it. */
static void recall(inventory_t *inventory, const entry_t *entry) {
    for (size_t i = 0; i < inventory->departed.count; i++) {
        entry_t *old = inventory->departed.items[i];
        if (ident_equal(&old->seen.tenant, &entry->seen.tenant) &&
            old->seen.system_identifier == entry->seen.system_identifier &&
            strcmp(old->seen.database, entry->seen.database) == 0) {
            old->seen.tenant = (ident_t){{0}};
        }
    }
}

/* The id that stood here is gone from here; the entry goes on under another. */
static status_t depart_id(inventory_t *inventory, const entry_t *entry, error_t *err) {
    TRY(entries_reserve(&inventory->departed, 1, err));
    entry_t *old = calloc(1, sizeof *old);
    if (old == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a tenant");
    }
    old->seen = entry->seen;
    old->seen.applications = NULL;
    old->seen.application_count = 0;
    old->seen.problem = NULL;
    old->seen.problem_code = ERROR_NONE;
    old->seen.name = old->seen.listed != NULL ? old->seen.name : old->seen.database;
    cache_depart(inventory, old);
    return STATUS_OK;
}

status_t cache_set_id(inventory_t *inventory, entry_t *entry, const ident_t *id, error_t *err) {
    if (ident_equal(&entry->seen.tenant, id)) {
        return STATUS_OK;
    }
    bool unheard = !entry->seen.stamped && !entry->announced;
    if (!ident_is_null(&entry->seen.tenant) && !unheard) {
        TRY(depart_id(inventory, entry, err));
    }
    entry->announced = false;
    entry->seen.tenant = *id;
    inventory->ids_changed = true;
    recall(inventory, entry);
    return STATUS_OK;
}

status_t cache_set_stamped(inventory_t *inventory, entry_t *entry, const ident_t *id,
                           error_t *err) {
    journal_place_t place = {.system_identifier = entry->seen.system_identifier,
                             .database_oid = entry->seen.database_oid};
    if (!entry->seen.stamped || !ident_equal(&entry->seen.tenant, id)) {
        TRY(journal_stamped(inventory->journal, &place, id, err));
    }
    return cache_set_id(inventory, entry, id, err);
}

status_t cache_set_provisional(inventory_t *inventory, entry_t *entry, error_t *err) {
    journal_place_t place = {.system_identifier = entry->seen.system_identifier,
                             .database_oid = entry->seen.database_oid};
    ident_t id;
    TRY(journal_provisional(inventory->journal, &place, &id, err));
    return cache_set_id(inventory, entry, &id, err);
}

void cache_sweep(inventory_t *inventory) {
    int64_t keep_us = STALE_REFRESHES * inventory->config->inventory_refresh_us;
    entries_t *list = &inventory->departed;
    size_t kept = 0;
    if (inventory->readings > 0) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        entry_t *entry = list->items[i];
        bool told =
            ident_is_null(&entry->seen.tenant) ||
            (entry->change <= inventory->told && inventory->now.boot_us - entry->gone_us > keep_us);
        if (told && !entry->in_hand) {
            entry_free(entry);
            inventory->ids_changed = true;
        } else {
            list->items[kept++] = entry;
        }
    }
    list->count = kept;
}
