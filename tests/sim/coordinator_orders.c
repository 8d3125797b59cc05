/*
 * coordinator_orders.c: what operators order: plans forward and back, and their launch.
 * Source of each rule: coordinator/service/planner.c, plan.c, plan_waves.c, rollback.c, launch.c,
 * start.c, order_draft.c.
 */
#include "tests/sim/coordinator.h"

#include "tests/sim/oracle.h"
#include "tests/sim/server.h"

#include <stdio.h>
#include <stdlib.h>

typedef enum outcome { WORK, LOOK, PASSED_OVER, REFUSED, GONE } outcome_t;

typedef struct plan_row {
    uint32_t tenant;
    uint32_t cluster;
    uint32_t from;
    uint32_t to;
    uint32_t wave;
    uint32_t point;
    outcome_t outcome;
    error_code_t error;
} plan_row_t;

typedef struct plan {
    rollout_kind_t kind;
    uint32_t target;
    plan_row_t *rows;
    uint32_t count;
    wave_t waves[SIM_WAVES];
    uint32_t wave_count;
    order_wish_t wish;
    ident_t parent;
    uint32_t takes_back;
} plan_t;

uint32_t orders_tenant(const task_t *task) {
    uint32_t tenant = 0;
    memcpy(&tenant, task->tenant.bytes, sizeof tenant);
    return tenant - 1;
}

static bool changes_tenants(rollout_kind_t kind) {
    return kind == KIND_FORWARD || kind == KIND_UNDO || kind == KIND_RESTORE ||
           kind == KIND_BASELINE;
}

/* Tenants that an open rollout keeps others away from. The caller frees. */
bool *orders_busy(sim_t *sim, coordinator_t *self, rollout_kind_t kind, const ident_t *except) {
    bool *busy = calloc(sim->options.tenants + 1, sizeof *busy);
    INVARIANT(busy != NULL);
    for (size_t i = 0; i < engine_rollout_count(self->engine); i++) {
        const rollout_t *rollout = engine_rollout_at(self->engine, i);
        if (rollout_state_is_final(rollout->state) || !changes_tenants(rollout->kind) ||
            !changes_tenants(kind) || (except != NULL && ident_equal(except, &rollout->id))) {
            continue;
        }
        for (uint32_t k = 0; k < rollout->task_count; k++) {
            if (!task_state_is_final(rollout->tasks[k].state)) {
                busy[orders_tenant(&rollout->tasks[k])] = true;
            }
        }
    }
    return busy;
}

/* ---- from a plan to a rollout ---- */

static int by_wave(const void *a, const void *b) {
    const plan_row_t *left = a;
    const plan_row_t *right = b;
    if (left->wave != right->wave) {
        return left->wave < right->wave ? -1 : 1;
    }
    return left->tenant < right->tenant ? -1 : 1;
}

static void finish_plan(plan_t *plan) {
    qsort(plan->rows, plan->count, sizeof *plan->rows, by_wave);
    for (uint32_t w = 0; w < plan->wave_count; w++) {
        wave_t *wave = &plan->waves[w];
        wave->first = wave->count = wave->forgiven = 0;
        for (uint32_t i = 0; i < plan->count; i++) {
            wave->first += plan->rows[i].wave < w;
            wave->count += plan->rows[i].wave == w;
            wave->forgiven += plan->rows[i].wave == w && plan->rows[i].outcome == REFUSED;
        }
    }
}

static bool has_work(const plan_t *plan) {
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan->rows[i].outcome == WORK || plan->rows[i].outcome == LOOK) {
            return true;
        }
    }
    return false;
}

/* Sign the order of a plan; a wave in which nobody gets a job is no wave of it. */
static uint32_t sign(sim_t *sim, coordinator_t *self, const plan_t *plan) {
    int64_t now_us = coordinator_wall(sim, self);
    paper_t paper = {.kind = plan->kind,
                     .target = plan->target,
                     .dump = plan->wish.dump,
                     .takes_back = plan->takes_back,
                     .issued_us = now_us,
                     .expires_us = now_us + plan->wish.life_us};
    paper.leaves = calloc(plan->count + 1, sizeof *paper.leaves);
    INVARIANT(paper.leaves != NULL);
    for (uint32_t w = 0; w < plan->wave_count; w++) {
        const wave_t *from = &plan->waves[w];
        paper_wave_t *wave = &paper.waves[paper.wave_count];
        *wave = (paper_wave_t){.needs_approval = from->needs_approval,
                               .soak_us = from->soak_for_us,
                               .silence_passes = plan->wish.unreachable == UNREACHABLE_SKIP};
        for (uint32_t i = 0; i < plan->count; i++) {
            const plan_row_t *row = &plan->rows[i];
            if (row->wave == w && (row->outcome == WORK || row->outcome == LOOK)) {
                paper.leaves[paper.leaf_count++] = (leaf_t){.tenant = row->tenant,
                                                            .wave = paper.wave_count,
                                                            .from = row->from,
                                                            .to = row->to,
                                                            .point = row->point,
                                                            .number = now_us};
                wave->count++;
            }
        }
        wave->budget = from->on_failure == ON_FAILURE_CONTINUE ? wave->count : from->budget;
        paper.wave_count += wave->count > 0;
    }
    return sim_sign(sim, &paper);
}

