/* backups.c: baselines, and backups listed, made, checked, used and pruned. */
#include "coordinator/store/store_recovery.h"
#include "tests/unit/coordinator/service/world.h"

static const world_outcome_t NOTHING[] = {{0}};

static void put_backup(world_t *w, uint32_t tenant, const char *reference, const char *kind) {
    recovery_row_t point = {.reference = reference,
                            .tenant = id_of(tenant),
                            .agent = key_of(1),
                            .kind = kind,
                            .taken_us = w->now_us++,
                            .verified = "readable",
                            .size_bytes = 100,
                            .position = 3};
    OK(w, store_begin(w->store, &w->err));
    OK(w, store_recovery_put(w->store, &point, &w->err));
    OK(w, store_commit(w->store, &w->err));
}

static void tenants_are_taken_on(void **state) {
    world_t *w = *state;
    world_put(w, &(world_tenant_t){.n = 1, .name = "a", .position = -1});
    world_put(w, &(world_tenant_t){.n = 2, .name = "b", .position = 0});
    json_t *plan =
        ask(w, "baseline.plan", "{\"select\":\"all\",\"at\":\"empty\",\"bundle\":\"app\"}");
    assert_int_equal(number_of(plan, "totals.work"), 1);
    assert_int_equal(number_of(plan, "totals.not_needed"), 1);
    assert_int_equal(size_of(plan, "scripts"), 0);
    plan = ask(w, "baseline.plan", "{\"select\":\"name=a\",\"at\":\"V004\",\"bundle\":\"app\"}");
    ask(w, "baseline.start",
        "{\"select\":\"name=a\",\"at\":\"V004\",\"bundle\":\"app\",\"plan_digest\":\"%s\"}",
        text_of(plan, "plan_digest"));
    rollout_t *rollout = world_rollout(w);
    assert_int_equal(rollout->kind, KIND_BASELINE);
    assert_int_equal(rollout->target_position, 4);
    refused(w, "TENANT_IN_ROLLOUT", "baseline.start",
            "{\"select\":\"name=a\",\"at\":\"empty\",\"bundle\":\"app\"}");
    world_work(w, NOTHING);
    assert_int_equal(rollout->state, ROLLOUT_SUCCEEDED);
    refused(w, "INVALID", "baseline.plan",
            "{\"select\":\"all\",\"at\":\"V044\",\"bundle\":\"app\"}");
    refused(w, "INVALID", "baseline.plan", "{\"at\":\"empty\",\"bundle\":\"app\"}");
}

static void backups_are_made(void **state) {
    world_t *w = *state;
    world_put_many(w, 3, 3);
    world_put(w, &(world_tenant_t){.n = 9, .name = "z", .position = -1});
    ask(w, "backup.create", "{\"select\":\"all\",\"reason\":\"before the holidays\"}");
    rollout_t *rollout = world_rollout(w);
    assert_int_equal(rollout->kind, KIND_BACKUP);
    assert_string_equal(rollout->application, "app");
    assert_string_equal(rollout->recovery_kind, "dump");
    assert_int_equal(rollout->task_count, 4);
    assert_int_equal(rollout->tasks[3].state, TASK_REFUSED);
    world_work(w, NOTHING);
    json_t *status = ask(w, "rollout.status", "{}");
    assert_int_equal(number_of(status, "counts.succeeded"), 3);
    refused(w, "INVALID", "backup.create", "{}");
    refused(w, "INVALID", "backup.create", "{\"select\":\"all\",\"tenant\":\"z\"}");
    refused(w, "NOT_FOUND", "backup.create", "{\"tenant\":\"nobody\"}");
    refused(w, "TENANT_NO_LEDGER", "backup.create", "{\"tenant\":\"z\"}");
    world_put(w, &(world_tenant_t){.n = 8, .name = "y", .position = 1, .application = "shop"});
    refused(w, "INVALID", "backup.create", "{\"select\":\"all\"}");
    assert_non_null(strstr(w->answer.error.message, "shop"));
    ask(w, "backup.create", "{\"select\":\"all\",\"application\":\"shop\"}");
}

