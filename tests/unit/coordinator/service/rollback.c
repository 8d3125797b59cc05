/* rollback.c: every tenant that a rollout names ends in exactly one bucket. */
#include "tests/unit/coordinator/service/world.h"
#include "coordinator/store/store_recovery.h"

#include <sys/stat.h>

#define SPEC_WITH(more)                                                                            \
    "bundle: app\\ntarget: latest\\nselect: all\\nwaves:\\n"                                       \
    "  - {name: canary, count: 2}\\n  - {name: rest, rest: true}\\n" more
#define SPEC SPEC_WITH("")

static const world_outcome_t NOTHING[] = {{0}};

/* Two canaries from different versions, then a wave that fails at one tenant half way. */
static void start_and_fail(world_t *w, const char *more) {
    world_put(w, &(world_tenant_t){.n = 1, .name = "a", .position = 3});
    world_put(w, &(world_tenant_t){.n = 2, .name = "b", .position = 5});
    world_put(w, &(world_tenant_t){.n = 3, .name = "c", .position = 3});
    world_put(w, &(world_tenant_t){.n = 4, .name = "d", .position = 3});
    world_put(w, &(world_tenant_t){.n = 5, .name = "e", .position = HEAD});
    world_put(w, &(world_tenant_t){.n = 6, .name = "f", .position = -1});
    static const world_outcome_t HALF_WAY[] = {
        {"c", TASK_EVENT_FAILED, 6, true, ERROR_DB_SQL},
        {"d", TASK_EVENT_FAILED, 3, false, ERROR_CHECK_FAILED},
        {0}};
    ask(w, "rollout.start",
        "{\"name\":\"first\",\"spec\":\"bundle: app\\ntarget: latest\\nselect: all\\nwaves:\\n"
        "  - {name: canary, count: 2}\\n  - {name: rest, rest: true}\\n%s\"}",
        more);
    world_work(w, HALF_WAY);
}

static void a_failed_rollout_goes_back(void **state) {
    world_t *w = *state;
    start_and_fail(w, "");
    json_t *status = ask(w, "rollout.status", "{}");
    assert_string_equal(text_of(status, "state"), "paused");
    json_t *plan = ask(w, "rollback.plan", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(plan, "kind"), "undo");
    assert_string_equal(text_of(plan, "method"), "undo");
    assert_int_equal(number_of(plan, "totals.selected"), 6);
    assert_int_equal(number_of(plan, "totals.work"), 3);
    assert_int_equal(number_of(plan, "totals.not_needed"), 3);
    assert_int_equal(number_of(plan, "totals.steps"), 7 + 5 + 3);
    assert_int_equal(size_of(plan, "waves"), 2);
    assert_int_equal(number_of(plan, "waves.0.target"), 5);
    assert_int_equal(number_of(plan, "waves.1.target"), 3);
    assert_int_equal(size_of(plan, "scripts"), 7);
    assert_string_equal(text_of(plan, "scripts.0.version"), "V010");
    assert_string_equal(text_of(plan, "scripts.0.kind"), "undo");
    ask(w, "rollback.start", "{\"rollout\":\"first\",\"plan_digest\":\"%s\"}",
        text_of(plan, "plan_digest"));
    rollout_t *back = world_rollout(w);
    assert_int_equal(back->kind, KIND_UNDO);
    assert_int_equal(back->target_position, 3);
    assert_int_equal(back->waves[0].target_position, 5);
    assert_int_equal(back->waves[1].target_position, 0);
    assert_int_equal(back->task_count, 6);
    rollout_t *parent = engine_rollout(w->engine, &back->parent);
    assert_int_equal(parent->state, ROLLOUT_STOPPED);
    world_work(w, NOTHING);
    assert_int_equal(back->state, ROLLOUT_SUCCEEDED);
    status = ask(w, "rollout.status", "{}");
    assert_int_equal(number_of(status, "counts.succeeded"), 3);
    assert_int_equal(number_of(status, "counts.not_needed"), 3);
    json_t *tasks = ask(w, "rollout.tasks", "{}");
    static const int64_t BEFORE[] = {3, 5, 3};
    for (size_t i = 0; i < size_of(tasks, "tasks"); i++) {
        const json_t *task = json_array_get(json_object_get(tasks, "tasks"), i);
        const char *name = text_of(task, "name");
        if (name[0] <= 'c') {
            assert_string_equal(text_of(task, "state"), "succeeded");
            assert_int_equal(number_of(task, "position"), BEFORE[name[0] - 'a']);
            assert_int_equal(number_of(task, "to"), BEFORE[name[0] - 'a']);
        } else {
            assert_string_equal(text_of(task, "state"), "not_needed");
            assert_true(text_of(task, "notes")[0] != '\0');
        }
    }
    status = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_int_equal(size_of(status, "children"), 1);
    assert_string_equal(text_of(status, "children.0.state"), "succeeded");
    /* once more: nobody needs it */
    plan = ask(w, "rollback.plan", "{\"rollout\":\"first\"}");
    assert_int_equal(number_of(plan, "totals.work"), 0);
    assert_int_equal(number_of(plan, "totals.not_needed"), 6);
}

