/* catalog.c: rows made of the engine's structs, and the engine made of rows. */
#include "tests/sim/coordinator.h"

#include <stdio.h>
#include <stdlib.h>

void catalog_define(disk_t *disk) {
    disk_define(disk, CATALOG_META, sizeof(catalog_meta_t));
    disk_define(disk, CATALOG_AGENTS, sizeof(catalog_agent_t));
    disk_define(disk, CATALOG_CLUSTERS, sizeof(catalog_cluster_t));
    disk_define(disk, CATALOG_TENANTS, sizeof(catalog_tenant_t));
    disk_define(disk, CATALOG_ROLLOUTS, sizeof(catalog_rollout_t));
    disk_define(disk, CATALOG_WAVES, sizeof(wave_t));
    disk_define(disk, CATALOG_TASKS, sizeof(catalog_task_t));
    disk_define(disk, CATALOG_REPORTS, sizeof(catalog_report_t));
    disk_define(disk, CATALOG_RESULTS, sizeof(statement_t));
    disk_define(disk, CATALOG_TICKETS, sizeof(catalog_ticket_t));
    disk_define(disk, CATALOG_POINTS, sizeof(uint32_t));
}

/* A catalog of its own, with every tenant that inventory would find. */
void catalog_begin(sim_t *sim, coordinator_t *self) {
    catalog_meta_t meta = {.id = chance_ident(&sim->chance)};
    (void)disk_append(&self->catalog, CATALOG_META, &meta);
    for (uint32_t i = 0; i < sim->options.agents; i++) {
        (void)disk_append(&self->catalog, CATALOG_AGENTS, &(catalog_agent_t){0});
    }
    for (uint32_t i = 0; i <= sim->options.agents; i++) {
        (void)disk_append(&self->catalog, CATALOG_CLUSTERS, &(catalog_cluster_t){0});
    }
    for (uint32_t i = 0; i < sim->options.tenants; i++) {
        (void)disk_append(&self->catalog, CATALOG_TENANTS, &(catalog_tenant_t){0});
    }
    (void)disk_commit(&self->catalog);
}

/* ---- out ---- */

uint32_t catalog_paper(const rollout_t *rollout) {
    uint32_t order = 0;
    memcpy(&order, rollout->order_digest.bytes, sizeof order);
    return order;
}

static uint32_t point_of(const char *reference) {
    return reference != NULL ? (uint32_t)strtoul(reference, NULL, 10) : 0;
}

static catalog_rollout_t row_of(const rollout_t *rollout) {
    return (catalog_rollout_t){
        .id = rollout->id,
        .kind = rollout->kind,
        .state = rollout->state,
        .target = rollout->target_position,
        .current_wave = rollout->current_wave,
        .unreachable = rollout->unreachable,
        .attempts = rollout->attempts,
        .order = catalog_paper(rollout),
        .ticketed = rollout->ticketed,
        .parent = rollout->parent,
        .task_timeout_us = rollout->task_timeout_us,
        .created_us = rollout->created_us,
        .started_us = rollout->started_us,
        .finished_us = rollout->finished_us,
        .updated_us = rollout->updated_us,
        .wave_count = rollout->wave_count,
        .task_count = rollout->task_count,
    };
}

static catalog_task_t row_of_task(const task_t *task) {
    uint32_t tenant = 0;
    memcpy(&tenant, task->tenant.bytes, sizeof tenant);
    return (catalog_task_t){
        .job = task->job,
        .attempt = task->attempt,
        .tenant = tenant - 1,
        .cluster = (uint32_t)task->system_identifier - 1,
        .wave = task->wave,
        .state = task->state,
        .attempts = task->attempts,
        .agent = agent_of_key(&task->agent),
        .from = task->from_position,
        .to = task->to_position,
        .position = task->position,
        .touched = task->touched,
        .step = task->step,
        .error = task->error_code,
        .point = point_of(task->reference),
        .started_us = task->started_us,
        .finished_us = task->finished_us,
        .due_us = task->due_us,
    };
}