static void backups_are_listed(void **state) {
    world_t *w = *state;
    int pages = 0;
    world_put_many(w, 2, 3);
    for (uint32_t i = 0; i < 1100; i++) {
        char reference[32];
        (void)snprintf(reference, sizeof reference, "b%04u", i);
        put_backup(w, 1 + i % 2, reference, "dump");
    }
    json_t *all = ask_all(w, "backup.list", json_object(), &pages);
    assert_int_equal(size_of(all, "backups"), 1100);
    assert_string_equal(text_of(all, "backups.0.backup"), "b1099");
    assert_string_equal(text_of(all, "backups.0.name"), "tenant00001");
    assert_true(pages >= 3);
    json_decref(all);
    all = ask_all(w, "backup.list", json_pack("{s:s}", "tenant", "tenant00000"), NULL);
    assert_int_equal(size_of(all, "backups"), 550);
    json_decref(all);
    all = ask_all(w, "backup.list", json_pack("{s:s}", "select", "name=tenant00000"), NULL);
    assert_int_equal(size_of(all, "backups"), 550);
    json_decref(all);
    json_t *one = ask(w, "backup.show", "{\"backup\":\"b0007\"}");
    assert_string_equal(text_of(one, "backup.name"), "tenant00001");
    refused(w, "INVALID", "backup.show", "{\"backup\":\"b00\"}");
    refused(w, "NOT_FOUND", "backup.show", "{\"backup\":\"c\"}");
}

static void a_backup_is_checked_and_used(void **state) {
    world_t *w = *state;
    world_put_many(w, 2, 5);
    put_backup(w, 1, DUMP_1, "dump");
    put_backup(w, 2, "snap-1", "external");
    ask(w, "backup.check", "{\"backup\":\"00000000\"}");
    rollout_t *rollout = world_rollout(w);
    assert_int_equal(rollout->kind, KIND_BACKUP_CHECK);
    assert_string_equal(rollout->trial_restore, "never");
    assert_string_equal(rollout->tasks[0].reference, DUMP_1);
    world_work(w, NOTHING);
    refused(w, "RESTORE_REFUSED", "backup.restore", "{\"backup\":\"" DUMP_1 "\"}");
    assert_non_null(strstr(w->answer.error.message, "1970-"));
    refused(w, "RECOVERY_POINT", "backup.restore",
            "{\"backup\":\"snap-1\",\"accept_data_loss\":true}");
    ask(w, "backup.restore", "{\"backup\":\"" DUMP_1 "\",\"accept_data_loss\":true}");
    rollout = world_rollout(w);
    assert_int_equal(rollout->kind, KIND_RESTORE);
    assert_int_equal(rollout->target_position, 3);
    assert_int_equal(rollout->task_count, 1);
    ident_t tenant = id_of(1);
    assert_true(ident_equal(&rollout->tasks[0].tenant, &tenant));
    /* a restore swaps the database: nobody else may work in it */
    world_put(
        w, &(world_tenant_t){.n = 1, .name = "tenant00000", .position = 1, .application = "shop"});
    (void)world_push(w, "migrations/example", "shop");
    json_t *plan =
        ask(w, "rollback.plan",
            "{\"select\":\"name=tenant00000\",\"to\":\"empty\",\"application\":\"shop\"}");
    assert_string_equal(text_of(plan, "refused.0.code"), "DRV-6011");
    refused(w, "TENANT_IN_ROLLOUT", "backup.restore",
            "{\"backup\":\"" DUMP_1 "\",\"application\":\"app\",\"accept_data_loss\":true}");
}

static void old_backups_are_pruned(void **state) {
    world_t *w = *state;
    world_put_many(w, 1, 3);
    for (uint32_t i = 0; i < 5; i++) {
        char reference[32];
        (void)snprintf(reference, sizeof reference, "b%u", i);
        put_backup(w, 1, reference, "dump");
    }
    w->now_us += 1000000;
    json_t *plan = ask(w, "backup.prune_plan", "{\"keep_count\":2,\"keep_us\":1000}");
    assert_int_equal(size_of(plan, "backups"), 3);
    assert_string_equal(text_of(plan, "backups.0.backup"), "b2");
    assert_int_equal(size_of(plan, "tenants"), 1);
    plan = ask(w, "backup.prune_plan", "{\"keep_count\":2,\"keep_us\":10000000}");
    assert_int_equal(size_of(plan, "backups"), 0);
    ask(w, "backup.prune", "{\"keep_count\":2,\"keep_us\":1000}");
    rollout_t *rollout = world_rollout(w);
    assert_int_equal(rollout->kind, KIND_PRUNE);
    assert_int_equal(rollout->prune_keep_count, 2);
    assert_int_equal(rollout->prune_keep_us, 1000);
    world_work(w, NOTHING);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(tenants_are_taken_on),   WORLD_TEST(backups_are_made),
        WORLD_TEST(backups_are_listed),     WORLD_TEST(a_backup_is_checked_and_used),
        WORLD_TEST(old_backups_are_pruned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