static task_state_t state_of(outcome_t outcome) {
    switch (outcome) {
    case WORK:
    case LOOK:
        return TASK_PENDING;
    case PASSED_OVER:
        return TASK_NOT_NEEDED;
    case REFUSED:
        return TASK_REFUSED;
    case GONE:
        break;
    }
    return TASK_GONE;
}

static void fill_tasks(sim_t *sim, const plan_t *plan, int64_t now_us, rollout_t *rollout) {
    rollout->tasks = calloc(plan->count + 1, sizeof *rollout->tasks);
    INVARIANT(rollout->tasks != NULL);
    for (uint32_t i = 0; i < plan->count; i++) {
        const plan_row_t *row = &plan->rows[i];
        task_t *task = &rollout->tasks[i];
        uint32_t tenant = row->tenant + 1;
        *task = (task_t){.job = chance_ident(&sim->chance),
                         .system_identifier = row->cluster + 1,
                         .wave = row->wave,
                         .ordinal = i,
                         .state = state_of(row->outcome),
                         .from_position = row->from,
                         .to_position = row->to,
                         .position = row->from,
                         .error_code = row->error};
        memcpy(task->tenant.bytes, &tenant, sizeof tenant);
        task->finished_us = row->outcome == WORK || row->outcome == LOOK ? 0 : now_us;
        if (row->point != 0) {
            char text[16];
            (void)snprintf(text, sizeof text, "%u", row->point);
            task->reference = strdup(text);
        }
    }
    rollout->task_count = plan->count;
}

static void launch(sim_t *sim, coordinator_t *self, const plan_t *plan, uint32_t order,
                   bool ticketed) {
    int64_t now_us = coordinator_wall(sim, self);
    rollout_t *rollout = calloc(1, sizeof *rollout);
    INVARIANT(rollout != NULL);
    *rollout = (rollout_t){.id = chance_ident(&sim->chance),
                           .kind = plan->kind,
                           .application = strdup("app"),
                           .target_position = plan->target,
                           .state = ROLLOUT_PLANNED,
                           .unreachable = plan->wish.unreachable,
                           .attempts = plan->wish.attempts,
                           .task_timeout_us = plan->wish.deadline_us,
                           .ticketed = ticketed,
                           .parent = plan->parent,
                           .created_us = now_us,
                           .updated_us = now_us,
                           .wave_count = plan->wave_count};
    memcpy(rollout->order_digest.bytes, &order, sizeof order);
    rollout->waves = calloc(plan->wave_count, sizeof *rollout->waves);
    INVARIANT(rollout->waves != NULL);
    memcpy(rollout->waves, plan->waves, plan->wave_count * sizeof *rollout->waves);
    for (uint32_t w = 0; sim_has(sim, BUG_NO_BUDGET) && w < plan->wave_count; w++) {
        rollout->waves[w].budget += sim->options.tenants;
    }
    fill_tasks(sim, plan, now_us, rollout);
    sim_tell(sim, "coordinator %u starts rollout %08x kind %d target %u of %u tenants, order %u",
             self->number, sim_short(&rollout->id), (int)plan->kind, plan->target, plan->count,
             order);
    rollout_t *adopted = engine_adopt(self->engine, &rollout);
    INVARIANT(adopted != NULL);
    catalog_insert(self, adopted);
    event_t event = coordinator_event(sim, self, EVENT_START);
    event.rollout = adopted->id;
    coordinator_step(self, &event);
    self->offer_all = true;
}

/* ---- forward, and what stands still ---- */

static void judge_forward(const order_wish_t *wish, const catalog_tenant_t *known, bool busy,
                          plan_row_t *row) {
    bool still = wish->kind != KIND_FORWARD;
    row->from = known->position;
    row->to = still && wish->kind != KIND_BASELINE ? known->position : wish->target;
    row->outcome = WORK;
    if (known->gone) {
        row->outcome = GONE;
        row->error = ERROR_TENANT_GONE;
    } else if (!still && known->position >= wish->target) {
        row->outcome = wish->look && known->position == wish->target && !busy ? LOOK : PASSED_OVER;
        row->to = row->outcome == LOOK ? wish->target : row->from;
    } else if (busy) {
        row->outcome = REFUSED;
        row->error = ERROR_TENANT_IN_ROLLOUT;
    }
}

