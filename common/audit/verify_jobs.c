/*
 * verify_jobs.c: that every job is under an order that names its tenant. The signed trees are built
 * anew from the tasks: one tenant more or less, or one position changed, gives another root.
 */
#include "common/audit/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* --- rollouts -------------------------------------------------------------------------------- */

/* What kind of order each kind of rollout is done under. */
typedef struct work {
    const char *kind;
    order_kind_t order;
    bool uses_reference; /* its leaves name the backup that is used */
} work_t;

static const work_t WORK[] = {
    {"forward", ORDER_ROLLOUT, false},    {"undo", ORDER_ROLLBACK, false},
    {"restore", ORDER_RESTORE, true},     {"baseline", ORDER_BASELINE, false},
    {"backup", ORDER_BACKUP, false},      {"look", ORDER_LOOK, false},
    {"backup_check", ORDER_BACKUP, true}, {"prune", ORDER_PRUNE, false},
};

static const work_t *work_of(const char *kind) {
    for (size_t i = 0; i < sizeof WORK / sizeof WORK[0]; i++) {
        if (strcmp(WORK[i].kind, kind) == 0) {
            return &WORK[i];
        }
    }
    return NULL;
}

/* What a rollout's line says that its order must say, too. */
typedef struct said {
    const work_t *work;
    const char *application;
    digest_t order;
    digest_t bundle;
    int64_t target;
    const char *recovery_kind;
} said_t;

static status_t read_said(audit_verify_t *self, const audit_line_t *line, said_t *ret_said,
                          error_t *err) {
    const char *kind = NULL;
    TRY(audit_line_need(line, "kind", &kind, err));
    TRY(audit_line_need(line, "application", &ret_said->application, err));
    TRY(audit_line_digest(line, "order", &ret_said->order, err));
    TRY(audit_line_digest(line, "bundle", &ret_said->bundle, err));
    TRY(audit_line_number(line, "target", &ret_said->target, err));
    TRY(audit_line_need(line, "recovery_kind", &ret_said->recovery_kind, err));
    ret_said->work = work_of(kind);
    return ret_said->work != NULL
               ? STATUS_OK
               : audit_break(self, self->line, err, "a rollout of kind '%.40s'", kind);
}

static status_t compare_bundle(audit_verify_t *self, const said_t *said, const order_t *order,
                               error_t *err) {
    char expected[DIGEST_TEXT_SIZE];
    char got[DIGEST_TEXT_SIZE];
    if (digest_is_null(&order->bundle) || digest_equal(&order->bundle, &said->bundle)) {
        return STATUS_OK;
    }
    return audit_break(self, self->line, err, "a rollout of bundle %s: its order signed %s",
                       digest_text(&said->bundle, got), digest_text(&order->bundle, expected));
}

/* Whether the order is for this: its own kind of work, or its own undo. */
static status_t compare(audit_verify_t *self, const said_t *said, rollout_entry_t *rollout,
                        error_t *err) {
    const order_t *order = rollout->order->order;
    rollout->own_undo = said->work->order == ORDER_ROLLBACK && order->kind == ORDER_ROLLOUT;
    if (rollout->own_undo ? !order->undo_authorized : said->work->order != order->kind) {
        return audit_break(self, self->line, err,
                           "a rollout of kind %s under an order of kind %s%s", said->work->kind,
                           order_kind_text(order->kind),
                           rollout->own_undo ? " that authorizes no undo" : "");
    }
    if (strcmp(said->application, order->application) != 0) {
        return audit_break(self, self->line, err,
                           "a rollout of application '%s': its order signed '%s'",
                           said->application, order->application);
    }
    TRY(compare_bundle(self, said, order, err));
    if (order->kind != ORDER_ROLLOUT || rollout->own_undo) {
        return STATUS_OK;
    }
    if (said->target != order->target_position ||
        strcmp(said->recovery_kind, order->recovery_kind) != 0) {
        return audit_break(self, self->line, err,
                           "a rollout to position %" PRId64
                           " with recovery point '%s': its order signed %u with '%s'",
                           said->target, said->recovery_kind, order->target_position,
                           order->recovery_kind);
    }
    return STATUS_OK;
}

