/* rollouts.c: planned, started, watched, steered. */
#include "common/base/clock.h"
#include "tests/unit/coordinator/service/world.h"

#define SPEC                                                                                       \
    "bundle: app\\ntarget: latest\\nselect: all\\nwaves:\\n"                                       \
    "  - {name: canary, count: 2}\\n  - {name: rest, rest: true}\\n"
#define SPEC_OF(select, more)                                                                      \
    "bundle: app\\ntarget: V010\\nselect: \\\"" select "\\\"\\nwaves:\\n"                          \
    "  - {name: canary, count: 2}\\n  - {name: rest, rest: true}\\n" more

static const world_outcome_t NOTHING[] = {{0}};

static void a_plan_tells_who_and_what(void **state) {
    world_t *w = *state;
    world_put(w, &(world_tenant_t){.n = 1, .name = "acme", .position = 3, .label = "tier=gold"});
    world_put(w, &(world_tenant_t){.n = 2, .name = "beta", .position = HEAD});
    world_put(
        w, &(world_tenant_t){.n = 3, .name = "clone", .position = 3, .problem_code = "DRV-3021"});
    world_put(w, &(world_tenant_t){.n = 4, .name = "delta", .position = -1});
    json_t *plan = ask(w, "rollout.plan", "{\"spec\":\"%s\"}", SPEC);
    assert_int_equal(strlen(text_of(plan, "plan_digest")), 64);
    assert_string_equal(text_of(plan, "kind"), "forward");
    assert_string_equal(text_of(plan, "target_version"), "V010");
    assert_int_equal(size_of(plan, "waves"), 2);
    assert_int_equal(size_of(plan, "tenants"), 1);
    assert_string_equal(text_of(plan, "tenants.0.name"), "acme");
    assert_string_equal(text_of(plan, "tenants.0.from_version"), "V003");
    assert_string_equal(text_of(plan, "tenants.0.to_version"), "V010");
    assert_string_equal(text_of(plan, "tenants.0.cluster"), "east");
    assert_int_equal(number_of(plan, "tenants.0.steps"), 7);
    assert_string_equal(text_of(plan, "passed_over.0.name"), "beta");
    assert_non_null(strstr(text_of(plan, "passed_over.0.reason"), "as inventory tells"));
    assert_int_equal(size_of(plan, "refused"), 2);
    assert_string_equal(text_of(plan, "refused.0.code"), "DRV-3021");
    assert_string_equal(text_of(plan, "refused.1.code"), "DRV-3022");
    assert_int_equal(number_of(plan, "totals.selected"), 4);
    assert_int_equal(number_of(plan, "totals.steps"), 7);
    assert_int_equal(size_of(plan, "scripts"), 7);
    assert_string_equal(text_of(plan, "scripts.0.version"), "V004");
    assert_non_null(strstr(text_of(plan, "scripts.0.sql"), "CREATE"));
    assert_int_equal(number_of(plan, "inventory.late"), false);
    /* what was left open is pinned */
    assert_non_null(strstr(text_of(plan, "spec"), "target: \"V010\""));
    assert_null(strstr(text_of(plan, "spec"), "bundle: \"app\""));
    plan = ask(w, "rollout.plan", "{\"spec\":\"%s\",\"sql\":false}", SPEC);
    assert_null(json_object_get(json_array_get(json_object_get(plan, "scripts"), 0), "sql"));
    assert_int_equal(engine_rollout_count(w->engine), 0);
}