/* A tenant that the rollback passed over, as it was never touched, must not go forward behind it.
 */
static void what_is_rolled_back_is_not_tried_again(void **state) {
    world_t *w = *state;
    static const world_outcome_t ONE_UNTOUCHED[] = {
        {"tenant00003", TASK_EVENT_FAILED, 0, false, ERROR_CHECK_FAILED}, {0}};
    world_put_many(w, 4, 0);
    ask(w, "rollout.start", "{\"spec\":\"%s\",\"name\":\"first\"}",
        SPEC_WITH("on_failure: continue\\n"));
    world_work(w, ONE_UNTOUCHED);
    assert_int_equal(world_rollout(w)->state, ROLLOUT_INCOMPLETE);
    ask(w, "rollback.start", "{\"rollout\":\"first\"}");
    refused(w, "ROLLOUT_STATE", "rollout.retry", "{\"rollout\":\"first\"}");
    assert_non_null(strstr(w->answer.error.message, "'rollback of first'"));
    world_work(w, NOTHING);
    json_t *back = ask(w, "rollout.status", "{\"rollout\":\"rollback of first\"}");
    assert_string_equal(text_of(back, "state"), "succeeded");
    refused(w, "ROLLOUT_STATE", "rollout.retry", "{\"rollout\":\"first\"}");
}

static void what_runs_is_not_rolled_back(void **state) {
    world_t *w = *state;
    world_put_many(w, 4, 0);
    ask(w, "rollout.start", "{\"spec\":\"%s\",\"name\":\"first\"}", SPEC);
    (void)world_dispatch(w);
    ask(w, "rollback.plan", "{}"); /* it may be looked at */
    refused(w, "ROLLOUT_STATE", "rollback.start", "{\"rollout\":\"first\"}");
    assert_non_null(strstr(w->answer.error.message, "pause"));
    ask(w, "rollout.pause", "{\"rollout\":\"first\"}");
    refused(w, "ROLLOUT_STATE", "rollback.start", "{\"rollout\":\"first\"}");
    assert_non_null(strstr(w->answer.error.message, "in hand"));
    world_work(w, NOTHING);
    ask(w, "rollback.start", "{\"rollout\":\"first\"}");
    world_work(w, NOTHING);
    assert_int_equal(world_rollout(w)->state, ROLLOUT_SUCCEEDED);
    refused(w, "INVALID", "rollback.start", "{\"rollout\":\"rollback of first\"}");
    refused(w, "INVALID", "rollback.plan", "{\"rollout\":\"first\",\"method\":\"magic\"}");
    refused(w, "INVALID", "rollback.plan", "{\"select\":\"all\"}");
    refused(w, "INVALID", "rollback.plan",
            "{\"rollout\":\"first\",\"select\":\"all\",\"to\":\"V001\"}");
}

/* Nobody knows what became of the second of two tenants. */
static void lose_word(world_t *w) {
    world_put_many(w, 2, 4);
    static const world_outcome_t LOST[] = {
        {"tenant00001", TASK_EVENT_UNKNOWN, 4, false, ERROR_DB_OUTCOME_UNKNOWN}, {0}};
    ask(w, "rollout.start", "{\"spec\":\"%s\",\"name\":\"first\"}", SPEC);
    world_work(w, LOST);
}

