/*
 * folder.c: see folder.h. The folder is the agent's and no cluster's: what is found travels with
 * the first cluster that could be read.
 */
#include "agent/folder.h"
#include "agent/backup/backup_left.h"
#include "agent/crew.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <stdlib.h>
#include <string.h>

enum { FOLDERS_A_TICK = 16 };

struct folder {
    backup_left_t *look; /* under way; NULL: none */
    int64_t due_boot_us;
    ident_t *tenants; /* of the look */
    size_t tenant_count;
    bool all_known;
    backup_left_item_t found[BACKUP_LEFT_MOST]; /* by the last whole look */
    size_t count;
    Drover__Leftover items[BACKUP_LEFT_MOST];
    Drover__Leftover *pointers[WIRE_LEFTOVERS];
};

void folder_destroy(folder_t **self_p) {
    if (self_p != NULL && *self_p != NULL) {
        backup_left_destroy(&(*self_p)->look);
        free((*self_p)->tenants);
        free(*self_p);
        *self_p = NULL;
    }
}

/* ---- whose backups are pruned at all ---- */

static void count_tenant(const inventory_tenant_t *tenant, void *context) {
    (void)tenant;
    (*(size_t *)context)++;
}

static void take_tenant(const inventory_tenant_t *tenant, void *context) {
    folder_t *self = context;
    self->tenants[self->tenant_count++] = tenant->tenant;
}

static int by_id(const void *a, const void *b) {
    return ident_compare(a, b);
}

static void note_tenants(folder_t *self, const inventory_t *inventory) {
    size_t count = 0;
    free(self->tenants);
    self->tenant_count = 0;
    inventory_each(inventory, count_tenant, &count);
    self->tenants = calloc(count + 1, sizeof *self->tenants);
    self->all_known = self->tenants != NULL && inventory_is_complete(inventory);
    if (self->tenants != NULL) {
        inventory_each(inventory, take_tenant, self);
        qsort(self->tenants, self->tenant_count, sizeof *self->tenants, by_id);
    }
}

/* ---- looking ---- */

static void keep(agent_t *agent, folder_t *self) {
    size_t count = 0;
    const backup_left_item_t *items = backup_left_items(self->look, &count);
    bool same = count == self->count;
    for (size_t i = 0; same && i < count; i++) {
        same = strcmp(items[i].kind, self->found[i].kind) == 0 &&
               strcmp(items[i].name, self->found[i].name) == 0;
    }
    memcpy(self->found, items, count * sizeof *items);
    self->count = count;
    agent->clusters_changed = agent->clusters_changed || !same;
}

static void begin(agent_t *agent, folder_t *self) {
    error_t err = {0};
    note_tenants(self, agent->inventory);
    if (backup_left_new(agent->config->backup.directory, &self->look, &err) != STATUS_OK) {
        log_error("the folder of backups is not looked at", &err);
    }
}

void folder_tick(agent_t *agent, int64_t boot_us) {
    const agent_config_t *config = agent->config;
    if (config->backup.directory == NULL) {
        return;
    }
    if (agent->folder == NULL) {
        agent->folder = calloc(1, sizeof *agent->folder);
    }
    folder_t *self = agent->folder;
    if (self == NULL || (self->look == NULL && boot_us < self->due_boot_us)) {
        return;
    }
    if (self->look == NULL) {
        self->due_boot_us = boot_us + config->inventory_refresh_us;
        begin(agent, self);
        return;
    }
    const backup_left_rules_t rules = {
        .dir = config->backup.directory,
        .trust = {.keys = agent->shared.backup_keys.sign_public, .count = 1},
        .retention = {.now_us = clock_wall_us(),
                      .keep_age_us = config->backup.keep_us,
                      .keep_count = config->backup.keep_count,
                      .held = crew_holds,
                      .context = agent},
        .tenants = self->all_known ? self->tenants : NULL,
        .tenant_count = self->tenant_count,
    };
    if (backup_left_step(self->look, &rules, FOLDERS_A_TICK)) {
        keep(agent, self);
        backup_left_destroy(&self->look);
    }
}

/* ---- telling ---- */

void folder_tell(agent_t *agent, Drover__ClusterSeen *seen) {
    folder_t *self = agent->folder;
    if (self == NULL || self->count == 0) {
        return;
    }
    size_t kept = seen->n_leftovers + self->count <= WIRE_LEFTOVERS ? seen->n_leftovers
                                                                    : WIRE_LEFTOVERS - self->count;
    for (size_t i = 0; i < kept; i++) {
        self->pointers[i] = seen->leftovers[i];
    }
    for (size_t i = 0; i < self->count; i++) {
        drover__leftover__init(&self->items[i]);
        self->items[i].kind = self->found[i].kind;
        self->items[i].name = self->found[i].name;
        self->items[i].detail = self->found[i].detail;
        self->pointers[kept + i] = &self->items[i];
    }
    seen->leftovers = self->pointers;
    seen->n_leftovers = kept + self->count;
}
