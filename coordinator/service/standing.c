/* standing.c: see standing.h. How a standing order stands, its draft, and its sweeps. */
#include "coordinator/service/standing.h"
#include "coordinator/service/launch.h"
#include "coordinator/service/names.h"
#include "coordinator/service/planner.h"
#include "coordinator/trust/holds.h"

#include <stdlib.h>
#include <string.h>

static const char *const STATES[STANDING_STATE_COUNT] = {
    [STANDING_WAITS] = "waits",     [STANDING_ACTIVE] = "active",
    [STANDING_HELD] = "held",       [STANDING_SUSPENDED] = "suspended",
    [STANDING_INVALID] = "invalid", [STANDING_EXPIRED] = "expired",
    [STANDING_ENDED] = "ended",
};

const char *standing_state_text(standing_state_t state) {
    INVARIANT(state >= STANDING_WAITS && state < STANDING_STATE_COUNT);
    return STATES[state];
}

/* --- how it stands --------------------------------------------------------------------------- */

/* Fill in a verdict; the texts are copied. */
static status_t say(call_t *call, standing_verdict_t *verdict, standing_state_t state,
                    error_t *err) {
    verdict->state = state;
    TRY(arena_text(&call->arena, verdict->reason, strlen(verdict->reason), &verdict->reason, err));
    return arena_text(&call->arena, verdict->command, strlen(verdict->command), &verdict->command,
                      err);
}

/* A sweep that an operator has to look at: one that is open, else the last that ended badly. */
static status_t judge_sweeps(call_t *call, const standing_row_t *row, standing_verdict_t *verdict,
                             bool *ret_told, error_t *err) {
    CLEANUP(buffer_free) buffer_t reason = {0};
    CLEANUP(buffer_free) buffer_t command = {0};
    standing_trouble_t trouble = {0};
    for (size_t i = 0; i < engine_rollout_count(call->engine); i++) {
        const rollout_t *rollout = engine_rollout_at(call->engine, i);
        if (!digest_equal(&rollout->order_digest, &row->digest) ||
            rollout->state == ROLLOUT_RUNNING || rollout_state_is_final(rollout->state)) {
            continue;
        }
        buffer_format(&reason, "sweep '%s' is %s: %.300s", rollout->name,
                      names_rollout_state(rollout->state),
                      rollout->reason != NULL ? rollout->reason : "");
        buffer_format(&command, "drover rollout %s '%s'",
                      rollout->state == ROLLOUT_PAUSED ? "resume" : "status", rollout->name);
        break;
    }
    if (reason.size == 0) {
        TRY(store_standing_trouble(call->store, row, &call->arena, &trouble, err));
    }
    if (!ident_is_null(&trouble.rollout)) {
        buffer_format(&reason, "sweep '%s' ended %s", trouble.name,
                      names_rollout_state((rollout_state_t)trouble.state));
        buffer_format(&command, "drover standing resume '%s'", row->name);
    }
    TRY(buffer_check(&reason, err));
    TRY(buffer_check(&command, err));
    *ret_told = reason.size > 0;
    verdict->reason = buffer_string(&reason);
    verdict->command = buffer_string(&command);
    return *ret_told ? say(call, verdict, STANDING_SUSPENDED, err) : STATUS_OK;
}

/* A stop that agents were told of counts, by whichever command it came. */
static status_t take_stop(void *context, const signed_order_row_t *row, error_t *err) {
    bool *stopped = context;
    (void)err;
    *stopped = *stopped || row->accepted_us != 0;
    return STATUS_OK;
}

static status_t judge_end(call_t *call, const standing_row_t *row, standing_verdict_t *verdict,
                          bool *ret_told, error_t *err) {
    bool stopped = false;
    signed_order_about_t about = {.subject = row->digest, .kind = ORDER_STOP};
    TRY(store_signed_order_about(call->store, &about, take_stop, &stopped, err));
    bool expired = call->question->now_us > row->expires_us;
    *ret_told = stopped || expired || row->ended_us != 0;
    if (!*ret_told) {
        return STATUS_OK;
    }
    bool ended = stopped || row->ended_us != 0;
    verdict->reason = !ended               ? "its end has come"
                      : row->ended_us != 0 ? "an operator ended it"
                                           : "a signed stop names its order";
    return say(call, verdict, ended ? STANDING_ENDED : STANDING_EXPIRED, err);
}

