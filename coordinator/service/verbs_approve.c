/* verbs_approve.c: another signature, for an order or for a wave; holds of the whole fleet. */
#include "coordinator/service/approve.h"
#include "coordinator/service/lookup.h"
#include "coordinator/service/status.h"
#include "coordinator/service/verbs.h"

status_t verbs_rollout_approve(call_t *call, error_t *err) {
    CLEANUP(lookup_rollout_free) lookup_rollout_t found = {0};
    const char *name = NULL;
    const char *order = NULL;
    const char *approval = NULL;
    int64_t wave = 0;
    TRY(call_need(call, "rollout", &name, err));
    TRY(call_text(call, "order", &order, err));
    TRY(call_text(call, "approval", &approval, err));
    TRY(call_number(call, &(call_number_t){.key = "wave", .most = LIMIT_WAVES, .missing = -1},
                    &wave, err));
    if ((order != NULL) == (approval != NULL) || (wave >= 0 && approval == NULL)) {
        return error_set(err, ERROR_INVALID,
                         "give the signed 'order' of the rollout, or a 'wave' and its 'approval'");
    }
    TRY(lookup_rollout(call, &found, err));
    TRY(orders_allow(call, call->verb->roles, found.rollout->application, err));
    if (found.owned != NULL) {
        return error_set(err, ERROR_ROLLOUT_STATE, "rollout '%s' is over", found.rollout->name);
    }
    if (order != NULL) {
        return approve_order(call, found.rollout, err);
    }
    TRY(approve_wave(call, found.rollout, wave, err));
    status_write_short(call, found.rollout);
    return STATUS_OK;
}

status_t verbs_fleet_hold(call_t *call, error_t *err) {
    return approve_hold(call, ORDER_HOLD, err);
}

status_t verbs_fleet_release(call_t *call, error_t *err) {
    return approve_hold(call, ORDER_RELEASE_HOLD, err);
}
