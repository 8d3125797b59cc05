/* fleet.c: agents, clusters, tenants, history, audit and bundles as documents. */
#include "coordinator/store/store_agent.h"
#include "coordinator/store/store_audit.h"
#include "coordinator/store/store_report.h"
#include "tests/unit/coordinator/service/world.h"

static void tenants_are_listed(void **state) {
    world_t *w = *state;
    world_put(w, &(world_tenant_t){.n = 1, .name = "acme", .position = 3, .label = "tier=gold"});
    world_put(w,
              &(world_tenant_t){.n = 2, .name = "beta", .position = -1, .cluster = OTHER_CLUSTER});
    world_put(
        w, &(world_tenant_t){.n = 3, .name = "gamma", .position = 4, .problem_code = "DRV-3026"});
    json_t *list = ask(w, "tenants.list", "{}");
    assert_int_equal(size_of(list, "tenants"), 3);
    assert_string_equal(text_of(list, "tenants.0.name"), "acme");
    assert_string_equal(text_of(list, "tenants.0.cluster"), "east");
    assert_string_equal(text_of(list, "tenants.0.agent"), "host1");
    assert_string_equal(text_of(list, "tenants.0.labels.tier"), "gold");
    assert_string_equal(text_of(list, "tenants.0.applications.0.version"), "V003");
    assert_int_equal(size_of(list, "tenants.1.applications"), 0);
    assert_string_equal(text_of(list, "tenants.2.problem_code"), "DRV-3026");
    assert_int_equal(number_of(list, "tenants.0.late"), false);
    static const struct {
        const char *selector;
        size_t count;
    } SELECTORS[] = {{"tier=gold", 1},  {"cluster=west", 1}, {"version=V003", 1},
                     {"!tier", 2},      {"agent=host1", 3},  {"name in (acme,beta)", 2},
                     {"name=nobody", 0}};
    for (size_t i = 0; i < sizeof SELECTORS / sizeof SELECTORS[0]; i++) {
        list = ask(w, "tenants.list", "{\"select\":\"%s\"}", SELECTORS[i].selector);
        assert_int_equal(size_of(list, "tenants"), SELECTORS[i].count);
    }
    w->now_us += INT64_C(3600000000);
    list = ask(w, "tenants.list", "{}");
    assert_int_equal(number_of(list, "tenants.0.late"), true);
}

static void clones_are_shown(void **state) {
    world_t *w = *state;
    world_put(w, &(world_tenant_t){.n = 1, .name = "acme", .position = 3});
    world_put(w,
              &(world_tenant_t){.n = 1, .name = "acme", .position = 3, .cluster = OTHER_CLUSTER});
    json_t *list = ask(w, "tenants.list", "{}");
    assert_int_equal(size_of(list, "tenants"), 2);
    assert_int_equal(number_of(list, "tenants.0.clone"), false);
    assert_int_equal(number_of(list, "tenants.1.clone"), true);
    assert_string_equal(text_of(list, "tenants.1.cluster"), "west");
}

static void many_tenants_come_in_pages(void **state) {
    world_t *w = *state;
    int pages = 0;
    world_put_many(w, 2500, 1);
    json_t *all = ask_all(w, "tenants.list", json_object(), &pages);
    assert_int_equal(size_of(all, "tenants"), 2500);
    for (size_t i = 0; i < 2500; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "tenant%05zu", i);
        assert_string_equal(text_of(json_array_get(json_object_get(all, "tenants"), i), "name"),
                            name);
    }
    assert_true(pages >= 5);
    json_decref(all);
    all = ask_all(w, "tenants.list",
                  json_pack("{s:s}", "select", "name in (tenant00001,tenant02499)"), &pages);
    assert_int_equal(size_of(all, "tenants"), 2);
    json_decref(all);
    all = ask_all(w, "tenants.list", json_pack("{s:i}", "limit", 100), &pages);
    assert_int_equal(size_of(all, "tenants"), 2500);
    assert_int_equal(pages, 25);
    json_decref(all);
}