static void cut_waves(const order_wish_t *wish, plan_t *plan) {
    plan->wave_count = wish->waves;
    for (uint32_t w = 0; w < wish->waves; w++) {
        plan->waves[w] = (wave_t){.canary = w == 0,
                                  .max_parallel = wish->parallel,
                                  .needs_approval = wish->approval && w == 1,
                                  .on_failure = wish->on_failure,
                                  .budget = wish->budget,
                                  .soak_for_us = wish->soak ? 20 * SIM_S : 0};
    }
    uint32_t canaries = plan->count > 8 ? 2 : 1;
    for (uint32_t i = 0; i < plan->count; i++) {
        bool canary = i < canaries || wish->waves == 1;
        plan->rows[i].wave = canary ? 0 : 1 + (i - canaries) % (wish->waves - 1);
    }
}

bool orders_start(sim_t *sim, coordinator_t *self, const order_wish_t *wish) {
    plan_t plan = {.kind = wish->kind, .target = wish->target, .wish = *wish};
    plan.rows = calloc(sim->options.tenants + 1, sizeof *plan.rows);
    bool *busy = orders_busy(sim, self, wish->kind, NULL);
    INVARIANT(plan.rows != NULL);
    for (uint32_t t = 0; t < sim->options.tenants; t++) {
        const catalog_tenant_t *known = disk_row(&self->catalog, CATALOG_TENANTS, t);
        if (!known->known) {
            continue;
        }
        plan_row_t *row = &plan.rows[plan.count++];
        *row = (plan_row_t){.tenant = t, .cluster = known->cluster};
        judge_forward(wish, known, busy[t], row);
    }
    free(busy);
    bool starts = plan.count > 0 && has_work(&plan);
    if (starts) {
        cut_waves(wish, &plan);
        finish_plan(&plan);
        launch(sim, self, &plan, sign(sim, self, &plan), wish->kind != KIND_LOOK);
    }
    free(plan.rows);
    return starts;
}

/* ---- back ---- */

static bool is_uncertain(const task_t *task) {
    bool untold = task->touched && task->position == task->from_position;
    return untold || task->state == TASK_OUTSTANDING || task_state_is_in_flight(task->state);
}

static bool was_touched(const task_t *task) {
    return task->touched || task->position != task->from_position || is_uncertain(task);
}

static void refuse(plan_row_t *row, error_code_t error) {
    row->outcome = REFUSED;
    row->error = error;
}

static void judge_restore(sim_t *sim, coordinator_t *self, const task_t *task, plan_row_t *row) {
    uint32_t point = task->reference != NULL ? (uint32_t)strtoul(task->reference, NULL, 10) : 0;
    bool known = false;
    for (uint32_t i = 0; i < disk_count(&self->catalog, CATALOG_POINTS); i++) {
        known = known || *(const uint32_t *)disk_row(&self->catalog, CATALOG_POINTS, i) == point;
    }
    if (point == 0 || !known) {
        refuse(row, ERROR_RECOVERY_POINT);
        return;
    }
    row->point = point;
    row->to = sim->server->points[point - 1].ledger.position;
}

static void judge_back(sim_t *sim, coordinator_t *self, const rollout_t *parent, const task_t *task,
                       bool busy, bool restore, plan_row_t *row) {
    const catalog_tenant_t *known = disk_row(&self->catalog, CATALOG_TENANTS, row->tenant);
    uint32_t own = parent->waves[task->wave].target_position;
    uint32_t target = own != 0 ? own : parent->target_position;
    bool uncertain = is_uncertain(task) && !sim_has(sim, BUG_FORGET_UNKNOWN);
    row->outcome = WORK;
    row->from = known->known ? known->position : task->position;
    row->to = task->from_position;
    if (known->gone || task->state == TASK_GONE) {
        row->outcome = GONE;
        row->error = ERROR_TENANT_GONE;
    } else if (!was_touched(task) || (sim_has(sim, BUG_FORGET_UNKNOWN) && is_uncertain(task))) {
        row->outcome = PASSED_OVER;
    } else if (known->known && row->from > target) {
        refuse(row, ERROR_TENANT_AHEAD);
    } else if (!uncertain && row->from <= row->to) {
        row->outcome = PASSED_OVER;
    } else if (restore) {
        judge_restore(sim, self, task, row);
    } else if (busy) {
        refuse(row, ERROR_TENANT_IN_ROLLOUT);
    }
    if (restore && row->outcome == WORK && busy) {
        refuse(row, ERROR_TENANT_IN_ROLLOUT);
    }
}