/* An agent gave a job back unbegun: what it waits for is told, while the task waits or is ready. */
static void what_is_held_back_is_named(void **state) {
    world_t *w = *state;
    world_put_many(w, 3, 0);
    (void)ask(w, "rollout.start", "{\"spec\":\"%s\",\"name\":\"first\"}", SPEC);
    assert_int_equal(world_dispatch(w), 2);
    json_t *status = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(status, "clusters.0.blocker"), "");
    assert_int_equal(number_of(status, "clusters.0.given_back"), 0);
    static const world_outcome_t HELD[] = {
        {.tenant = "tenant00000", .event = TASK_EVENT_TRANSIENT, .code = ERROR_FLEET_HELD}, {0}};
    world_work(w, HELD);
    const task_t *task = &world_rollout(w)->tasks[0];
    assert_int_equal(task->state, TASK_WAITING);
    status = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(status, "clusters.0.blocker"),
                        "given back unbegun, and tried again: what went wrong");
    assert_string_equal(text_of(status, "clusters.0.code"), "DRV-7048");
    assert_string_equal(text_of(status, "clusters.0.hint"), error_code_hint(ERROR_FLEET_HELD));
    assert_int_equal(number_of(status, "clusters.0.given_back"), 1);
}

static void bad_specs_change_nothing(void **state) {
    world_t *w = *state;
    world_put_many(w, 3, 0);
    refused(w, "INVALID", "rollout.plan", "{}");
    refused(w, "SPEC_INVALID", "rollout.plan", "{\"spec\":\"nonsense: 1\"}");
    refused(w, "SPEC_INVALID", "rollout.start", "{\"spec\":\"nonsense: 1\"}");
    refused(w, "SELECTS_NOTHING", "rollout.start", "{\"spec\":\"%s\"}", SPEC_OF("tier=none", ""));
    assert_non_null(strstr(w->answer.error.message, "tier=none"));
    refused(w, "BUNDLE_UNKNOWN", "rollout.start", "{\"spec\":\"%s\",\"bundle\":\"another\"}", SPEC);
    refused(
        w, "SPEC_INVALID", "rollout.start",
        "{\"spec\":\"bundle: app\\ntarget: V099\\nselect: all\\nwaves: [{name: a, rest: true}]\"}");
    assert_non_null(strstr(w->answer.error.message, "V010"));
    refused(w, "SPEC_INVALID", "rollout.start",
            "{\"spec\":\"bundle: app\\napplication: shop\\ntarget: latest\\nselect: all\\n"
            "waves: [{name: a, rest: true}]\"}");
    refused(w, "INVALID", "rollout.start", "{\"spec\":\"%s\",\"plan_digest\":\"12\"}", SPEC);
}

static void nothing_but_refusals_does_not_start(void **state) {
    world_t *w = *state;
    world_put(w, &(world_tenant_t){.n = 1, .name = "acme", .position = -1});
    refused(w, "TENANT_NO_LEDGER", "rollout.start", "{\"spec\":\"%s\"}", SPEC);
    assert_non_null(strstr(w->answer.error.message, "acme"));
    world_put(w, &(world_tenant_t){.n = 2, .name = "beta", .position = HEAD});
    ask(w, "rollout.start", "{\"spec\":\"%s\"}", SPEC);
    assert_int_equal(world_rollout(w)->state, ROLLOUT_INCOMPLETE);
}

static void a_stale_plan_is_refused(void **state) {
    world_t *w = *state;
    world_put_many(w, 5, 0);
    char digest[DIGEST_TEXT_SIZE];
    (void)snprintf(digest, sizeof digest, "%s",
                   text_of(ask(w, "rollout.plan", "{\"spec\":\"%s\"}", SPEC), "plan_digest"));
    world_put(w, &(world_tenant_t){.n = 1, .name = "tenant00000", .position = 2});
    refused(w, "PLAN_STALE", "rollout.start", "{\"spec\":\"%s\",\"plan_digest\":\"%s\"}", SPEC,
            digest);
    (void)snprintf(digest, sizeof digest, "%s",
                   text_of(ask(w, "rollout.plan", "{\"spec\":\"%s\"}", SPEC), "plan_digest"));
    json_t *start =
        ask(w, "rollout.start", "{\"spec\":\"%s\",\"plan_digest\":\"%s\"}", SPEC, digest);
    assert_string_equal(text_of(start, "plan_digest"), digest);
}

