/*
 * leftovers.h: what agents found left behind in clusters and tenants, as they said last. Memory of
 * this run only: agents tell everything again after each hello.
 */
#ifndef DROVER_COORDINATOR_LINK_LEFTOVERS_H
#define DROVER_COORDINATOR_LINK_LEFTOVERS_H

#include "common/wire/codec.h"
#include "coordinator/service/service.h"

typedef struct leftover_list leftover_list_t;

/* Where it was found. */
typedef struct leftover_place {
    uint64_t system_identifier;
    ident_t tenant; /* null: the cluster itself */
    int64_t seen_us;
} leftover_place_t;

/* All of one place, in place of what was known of it; what memory or the bound has no room for is
 * not kept. The list is made where there is none. */
void leftovers_put(leftover_list_t **list_p, const leftover_place_t *place,
                   Drover__Leftover *const *items, size_t count);

void leftovers_each(const leftover_list_t *list, service_leftover_fn *fn, void *context);

void leftovers_free(leftover_list_t **list_p);

#endif