static uint32_t find_row(const coordinator_t *self, const ident_t *id) {
    for (uint32_t i = disk_count(&self->catalog, CATALOG_ROLLOUTS); i > 0; i--) {
        const catalog_rollout_t *row = disk_row(&self->catalog, CATALOG_ROLLOUTS, i - 1);
        if (ident_equal(&row->id, id)) {
            return i - 1;
        }
    }
    return UINT32_MAX;
}

static wave_t wave_row(const wave_t *wave) {
    wave_t row = *wave;
    row.name = NULL;
    return row;
}

void catalog_insert(coordinator_t *self, const rollout_t *rollout) {
    catalog_rollout_t row = row_of(rollout);
    row.first_wave = disk_count(&self->catalog, CATALOG_WAVES);
    row.first_task = disk_count(&self->catalog, CATALOG_TASKS);
    for (uint32_t i = 0; i < rollout->wave_count; i++) {
        wave_t wave = wave_row(&rollout->waves[i]);
        (void)disk_append(&self->catalog, CATALOG_WAVES, &wave);
    }
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        catalog_task_t task = row_of_task(&rollout->tasks[i]);
        (void)disk_append(&self->catalog, CATALOG_TASKS, &task);
    }
    (void)disk_append(&self->catalog, CATALOG_ROLLOUTS, &row);
}

void catalog_save_rollout(coordinator_t *self, const rollout_t *rollout) {
    uint32_t at = find_row(self, &rollout->id);
    INVARIANT(at != UINT32_MAX);
    catalog_rollout_t *row = disk_change(&self->catalog, CATALOG_ROLLOUTS, at);
    catalog_rollout_t fresh = row_of(rollout);
    fresh.first_wave = row->first_wave;
    fresh.first_task = row->first_task;
    *row = fresh;
}

static const catalog_rollout_t *known_row(const coordinator_t *self, const rollout_t *rollout) {
    uint32_t at = find_row(self, &rollout->id);
    INVARIANT(at != UINT32_MAX);
    return disk_row(&self->catalog, CATALOG_ROLLOUTS, at);
}

void catalog_save_wave(coordinator_t *self, const rollout_t *rollout, uint32_t wave) {
    uint32_t first = known_row(self, rollout)->first_wave;
    wave_t *row = disk_change(&self->catalog, CATALOG_WAVES, first + wave);
    *row = wave_row(&rollout->waves[wave]);
}

void catalog_save_task(coordinator_t *self, const rollout_t *rollout, uint32_t task) {
    uint32_t first = known_row(self, rollout)->first_task;
    catalog_task_t *row = disk_change(&self->catalog, CATALOG_TASKS, first + task);
    *row = row_of_task(&rollout->tasks[task]);
}

/* ---- in ---- */

static void fill_task(const catalog_task_t *row, uint32_t ordinal, task_t *task) {
    uint32_t tenant = row->tenant + 1;
    *task = (task_t){
        .job = row->job,
        .attempt = row->attempt,
        .system_identifier = row->cluster + 1,
        .wave = row->wave,
        .ordinal = ordinal,
        .state = row->state,
        .attempts = row->attempts,
        .agent = agent_key_of(row->agent),
        .from_position = row->from,
        .to_position = row->to,
        .position = row->position,
        .touched = row->touched,
        .step = row->step,
        .error_code = row->error,
        .started_us = row->started_us,
        .finished_us = row->finished_us,
        .due_us = row->due_us,
    };
    memcpy(task->tenant.bytes, &tenant, sizeof tenant);
    if (row->point != 0) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", row->point);
        task->reference = strdup(text);
    }
}