static void a_saved_plan_starts_as_it_was_shown(void **state) {
    world_t *w = *state;
    world_put_many(w, 5, 0);
    json_t *plan = json_incref(ask(w, "rollout.plan", "{\"spec\":\"%s\"}", SPEC));
    json_t *arguments = json_pack("{s:O,s:O}", "spec", json_object_get(plan, "spec"), "plan_digest",
                                  json_object_get(plan, "plan_digest"));
    char *text = json_dumps(arguments, JSON_COMPACT);
    /* a newer bundle does not change what was pinned */
    (void)world_push(w, WORLD_EXAMPLE_NEXT, "app");
    ask(w, "rollout.start", "%s", text);
    assert_int_equal(world_rollout(w)->target_position, HEAD);
    free(text);
    json_decref(arguments);
    json_decref(plan);
}

static void a_rollout_runs_to_its_end(void **state) {
    world_t *w = *state;
    world_put_many(w, 5, 3);
    world_put(w, &(world_tenant_t){.n = 6, .name = "zeta", .position = HEAD});
    json_t *start = ask(w, "rollout.start", "{\"spec\":\"%s\",\"name\":\"first\"}", SPEC);
    assert_string_equal(text_of(start, "state"), "running");
    rollout_t *rollout = world_rollout(w);
    assert_int_equal(rollout->waves[0].state, WAVE_OPEN);
    assert_true(rollout->waves[0].canary);
    assert_int_equal(world_dispatch(w), 2); /* the canaries alone */
    json_t *status = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_int_equal(number_of(status, "counts.dispatched"), 2);
    assert_int_equal(number_of(status, "counts.not_needed"), 1);
    assert_int_equal(number_of(status, "in_flight"), 2);
    assert_string_equal(text_of(status, "waves.0.state"), "open");
    assert_string_equal(text_of(status, "waves.0.target_version"), "V010");
    world_work(w, NOTHING);
    status = ask(w, "rollout.status", "{}");
    assert_string_equal(text_of(status, "state"), "succeeded");
    assert_int_equal(number_of(status, "over"), true);
    assert_int_equal(number_of(status, "not_at_target"), 0);
    assert_int_equal(number_of(status, "counts.succeeded"), 5);
    json_t *tasks = ask(w, "rollout.tasks", "{\"states\":[\"succeeded\"],\"wave\":1}");
    assert_int_equal(size_of(tasks, "tasks"), 3);
    assert_string_equal(text_of(tasks, "tasks.0.version"), "V010");
    assert_string_equal(text_of(tasks, "tasks.0.from_version"), "V003");
    refused(w, "INVALID", "rollout.tasks", "{\"states\":[\"happy\"]}");
    json_t *report = ask_all(w, "rollout.report", json_object(), NULL);
    assert_int_equal(size_of(report, "tasks"), 6);
    assert_int_equal(number_of(report, "task_count"), 6);
    assert_true(size_of(report, "events") >= 1);
    assert_string_equal(text_of(report, "state"), "succeeded");
    assert_non_null(strstr(text_of(report, "spec"), "canary"));
    json_decref(report);
}

static void everybody_at_the_target_is_over_at_once(void **state) {
    world_t *w = *state;
    world_put_many(w, 5, HEAD);
    ask(w, "rollout.start", "{\"spec\":\"%s\"}", SPEC);
    assert_int_equal(world_rollout(w)->state, ROLLOUT_SUCCEEDED);
    assert_int_equal(world_dispatch(w), 0);
}

