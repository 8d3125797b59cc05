/*
 * lookup.h: rollouts, recovery points and selectors by what an operator calls them.
 */
#ifndef DROVER_SERVICE_LOOKUP_H
#define DROVER_SERVICE_LOOKUP_H

#include "coordinator/service/call.h"
#include "coordinator/store/store_recovery.h"
#include "coordinator/store/store_rollout.h"

/* A rollout: the engine's, which is the freshest, or one built from the store. */
typedef struct lookup_rollout {
    rollout_t *rollout; /* borrowed from the engine, or owned */
    rollout_t *owned;   /* the same where it is not the engine's, else NULL */
} lookup_rollout_t;

void lookup_rollout_free(lookup_rollout_t *found);

/* By id, beginning of one, or name; NULL is the newest of the kinds (bits; 0: any). NOT_FOUND. */
typedef struct lookup_wish {
    const char *text;
    uint32_t kinds; /* 1 << rollout_kind_t */
} lookup_wish_t;
MUST_CHECK status_t lookup_rollout_id(call_t *call, const lookup_wish_t *wish, ident_t *ret_id,
                                      error_t *err);
MUST_CHECK status_t lookup_rollout_by_id(call_t *call, const ident_t *id,
                                         lookup_rollout_t *ret_found, error_t *err);

/* The argument `rollout`, or the newest. Notes it for the audit row. */
MUST_CHECK status_t lookup_rollout(call_t *call, lookup_rollout_t *ret_found, error_t *err);

/* A recovery point by its reference or the beginning of one, of the argument `tenant` where that is
 * given. Lives in the call's arena. NOT_FOUND; INVALID where several fit. */
MUST_CHECK status_t lookup_backup(call_t *call, const char *text, recovery_row_t *ret_point,
                                  error_t *err);

/* Parse the argument; NULL where it is absent. The selector is released with selector_destroy. */
MUST_CHECK status_t lookup_selector(call_t *call, const char *key, selector_t **ret_selector,
                                    error_t *err);

/* Position of a version ("V007", "empty") in a bundle. INVALID names the last version there. */
MUST_CHECK status_t lookup_version(const bundle_t *bundle, const char *text, uint32_t *ret_position,
                                   error_t *err);

#endif
