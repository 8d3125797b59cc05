/* inventory_tell.c: entries as messages; see inventory.h. */
#include "agent/inventory/inventory_internal.h"
#include "common/wire/bounds.h"
#include "common/wire/field.h"

#include <string.h>

enum {
    PART_BYTES = LIMIT_MESSAGE_BYTES * 3 / 4, /* leaves room for the envelope */
    PART_FIELDS = WIRE_FIELDS * 3 / 4,
    TENANT_FIELDS = 18, /* at most, but for the repeated ones */
    LABEL_FIELDS = 3,
    APPLICATION_FIELDS = 9,
    LEFTOVER_FIELDS = 4,
};

/* Memory of one part, given back as a whole. */
typedef struct block {
    struct block *next;
    max_align_t bytes[];
} block_t;

struct inventory_reading {
    inventory_t *inventory;
    entry_t **entries;
    size_t count;
    size_t next;
    uint64_t upto; /* changes that it covers */
    bool full;
    block_t *blocks; /* of the part in hand */
};

/* ---- clusters ---- */

void inventory_cluster_seen(const inventory_t *inventory, size_t index,
                            Drover__ClusterSeen *ret_seen) {
    const inventory_cluster_t *cluster = inventory_cluster(inventory, index);
    drover__cluster_seen__init(ret_seen);
    ret_seen->name = field_of_text(cluster->name);
    ret_seen->system_identifier = cluster->system_identifier;
    ret_seen->writable = cluster->writable && cluster->problem_code == ERROR_NONE;
    ret_seen->server_version = cluster->server_version;
    ret_seen->timeline = cluster->timeline;
    ret_seen->parallel = cluster->parallel;
    ret_seen->problem = field_of_text(cluster->problem);
    ret_seen->n_leftovers = leftovers_list(inventory->sites[index].left, &ret_seen->leftovers);
}

/* ---- what is worth telling ---- */

bool inventory_is_complete(const inventory_t *inventory) {
    for (size_t i = 0; i < inventory->site_count; i++) {
        const site_t *site = &inventory->sites[i];
        if (!site->probed || !site->seen.writable) {
            return false;
        }
        for (size_t j = 0; j < site->entries.count; j++) {
            if (!site->entries.items[j]->seen.read) {
                return false;
            }
        }
    }
    return true;
}

bool inventory_has_news(const inventory_t *inventory) {
    return inventory->change > inventory->told;
}

/* The order of telling: see inventory.h. */
typedef enum turn { TURN_GONE, TURN_OWN, TURN_CLONE, TURN_COUNT } turn_t;

static turn_t turn_of(const entry_t *entry) {
    if (entry->seen.gone) {
        return TURN_GONE;
    }
    return entry->seen.problem_code == ERROR_TENANT_CLONE ? TURN_CLONE : TURN_OWN;
}

typedef struct choice {
    turn_t turn;
    uint64_t after; /* changes that are known already */
} choice_t;

static void choose(inventory_reading_t *reading, const entries_t *from, choice_t choice) {
    for (size_t i = 0; i < from->count; i++) {
        entry_t *entry = from->items[i];
        if (turn_of(entry) == choice.turn && entry->change > choice.after &&
            !ident_is_null(&entry->seen.tenant)) {
            reading->entries[reading->count++] = entry;
        }
    }
}

status_t inventory_reading_new(inventory_t *inventory, bool everything,
                               inventory_reading_t **ret_reading, error_t *err) {
    size_t most = inventory->departed.count;
    for (size_t i = 0; i < inventory->site_count; i++) {
        most += inventory->sites[i].entries.count;
    }
    inventory_reading_t *reading = calloc(1, sizeof *reading);
    entry_t **entries = calloc(most + 1, sizeof(entry_t *));
    if (reading == NULL || entries == NULL) {
        free(reading);
        free(entries);
        return error_set(err, ERROR_NO_MEMORY, "no memory to tell %zu tenants", most);
    }
    reading->inventory = inventory;
    reading->entries = entries;
    reading->upto = inventory->change;
    reading->full = everything && inventory_is_complete(inventory);
    choice_t choice = {.after = everything ? 0 : inventory->told};
    for (choice.turn = TURN_GONE; choice.turn < TURN_COUNT; choice.turn++) {
        choose(reading, &inventory->departed, choice);
        for (size_t i = 0; i < inventory->site_count; i++) {
            if (inventory->sites[i].seen.writable) { /* a standby's memories are old */
                choose(reading, &inventory->sites[i].entries, choice);
            }
        }
    }
    inventory->readings++;
    *ret_reading = reading;
    return STATUS_OK;
}

static void drop_blocks(inventory_reading_t *reading) {
    while (reading->blocks != NULL) {
        block_t *block = reading->blocks;
        reading->blocks = block->next;
        free(block);
    }
}

void inventory_reading_destroy(inventory_reading_t **reading_p) {
    if (reading_p == NULL || *reading_p == NULL) {
        return;
    }
    inventory_reading_t *reading = *reading_p;
    reading->inventory->readings--;
    drop_blocks(reading);
    free(reading->entries);
    free(reading);
    *reading_p = NULL;
}

void inventory_reading_told(inventory_reading_t **reading_p) {
    inventory_reading_t *reading = *reading_p;
    if (reading->upto > reading->inventory->told) {
        reading->inventory->told = reading->upto;
    }
    inventory_reading_destroy(reading_p);
}

bool inventory_reading_is_full(const inventory_reading_t *reading) {
    return reading->full;
}

/* ---- messages ---- */

static status_t take(inventory_reading_t *reading, size_t size, void **ret_bytes, error_t *err) {
    block_t *block = calloc(1, sizeof *block + size);
    if (block == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory to tell tenants");
    }
    block->next = reading->blocks;
    reading->blocks = block;
    *ret_bytes = block->bytes;
    return STATUS_OK;
}

