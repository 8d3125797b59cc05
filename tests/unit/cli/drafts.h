/*
 * drafts.h: what an honest coordinator answers to order.draft: a plan's document and the order that
 * belongs to it, built here by a way of its own. A test then changes one thing.
 */
#ifndef DROVER_TESTS_CLI_DRAFTS_H
#define DROVER_TESTS_CLI_DRAFTS_H

#include "common/trust/order.h"

#include <jansson.h>

enum { DRAFTS_WAVES = 4 };

/* A plan of five tenants in three waves, of which the second has no work: "forward", "undo",
 * "restore", "baseline", "backup", "backup_check" or "prune". The caller releases it. */
json_t *drafts_plan(const char *kind);

/* An order with room for its waves. */
typedef struct drafts_order {
    order_t order;
    order_wave_t waves[DRAFTS_WAVES];
} drafts_order_t;

/* What the plan means as an order of this kind, issued at that time. Borrows the plan. */
void drafts_fill(const json_t *plan, order_kind_t kind, int64_t issued_us, drafts_order_t *into);

/* Make the order's roots anew, with this number in the leaves. */
void drafts_roots(const json_t *plan, int64_t number, drafts_order_t *into);

/* The unsigned document. */
document_t *drafts_write(const drafts_order_t *from);

/* Add draft, draft_digest and signatures_needed to the plan. */
void drafts_add(json_t *plan, const document_t *paper);

/* base64 of bytes; freed by the caller. */
char *drafts_base64(const void *bytes, size_t size);

#endif