static void an_unknown_outcome_is_walked_back(void **state) {
    world_t *w = *state;
    lose_word(w);
    ask(w, "rollout.pause", "{\"rollout\":\"first\"}");
    json_t *plan = ask(w, "rollback.plan", "{\"rollout\":\"first\"}");
    assert_int_equal(number_of(plan, "totals.work"), 2);
    ask(w, "rollback.start", "{\"rollout\":\"first\"}");
    rollout_t *back = world_rollout(w);
    rollout_t *parent = engine_rollout(w->engine, &back->parent);
    assert_int_equal(parent->state, ROLLOUT_STOPPED);
    assert_int_equal(parent->tasks[1].state, TASK_OUTSTANDING);
    world_work(w, NOTHING);
    assert_int_equal(back->state, ROLLOUT_SUCCEEDED);
}

/* An operator asked for another try, and the rollback comes before that began. The first one may be
 * at work yet, whatever inventory says. */
static void an_unknown_outcome_is_walked_back_though_tried_again(void **state) {
    world_t *w = *state;
    lose_word(w);
    ask(w, "rollout.retry", "{\"rollout\":\"first\",\"tenants\":[\"tenant00001\"]}");
    ask(w, "rollout.pause", "{\"rollout\":\"first\"}");
    json_t *plan = ask(w, "rollback.plan", "{\"rollout\":\"first\"}");
    assert_int_equal(number_of(plan, "totals.work"), 2);
    ask(w, "rollback.start", "{\"rollout\":\"first\"}");
    rollout_t *back = world_rollout(w);
    rollout_t *parent = engine_rollout(w->engine, &back->parent);
    assert_int_equal(parent->tasks[1].state, TASK_FAILED);
    world_work(w, NOTHING);
    assert_int_equal(back->state, ROLLOUT_SUCCEEDED);
}

static void a_tenant_that_another_moved_on_is_refused(void **state) {
    world_t *w = *state;
    world_put_many(w, 3, 3);
    ask(w, "rollout.start",
        "{\"name\":\"first\",\"spec\":\"bundle: app\\ntarget: V005\\nselect: all\\n"
        "waves: [{name: a, rest: true}]\"}");
    world_work(w, NOTHING);
    world_put(w, &(world_tenant_t){.n = 1, .name = "tenant00000", .position = 7});
    ident_t gone = id_of(2);
    OK(w, store_begin(w->store, &w->err));
    OK(w, store_tenant_set_gone(w->store, &gone, w->now_us++, &w->err));
    OK(w, store_commit(w->store, &w->err));
    json_t *plan = ask(w, "rollback.plan", "{}");
    assert_int_equal(number_of(plan, "totals.work"), 1);
    assert_int_equal(number_of(plan, "totals.refused"), 1);
    assert_int_equal(number_of(plan, "totals.gone"), 1);
    assert_int_equal(size_of(plan, "refused"), 2);
    ask(w, "rollback.start", "{}");
    rollout_t *back = world_rollout(w);
    world_work(w, NOTHING);
    assert_int_equal(back->state, ROLLOUT_INCOMPLETE);
    json_t *status = ask(w, "rollout.status", "{}");
    assert_int_equal(number_of(status, "counts.succeeded"), 1);
    assert_int_equal(number_of(status, "counts.refused"), 1);
    assert_int_equal(number_of(status, "counts.gone"), 1);
}

