/* leftovers.c: see leftovers.h. Few, so that a list is searched from its begin. */
#include "coordinator/link/leftovers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4096, KIND_BYTES = 32, DETAIL_BYTES = 192 };

typedef struct item {
    leftover_place_t place;
    char kind[KIND_BYTES];
    char name[LIMIT_NAME_BYTES + 1];
    char detail[DETAIL_BYTES];
} item_t;

struct leftover_list {
    item_t *items;
    size_t count;
    size_t room;
};

static bool is_there(const item_t *item, const leftover_place_t *place) {
    return item->place.system_identifier == place->system_identifier &&
           ident_equal(&item->place.tenant, &place->tenant);
}

static void drop(leftover_list_t *list, const leftover_place_t *place) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (!is_there(&list->items[i], place)) {
            list->items[kept++] = list->items[i];
        }
    }
    list->count = kept;
}

static bool make_room(leftover_list_t *list) {
    if (list->count < list->room) {
        return true;
    }
    size_t room = list->room == 0 ? 16 : 2 * list->room;
    item_t *items = list->count >= MOST ? NULL : realloc(list->items, room * sizeof *items);
    if (items == NULL) {
        return false;
    }
    list->items = items;
    list->room = room;
    return true;
}

void leftovers_put(leftover_list_t **list_p, const leftover_place_t *place,
                   Drover__Leftover *const *items, size_t count) {
    if (*list_p == NULL) {
        *list_p = count > 0 ? calloc(1, sizeof **list_p) : NULL;
    }
    leftover_list_t *list = *list_p;
    if (list == NULL) {
        return;
    }
    drop(list, place);
    for (size_t i = 0; i < count && make_room(list); i++) {
        item_t *item = &list->items[list->count++];
        *item = (item_t){.place = *place};
        (void)snprintf(item->kind, sizeof item->kind, "%s", items[i]->kind);
        (void)snprintf(item->name, sizeof item->name, "%s", items[i]->name);
        (void)snprintf(item->detail, sizeof item->detail, "%s", items[i]->detail);
    }
}

void leftovers_each(const leftover_list_t *list, service_leftover_fn *fn, void *context) {
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        const item_t *item = &list->items[i];
        service_leftover_t told = {.system_identifier = item->place.system_identifier,
                                   .tenant = item->place.tenant,
                                   .seen_us = item->place.seen_us,
                                   .kind = item->kind,
                                   .name = item->name,
                                   .detail = item->detail};
        fn(context, &told);
    }
}

void leftovers_free(leftover_list_t **list_p) {
    if (*list_p != NULL) {
        free((*list_p)->items);
        free(*list_p);
        *list_p = NULL;
    }
}
