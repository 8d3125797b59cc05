/*
 * plan_page.h: plans as documents, in pages. A later page belongs to the plan whose digest its
 * `after` names; the service keeps that plan, and makes it again where it was dropped meanwhile.
 */
#ifndef DROVER_SERVICE_PLAN_PAGE_H
#define DROVER_SERVICE_PLAN_PAGE_H

#include "coordinator/service/planner.h"

/* Make the plan (or take the one kept) and write the page asked for. PLAN_STALE where a later
 * page's plan is another one now. */
MUST_CHECK status_t plan_page_answer(call_t *call, planner_fn *make, error_t *err);

/* The same, and what `first` adds to the first page. */
typedef status_t plan_page_fn(call_t *call, const plan_t *plan, error_t *err);
MUST_CHECK status_t plan_page_with(call_t *call, planner_fn *make, plan_page_fn *first,
                                   error_t *err);

/* Members that plans and starts share: what it is and what it adds up to. */
void plan_page_totals(const plan_t *plan, row_t *into);

#endif