static void agents_and_clusters_are_listed(void **state) {
    world_t *w = *state;
    world_put_many(w, 3, 1);
    (void)world_dispatch(w); /* the agent takes both leases */
    json_t *list = ask(w, "clusters.list", "{}");
    assert_int_equal(size_of(list, "clusters"), 2);
    assert_string_equal(text_of(list, "clusters.0.name"), "east");
    assert_string_equal(text_of(list, "clusters.0.id"), "42");
    assert_string_equal(text_of(list, "clusters.0.agent"), "host1");
    assert_int_equal(number_of(list, "clusters.0.leased"), true);
    assert_int_equal(number_of(list, "clusters.0.tenants"), 2);
    /* a beat says that it is still there; a reading is news only where something changed */
    const agent_key_t host = key_of(1);
    OK(w, store_begin(w->store, &w->err));
    OK(w, store_agent_touch(w->store, &host, w->now_us + 77, &w->err));
    OK(w, store_commit(w->store, &w->err));
    assert_true(number_of(list, "clusters.0.last_seen_us") < w->now_us + 77);
    int64_t touched_us = w->now_us + 77;
    list = ask(w, "clusters.list", "{}");
    assert_true(number_of(list, "clusters.0.last_seen_us") == touched_us);
    list = ask(w, "agents.list", "{}");
    assert_int_equal(size_of(list, "agents"), 1);
    assert_string_equal(text_of(list, "agents.0.name"), "host1");
    assert_int_equal(number_of(list, "agents.0.tenants"), 3);
    json_t *all = ask(w, "coordinator.show", "{}");
    assert_int_equal(number_of(all, "tenants"), 3);
    assert_int_equal(number_of(all, "clusters"), 2);
}

static void one_tenant_is_shown(void **state) {
    world_t *w = *state;
    world_put_many(w, 2, 1);
    ask(w, "backup.create", "{\"tenant\":\"tenant00000\",\"name\":\"night\"}");
    json_t *one = ask(w, "tenant.show", "{\"tenant\":\"tenant00000\"}");
    assert_string_equal(text_of(one, "tenant.name"), "tenant00000");
    assert_int_equal(size_of(one, "open_rollouts"), 1);
    assert_string_equal(text_of(one, "open_rollouts.0.name"), "night");
    assert_string_equal(text_of(one, "open_rollouts.0.task"), "ready");
    refused(w, "NOT_FOUND", "tenant.show", "{\"tenant\":\"nobody\"}");
    refused(w, "INVALID", "tenant.show", "{}");
}

/* count reports of a job and as many audit rows, in turns. */
static void put_history(world_t *w, const task_t *task, uint32_t count) {
    OK(w, store_begin(w->store, &w->err));
    for (uint32_t i = 0; i < count; i++) {
        bool fresh = false;
        report_row_t report = {.agent = key_of(1),
                               .state = id_of(7),
                               .number = i + 1,
                               .job = task->job,
                               .attempt = id_of(8),
                               .tenant = task->tenant,
                               .step = 3,
                               .outcome = 2,
                               .position = 4,
                               .error_code = "",
                               .sqlstate = "",
                               .message = "",
                               .sql_digest = digest_of(9),
                               .started_us = 1000 + 10 * i,
                               .finished_us = 1000 + 10 * i};
        audit_row_t audit = {.time_us = 1005 + 10 * i,
                             .actor = "ada",
                             .action = "something",
                             .tenant = task->tenant,
                             .result = "ok"};
        audit_row_t echo = {.time_us = 1001 + 10 * i, /* the same, as link/reports.c has it */
                            .actor = "host1",
                            .action = "apply",
                            .tenant = task->tenant,
                            .sql_digest = digest_of(9),
                            .result = "ok"};
        OK(w, store_report_insert(w->store, &report, &fresh, &w->err));
        OK(w, store_audit_append(w->store, &echo, &w->err));
        OK(w, store_audit_append(w->store, &audit, &w->err));
    }
    OK(w, store_commit(w->store, &w->err));
}