/* A standing order has as many rollouts as its time holds. None of them undoes: its tenants are
 * taken back by orders that name them. */
static status_t check_sweep(audit_verify_t *self, const rollout_entry_t *rollout, error_t *err) {
    int64_t expires_us = rollout->order->order->expires_us;
    if (rollout->own_undo) {
        return audit_break(self, self->line, err, "an undo under a standing order");
    }
    if (rollout->started_us > expires_us + TRUST_SKEW_US) {
        return audit_break(self, self->line, err,
                           "a rollout that started at %" PRId64
                           ": its standing order ended at %" PRId64,
                           rollout->started_us, expires_us);
    }
    return STATUS_OK;
}

/* Find the order; that it was accepted before the rollout began, and serves no other one. */
static status_t put_under(audit_verify_t *self, const said_t *said, rollout_entry_t *rollout,
                          error_t *err) {
    char text[DIGEST_TEXT_SIZE];
    if (digest_is_null(&said->order)) {
        return STATUS_OK; /* then it has no job: see tasks */
    }
    HASH_FIND(hh, self->orders, &said->order, sizeof said->order, rollout->order);
    if (rollout->order == NULL) {
        return audit_break(self, self->line, err,
                           "a rollout under order %s, which the export has not",
                           digest_text(&said->order, text));
    }
    TRY(compare(self, said, rollout, err));
    int64_t accepted_us = rollout->order->accepted_us;
    if (rollout->started_us > 0 &&
        (accepted_us == 0 || accepted_us > rollout->started_us + TRUST_SKEW_US)) {
        return audit_break(self, self->line, err,
                           "a rollout that started at %" PRId64
                           ": its order was accepted at %" PRId64 " (0: not yet)",
                           rollout->started_us, accepted_us);
    }
    if (order_is_standing(rollout->order->order)) {
        return check_sweep(self, rollout, err);
    }
    if (!rollout->own_undo) {
        if (rollout->order->rollout != NULL) {
            return audit_break(self, self->line, err,
                               "a second rollout under the order of line %" PRIu64,
                               rollout->order->line);
        }
        rollout->order->rollout = rollout;
    }
    return STATUS_OK;
}

static status_t fill_rollout(audit_verify_t *self, const audit_line_t *line,
                             rollout_entry_t *rollout, error_t *err) {
    said_t said = {0};
    rollout_entry_t *same = NULL;
    rollout->line = self->line;
    TRY(audit_line_ident(line, "rollout", &rollout->id, err));
    TRY(audit_line_number(line, "started_us", &rollout->started_us, err));
    TRY(read_said(self, line, &said, err));
    rollout->uses_reference = said.work->uses_reference;
    HASH_FIND(hh, self->rollouts, &rollout->id, sizeof rollout->id, same);
    if (same != NULL) {
        return audit_break(self, self->line, err, "the rollout of line %" PRIu64 " again",
                           same->line);
    }
    return put_under(self, &said, rollout, err);
}

status_t audit_take_rollout(audit_verify_t *self, const audit_line_t *line, error_t *err) {
    rollout_entry_t *rollout = calloc(1, sizeof *rollout);
    if (rollout == NULL) {
        return audit_no_memory(err);
    }
    status_t status = fill_rollout(self, line, rollout, err);
    if (status == STATUS_OK) {
        HASH_ADD(hh, self->rollouts, id, sizeof rollout->id, rollout);
        status = rollout->hh.tbl != NULL ? STATUS_OK : audit_no_memory(err);
    }
    if (status != STATUS_OK) {
        if (rollout->order != NULL && rollout->order->rollout == rollout) {
            rollout->order->rollout = NULL;
        }
        free(rollout);
        return STATUS_ERROR;
    }
    self->counts.rollouts++;
    return STATUS_OK;
}

