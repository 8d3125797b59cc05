/*
 * oracle_end.c: what is judged once everything is at rest: invariants 8, 10, 11 and 12. See
 * oracle.h.
 */
#include "tests/sim/oracle_books.h"

#include "tests/sim/agent.h"
#include "tests/sim/coordinator.h"

/* ---- 8: a rollback forgets nobody ---- */

static const catalog_task_t *task_of(const coordinator_t *self, const catalog_rollout_t *row,
                                     uint32_t tenant) {
    for (uint32_t i = 0; i < row->task_count; i++) {
        const catalog_task_t *task = disk_row(&self->catalog, CATALOG_TASKS, row->first_task + i);
        if (task->tenant == tenant) {
            return task;
        }
    }
    return NULL;
}

/* Whether what the order applied stands in the tenant, and nothing came after it. */
static bool stands_applied(const sim_t *sim, uint32_t tenant, uint32_t order) {
    const ledger_t *ledger = &sim->server->databases[tenant].ledger;
    for (uint32_t i = ledger->count; i > 0; i--) {
        const commit_t *commit = &ledger->commits[i - 1];
        if (commit->kind == COMMIT_APPLY || commit->kind == COMMIT_UNDO ||
            commit->kind == COMMIT_RESTORE) {
            return commit->kind == COMMIT_APPLY && commit->order == order;
        }
    }
    return false;
}

static void judge_rollback(sim_t *sim, const coordinator_t *self, const catalog_rollout_t *row,
                           uint32_t order) {
    const paper_t *paper = sim_paper(sim, order);
    for (uint32_t i = 0; i < row->task_count; i++) {
        const catalog_task_t *task = disk_row(&self->catalog, CATALOG_TASKS, row->first_task + i);
        if (!task_state_is_final(task->state)) {
            sim_fail(sim, 8, "rollback %08x is over, and tenant %u is in state %d",
                     sim_short(&row->id), task->tenant, (int)task->state);
        }
    }
    for (uint32_t i = 0; paper != NULL && i < paper->leaf_count; i++) {
        uint32_t tenant = paper->leaves[i].tenant;
        const catalog_task_t *task = task_of(self, row, tenant);
        bool says_back =
            task == NULL || task->state == TASK_SUCCEEDED || task->state == TASK_NOT_NEEDED;
        const book_t *book = &sim->oracle->books[tenant];
        bool excused = book->excused || book->ruled || book->times_back > 0;
        if (says_back && !excused && stands_applied(sim, tenant, order)) {
            sim_fail(
                sim, 8,
                "rollback %08x of order %u is over, and tenant %u stands applied at %u (task %d)",
                sim_short(&row->id), order, tenant, sim->oracle->books[tenant].position,
                task != NULL ? (int)task->state : -1);
        }
    }
}

static void judge_rollbacks(sim_t *sim, const coordinator_t *self) {
    for (uint32_t i = 0; i < disk_count(&self->catalog, CATALOG_ROLLOUTS); i++) {
        const catalog_rollout_t *row = disk_row(&self->catalog, CATALOG_ROLLOUTS, i);
        const paper_t *paper = sim_paper(sim, row->order);
        bool whole = row->kind == KIND_UNDO && paper != NULL && paper->takes_back != 0;
        if (whole && (row->state == ROLLOUT_SUCCEEDED || row->state == ROLLOUT_INCOMPLETE)) {
            judge_rollback(sim, self, row, paper->takes_back);
        }
    }
}

/* ---- 10: every report once ---- */

static void judge_reports(sim_t *sim, const coordinator_t *self, uint32_t agent) {
    const journal_meta_t *meta = agent_meta(&sim->agents[agent]);
    uint64_t next = 1;
    for (uint32_t i = 0; i < disk_count(&self->catalog, CATALOG_REPORTS); i++) {
        const catalog_report_t *row = disk_row(&self->catalog, CATALOG_REPORTS, i);
        if (row->agent != agent || !ident_equal(&row->state, &meta->state)) {
            continue;
        }
        if (row->number != next) {
            sim_fail(sim, 10, "agent %u: the catalog has report %llu where %llu should follow",
                     agent, (unsigned long long)row->number, (unsigned long long)next);
        }
        next++;
    }
    if (next != meta->next) {
        sim_fail(sim, 10, "agent %u: %llu reports in its journal, %llu in the catalog", agent,
                 (unsigned long long)meta->next - 1, (unsigned long long)next - 1);
    }
}

/* ---- 11: the catalog and the ledgers ---- */

