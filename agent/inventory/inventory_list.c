/* inventory_list.c: a server's list of databases becomes entries; see inventory_internal.h. */
#include "agent/inventory/inventory_internal.h"

#include <stdio.h>
#include <string.h>

#define OWN_PREFIX "drover_" /* databases that trial restores make beside a tenant */

/* Databases of ours that a pattern must not take for tenants: trial restores, and what a restore
 * builds beside a tenant or keeps of it. */
static bool is_own(const char *database) {
    return strncmp(database, OWN_PREFIX, strlen(OWN_PREFIX)) == 0 ||
           strstr(database, "_drover_new_") != NULL || strstr(database, "_drover_old_") != NULL;
}

static const agent_config_tenant_t *find_listed(const site_t *site, const char *database) {
    size_t low = 0;
    size_t high = agent_config_tenant_count(site->config);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(site->listed[middle]->database, database);
        if (order == 0) {
            return site->listed[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* A database that was a tenant a moment ago stays one while it takes no connections. */
static bool admits(const site_t *site, const listing_row_t *row,
                   const agent_config_tenant_t *listed, const entry_t *known) {
    if (listed != NULL) {
        return true;
    }
    return (row->open || known != NULL) && !is_own(row->database) &&
           agent_config_admits(&site->pattern, row->database, NULL);
}

static entry_t *entry_new(const site_t *site, const listing_row_t *row,
                          const agent_config_tenant_t *listed) {
    entry_t *entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        return NULL;
    }
    inventory_tenant_t *seen = &entry->seen;
    seen->cluster = site->index;
    seen->system_identifier = site->seen.system_identifier;
    (void)snprintf(seen->database, sizeof seen->database, "%s", row->database);
    seen->listed = listed;
    seen->name = listed != NULL ? listed->name : seen->database;
    return entry;
}

/* What the list says about a database that is a tenant. */
static void update(const inventory_t *inventory, site_t *site, entry_t *entry,
                   const listing_row_t *row) {
    inventory_tenant_t *seen = &entry->seen;
    const char *owner = site->config->roles.owner != NULL ? site->config->roles.owner : row->owner;
    if (seen->listed != NULL && seen->listed->owner != NULL) {
        owner = seen->listed->owner;
    }
    (void)snprintf(seen->owner, sizeof seen->owner, "%s", owner != NULL ? owner : "");
    if (seen->database_oid != row->oid) { /* new, or another database under the name */
        seen->database_oid = row->oid;
        cache_due_in(inventory, site, entry, 0);
    }
}

/* Take one row: its entry, old or new, goes to the end of fresh, which has room. */
static status_t take_row(const inventory_t *inventory, site_t *site, const listing_row_t *row,
                         entry_t *known, entries_t *fresh, error_t *err) {
    const agent_config_tenant_t *listed = find_listed(site, row->database);
    if (known == NULL) {
        known = entry_new(site, row, listed);
        if (known == NULL) {
            return error_set(err, ERROR_NO_MEMORY, "no memory for a tenant");
        }
    }
    update(inventory, site, known, row);
    fresh->items[fresh->count++] = known;
    return STATUS_OK;
}

/* Tell which of the list's databases are not there, each when it goes missing. */
static void tell_missing(const inventory_t *inventory, const site_t *site) {
    for (size_t i = 0; i < agent_config_tenant_count(site->config); i++) {
        bool missing = cache_find(site, site->listed[i]->database) == NULL;
        if (missing && !site->missed[i] && inventory->callbacks.database_missing != NULL) {
            inventory->callbacks.database_missing(inventory->callbacks.context, site->index,
                                                  site->listed[i]);
        }
        site->missed[i] = missing;
    }
}

status_t cache_take_listing(inventory_t *inventory, site_t *site, const listing_t *listing,
                            error_t *err) {
    entries_t *old = &site->entries;
    entries_t fresh = {0};
    status_t status = entries_reserve(&fresh, listing->count + old->count + 1, err);
    size_t at = 0;
    TRY(status);
    if (entries_reserve(&inventory->departed, old->count, err) != STATUS_OK) {
        free(fresh.items);
        return STATUS_ERROR;
    }
    for (size_t i = 0; i < listing->count && status == STATUS_OK; i++) { /* both are sorted */
        const listing_row_t *row = &listing->rows[i];
        int order = 1;
        while (at < old->count &&
               (order = strcmp(old->items[at]->seen.database, row->database)) < 0) {
            cache_depart(inventory, old->items[at++]);
        }
        entry_t *known = at < old->count && order == 0 ? old->items[at] : NULL;
        if (admits(site, row, find_listed(site, row->database), known)) {
            at += known != NULL;
            status = take_row(inventory, site, row, known, &fresh, err);
        }
    }
    while (at < old->count) { /* after a failure nobody departs: nothing was seen to be missing */
        entry_t *rest = old->items[at++];
        if (status == STATUS_OK) {
            cache_depart(inventory, rest);
        } else {
            fresh.items[fresh.count++] = rest;
        }
    }
    free(old->items);
    *old = fresh;
    if (status == STATUS_OK) {
        tell_missing(inventory, site);
    }
    return status;
}