/* --- tasks ----------------------------------------------------------------------------------- */

static status_t read_u32(const audit_line_t *line, const char *key, uint32_t *ret_number,
                         error_t *err) {
    int64_t number = 0;
    TRY(audit_line_number(line, key, &number, err));
    *ret_number = (uint32_t)number;
    return number <= UINT32_MAX ? STATUS_OK
                                : error_set(err, ERROR_AUDIT_LINE, "'%s' is %" PRId64, key, number);
}

static status_t read_cluster(const audit_line_t *line, uint64_t *ret_cluster, error_t *err) {
    const char *text = NULL;
    char *end = NULL;
    TRY(audit_line_need(line, "cluster", &text, err));
    errno = 0;
    *ret_cluster = strtoull(text, &end, 10);
    return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0'
               ? STATUS_OK
               : error_set(err, ERROR_AUDIT_LINE, "'cluster' is no system identifier");
}

static status_t read_leaf(const audit_line_t *line, task_entry_t *task, error_t *err) {
    leaf_t *leaf = &task->leaf;
    TRY(audit_line_ident(line, "tenant", &leaf->tenant, err));
    TRY(read_cluster(line, &leaf->cluster, err));
    TRY(read_u32(line, "from", &leaf->from_position, err));
    TRY(read_u32(line, "to", &leaf->to_position, err));
    TRY(read_u32(line, "wave", &task->wave, err));
    TRY(audit_line_flag(line, "leaf", &task->has_leaf, err));
    if (task->rollout->uses_reference) {
        TRY(audit_line_ident(line, "reference", &leaf->reference, err));
    }
    leaf->number = task->rollout->order != NULL ? task->rollout->order->order->issued_us : 0;
    return STATUS_OK;
}

static status_t fill_task(audit_verify_t *self, const audit_line_t *line, task_entry_t *task,
                          error_t *err) {
    ident_t rollout;
    char text[IDENT_TEXT_SIZE];
    int64_t attempts = 0;
    task_entry_t *same = NULL;
    task->line = self->line;
    TRY(audit_line_ident(line, "job", &task->job, err));
    TRY(audit_line_ident(line, "rollout", &rollout, err));
    TRY(audit_line_number(line, "attempts", &attempts, err));
    HASH_FIND(hh, self->rollouts, &rollout, sizeof rollout, task->rollout);
    if (task->rollout == NULL) {
        return audit_break(self, self->line, err, "a job of rollout %s, which the export has not",
                           ident_text(&rollout, text));
    }
    TRY(read_leaf(line, task, err));
    if (attempts > 0 && (!task->has_leaf || task->rollout->order == NULL)) {
        return audit_break(self, self->line, err,
                           "a job that was tried %" PRId64 " times, under no order", attempts);
    }
    if (attempts > 0 && task->rollout->order->accepted_us == 0) {
        return audit_break(self, self->line, err,
                           "a job that was tried %" PRId64
                           " times: its order waits for signatures still",
                           attempts);
    }
    HASH_FIND(hh, self->tasks, &task->job, sizeof task->job, same);
    return same == NULL ? STATUS_OK
                        : audit_break(self, self->line, err, "the job of line %" PRIu64 " again",
                                      same->line);
}

static status_t add_task(audit_verify_t *self, task_entry_t *task, error_t *err) {
    rollout_entry_t *rollout = task->rollout;
    task_entry_t **grown = audit_grow(rollout->tasks, rollout->task_count, sizeof *rollout->tasks);
    if (grown == NULL) {
        return audit_no_memory(err);
    }
    rollout->tasks = grown;
    HASH_ADD(hh, self->tasks, job, sizeof task->job, task);
    if (task->hh.tbl == NULL) {
        return audit_no_memory(err);
    }
    rollout->tasks[rollout->task_count++] = task;
    return STATUS_OK;
}