static int compare_labels(const void *a, const void *b) {
    const Drover__Label *const *left = a;
    const Drover__Label *const *right = b;
    return strcmp((*left)->key, (*right)->key);
}

static void add_label(Drover__TenantSeen *message, Drover__Label *label, const yaml_pair_t *pair) {
    drover__label__init(label);
    label->key = pair->key;
    label->value = pair->value;
    message->labels[message->n_labels++] = label;
}

/* The cluster's labels, the tenant's own over them, by key. */
static status_t fill_labels(inventory_reading_t *reading, const inventory_tenant_t *seen,
                            Drover__TenantSeen *message, error_t *err) {
    static const yaml_map_t none = {0};
    const yaml_map_t *own = seen->listed != NULL ? &seen->listed->labels : &none;
    const yaml_map_t *common = &reading->inventory->sites[seen->cluster].config->tenants.labels;
    size_t most = own->count + common->count;
    if (most == 0) {
        return STATUS_OK;
    }
    void *labels = NULL;
    void *pointers = NULL;
    TRY(take(reading, most * sizeof(Drover__Label), &labels, err));
    TRY(take(reading, most * sizeof(Drover__Label *), &pointers, err));
    message->labels = pointers;
    Drover__Label *free_label = labels;
    for (size_t i = 0; i < own->count; i++) {
        add_label(message, free_label++, &own->items[i]);
    }
    for (size_t i = 0; i < common->count; i++) {
        if (yaml_map_get(own, common->items[i].key) == NULL) {
            add_label(message, free_label++, &common->items[i]);
        }
    }
    qsort(message->labels, message->n_labels, sizeof *message->labels, compare_labels);
    return STATUS_OK;
}

static void fill_application(const inventory_application_t *from, Drover__ApplicationSeen *to) {
    drover__application_seen__init(to);
    to->application = field_of_text(from->application);
    to->generation = (uint32_t)from->standing.generation;
    to->position = (uint32_t)from->standing.position;
    to->version = field_of_text(from->standing.version);
    to->ledger_sequence = from->standing.seq;
    to->ledger_digest = field_of_digest(&from->standing.head);
    to->fingerprint_strict = field_of_digest(&from->strict);
    to->fingerprint_logical = field_of_digest(&from->logical);
}

static status_t fill_applications(inventory_reading_t *reading, const inventory_tenant_t *seen,
                                  Drover__TenantSeen *message, error_t *err) {
    size_t count = seen->application_count;
    if (count == 0) {
        return STATUS_OK;
    }
    void *applications = NULL;
    void *pointers = NULL;
    TRY(take(reading, count * sizeof(Drover__ApplicationSeen), &applications, err));
    TRY(take(reading, count * sizeof(Drover__ApplicationSeen *), &pointers, err));
    message->applications = pointers;
    message->n_applications = count;
    for (size_t i = 0; i < count; i++) {
        message->applications[i] = (Drover__ApplicationSeen *)applications + i;
        fill_application(&seen->applications[i], message->applications[i]);
    }
    return STATUS_OK;
}

static status_t fill(inventory_reading_t *reading, const inventory_tenant_t *seen,
                     Drover__TenantSeen *message, error_t *err) {
    bool set_aside = seen->problem_code != ERROR_NONE;
    drover__tenant_seen__init(message);
    message->tenant = field_of_ident(&seen->tenant);
    message->stamped = seen->stamped;
    message->name = field_of_text(seen->name);
    message->system_identifier = seen->system_identifier;
    message->database = field_of_text(seen->database);
    message->size_bytes = seen->size_bytes;
    message->observed_us = seen->observed_us;
    message->problem_code = field_of_text(set_aside ? error_code_text(seen->problem_code) : "");
    message->problem = field_of_text(seen->problem != NULL ? seen->problem : "");
    message->gone = seen->gone;
    if (seen->fence.epoch > 0) {
        message->fence_epoch = (uint64_t)seen->fence.epoch;
        message->fence_incarnation = field_of_ident(&seen->fence.incarnation);
    }
    message->n_leftovers = leftovers_list(seen->left, &message->leftovers);
    TRY(fill_labels(reading, seen, message, err));
    return fill_applications(reading, seen, message, err);
}

status_t inventory_reading_part(inventory_reading_t *reading, size_t most,
                                inventory_part_t *ret_part, error_t *err) {
    size_t left = reading->count - reading->next;
    size_t count = most < left ? most : left;
    void *pointers = NULL;
    size_t bytes = 0;
    size_t fields = 0;
    inventory_part_t part = {0};
    INVARIANT(most > 0);
    drop_blocks(reading);
    TRY(take(reading, (count + 1) * sizeof(Drover__TenantSeen *), &pointers, err));
    part.tenants = pointers;
    while (part.count < count) {
        void *message = NULL;
        TRY(take(reading, sizeof(Drover__TenantSeen), &message, err));
        Drover__TenantSeen *tenant = message;
        entry_t *entry = reading->entries[reading->next + part.count];
        TRY(fill(reading, &entry->seen, tenant, err));
        bytes += drover__tenant_seen__get_packed_size(tenant) + 8; /* tag and length */
        fields += TENANT_FIELDS + LABEL_FIELDS * tenant->n_labels +
                  APPLICATION_FIELDS * tenant->n_applications +
                  LEFTOVER_FIELDS * tenant->n_leftovers;
        if (part.count > 0 && (bytes > PART_BYTES || fields > PART_FIELDS)) {
            break;
        }
        entry->announced = true;
        part.tenants[part.count++] = tenant;
    }
    reading->next += part.count;
    part.last = reading->next == reading->count;
    *ret_part = part;
    return STATUS_OK;
}