static void a_history_merges_reports_and_orders(void **state) {
    world_t *w = *state;
    int pages = 0;
    world_put_many(w, 1, 3);
    ask(w, "rollout.start",
        "{\"name\":\"first\",\"spec\":\"bundle: app\\ntarget: latest\\nselect: all\\n"
        "waves: [{name: a, rest: true}]\"}");
    put_history(w, &world_rollout(w)->tasks[0], 600);
    json_t *all = ask_all(w, "history", json_pack("{s:s}", "tenant", "tenant00000"), &pages);
    assert_true(pages >= 3);
    assert_int_equal(size_of(all, "events"), 1200);
    int64_t before = INT64_MAX;
    for (size_t i = 0; i < 1200; i++) {
        const json_t *event = json_array_get(json_object_get(all, "events"), i);
        assert_true(number_of(event, "time_us") < before);
        before = number_of(event, "time_us");
        assert_string_equal(text_of(event, "kind"), i % 2 == 0 ? "audit" : "report");
        assert_string_equal(text_of(event, "actor"), "ada");
    }
    assert_string_equal(text_of(all, "events.1.step"), "apply");
    assert_string_equal(text_of(all, "events.1.outcome"), "done");
    assert_string_equal(text_of(all, "events.1.version"), "V004");
    assert_string_equal(text_of(all, "events.1.rollout_name"), "first");
    assert_int_equal(strlen(text_of(all, "events.1.sql_digest")), 64);
    json_decref(all);
}

static void the_audit_log_is_filtered(void **state) {
    world_t *w = *state;
    world_put_many(w, 2, 3);
    ask(w, "backup.create", "{\"tenant\":\"tenant00000\",\"name\":\"night\"}");
    refused(w, "ROLLOUT_STATE", "rollout.resume", "{\"rollout\":\"night\"}");
    ask(w, "rollout.pause", "{\"rollout\":\"night\"}");
    assert_int_equal(size_of(ask(w, "audit.list", "{}"), "rows"), 3);
    assert_int_equal(size_of(ask(w, "audit.list", "{\"rollout\":\"night\"}"), "rows"), 3);
    assert_int_equal(size_of(ask(w, "audit.list", "{\"actor\":\"bob\"}"), "rows"), 0);
    json_t *log = ask(w, "audit.list", "{\"action\":\"rollout.resume\"}");
    assert_int_equal(size_of(log, "rows"), 1);
    assert_string_equal(text_of(log, "rows.0.result"), "DRV-6007");
    assert_int_equal(size_of(ask(w, "audit.list", "{\"until_us\":%lld}",
                                 (long long)number_of(log, "rows.0.time_us")),
                             "rows"),
                     1);
    json_t *all = ask_all(w, "audit.list", json_pack("{s:i}", "limit", 1), NULL);
    assert_int_equal(size_of(all, "rows"), 3);
    assert_string_equal(text_of(all, "rows.0.action"), "rollout.pause");
    json_decref(all);
}

static void bundles_are_listed_and_shown(void **state) {
    world_t *w = *state;
    digest_t next = world_push(w, WORLD_EXAMPLE_NEXT, "app");
    char text[DIGEST_TEXT_SIZE];
    json_t *list = ask(w, "bundles.list", "{}");
    assert_int_equal(size_of(list, "bundles"), 2);
    assert_string_equal(text_of(list, "bundles.0.head"), "V011");
    json_t *all =
        ask_all(w, "bundle.show", json_pack("{s:s,s:b}", "bundle", "app", "sql", 1), NULL);
    assert_string_equal(text_of(all, "bundle.digest"), digest_text(&next, text));
    assert_int_equal(size_of(all, "migrations"), 11);
    assert_string_equal(text_of(all, "migrations.0.scripts.0.kind"), "up");
    assert_non_null(strstr(text_of(all, "migrations.0.scripts.0.sql"), "CREATE"));
    json_decref(all);
    json_t *old = ask(w, "bundle.show", "{\"bundle\":\"app@V010\"}");
    assert_int_equal(size_of(old, "migrations"), 10);
    refused(w, "BUNDLE_UNKNOWN", "bundle.show", "{\"bundle\":\"other\"}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(tenants_are_listed),         WORLD_TEST(clones_are_shown),
        WORLD_TEST(many_tenants_come_in_pages), WORLD_TEST(agents_and_clusters_are_listed),
        WORLD_TEST(one_tenant_is_shown),        WORLD_TEST(a_history_merges_reports_and_orders),
        WORLD_TEST(the_audit_log_is_filtered),  WORLD_TEST(bundles_are_listed_and_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