status_t audit_take_task(audit_verify_t *self, const audit_line_t *line, error_t *err) {
    task_entry_t *task = calloc(1, sizeof *task);
    if (task == NULL) {
        return audit_no_memory(err);
    }
    if (fill_task(self, line, task, err) != STATUS_OK || add_task(self, task, err) != STATUS_OK) {
        free(task);
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

/* --- trees ----------------------------------------------------------------------------------- */

/* By wave, those with a leaf first, then by tenant. */
static int by_place(const void *a, const void *b) {
    const task_entry_t *one = *(task_entry_t *const *)a;
    const task_entry_t *two = *(task_entry_t *const *)b;
    if (one->has_leaf != two->has_leaf) {
        return one->has_leaf ? -1 : 1;
    }
    if (one->wave != two->wave) {
        return one->wave < two->wave ? -1 : 1;
    }
    return ident_compare(&one->leaf.tenant, &two->leaf.tenant);
}

/* The root over tasks of one wave, as the order's wave would have it. */
static status_t root_of(const order_t *order, uint32_t wave, task_entry_t *const *tasks,
                        size_t count, digest_t *ret_root, error_t *err) {
    CLEANUP(free_p) leaf_t *leaves = calloc(count, sizeof *leaves);
    CLEANUP(merkle_destroy_p) merkle_t *merkle = NULL;
    if (leaves == NULL) {
        return audit_no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        leaves[i] = tasks[i]->leaf;
    }
    leaves_t all = {
        .application = order->application, .wave = wave, .leaves = leaves, .count = count};
    TRY(leaves_tree(&all, &merkle, err));
    *ret_root = merkle_root(merkle);
    return STATUS_OK;
}

static status_t check_wave(audit_verify_t *self, const rollout_entry_t *rollout, uint32_t wave,
                           task_entry_t *const *tasks, size_t count, error_t *err) {
    const order_t *order = rollout->order->order;
    digest_t root = {{0}};
    error_t why = {0};
    char expected[DIGEST_TEXT_SIZE];
    char got[DIGEST_TEXT_SIZE];
    if (wave >= order->wave_count) {
        return audit_break(self, rollout->line, err,
                           "wave %u of the rollout: its order signed %zu waves", wave + 1,
                           order->wave_count);
    }
    if (root_of(order, wave, tasks, count, &root, &why) != STATUS_OK) {
        return audit_break_why(self, rollout->line, "the rollout's tenants", &why, err);
    }
    if (count != order->waves[wave].count || !digest_equal(&root, &order->waves[wave].root)) {
        return audit_break(self, rollout->line, err,
                           "wave %u: expected the %u tenants of root %s, as the order signed them,"
                           " got %zu of root %s",
                           wave + 1, order->waves[wave].count,
                           digest_text(&order->waves[wave].root, expected), count,
                           digest_text(&root, got));
    }
    return STATUS_OK;
}

static size_t leaf_count(const rollout_entry_t *rollout) {
    size_t count = 0;
    for (size_t i = 0; i < rollout->task_count; i++) {
        count += rollout->tasks[i]->has_leaf ? 1 : 0;
    }
    return count;
}

/* A sweep: no tree names its tenants, so that what is left to compare is where they were led. Whom
 * the selector means each agent judged by labels that no export holds. */
static status_t check_claims(audit_verify_t *self, const rollout_entry_t *rollout, error_t *err) {
    size_t count = leaf_count(rollout);
    uint32_t target = rollout->order->order->target_position;
    for (size_t i = 0; i < count; i++) { /* those with a leaf stand first */
        const leaf_t *leaf = &rollout->tasks[i]->leaf;
        if (leaf->to_position != target || leaf->from_position > target) {
            return audit_break(self, rollout->tasks[i]->line, err,
                               "a job from position %u to %u under a standing order to %u",
                               leaf->from_position, leaf->to_position, target);
        }
    }
    self->counts.jobs += count;
    return STATUS_OK;
}

/* The order's own rollout: wave by wave. Waves of the plan without a leaf are none of the order. */
static status_t check_trees(audit_verify_t *self, rollout_entry_t *rollout, error_t *err) {
    size_t count = leaf_count(rollout);
    uint32_t wave = 0;
    if (order_is_standing(rollout->order->order)) {
        return check_claims(self, rollout, err);
    }
    for (size_t at = 0; at < count; wave++) {
        size_t end = at;
        for (; end < count && rollout->tasks[end]->wave == rollout->tasks[at]->wave; end++) {
            rollout->tasks[end]->order_wave = wave;
        }
        TRY(check_wave(self, rollout, wave, &rollout->tasks[at], end - at, err));
        at = end;
    }
    if (wave != rollout->order->order->wave_count) {
        return audit_break(self, rollout->line, err,
                           "a rollout of %u waves with jobs: its order signed %zu", wave,
                           rollout->order->order->wave_count);
    }
    self->counts.jobs += count;
    return STATUS_OK;
}

static int by_tenant(const void *a, const void *b) {
    const task_entry_t *one = *(task_entry_t *const *)a;
    const task_entry_t *two = *(task_entry_t *const *)b;
    return ident_compare(&one->leaf.tenant, &two->leaf.tenant);
}

/* The forward rollout's tasks with a leaf, by tenant: the caller frees the list. */
static status_t list_forward(const rollout_entry_t *forward, task_entry_t ***ret_list,
                             size_t *ret_count, error_t *err) {
    size_t count = forward != NULL ? leaf_count(forward) : 0;
    task_entry_t **list = calloc(count + 1, sizeof *list);
    if (list == NULL) {
        return audit_no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        list[i] = forward->tasks[i]; /* those with a leaf stand first */
    }
    qsort(list, count, sizeof *list, by_tenant);
    *ret_list = list;
    *ret_count = count;
    return STATUS_OK;
}

/* The way back under the forward order: its tenants, to where its leaves say that they were. */
static status_t check_own_undo(audit_verify_t *self, rollout_entry_t *rollout, error_t *err) {
    size_t count = leaf_count(rollout);
    size_t forward_count = 0;
    char text[IDENT_TEXT_SIZE];
    CLEANUP(free_p) task_entry_t **forward = NULL;
    if (rollout->order->rollout == NULL && self->about.since_us > 0) {
        self->counts.outside += count;
        return STATUS_OK;
    }
    TRY(list_forward(rollout->order->rollout, &forward, &forward_count, err));
    for (size_t i = 0; i < count; i++) {
        task_entry_t *task = rollout->tasks[i];
        task_entry_t **there = bsearch(&task, forward, forward_count, sizeof *forward, by_tenant);
        if (there == NULL || (*there)->leaf.from_position != task->leaf.to_position ||
            (*there)->leaf.cluster != task->leaf.cluster) {
            return audit_break(self, task->line, err,
                               "an undo of tenant %s to position %u, which its rollout's order"
                               " does not authorize",
                               ident_text(&task->leaf.tenant, text), task->leaf.to_position);
        }
        task->order_wave = (*there)->order_wave;
    }
    self->counts.jobs += count;
    return STATUS_OK;
}

status_t audit_close_tasks(audit_verify_t *self, error_t *err) {
    for (int undo = 0; undo < 2; undo++) { /* an undo is held against its forward rollout */
        for (rollout_entry_t *at = self->rollouts; at != NULL; at = at->hh.next) {
            if (at->own_undo != (undo == 1)) {
                continue;
            }
            if (at->task_count > 1) {
                qsort(at->tasks, at->task_count, sizeof *at->tasks, by_place);
            }
            if (at->order == NULL && leaf_count(at) > 0) {
                return audit_break(self, at->tasks[0]->line, err,
                                   "a job that may be done, under no order");
            }
            if (at->order != NULL) {
                TRY(undo == 1 ? check_own_undo(self, at, err) : check_trees(self, at, err));
            }
        }
    }
    return STATUS_OK;
}