static rollout_t *load(const coordinator_t *self, const catalog_rollout_t *row) {
    rollout_t *rollout = calloc(1, sizeof *rollout);
    INVARIANT(rollout != NULL);
    *rollout = (rollout_t){
        .id = row->id,
        .kind = row->kind,
        .application = strdup("app"),
        .target_position = row->target,
        .state = row->state,
        .current_wave = row->current_wave,
        .unreachable = row->unreachable,
        .attempts = row->attempts,
        .task_timeout_us = row->task_timeout_us,
        .ticketed = row->ticketed,
        .parent = row->parent,
        .created_us = row->created_us,
        .started_us = row->started_us,
        .finished_us = row->finished_us,
        .updated_us = row->updated_us,
        .wave_count = row->wave_count,
        .task_count = row->task_count,
    };
    memcpy(rollout->order_digest.bytes, &row->order, sizeof row->order);
    rollout->waves = calloc(row->wave_count, sizeof *rollout->waves);
    rollout->tasks = calloc(row->task_count + 1, sizeof *rollout->tasks);
    INVARIANT(rollout->waves != NULL && rollout->tasks != NULL);
    for (uint32_t i = 0; i < row->wave_count; i++) {
        rollout->waves[i] =
            *(const wave_t *)disk_row(&self->catalog, CATALOG_WAVES, row->first_wave + i);
        rollout->waves[i].dirty = false;
    }
    for (uint32_t i = 0; i < row->task_count; i++) {
        fill_task(disk_row(&self->catalog, CATALOG_TASKS, row->first_task + i), i,
                  &rollout->tasks[i]);
    }
    return rollout;
}

void catalog_load_engine(sim_t *sim, coordinator_t *self) {
    engine_options_t options = {.lease_us = SIM_LEASE_US,
                                .unreachable_us = SIM_UNREACHABLE_US,
                                .retry = {.first_ms = 1000, .most_ms = 60000}};
    engine_destroy(&self->engine);
    self->engine = engine_new(&options);
    INVARIANT(self->engine != NULL);
    for (uint32_t i = 0; i < disk_count(&self->catalog, CATALOG_ROLLOUTS); i++) {
        const catalog_rollout_t *row = disk_row(&self->catalog, CATALOG_ROLLOUTS, i);
        if (row->finished_us == 0) { /* as STATEMENT_ROLLOUT_OPEN */
            rollout_t *rollout = load(self, row);
            INVARIANT(engine_adopt(self->engine, &rollout) != NULL);
        }
    }
    self->ask_all = true;
    for (uint32_t i = 0; i < disk_count(&self->catalog, CATALOG_CLUSTERS); i++) {
        const catalog_cluster_t *cluster = disk_row(&self->catalog, CATALOG_CLUSTERS, i);
        if (cluster->held) {
            agent_key_t holder = agent_key_of(cluster->agent);
            engine_restore_lease(self->engine, i + 1, &holder, sim->now_us);
        }
    }
}

void catalog_recall(sim_t *sim, coordinator_t *self, const ident_t *job) {
    (void)sim;
    if (engine_task(self->engine, job) != NULL) {
        return;
    }
    for (uint32_t i = 0; i < disk_count(&self->catalog, CATALOG_ROLLOUTS); i++) {
        const catalog_rollout_t *row = disk_row(&self->catalog, CATALOG_ROLLOUTS, i);
        if (engine_rollout(self->engine, &row->id) != NULL) {
            continue;
        }
        for (uint32_t k = 0; k < row->task_count; k++) {
            const catalog_task_t *task =
                disk_row(&self->catalog, CATALOG_TASKS, row->first_task + k);
            if (ident_equal(&task->job, job)) {
                rollout_t *rollout = load(self, row);
                INVARIANT(engine_adopt(self->engine, &rollout) != NULL);
                return;
            }
        }
    }
}

bool catalog_taken_back(coordinator_t *self, const ident_t *rollout, uint32_t tenant) {
    for (uint32_t i = 0; i < disk_count(&self->catalog, CATALOG_ROLLOUTS); i++) {
        const catalog_rollout_t *row = disk_row(&self->catalog, CATALOG_ROLLOUTS, i);
        for (uint32_t k = 0; ident_equal(&row->parent, rollout) && k < row->task_count; k++) {
            const catalog_task_t *task =
                disk_row(&self->catalog, CATALOG_TASKS, row->first_task + k);
            if (task->tenant == tenant) {
                return true;
            }
        }
    }
    return false;
}

rollout_t *catalog_rollout_of_paper(coordinator_t *self, uint32_t order) {
    for (size_t i = 0; i < engine_rollout_count(self->engine); i++) {
        rollout_t *rollout = engine_rollout_at(self->engine, i);
        if (catalog_paper(rollout) == order && ident_is_null(&rollout->parent)) {
            return rollout;
        }
    }
    return NULL;
}
