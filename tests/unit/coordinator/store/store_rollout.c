/* store_rollout.c: rollouts in bulk, saved, loaded, listed and found. */
#include "coordinator/store/store_rollout.h"
#include "tests/unit/coordinator/store/fixture.h"

enum { MANY = 5000 };

static void fill_waves(rollout_t *r, uint32_t first) {
    r->waves[0] = (wave_t){.name = strdup("canary"),
                           .state = WAVE_PASSED,
                           .count = first,
                           .max_parallel = 2,
                           .max_parallel_per_cluster = 1,
                           .canary = true,
                           .needs_approval = true,
                           .on_failure = ON_FAILURE_ROLLBACK_WAVE,
                           .budget = 5,
                           .forgiven = 1,
                           .soak_for_us = 60,
                           .target_position = 40,
                           .opened_us = 61,
                           .soak_us = 62,
                           .finished_us = 63};
    r->waves[1] = (wave_t){
        .name = strdup("rest"), .state = WAVE_OPEN, .first = first, .count = r->task_count - first};
}

/* A rollout of tasks in two waves: the first tenth, the rest. */
static rollout_t *rollout_of(uint32_t n, uint32_t tasks) {
    rollout_t *r = calloc(1, sizeof *r);
    assert_non_null(r);
    *r = (rollout_t){.id = id_of(n),
                     .name = strdup("release 42"),
                     .kind = KIND_UNDO,
                     .application = strdup("app"),
                     .bundle = digest_of(3),
                     .target_position = 42,
                     .target_version = strdup("V042"),
                     .state = ROLLOUT_RUNNING,
                     .current_wave = 1,
                     .unreachable = UNREACHABLE_SKIP,
                     .attempts = 3,
                     .recovery_kind = strdup("none"),
                     .recovery_reason = strdup("too large"),
                     .trial_restore = strdup("sample"),
                     .sample_bp = 250,
                     .task_timeout_us = 77,
                     .accept_data_loss = true,
                     .prune_keep_us = 88,
                     .prune_keep_count = 9,
                     .spec = strdup("{\"a\":1}"),
                     .plan = digest_of(4),
                     .order = id_of(500),
                     .order_digest = digest_of(5),
                     .ticketed = true,
                     .parent = id_of(501),
                     .actor = strdup("ada"),
                     .reason = NULL,
                     .created_us = 1000 + n,
                     .started_us = 1001,
                     .updated_us = 1002,
                     .wave_count = 2,
                     .task_count = tasks};
    r->waves = calloc(2, sizeof *r->waves);
    r->tasks = calloc(tasks, sizeof *r->tasks);
    assert_true(r->waves != NULL && r->tasks != NULL);
    uint32_t first = tasks / 10;
    fill_waves(r, first);
    for (uint32_t i = 0; i < tasks; i++) {
        r->tasks[i] = (task_t){.job = id_of(n * 100000 + i),
                               .tenant = id_of(i + 1),
                               .tenant_name = strdup("acme"),
                               .system_identifier = UINT64_MAX - 1,
                               .database = strdup("acme_db"),
                               .wave = i < first ? 0 : 1,
                               .ordinal = i,
                               .state = (task_state_t)(i % TASK_STATE_COUNT),
                               .from_position = 40,
                               .to_position = 42 + i,
                               .position = 41,
                               .observed_us = 1990 + i};
    }
    return r;
}

static void insert(fixture_t *f, const rollout_t *rollout) {
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_rollout_insert(f->store, rollout, &f->err));
    OK(f, store_commit(f->store, &f->err));
}

static void same_text(const char *a, const char *b) {
    assert_true((a == NULL) == (b == NULL));
    if (a != NULL && b != NULL) {
        assert_string_equal(a, b);
    }
}

static void same_rows(const rollout_t *a, const rollout_t *b) {
    assert_true(ident_equal(&a->id, &b->id));
    same_text(a->name, b->name);
    assert_int_equal(a->kind, b->kind);
    same_text(a->application, b->application);
    assert_true(digest_equal(&a->bundle, &b->bundle));
    assert_int_equal(a->target_position, b->target_position);
    same_text(a->target_version, b->target_version);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->current_wave, b->current_wave);
    assert_int_equal(a->unreachable, b->unreachable);
    assert_int_equal(a->attempts, b->attempts);
    same_text(a->recovery_kind, b->recovery_kind);
    same_text(a->recovery_reason, b->recovery_reason);
    same_text(a->trial_restore, b->trial_restore);
    assert_int_equal(a->sample_bp, b->sample_bp);
    assert_int_equal(a->task_timeout_us, b->task_timeout_us);
    assert_int_equal(a->accept_data_loss, b->accept_data_loss);
    assert_int_equal(a->prune_keep_us, b->prune_keep_us);
    assert_int_equal(a->prune_keep_count, b->prune_keep_count);
    same_text(a->spec, b->spec);
    assert_true(digest_equal(&a->plan, &b->plan));
    assert_true(ident_equal(&a->order, &b->order));
    assert_true(digest_equal(&a->order_digest, &b->order_digest));
    assert_int_equal(a->ticketed, b->ticketed);
    assert_true(ident_equal(&a->parent, &b->parent));
    same_text(a->actor, b->actor);
    same_text(a->reason, b->reason);
    assert_int_equal(a->created_us, b->created_us);
    assert_int_equal(a->started_us, b->started_us);
    assert_int_equal(a->finished_us, b->finished_us);
    assert_int_equal(a->updated_us, b->updated_us);
}