/* Inventory's word is taken unless somebody wants to see. */
static void those_at_the_target_are_looked_at(void **state) {
    static const world_outcome_t SEEN[] = {
        {"beta", TASK_EVENT_NOT_NEEDED, HEAD, false, ERROR_NONE},
        {"delta", TASK_EVENT_DONE, HEAD, true, ERROR_NONE},
        {"gamma", TASK_EVENT_REFUSED, HEAD, false, ERROR_TENANT_DRIFT},
        {0}};
    world_t *w = *state;
    world_put(w, &(world_tenant_t){.n = 1, .name = "acme", .position = 3});
    world_put(w, &(world_tenant_t){.n = 2, .name = "beta", .position = HEAD});
    world_put(w, &(world_tenant_t){.n = 3, .name = "gamma", .position = HEAD});
    world_put(w, &(world_tenant_t){.n = 4, .name = "delta", .position = HEAD});
    json_t *plan = ask(w, "rollout.plan", "{\"spec\":\"%s\",\"look\":true}", SPEC);
    assert_int_equal(size_of(plan, "tenants"), 1);
    assert_int_equal(size_of(plan, "passed_over"), 0);
    assert_int_equal(size_of(plan, "looked_at"), 3);
    assert_string_equal(text_of(plan, "looked_at.0.name"), "beta");
    assert_non_null(strstr(text_of(plan, "looked_at.0.reason"), "stands at V010 as inventory"));
    assert_int_equal(number_of(plan, "totals.look"), 3);
    assert_int_equal(number_of(plan, "totals.work"), 1);
    assert_int_equal(number_of(plan, "totals.steps"), 7);
    assert_int_equal(number_of(plan, "waves.0.look"), 1);
    /* what was asked for beside the spec stands in the plan's, and so in a saved one */
    assert_non_null(strstr(text_of(plan, "spec"), "look: true"));
    json_t *start = ask(w, "rollout.start", "{\"spec\":\"%s\"}", SPEC_OF("all", "look: true\\n"));
    assert_int_equal(number_of(start, "totals.look"), 3);
    refused(w, "TENANT_IN_ROLLOUT", "rollout.start", "{\"spec\":\"%s\",\"look\":true}", SPEC);
    world_work(w, SEEN);
    json_t *status = ask(w, "rollout.status", "{}");
    assert_string_equal(text_of(status, "state"), "paused"); /* what drifted counts as a failure */
    assert_int_equal(number_of(status, "evidence.verified"), 3);
    assert_int_equal(number_of(status, "touched"), 2); /* one was behind, and was brought there */
    assert_int_equal(number_of(status, "evidence.inventory"), 0);
    json_t *tasks = ask(w, "rollout.tasks", "{}");
    assert_string_equal(text_of(tasks, "tasks.1.name"), "beta");
    assert_string_equal(text_of(tasks, "tasks.1.state"), "not_needed");
    assert_string_equal(text_of(tasks, "tasks.1.evidence"), "verified");
    assert_true(number_of(tasks, "tasks.1.evidence_at_us") > 0);
    assert_string_equal(text_of(tasks, "tasks.3.evidence"), "");
}

/* Without a look nobody is called verified, and the age of what is believed is told. */
static void inventory_is_never_called_verified(void **state) {
    world_t *w = *state;
    world_put(w, &(world_tenant_t){.n = 2, .name = "beta", .position = HEAD});
    int64_t seen_us = w->now_us;
    w->now_us += 90 * US_PER_S;
    ask(w, "rollout.start", "{\"spec\":\"%s\"}", SPEC);
    json_t *status = ask(w, "rollout.status", "{}");
    assert_int_equal(number_of(status, "evidence.verified"), 0);
    assert_int_equal(number_of(status, "evidence.inventory"), 1);
    assert_true(number_of(status, "evidence.age_us") >= 90 * US_PER_S);
    json_t *tasks = ask(w, "rollout.tasks", "{}");
    assert_string_equal(text_of(tasks, "tasks.0.evidence"), "inventory");
    assert_true(number_of(tasks, "tasks.0.evidence_at_us") <= seen_us);
    assert_true(number_of(tasks, "tasks.0.evidence_at_us") > 0);
}

static void a_tenant_is_in_one_rollout_at_a_time(void **state) {
    world_t *w = *state;
    world_put_many(w, 3, 0);
    ask(w, "rollout.start", "{\"spec\":\"%s\",\"name\":\"first\"}", SPEC);
    refused(w, "TENANT_IN_ROLLOUT", "rollout.start", "{\"spec\":\"%s\"}", SPEC);
    assert_non_null(strstr(w->answer.error.message, "first"));
    world_put(w, &(world_tenant_t){.n = 9, .name = "zeta", .position = 0});
    json_t *plan = ask(w, "rollout.plan", "{\"spec\":\"%s\"}", SPEC);
    assert_int_equal(size_of(plan, "tenants"), 1);
    assert_string_equal(text_of(plan, "refused.0.code"), "DRV-6011");
    /* backups stand in nobody's way */
    ask(w, "backup.create", "{\"select\":\"all\"}");
    world_work(w, NOTHING);
    plan = ask(w, "rollout.plan", "{\"spec\":\"%s\"}", SPEC);
    assert_int_equal(size_of(plan, "refused"), 0);
}