/* The versions that tenants go back to, highest first; 0 where there are too many. */
static uint32_t distinct_targets(const plan_t *plan, uint32_t targets[SIM_WAVES]) {
    uint32_t count = 0;
    for (uint32_t to = SIM_POSITIONS + 1; to-- > 0;) {
        bool any = false;
        for (uint32_t i = 0; i < plan->count && !any; i++) {
            any = plan->rows[i].to == to;
        }
        if (any && count == SIM_WAVES) {
            return 0;
        }
        if (any) {
            targets[count++] = to;
        }
    }
    return count;
}

/* One wave a version; false where there are too many. */
static bool waves_by_target(plan_t *plan) {
    uint32_t targets[SIM_WAVES];
    plan->wave_count = distinct_targets(plan, targets);
    if (plan->wave_count == 0) {
        return false;
    }
    for (uint32_t i = 0; i < plan->count; i++) {
        plan->rows[i].wave = 0;
        while (targets[plan->rows[i].wave] != plan->rows[i].to) {
            plan->rows[i].wave++;
        }
    }
    plan->target = targets[plan->wave_count - 1];
    for (uint32_t w = 0; w < plan->wave_count; w++) {
        plan->waves[w] = (wave_t){.on_failure = ON_FAILURE_CONTINUE,
                                  .target_position = targets[w] != plan->target ? targets[w] : 0};
    }
    return true;
}

static bool plan_back(sim_t *sim, coordinator_t *self, rollout_t *parent, int64_t wave,
                      bool restore, plan_t *plan) {
    *plan = (plan_t){.kind = restore ? KIND_RESTORE : KIND_UNDO,
                     .target = parent->target_position,
                     .parent = parent->id,
                     .takes_back = catalog_paper(parent),
                     .wish = {.attempts = 3, .life_us = 4 * SIM_HOUR}};
    const paper_t *order = sim_paper(sim, catalog_paper(parent));
    plan->wish.dump = order != NULL && order->dump && !restore;
    plan->rows = calloc(parent->task_count + 1, sizeof *plan->rows);
    bool *busy = orders_busy(sim, self, plan->kind, &parent->id);
    INVARIANT(plan->rows != NULL);
    for (uint32_t i = 0; i < parent->task_count; i++) {
        const task_t *task = &parent->tasks[i];
        if (wave >= 0 && task->wave != wave) {
            continue;
        }
        plan_row_t *row = &plan->rows[plan->count++];
        *row = (plan_row_t){.tenant = orders_tenant(task),
                            .cluster = (uint32_t)task->system_identifier - 1};
        judge_back(sim, self, parent, task, busy[row->tenant], restore, row);
    }
    free(busy);
    if (plan->count == 0 || !waves_by_target(plan)) {
        return false;
    }
    finish_plan(plan);
    return true;
}

static bool has_jobs_at_work(const rollout_t *rollout) {
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        if (rollout->tasks[i].state == TASK_DISPATCHED || rollout->tasks[i].state == TASK_RUNNING) {
            return true;
        }
    }
    return false;
}

bool orders_roll_back(sim_t *sim, coordinator_t *self, rollout_t *parent, bool restore) {
    bool open = !rollout_state_is_final(parent->state);
    bool refused =
        open && (parent->state == ROLLOUT_RUNNING || has_jobs_at_work(parent) ||
                 parent->state == ROLLOUT_STOPPING || parent->state == ROLLOUT_REVERTING);
    plan_t plan;
    if (refused || parent->kind != KIND_FORWARD) {
        return false;
    }
    bool starts = plan_back(sim, self, parent, -1, restore, &plan) && has_work(&plan);
    if (starts) {
        if (open) {
            event_t event = coordinator_event(sim, self, EVENT_STOP);
            event.rollout = parent->id;
            coordinator_step(self, &event);
        }
        launch(sim, self, &plan, sign(sim, self, &plan), true);
    }
    free(plan.rows);
    return starts;
}

error_code_t orders_revert(sim_t *sim, coordinator_t *self, rollout_t *rollout, uint32_t wave) {
    plan_t plan;
    error_code_t why = ERROR_NONE;
    if (!plan_back(sim, self, rollout, wave, false, &plan)) {
        why = ERROR_BOUND;
    } else if (has_work(&plan)) {
        launch(sim, self, &plan, catalog_paper(rollout), false); /* it permits its own undo */
    } else {
        for (uint32_t i = 0; i < plan.count; i++) {
            why = plan.rows[i].outcome == REFUSED ? plan.rows[i].error : why;
        }
    }
    free(plan.rows);
    return why;
}