static void same_wave(const wave_t *a, const wave_t *b) {
    same_text(a->name, b->name);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->first, b->first);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->max_parallel, b->max_parallel);
    assert_int_equal(a->max_parallel_per_cluster, b->max_parallel_per_cluster);
    assert_int_equal(a->canary, b->canary);
    assert_int_equal(a->needs_approval, b->needs_approval);
    assert_int_equal(a->on_failure, b->on_failure);
    assert_int_equal(a->budget, b->budget);
    assert_int_equal(a->forgiven, b->forgiven);
    assert_int_equal(a->soak_for_us, b->soak_for_us);
    assert_int_equal(a->opened_us, b->opened_us);
    assert_int_equal(a->soak_us, b->soak_us);
    assert_int_equal(a->finished_us, b->finished_us);
    assert_int_equal(a->target_position, b->target_position);
}

static void same_task(const task_t *a, const task_t *b) {
    assert_int_equal(a->to_position, b->to_position);
    assert_true(ident_equal(&a->job, &b->job));
    assert_true(ident_equal(&a->tenant, &b->tenant));
    same_text(a->tenant_name, b->tenant_name);
    assert_true(a->system_identifier == b->system_identifier);
    same_text(a->database, b->database);
    assert_int_equal(a->wave, b->wave);
    assert_int_equal(a->ordinal, b->ordinal);
    assert_int_equal(a->state, b->state);
    assert_true(ident_equal(&a->attempt, &b->attempt));
    assert_int_equal(a->attempts, b->attempts);
    assert_memory_equal(&a->agent, &b->agent, sizeof a->agent);
    assert_int_equal(a->from_position, b->from_position);
    assert_int_equal(a->position, b->position);
    assert_int_equal(a->touched, b->touched);
    assert_int_equal(a->step, b->step);
    assert_int_equal(a->error_code, b->error_code);
    assert_string_equal(a->sqlstate, b->sqlstate);
    same_text(a->error, b->error);
    same_text(a->reference, b->reference);
    same_text(a->notes, b->notes);
    assert_int_equal(a->started_us, b->started_us);
    assert_int_equal(a->finished_us, b->finished_us);
    assert_int_equal(a->due_us, b->due_us);
    assert_int_equal(a->observed_us, b->observed_us);
}

static void same_rollout(const rollout_t *a, const rollout_t *b) {
    same_rows(a, b);
    assert_int_equal(a->wave_count, b->wave_count);
    assert_int_equal(a->task_count, b->task_count);
    for (uint32_t i = 0; i < a->wave_count; i++) {
        same_wave(&a->waves[i], &b->waves[i]);
    }
    for (uint32_t i = 0; i < a->task_count; i++) {
        same_task(&a->tasks[i], &b->tasks[i]);
    }
}

static void inserted_is_loaded(void **state) {
    fixture_t *f = *state;
    rollout_t *written = rollout_of(1, MANY);
    rollout_t *read = NULL;
    insert(f, written);
    OK(f, store_rollout_load(f->store, &written->id, &read, &f->err));
    same_rollout(written, read);
    rollout_destroy(&read);
    ident_t unknown = id_of(2);
    FAILS(f, NOT_FOUND, store_rollout_load(f->store, &unknown, &read, &f->err));
    OK(f, store_begin(f->store, &f->err));
    FAILS(f, INVALID, store_rollout_insert(f->store, written, &f->err));
    store_rollback(f->store);
    rollout_destroy(&written);
}