static void it_is_paused_resumed_and_stopped(void **state) {
    world_t *w = *state;
    world_put_many(w, 3, 0);
    ask(w, "rollout.start", "{\"spec\":\"%s\",\"name\":\"first\"}", SPEC);
    refused(w, "ROLLOUT_STATE", "rollout.resume", "{\"rollout\":\"first\"}");
    refused(w, "NOT_FOUND", "rollout.pause", "{\"rollout\":\"second\"}");
    refused(w, "INVALID", "rollout.pause", "{}");
    json_t *answer = ask(w, "rollout.pause", "{\"rollout\":\"first\",\"reason\":\"lunch\"}");
    assert_string_equal(text_of(answer, "state"), "paused");
    assert_non_null(strstr(text_of(answer, "reason"), "lunch"));
    assert_int_equal(world_dispatch(w), 0);
    refused(w, "ROLLOUT_STATE", "rollout.pause", "{\"rollout\":\"first\"}");
    ask(w, "rollout.resume", "{\"rollout\":\"first\"}");
    assert_int_equal(world_dispatch(w), 2);
    answer = ask(w, "rollout.stop", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(answer, "state"), "stopping");
    assert_int_equal(number_of(answer, "in_flight"), 2);
    /* again: whoever is unknown is given up, what is at work is still waited for */
    answer = ask(w, "rollout.stop", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(answer, "state"), "stopping");
    assert_int_equal(number_of(answer, "in_flight"), 2);
    world_work(w, NOTHING);
    assert_string_equal(text_of(ask(w, "rollout.status", "{}"), "state"), "stopped");
    refused(w, "ROLLOUT_STATE", "rollout.stop", "{\"rollout\":\"first\"}");
    refused(w, "ROLLOUT_STATE", "rollout.retry", "{\"rollout\":\"first\"}");
}

static const world_outcome_t TWO_FAIL[] = {
    {"tenant00000", TASK_EVENT_FAILED, 2, true, ERROR_CHECK_FAILED},
    {"tenant00001", TASK_EVENT_FAILED, 0, false, ERROR_DB_SQL},
    {0}};

static void failures_are_tried_again(void **state) {
    world_t *w = *state;
    world_put_many(w, 4, 0);
    ask(w, "rollout.start", "{\"spec\":\"%s\",\"name\":\"first\"}", SPEC);
    refused(w, "ROLLOUT_STATE", "rollout.retry", "{\"rollout\":\"first\"}");
    world_work(w, TWO_FAIL);
    json_t *status = ask(w, "rollout.status", "{}");
    assert_string_equal(text_of(status, "state"), "paused");
    assert_int_equal(size_of(status, "failures"), 2);
    assert_string_equal(text_of(status, "failures.0.error"), "what went wrong");
    /* one alone would fail the wave again at once */
    refused(w, "ROLLOUT_STATE", "rollout.retry",
            "{\"rollout\":\"first\",\"tenants\":[\"tenant00000\"]}");
    refused(w, "NOT_FOUND", "rollout.retry", "{\"rollout\":\"first\",\"tenants\":[\"nobody\"]}");
    refused(w, "ROLLOUT_STATE", "rollout.retry",
            "{\"rollout\":\"first\",\"tenants\":[\"tenant00003\"]}");
    json_t *answer = ask(w, "rollout.retry",
                         "{\"rollout\":\"first\",\"tenants\":[\"tenant00001\",\"tenant00000\"]}");
    assert_string_equal(text_of(answer, "state"), "running");
    assert_int_equal(number_of(answer, "retried"), 2);
    assert_int_equal(world_rollout(w)->waves[0].forgiven, 0);
    world_work(w, TWO_FAIL);
    ask(w, "rollout.retry", "{\"rollout\":\"first\"}");
    world_work(w, NOTHING);
    assert_string_equal(text_of(ask(w, "rollout.status", "{}"), "state"), "succeeded");
}