/* Whether its signatures are enough, as the trust file has it now. */
static status_t judge_order(call_t *call, const standing_row_t *row, standing_verdict_t *verdict,
                            bool *ret_told, error_t *err) {
    CLEANUP(orders_paper_free) orders_paper_t paper = {0};
    signed_order_row_t kept = {0};
    order_authority_t authority;
    error_t why = {0};
    CLEANUP(buffer_free) buffer_t command = {0};
    trust_view_t view = keeper_view(call->service->options.keeper, call->question->now_us);
    *ret_told = true;
    if (row->accepted_us == 0) {
        buffer_format(&command, "drover standing approve '%s'", row->name);
        TRY(buffer_check(&command, err));
        verdict->reason = "its order waits for signatures";
        verdict->command = buffer_string(&command);
        return say(call, verdict, STANDING_WAITS, err);
    }
    if (orders_load(call, &row->digest, &kept, &paper, &why) == STATUS_OK &&
        order_verify(&view, paper.order, true, &authority, &why) == STATUS_OK &&
        order_is_standing(paper.order) && !authority.expired) {
        *ret_told = false;
        return STATUS_OK;
    }
    if (why.code == ERROR_STORE || why.code == ERROR_NO_MEMORY) {
        *err = why;
        return STATUS_ERROR;
    }
    verdict->reason = why.code != ERROR_NONE ? why.message : "the trust file has expired";
    return say(call, verdict, STANDING_INVALID, err);
}

static status_t judge_hold(call_t *call, const standing_row_t *row, standing_verdict_t *verdict,
                           bool *ret_told, error_t *err) {
    CLEANUP(holds_free) holds_t holds = {0};
    TRY(holds_read(call->service->options.keeper, &holds, err));
    for (size_t i = 0; i < holds.held.count; i++) {
        const char *held = holds.held.applications[i];
        *ret_told = *ret_told || held[0] == '\0' || strcmp(held, row->application) == 0;
    }
    verdict->reason = "a hold stands";
    verdict->command = "drover fleet release";
    return *ret_told ? say(call, verdict, STANDING_HELD, err) : STATUS_OK;
}

status_t standing_judge(call_t *call, const standing_row_t *row, standing_verdict_t *ret_verdict,
                        error_t *err) {
    typedef status_t judge_fn(call_t *, const standing_row_t *, standing_verdict_t *, bool *,
                              error_t *);
    static judge_fn *const JUDGES[] = {judge_end, judge_order, judge_sweeps, judge_hold};
    bool told = false;
    for (size_t i = 0; i < sizeof JUDGES / sizeof JUDGES[0] && !told; i++) {
        *ret_verdict = (standing_verdict_t){.reason = "", .command = ""};
        TRY(JUDGES[i](call, row, ret_verdict, &told, err));
    }
    if (told) {
        return STATUS_OK;
    }
    *ret_verdict = (standing_verdict_t){.state = STANDING_ACTIVE,
                                        .reason = row->problem != NULL ? row->problem : "",
                                        .command = ""};
    return STATUS_OK;
}

status_t standing_find(call_t *call, const char *text, standing_row_t *ret_row, error_t *err) {
    enum { LEAST_DIGITS = 8 };
    standing_list_t list = {0};
    size_t length = strlen(text);
    TRY(store_standing_list(call->store, true, &call->arena, &list, err));
    for (int ended = 0; ended < 2; ended++) {
        for (size_t i = 0; i < list.count; i++) {
            char digest[DIGEST_TEXT_SIZE];
            const standing_row_t *row = &list.rows[i];
            bool named = strcmp(row->name, text) == 0 ||
                         (length >= LEAST_DIGITS &&
                          strncmp(digest_text(&row->digest, digest), text, length) == 0);
            if (named && (row->ended_us != 0) == (ended == 1)) {
                *ret_row = *row;
                return STATUS_OK;
            }
        }
    }
    return error_set(err, ERROR_NOT_FOUND, "there is no standing order '%.100s'", text);
}

/* --- the order ------------------------------------------------------------------------------- */

status_t standing_draft_of(const standing_draft_t *draft, const order_setting_t *setting,
                           document_t **ret_document, error_t *err) {
    const plan_t *plan = draft->plan;
    order_t order = {.fleet = setting->trust->fleet,
                     .id = setting->id,
                     .kind = ORDER_ROLLOUT,
                     .application = plan->application,
                     .environment = setting->environment,
                     .bundle = plan->bundle,
                     .target_position = plan->target,
                     .recovery_kind = plan->recovery_kind,
                     .recovery_reason = plan->recovery_reason != NULL ? plan->recovery_reason : "",
                     .trial_restore = plan->trial_restore,
                     .issued_us = setting->issued_us,
                     .not_before_us = setting->issued_us,
                     .expires_us = draft->until_us,
                     .proposer = setting->proposer,
                     .undo_authorized = true,
                     .trust_version = setting->trust->version,
                     .standing = draft->selector};
    return order_write(&order, ret_document, err);
}

/* --- sweeps ---------------------------------------------------------------------------------- */

/* Tenants of newer orders: their agents would refuse this older one. */
typedef struct moved {
    ident_t *tenants;
    size_t count;
    size_t room;
} moved_t;

static void moved_free(moved_t *moved) {
    free(moved->tenants);
}