static void change(rollout_t *r) {
    r->state = ROLLOUT_PAUSED;
    r->current_wave = 0;
    r->reason = strdup("the wave failed");
    r->started_us = 2001;
    r->updated_us = 2002;
    r->waves[1].state = WAVE_FAILED;
    r->waves[1].opened_us = 2003;
    r->waves[1].soak_us = 2004;
    r->waves[1].finished_us = 2005;
    r->waves[1].forgiven = 7;
    task_t *task = &r->tasks[11];
    task->state = TASK_FAILED;
    task->attempt = id_of(600);
    task->attempts = 2;
    task->agent = key_of(7);
    task->from_position = 39;
    task->position = 42;
    task->system_identifier = 5;
    free(task->database);
    task->database = strdup("moved");
    task->touched = true;
    task->step = 3;
    task->error_code = ERROR_DB_SQL;
    memcpy(task->sqlstate, "23505", 6);
    task->error = strdup("DRV-3004 [23505] duplicate key");
    task->reference = strdup("backup-1");
    task->notes = strdup("a\nb");
    task->started_us = 2006;
    task->finished_us = 2007;
    task->due_us = 2008;
}

static void saved_is_loaded(void **state) {
    fixture_t *f = *state;
    rollout_t *written = rollout_of(1, 40);
    insert(f, written);
    change(written);
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_rollout_save(f->store, written, &f->err));
    OK(f, store_rollout_save_wave(f->store, written, 1, &f->err));
    OK(f, store_rollout_save_task(f->store, &written->tasks[11], &f->err));
    OK(f, store_commit(f->store, &f->err));
    rollout_t *read = NULL;
    OK(f, store_rollout_load(f->store, &written->id, &read, &f->err));
    same_rollout(written, read);
    rollout_destroy(&read);

    arena_t arena = {0};
    task_t task;
    ident_t rollout;
    OK(f, store_task_get(f->store, &written->tasks[11].job, &arena, &task, &rollout, &f->err));
    same_task(&task, &written->tasks[11]);
    assert_true(ident_equal(&rollout, &written->id));
    FAILS(f, NOT_FOUND, store_task_get(f->store, &written->id, &arena, &task, &rollout, &f->err));
    arena_free(&arena);
    rollout_destroy(&written);
}

/* A save that finds nothing would be lost in silence: its transaction may not commit. */
static void save_of_unknown_spoils(void **state) {
    fixture_t *f = *state;
    rollout_t *r = rollout_of(1, 20);
    OK(f, store_begin(f->store, &f->err));
    FAILS(f, STORE, store_rollout_save_task(f->store, &r->tasks[0], &f->err));
    FAILS(f, STORE, store_commit(f->store, &f->err));
    rollout_destroy(&r);
}

static void open_ones_are_loaded(void **state) {
    fixture_t *f = *state;
    rollout_list_t list = {0};
    OK(f, store_rollout_load_open(f->store, &list, &f->err));
    assert_int_equal(list.count, 0);
    store_rollout_list_free(&list);
    for (uint32_t n = 1; n <= 6; n++) {
        rollout_t *r = rollout_of(n, 20);
        r->finished_us = n == 2 ? 9 : 0;
        insert(f, r);
        rollout_destroy(&r);
    }
    OK(f, store_rollout_load_open(f->store, &list, &f->err));
    assert_int_equal(list.count, 5);
    ident_t first = id_of(1);
    ident_t second = id_of(3);
    assert_true(ident_equal(&list.rollouts[0]->id, &first));
    assert_true(ident_equal(&list.rollouts[1]->id, &second));
    rollout_t *taken = TAKE(list.rollouts[0]);
    store_rollout_list_free(&list);
    rollout_destroy(&taken);
}

static void damaged_shape_is_refused(void **state) {
    fixture_t *f = *state;
    rollout_t *r = rollout_of(1, 20);
    insert(f, r);
    static const char *const damages[] = {
        "UPDATE wave SET first_task = 3 WHERE number = 1", "DELETE FROM task WHERE ordinal = 19",
        "UPDATE task SET ordinal = 30 WHERE ordinal = 19", "UPDATE task SET state = 99",
        "UPDATE task SET wave = 2 WHERE ordinal = 19"};
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        rollout_t *read = NULL;
        OK(f, store_begin(f->store, &f->err));
        fixture_exec(f, damages[i]);
        FAILS(f, STORE, store_rollout_load(f->store, &r->id, &read, &f->err));
        store_rollback(f->store);
    }
    rollout_destroy(&r);
}

typedef struct walk {
    rollout_page_t page;
    uint32_t seen;
} walk_t;

static status_t next_summary(void *context, const rollout_summary_t *summary, error_t *err) {
    walk_t *walk = context;
    (void)err;
    ident_t want = id_of(7 - walk->seen); /* newest first */
    assert_true(ident_equal(&summary->rollout.id, &want));
    assert_string_equal(summary->rollout.name, "release 42");
    assert_int_equal(summary->waves, 2);
    assert_int_equal(summary->tasks, 26);
    assert_int_equal(summary->by_state[TASK_PENDING], 2);
    assert_int_equal(summary->by_state[TASK_GONE], 2);
    walk->page.before_us = summary->rollout.created_us;
    walk->page.before_id = summary->rollout.id;
    walk->seen++;
    return STATUS_OK;
}

