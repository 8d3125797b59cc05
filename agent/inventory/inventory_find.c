/* inventory_find.c: entries found, and told what a job left behind; see inventory.h. */
#include "agent/inventory/inventory_internal.h"

#include <stdio.h>
#include <string.h>

entry_t *cache_find(const site_t *site, const char *database) {
    size_t low = 0;
    size_t high = site->entries.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        entry_t *entry = site->entries.items[middle];
        int order = strcmp(entry->seen.database, database);
        if (order == 0) {
            return entry;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static entry_t *find(const inventory_t *inventory, uint64_t system_identifier, const char *database,
                     site_t **ret_site) {
    for (size_t i = 0; i < inventory->site_count; i++) {
        site_t *site = &inventory->sites[i];
        entry_t *entry =
            site->seen.system_identifier == system_identifier ? cache_find(site, database) : NULL;
        if (entry != NULL) {
            *ret_site = site;
            return entry;
        }
    }
    return NULL;
}

const inventory_tenant_t *inventory_find(const inventory_t *inventory, uint64_t system_identifier,
                                         const char *database) {
    site_t *site = NULL;
    const entry_t *entry = find(inventory, system_identifier, database, &site);
    return entry == NULL ? NULL : &entry->seen;
}

/* Of equal ids, the one at its own place comes first. */
static int compare_ids(const void *a, const void *b) {
    const entry_t *left = *(entry_t *const *)a;
    const entry_t *right = *(entry_t *const *)b;
    uint64_t left_cluster = left->seen.system_identifier;
    uint64_t right_cluster = right->seen.system_identifier;
    int order = ident_compare(&left->seen.tenant, &right->seen.tenant);
    if (order == 0) {
        order = (left_cluster > right_cluster) - (left_cluster < right_cluster);
    }
    if (order == 0) {
        order = (left->seen.problem_code == ERROR_TENANT_CLONE) -
                (right->seen.problem_code == ERROR_TENANT_CLONE);
    }
    return order != 0 ? order : strcmp(left->seen.database, right->seen.database);
}

/* False where there is no memory: then nothing is found, and a job waits or is refused. */
static bool index_ids(inventory_t *inventory) {
    size_t count = 0;
    if (!inventory->ids_changed) {
        return true;
    }
    for (size_t i = 0; i < inventory->site_count; i++) {
        count += inventory->sites[i].entries.count;
    }
    entry_t **sorted = realloc(inventory->by_id, (count + 1) * sizeof(entry_t *));
    if (sorted == NULL) {
        return false;
    }
    inventory->by_id = sorted;
    inventory->id_count = 0;
    for (size_t i = 0; i < inventory->site_count; i++) {
        const entries_t *entries = &inventory->sites[i].entries;
        for (size_t j = 0; j < entries->count; j++) {
            if (!ident_is_null(&entries->items[j]->seen.tenant)) {
                sorted[inventory->id_count++] = entries->items[j];
            }
        }
    }
    qsort(sorted, inventory->id_count, sizeof(entry_t *), compare_ids);
    inventory->ids_changed = false;
    return true;
}

const inventory_tenant_t *inventory_find_id(inventory_t *inventory, uint64_t system_identifier,
                                            const ident_t *tenant) {
    if (!index_ids(inventory)) {
        return NULL;
    }
    size_t low = 0;
    size_t high = inventory->id_count;
    while (low < high) { /* the first that is not less */
        size_t middle = low + (high - low) / 2;
        const inventory_tenant_t *seen = &inventory->by_id[middle]->seen;
        int order = ident_compare(&seen->tenant, tenant);
        bool less = order < 0 || (order == 0 && seen->system_identifier < system_identifier);
        low = less ? middle + 1 : low;
        high = less ? high : middle;
    }
    if (low == inventory->id_count) {
        return NULL;
    }
    const inventory_tenant_t *found = &inventory->by_id[low]->seen;
    bool it = ident_equal(&found->tenant, tenant) && found->system_identifier == system_identifier;
    return it ? found : NULL;
}

void inventory_each(const inventory_t *inventory, inventory_tenant_fn *take, void *context) {
    for (size_t i = 0; i < inventory->site_count; i++) {
        const entries_t *entries = &inventory->sites[i].entries;
        for (size_t j = 0; j < entries->count; j++) {
            take(&entries->items[j]->seen, context);
        }
    }
}

/* ---- what jobs leave behind ---- */

void inventory_note(inventory_t *inventory, uint64_t system_identifier, const char *database,
                    const inventory_facts_t *facts) {
    error_t err = {0};
    site_t *site = NULL;
    entry_t *entry = find(inventory, system_identifier, database, &site);
    if (entry == NULL || facts->observed.boot_us < entry->seen.observed_boot_us) {
        return; /* the next listing or reading knows better */
    }
    inventory_application_t application = {.strict = facts->strict, .logical = facts->logical};
    status_t status = cache_set_id(inventory, entry, &facts->tenant, &err);
    if (status == STATUS_OK && facts->standing != NULL) {
        (void)snprintf(application.application, sizeof application.application, "%s",
                       facts->application);
        application.standing = *facts->standing;
        status = cache_set_application(entry, &application, &err);
        entry->seen.stamped = true;
        entry->has_ledger = true;
    }
    if (status != STATUS_OK || entry->seen.problem_code != ERROR_NONE || !entry->seen.read) {
        cache_due_in(inventory, site, entry, 0); /* a reading makes the rest right */
    }
    cache_set_observed(entry, &facts->observed);
    if (facts->size_bytes > 0) {
        entry->seen.size_bytes = facts->size_bytes;
    }
    cache_changed(inventory, entry);
}