static status_t take_moved(void *context, const ident_t *tenant, error_t *err) {
    moved_t *moved = context;
    if (moved->count == moved->room) {
        size_t room = moved->room == 0 ? 256 : 2 * moved->room;
        ident_t *tenants = realloc(moved->tenants, room * sizeof *tenants);
        if (tenants == NULL) {
            return error_set(err, ERROR_NO_MEMORY, "out of memory for %zu tenants", room);
        }
        moved->tenants = tenants;
        moved->room = room;
    }
    moved->tenants[moved->count++] = *tenant;
    return STATUS_OK;
}

static int compare_idents(const void *a, const void *b) {
    return ident_compare(a, b);
}

/* Keep the rows that a sweep would move. */
static status_t keep_work(call_t *call, const standing_row_t *row, plan_t *plan, error_t *err) {
    CLEANUP(moved_free) moved_t moved = {0};
    uint32_t kept = 0;
    TRY(store_standing_moved(call->store, row, take_moved, &moved, err));
    if (moved.count > 0) {
        qsort(moved.tenants, moved.count, sizeof *moved.tenants, compare_idents);
    }
    for (uint32_t i = 0; i < plan->count; i++) {
        const plan_row_t *tenant = &plan->rows[i];
        bool newer = moved.count > 0 && bsearch(&tenant->tenant, moved.tenants, moved.count,
                                                sizeof *moved.tenants, compare_idents) != NULL;
        if (tenant->outcome == PLAN_WORK && !newer) {
            plan->rows[kept++] = *tenant;
        }
    }
    plan->count = kept;
    return STATUS_OK;
}

static status_t launch_sweep(call_t *call, const standing_row_t *row, const plan_t *plan,
                             error_t *err) {
    CLEANUP(buffer_free) buffer_t name = {0};
    CLEANUP(buffer_free) buffer_t reason = {0};
    rollout_t *made = NULL;
    standing_row_t next = *row;
    next.sweeps++;
    next.problem_code = ERROR_NONE;
    next.problem = "";
    buffer_format(&name, "%s sweep %u", row->name, next.sweeps);
    buffer_format(&reason, "standing order '%s'", row->name);
    TRY(buffer_check(&name, err));
    TRY(buffer_check(&reason, err));
    TRY(launch_check(call, plan, err));
    launch_t launch = {.name = buffer_string(&name),
                       .reason = buffer_string(&reason),
                       .select = row->selector,
                       .actor = "coordinator",
                       .order = row->order_id, /* by it the tenants' ledgers name the order */
                       .order_digest = row->digest};
    TRY(launch_plan(call, plan, &launch, &made, err));
    TRY(store_standing_update(call->store, &next, err));
    call->rollout = made->id;
    buffer_format(&call->detail, "'%s': %u tenants", made->name, plan->count);
    return STATUS_OK;
}

static status_t sweep(call_t *call, const standing_row_t *row, bool *ret_made, error_t *err) {
    CLEANUP(plan_destroy_p) plan_t *plan = NULL;
    CLEANUP(rollout_spec_destroy_p) rollout_spec_t *spec = NULL;
    planner_standing_t wish = {.spec = row->spec};
    TRY(planner_standing(call, &wish, &spec, &plan, err));
    TRY(keep_work(call, row, plan, err));
    if (plan->count == 0) {
        return STATUS_OK;
    }
    TRY(plan_cut(plan, spec, err));
    TRY(plan_finish(plan, err));
    TRY(launch_sweep(call, row, plan, err));
    *ret_made = true;
    return STATUS_OK;
}

/* Told once: `drover standing list` shows it until a sweep goes well. */
static status_t keep_problem(call_t *call, const standing_row_t *row, const error_t *why,
                             error_t *err) {
    standing_row_t next = *row;
    if (row->problem_code == why->code) {
        return STATUS_OK;
    }
    next.problem_code = why->code;
    next.problem = why->message;
    return store_standing_update(call->store, &next, err);
}

status_t standing_sweep(call_t *call, const standing_row_t *row, bool *ret_made, error_t *err) {
    standing_verdict_t verdict;
    error_t why = {0};
    *ret_made = false;
    TRY(standing_judge(call, row, &verdict, err));
    if (verdict.state != STANDING_ACTIVE) {
        return STATUS_OK;
    }
    if (sweep(call, row, ret_made, &why) == STATUS_OK) {
        return row->problem_code == ERROR_NONE || *ret_made ? STATUS_OK
                                                            : keep_problem(call, row, &why, err);
    }
    bool ours = call->changed || why.code == ERROR_STORE || why.code == ERROR_DISK_FULL ||
                why.code == ERROR_NO_MEMORY || why.code == ERROR_INTERNAL;
    if (ours) {
        *err = why;
        return STATUS_ERROR;
    }
    return keep_problem(call, row, &why, err);
}