static void rollouts_are_paged_and_found(void **state) {
    fixture_t *f = *state;
    for (uint32_t n = 1; n <= 7; n++) {
        rollout_t *r = rollout_of(n, 26);
        insert(f, r);
        rollout_destroy(&r);
    }
    walk_t walk = {.page = {.limit = 3}};
    for (int pages = 0; pages < 4; pages++) {
        OK(f, store_rollout_each(f->store, &walk.page, next_summary, &walk, &f->err));
    }
    assert_int_equal(walk.seen, 7);

    ident_t found;
    ident_t newest = id_of(7);
    OK(f, store_rollout_find(f->store, "release 42", &found, &f->err));
    assert_true(ident_equal(&found, &newest));
    char text[IDENT_TEXT_SIZE];
    ident_t third = id_of(3);
    ident_text(&third, text);
    OK(f, store_rollout_find(f->store, text, &found, &f->err));
    assert_true(ident_equal(&found, &third));
    text[8] = '\0';
    OK(f, store_rollout_find(f->store, text, &found, &f->err));
    assert_true(ident_equal(&found, &third));
    text[6] = '\0';
    FAILS(f, INVALID, store_rollout_find(f->store, text, &found, &f->err));
    text[3] = '\0'; /* too short to be the beginning of an id */
    FAILS(f, NOT_FOUND, store_rollout_find(f->store, text, &found, &f->err));
}

static status_t next_task(void *context, const task_t *task, error_t *err) {
    task_page_t *page = context;
    (void)err;
    assert_true((TASK_SET(task->state) & page->states) != 0);
    assert_true(page->wave < 0 || task->wave == page->wave);
    assert_true((int64_t)task->ordinal > page->after);
    page->after = task->ordinal;
    page->limit++; /* counts, from 1,000 on */
    return STATUS_OK;
}

static uint32_t count_tasks(fixture_t *f, uint32_t states, int64_t wave) {
    task_page_t page = {
        .rollout = id_of(1), .states = states, .wave = wave, .after = -1, .limit = 1000};
    task_page_t asked = page;
    OK(f, store_task_each(f->store, &asked, next_task, &page, &f->err));
    return page.limit - 1000;
}

static void tasks_are_filtered(void **state) {
    fixture_t *f = *state;
    rollout_t *r = rollout_of(1, 130);
    insert(f, r);
    assert_int_equal(count_tasks(f, TASK_SET_ALL, -1), 130);
    assert_int_equal(count_tasks(f, TASK_SET_ALL, 0), 13);
    assert_int_equal(count_tasks(f, TASK_SET(TASK_FAILED), -1), 10);
    assert_int_equal(count_tasks(f, TASK_SET(TASK_FAILED) | TASK_SET(TASK_GONE), 1), 18);
    assert_int_equal(count_tasks(f, 0, -1), 0);
    task_page_t page = {
        .rollout = r->id, .states = TASK_SET_ALL, .wave = -1, .after = 9, .limit = 5};
    task_page_t seen = page;
    OK(f, store_task_each(f->store, &page, next_task, &seen, &f->err));
    assert_int_equal(seen.after, 14);
    rollout_destroy(&r);
}

static void open_elsewhere_is_told(void **state) {
    fixture_t *f = *state;
    rollout_t *r = rollout_of(1, 26);
    insert(f, r);
    task_query_t query = {
        .tenant = id_of(1), .application = "app", .states = TASK_SET(TASK_PENDING)};
    ident_t found;
    OK(f, store_task_open_elsewhere(f->store, &query, &found, &f->err));
    assert_true(ident_equal(&found, &r->id));
    task_query_t others[] = {query, query, query, query};
    others[0].tenant = id_of(99);
    others[1].application = "another";
    others[2].except = r->id;
    others[3].states = TASK_SET(TASK_READY);
    for (size_t i = 0; i < 4; i++) {
        OK(f, store_task_open_elsewhere(f->store, &others[i], &found, &f->err));
        assert_true(ident_is_null(&found));
    }
    r->finished_us = 5;
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_rollout_save(f->store, r, &f->err));
    OK(f, store_commit(f->store, &f->err));
    OK(f, store_task_open_elsewhere(f->store, &query, &found, &f->err));
    assert_true(ident_is_null(&found));
    rollout_destroy(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_OF(inserted_is_loaded),       TEST_OF(saved_is_loaded),
        TEST_OF(save_of_unknown_spoils),   TEST_OF(open_ones_are_loaded),
        TEST_OF(damaged_shape_is_refused), TEST_OF(rollouts_are_paged_and_found),
        TEST_OF(tasks_are_filtered),       TEST_OF(open_elsewhere_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