static void write_file(const char *folder, const char *name, const char *text) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void what_cannot_be_undone_is_refused(void **state) {
    world_t *w = *state;
    char folder[64];
    (void)snprintf(folder, sizeof folder, "%s/shop", w->folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    write_file(folder, "V001__one.sql", "CREATE TABLE one (id bigint);\n");
    write_file(folder, "V001__one.undo.sql", "DROP TABLE one;\n");
    write_file(folder, "V002__two.sql",
               "-- drover: irreversible=\"the rows are gone\"\nDELETE FROM one;\n");
    write_file(folder, "V003__three.sql", "CREATE TABLE three (id bigint);\n");
    write_file(folder, "V003__three.undo.sql", "DROP TABLE three;\n");
    (void)world_push(w, folder, "shop");
    world_put(w, &(world_tenant_t){.n = 1, .name = "a", .position = 0, .application = "shop"});
    world_put(w, &(world_tenant_t){.n = 2, .name = "b", .position = 2, .application = "shop"});
    ask(w, "rollout.start",
        "{\"name\":\"shop\",\"spec\":\"bundle: shop\\ntarget: latest\\nselect: all\\n"
        "waves: [{name: a, rest: true}]\"}");
    world_work(w, NOTHING);
    json_t *plan = ask(w, "rollback.plan", "{}");
    assert_int_equal(number_of(plan, "totals.work"), 1);
    assert_string_equal(text_of(plan, "tenants.0.name"), "b");
    assert_string_equal(text_of(plan, "refused.0.name"), "a");
    assert_string_equal(text_of(plan, "refused.0.code"), "DRV-3034");
    assert_non_null(strstr(text_of(plan, "refused.0.reason"), "the rows are gone"));
    refused(w, "IRREVERSIBLE", "rollback.start",
            "{\"select\":\"name=a\",\"to\":\"V001\",\"application\":\"shop\"}");
}

static void a_selector_goes_back_to_a_version(void **state) {
    world_t *w = *state;
    world_put(w, &(world_tenant_t){.n = 1, .name = "a", .position = 8, .label = "tier=gold"});
    world_put(w, &(world_tenant_t){.n = 2, .name = "b", .position = 4, .label = "tier=gold"});
    world_put(w, &(world_tenant_t){.n = 3, .name = "c", .position = 8});
    json_t *plan = ask(w, "rollback.plan", "{\"select\":\"tier=gold\",\"to\":\"V005\"}");
    assert_int_equal(number_of(plan, "totals.selected"), 2);
    assert_int_equal(number_of(plan, "totals.work"), 1);
    assert_int_equal(number_of(plan, "tenants.0.to"), 5);
    ask(w, "rollback.start", "{\"select\":\"tier=gold\",\"to\":\"empty\"}");
    world_work(w, NOTHING);
    assert_int_equal(world_rollout(w)->tasks[0].position, 0);
    refused(w, "INVALID", "rollback.plan", "{\"select\":\"all\",\"to\":\"V011\"}");
}

static void put_backup(world_t *w, uint32_t tenant, const char *reference, uint32_t position) {
    recovery_row_t point = {.reference = reference,
                            .tenant = id_of(tenant),
                            .agent = key_of(1),
                            .kind = "dump",
                            .taken_us = w->now_us++,
                            .verified = "readable",
                            .size_bytes = 100,
                            .position = position};
    OK(w, store_begin(w->store, &w->err));
    OK(w, store_recovery_put(w->store, &point, &w->err));
    OK(w, store_commit(w->store, &w->err));
}

static void a_restore_needs_a_backup_and_a_yes(void **state) {
    world_t *w = *state;
    world_put_many(w, 2, 3);
    ask(w, "rollout.start", "{\"spec\":\"%s\",\"name\":\"first\"}", SPEC);
    put_backup(w, 1, DUMP_1, 3); /* the second tenant's is not known to the catalog */
    world_work(w, NOTHING);
    json_t *plan = ask(w, "rollback.plan", "{\"rollout\":\"first\",\"method\":\"restore\"}");
    assert_string_equal(text_of(plan, "kind"), "restore");
    assert_int_equal(number_of(plan, "totals.work"), 1);
    assert_string_equal(text_of(plan, "tenants.0.reference"), DUMP_1);
    assert_string_equal(text_of(plan, "refused.0.code"), "DRV-4007");
    assert_true(number_of(plan, "data_loss.oldest_us") > 0);
    refused(w, "RESTORE_REFUSED", "rollback.start",
            "{\"rollout\":\"first\",\"method\":\"restore\"}");
    ask(w, "rollback.start",
        "{\"rollout\":\"first\",\"method\":\"restore\",\"accept_data_loss\":true}");
    rollout_t *back = world_rollout(w);
    assert_int_equal(back->kind, KIND_RESTORE);
    assert_true(back->accept_data_loss);
    assert_string_equal(back->tasks[0].reference, DUMP_1);
    assert_int_equal(back->target_position, 3);
    plan = ask(w, "rollback.plan",
               "{\"select\":\"name=tenant00001\",\"to\":\"V003\",\"method\":\"restore\"}");
    assert_int_equal(number_of(plan, "totals.refused"), 1);
    put_backup(w, 2, DUMP_2, 3);
    put_backup(w, 2, DUMP_3, 4);
    plan = ask(w, "rollback.plan",
               "{\"select\":\"name=tenant00001\",\"to\":\"V003\",\"method\":\"restore\"}");
    assert_string_equal(text_of(plan, "tenants.0.reference"), DUMP_2);
}

static void a_wave_rolls_itself_back(void **state) {
    world_t *w = *state;
    start_and_fail(w, "on_failure: rollback_wave\\n");
    /* world_work went on with the rollback too */
    json_t *status = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(status, "state"), "failed");
    assert_int_equal(size_of(status, "children"), 1);
    status = ask(w, "rollout.status", "{}");
    assert_string_equal(text_of(status, "name"), "rollback of first");
    assert_string_equal(text_of(status, "actor"), "coordinator");
    /* the second wave: c was touched; d, e and f were not; the canaries stay where they are */
    assert_int_equal(number_of(status, "tasks"), 4);
    assert_int_equal(number_of(status, "counts.not_needed"), 3);
    json_t *log = ask(w, "audit.list", "{\"actor\":\"coordinator\",\"action\":\"rollback.start\"}");
    assert_int_equal(size_of(log, "rows"), 1);
    assert_string_equal(text_of(log, "rows.0.result"), "ok");
}