static void judge_tenant(sim_t *sim, const coordinator_t *self, uint32_t tenant) {
    const catalog_tenant_t *row = disk_row(&self->catalog, CATALOG_TENANTS, tenant);
    const ledger_t *ledger = &sim->server->databases[tenant].ledger;
    const book_t *book = &sim->oracle->books[tenant];
    if (sim->server->databases[tenant].gone) {
        if (!row->gone) {
            sim_fail(sim, 11, "tenant %u is gone, and the catalog has it", tenant);
        }
        return;
    }
    if (!row->known || row->position != book->position || row->sequence != ledger->sequence ||
        row->generation != ledger->generation) {
        sim_fail(sim, 11, "tenant %u stands at %u (row %u), the catalog says %u (row %u)", tenant,
                 book->position, ledger->sequence, row->position, row->sequence);
    }
    for (uint32_t at = 1; at <= SIM_POSITIONS; at++) {
        uint32_t wanted = at <= ledger->position || ledger->started == at ? 1 : 0;
        if (book->effects[at] > wanted || (at <= ledger->position && book->effects[at] != 1)) {
            sim_fail(sim, 11, "tenant %u: the ledger says %u, migration %u stands %u times", tenant,
                     ledger->position, at, book->effects[at]);
        }
    }
}

/* What a task says of its tenant, against what was done under its order. */
static void judge_task(sim_t *sim, const catalog_rollout_t *row, const catalog_task_t *task) {
    const paper_t *paper = sim_paper(sim, row->order);
    const book_t *book = &sim->oracle->books[task->tenant];
    if (row->kind != KIND_FORWARD || paper == NULL || paper->leaf_of[task->tenant] == 0 ||
        book->excused || book->ruled || book->times_back > 0 ||
        (task->agent < sim->options.agents && sim->oracle->agents[task->agent].losses > 0)) {
        return; /* what was lost with an agent's state is excepted */
    }
    uint32_t leaf = paper->leaf_of[task->tenant] - 1;
    bool reached = sim->oracle->orders[row->order - 1].reached[leaf];
    if ((task->state == TASK_SUCCEEDED || task->state == TASK_NOT_NEEDED) && !reached) {
        sim_fail(sim, 11, "order %u says that tenant %u is done, and it never stood at %u",
                 row->order, task->tenant, paper->leaves[leaf].to);
    }
    bool untouched = (task->state == TASK_SKIPPED || task->state == TASK_REFUSED) && !task->touched;
    if (untouched && stands_applied(sim, task->tenant, row->order)) {
        sim_fail(sim, 11, "order %u says that tenant %u was not touched, and it stands applied",
                 row->order, task->tenant);
    }
}

static void judge_tasks(sim_t *sim, const coordinator_t *self) {
    for (uint32_t i = 0; i < disk_count(&self->catalog, CATALOG_ROLLOUTS); i++) {
        const catalog_rollout_t *row = disk_row(&self->catalog, CATALOG_ROLLOUTS, i);
        for (uint32_t k = 0; k < row->task_count; k++) {
            judge_task(sim, row, disk_row(&self->catalog, CATALOG_TASKS, row->first_task + k));
        }
    }
}

/* ---- 12: nothing is left behind ---- */

static void judge_leftovers(sim_t *sim) {
    for (uint32_t i = 0; i < sim->server->session_room; i++) {
        const session_t *session = &sim->server->sessions[i];
        if (session->used) {
            sim_fail(sim, 12, "a session of agent %u is left in tenant %u%s%s", session->agent,
                     session->database, session->open ? ", a transaction open" : "",
                     session->client ? "" : ", its client gone");
        }
    }
    for (uint32_t t = 0; t < sim->options.tenants; t++) {
        const database_t *database = &sim->server->databases[t];
        if (database->lock != 0) {
            sim_fail(sim, 12, "the lock of tenant %u is left", t);
        }
        if (database->closed && !database->gone) {
            sim_fail(sim, 12, "tenant %u is left closed", t);
        }
    }
}

void oracle_judges_end(sim_t *sim, uint32_t survivor) {
    const coordinator_t *self = &sim->coordinators[survivor];
    bool back = (sim->oracle->catalogs_back & UINT32_C(1) << survivor) != 0;
    for (uint32_t i = 0; i < sim->options.agents; i++) {
        judge_reports(sim, self, i);
    }
    for (uint32_t t = 0; t < sim->options.tenants; t++) {
        judge_tenant(sim, self, t);
    }
    bool one = sim->coordinator_count == 1;
    if (!back && one) { /* else others did what this catalog never heard of */
        judge_rollbacks(sim, self);
        judge_tasks(sim, self);
    }
    judge_leftovers(sim);
}