/* An agent refuses an order that is older than one that it accepted for the tenant: said at once,
 * with what to type instead. */
static void an_older_order_is_not_tried_again(void **state) {
    world_t *w = *state;
    world_put_many(w, 4, 0);
    ask(w, "rollout.start", "{\"spec\":\"%s\",\"name\":\"first\"}",
        SPEC_OF("all", "on_failure: continue\\n"));
    ident_t first = world_rollout(w)->id;
    world_work(w, TWO_FAIL);
    engine_release(w->engine, &first);
    ask(w, "rollout.start", "{\"spec\":\"%s\",\"name\":\"second\"}",
        SPEC_OF("name=tenant00001", ""));
    ident_t second = world_rollout(w)->id;
    world_work(w, NOTHING);
    engine_release(w->engine, &second);
    refused(w, "ORDER_SUPERSEDED", "rollout.retry", "{\"rollout\":\"first\"}");
    assert_non_null(strstr(w->answer.error.message, "'second'"));
    assert_non_null(strstr(w->answer.error.message, "drover rollout start"));
    refused(w, "ORDER_SUPERSEDED", "rollout.retry",
            "{\"rollout\":\"first\",\"tenants\":[\"tenant00001\"]}");
    ask(w, "rollout.retry", "{\"rollout\":\"first\",\"tenants\":[\"tenant00000\"]}");
    world_work(w, NOTHING);
}

static void a_closed_rollout_is_tried_again(void **state) {
    world_t *w = *state;
    world_put_many(w, 4, 0);
    ask(w, "rollout.start", "{\"spec\":\"%s\",\"name\":\"first\"}",
        SPEC_OF("all", "on_failure: continue\\n"));
    ident_t id = world_rollout(w)->id;
    world_work(w, TWO_FAIL);
    assert_string_equal(text_of(ask(w, "rollout.status", "{}"), "state"), "incomplete");
    engine_release(w->engine, &id); /* as the loop does with what is over */
    json_t *tasks = ask(w, "rollout.tasks", "{\"states\":[\"failed\"]}");
    assert_int_equal(size_of(tasks, "tasks"), 2);
    assert_string_equal(text_of(tasks, "tasks.0.code"), "DRV-3030");
    ask(w, "rollout.start", "{\"spec\":\"%s\",\"name\":\"second\"}",
        SPEC_OF("name=tenant00001", ""));
    refused(w, "TENANT_IN_ROLLOUT", "rollout.retry", "{\"rollout\":\"first\"}");
    ask(w, "rollout.stop", "{\"rollout\":\"second\"}");
    ident_t second = world_rollout(w)->id;
    engine_release(w->engine, &second);
    ask(w, "rollout.retry", "{\"rollout\":\"first\",\"tenants\":[\"tenant00001\"]}");
    assert_int_equal(world_rollout(w)->state, ROLLOUT_RUNNING);
    world_work(w, NOTHING);
    json_t *status = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(status, "state"), "incomplete");
    assert_int_equal(number_of(status, "counts.failed"), 1);
    json_t *list = ask(w, "rollout.list", "{\"all\":true}");
    assert_int_equal(size_of(list, "rollouts"), 2);
    assert_int_equal(number_of(list, "rollouts.1.counts.succeeded"), 3);
    assert_int_equal(size_of(ask(w, "rollout.list", "{}"), "rollouts"), 0);
}

static void a_refusal_in_the_plan_spends_no_budget(void **state) {
    world_t *w = *state;
    world_put_many(w, 4, 0);
    world_put(w, &(world_tenant_t){.n = 90, .name = "aaa", .position = -1});
    ask(w, "rollout.start", "{\"spec\":\"%s\"}", SPEC);
    rollout_t *rollout = world_rollout(w);
    assert_int_equal(rollout->state, ROLLOUT_RUNNING);
    world_work(w, NOTHING);
    assert_int_equal(rollout->state, ROLLOUT_INCOMPLETE);
    json_t *tasks = ask(w, "rollout.tasks", "{\"states\":[\"refused\"]}");
    assert_string_equal(text_of(tasks, "tasks.0.name"), "aaa");
    assert_string_equal(text_of(tasks, "tasks.0.code"), "DRV-3022");
}