/* Not one of those that the wave touched can go back: a person has to see that. */
static void a_wave_that_cannot_go_back_pauses(void **state) {
    static const world_outcome_t FAILS[] = {
        {"tenant00000", TASK_EVENT_FAILED, 5, true, ERROR_DB_SQL}, {0}};
    world_t *w = *state;
    world_put_many(w, 2, 0);
    ask(w, "rollout.start", "{\"spec\":\"%s\",\"name\":\"first\"}",
        "bundle: app\\ntarget: V010\\nselect: all\\nwaves:\\n  - {name: one, count: 1}\\n"
        "  - {name: rest, rest: true}\\non_failure: rollback_wave\\n");
    rollout_t *rollout = world_rollout(w);
    assert_int_equal(world_dispatch(w), 1);
    /* meanwhile somebody moved it on, past what this rollout left */
    world_put(w, &(world_tenant_t){.n = 1, .name = "tenant00000", .problem_code = "DRV-3021"});
    world_work(w, FAILS);
    assert_int_equal(rollout->state, ROLLOUT_PAUSED);
    assert_non_null(strstr(rollout->reason, "could not be started by itself: none of 1 tenants can "
                                            "be rolled back, 'tenant00000' first: set aside"));
    json_t *status = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(status, "state"), "paused");
    assert_int_equal(size_of(status, "children"), 0);
    json_t *log = ask(w, "audit.list", "{\"actor\":\"coordinator\",\"action\":\"rollback.start\"}");
    assert_string_equal(text_of(log, "rows.0.result"), "DRV-3021");
    /* once the tenant is mended, the command that the reason names takes it back */
    world_put(w, &(world_tenant_t){.n = 1, .name = "tenant00000", .position = 5});
    ask(w, "rollback.start", "{\"rollout\":\"first\"}");
    assert_int_equal(rollout->state, ROLLOUT_STOPPED);
    world_work(w, NOTHING);
    status = ask(w, "rollout.status", "{}");
    assert_string_equal(text_of(status, "state"), "succeeded");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_failed_rollout_goes_back),
        WORLD_TEST(what_is_rolled_back_is_not_tried_again),
        WORLD_TEST(what_runs_is_not_rolled_back),
        WORLD_TEST(an_unknown_outcome_is_walked_back),
        WORLD_TEST(an_unknown_outcome_is_walked_back_though_tried_again),
        WORLD_TEST(a_tenant_that_another_moved_on_is_refused),
        WORLD_TEST(what_cannot_be_undone_is_refused),
        WORLD_TEST(a_selector_goes_back_to_a_version),
        WORLD_TEST(a_restore_needs_a_backup_and_a_yes),
        WORLD_TEST(a_wave_rolls_itself_back),
        WORLD_TEST(a_wave_that_cannot_go_back_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