static void ten_thousand_come_in_pages(void **state) {
    world_t *w = *state;
    int pages = 0;
    world_put_many(w, 10000, 3);
    json_t *arguments = json_pack("{s:s}", "spec",
                                  "bundle: app\ntarget: V010\nselect: all\nwaves:\n"
                                  "  - {name: canary, count: 2}\n  - {name: rest, rest: true}\n");
    json_t *plan = ask_all(w, "rollout.plan", arguments, &pages);
    assert_true(pages >= 20);
    assert_int_equal(size_of(plan, "tenants"), 10000);
    assert_string_equal(text_of(plan, "tenants.9999.name"), "tenant09999");
    assert_int_equal(size_of(plan, "scripts"), 7);
    json_t *start = ask(w, "rollout.start", "{\"spec\":\"%s\",\"plan_digest\":\"%s\"}", SPEC,
                        text_of(plan, "plan_digest"));
    assert_int_equal(number_of(start, "totals.work"), 10000);
    json_decref(plan);
    json_t *tasks = ask_all(w, "rollout.tasks", json_object(), &pages);
    assert_int_equal(size_of(tasks, "tasks"), 10000);
    json_decref(tasks);
}

static void a_page_of_a_plan_that_changed_is_refused(void **state) {
    world_t *w = *state;
    world_put_many(w, 1200, 3);
    char next[128];
    ask(w, "rollout.plan", "{\"spec\":\"%s\"}", SPEC);
    (void)snprintf(next, sizeof next, "%s", w->answer.next);
    ask(w, "rollout.plan", "{\"spec\":\"%s\",\"after\":\"%s\"}", SPEC, next);
    /* another plan came between: it is made again, and is the same */
    ask(w, "rollout.plan", "{\"spec\":\"%s\"}", SPEC_OF("name=tenant00001", ""));
    ask(w, "rollout.plan", "{\"spec\":\"%s\",\"after\":\"%s\"}", SPEC, next);
    ask(w, "rollout.plan", "{\"spec\":\"%s\"}", SPEC_OF("name=tenant00001", ""));
    world_put(w, &(world_tenant_t){.n = 1, .name = "tenant00000", .position = 2});
    refused(w, "PLAN_STALE", "rollout.plan", "{\"spec\":\"%s\",\"after\":\"%s\"}", SPEC, next);
    refused(w, "INVALID", "rollout.plan", "{\"spec\":\"%s\",\"after\":\"nonsense\"}", SPEC);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_plan_tells_who_and_what),
        WORLD_TEST(what_is_held_back_is_named),
        WORLD_TEST(bad_specs_change_nothing),
        WORLD_TEST(nothing_but_refusals_does_not_start),
        WORLD_TEST(a_stale_plan_is_refused),
        WORLD_TEST(a_saved_plan_starts_as_it_was_shown),
        WORLD_TEST(a_rollout_runs_to_its_end),
        WORLD_TEST(everybody_at_the_target_is_over_at_once),
        WORLD_TEST(those_at_the_target_are_looked_at),
        WORLD_TEST(inventory_is_never_called_verified),
        WORLD_TEST(a_tenant_is_in_one_rollout_at_a_time),
        WORLD_TEST(it_is_paused_resumed_and_stopped),
        WORLD_TEST(failures_are_tried_again),
        WORLD_TEST(an_older_order_is_not_tried_again),
        WORLD_TEST(a_closed_rollout_is_tried_again),
        WORLD_TEST(a_refusal_in_the_plan_spends_no_budget),
        WORLD_TEST(ten_thousand_come_in_pages),
        WORLD_TEST(a_page_of_a_plan_that_changed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
