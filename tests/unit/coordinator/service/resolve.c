/* resolve.c: a person rules on an outcome only where nobody can read it, once, and for the log. */
#include "coordinator/store/store_agent.h"
#include "tests/unit/coordinator/service/world.h"

#define START                                                                                      \
    "{\"name\":\"first\",\"spec\":\"bundle: app\\ntarget: latest\\nselect: all\\n"                 \
    "waves: [{name: a, rest: true}]\"}"
#define RULE(as) "{\"tenant\":\"tenant00000\",\"rollout\":\"first\",\"as\":\"" as "\"," REASON "}"
#define REASON "\"reason\":\"host burnt down\""

static bool away; /* the agent, of one test */

static bool agent_presence(void *context, const agent_key_t *agent, const char **ret_problem) {
    (void)context;
    (void)agent;
    *ret_problem = "";
    return !away;
}

static bool sees_standby(void *context, uint64_t cluster) {
    (void)context;
    (void)cluster;
    return false;
}

static const service_presence_t PRESENCE = {.agent = agent_presence, .standby = sees_standby};

static void put_state(world_t *w, task_state_t state) {
    rollout_t *rollout = engine_rollout_at(w->engine, 0);
    rollout->tasks[0].state = state;
    OK(w, store_begin(w->store, &w->err));
    OK(w, store_rollout_save_task(w->store, &rollout->tasks[0], &w->err));
    OK(w, store_commit(w->store, &w->err));
    world_restart(w); /* counters follow */
}

/* Two tenants in a rollout; the first one's outcome is unknown, and its agent is gone. */
static void get_lost(world_t *w) {
    away = true;
    w->presence = &PRESENCE;
    world_put_many(w, 2, 3);
    world_card(w, 1, "host1");
    ask(w, "rollout.start", START);
    (void)world_dispatch(w);
    const cluster_row_t held = {
        .system_identifier = CLUSTER, .agent = key_of(1), .lease_until_us = w->now_us};
    OK(w, store_begin(w->store, &w->err));
    OK(w, store_cluster_set_lease(w->store, &held, &w->err));
    OK(w, store_commit(w->store, &w->err));
    put_state(w, TASK_UNKNOWN);
}

static const task_t *first_task(const world_t *w) {
    return &engine_rollout_at(w->engine, 0)->tasks[0];
}

static void what_is_known_is_shown(void **state) {
    world_t *w = *state;
    get_lost(w);
    json_t *shown = ask(w, "task.show", "{\"tenant\":\"tenant00000\",\"rollout\":\"first\"}");
    assert_string_equal(text_of(shown, "task.state"), "unknown");
    assert_string_equal(text_of(shown, "ledger.said"), "V003");
    assert_int_equal(number_of(shown, "in_doubt"), true);
    assert_true(json_is_null(json_object_get(shown, "reader")));
    assert_non_null(strstr(text_of(shown, "blocker"), "its agent 'host1' is not connected"));
    shown = ask(w, "task.show", "{\"tenant\":\"tenant00001\",\"rollout\":\"first\"}");
    assert_int_equal(number_of(shown, "in_doubt"), false);
    refused(w, "NOT_FOUND", "task.show", "{\"tenant\":\"nobody\",\"rollout\":\"first\"}");
    refused(w, "INVALID", "task.show", "{\"tenant\":\"tenant00000\"}");
}

static void nobody_rules_on_what_can_be_read(void **state) {
    world_t *w = *state;
    get_lost(w);
    away = false;
    (void)world_dispatch(w); /* it is back, and holds its cluster */
    refused(w, "EVIDENCE_READABLE", "task.resolve", RULE("gone"));
    assert_null(strstr(w->answer.error.message, "suspended"));
    world_suspend(w, 7);
    refused(w, "EVIDENCE_READABLE", "task.resolve", RULE("gone"));
    assert_non_null(strstr(w->answer.error.message, "drover agents resume"));
    assert_int_equal(first_task(w)->state, TASK_UNKNOWN);
}

static void rulings_that_are_none(void **state) {
    world_t *w = *state;
    get_lost(w);
    refused(w, "INVALID", "task.resolve", RULE("perhaps"));
    refused(w, "INVALID", "task.resolve",
            "{\"tenant\":\"tenant00000\",\"rollout\":\"first\",\"as\":\"gone\"}");
    refused(w, "ROLLOUT_STATE", "task.resolve",
            "{\"tenant\":\"tenant00001\",\"rollout\":\"first\",\"as\":\"gone\"," REASON "}");
    w->asker = EYE;
    refused(w, "TRUST_KEY", "task.resolve", RULE("gone"));
    assert_int_equal(first_task(w)->state, TASK_UNKNOWN);
}

static void applied(void **state) {
    world_t *w = *state;
    get_lost(w);
    json_t *done = ask(w, "task.resolve", RULE("applied"));
    assert_string_equal(text_of(done, "task.state"), "succeeded");
    assert_string_equal(text_of(done, "task.evidence"), "ruled");
    assert_int_equal(first_task(w)->position, HEAD);
    assert_true(first_task(w)->touched);                              /* a rollback takes it back */
    refused(w, "ROLLOUT_STATE", "task.resolve", RULE("not-applied")); /* once */
    json_t *log = ask(w, "audit.list", "{\"action\":\"task.resolve\"}");
    assert_int_equal(size_of(log, "rows"), 2);
    assert_string_equal(text_of(log, "rows.1.actor"), "ada");
    assert_non_null(strstr(text_of(log, "rows.1.detail"), "host burnt down"));
    assert_non_null(strstr(text_of(log, "rows.1.detail"), "ruled applied"));
}

static void not_applied(void **state) {
    world_t *w = *state;
    get_lost(w);
    json_t *done = ask(w, "task.resolve", RULE("not-applied"));
    assert_string_equal(text_of(done, "task.state"), "failed");
    assert_string_equal(text_of(done, "task.code"), error_code_text(ERROR_OUTCOME_RULED));
    assert_int_equal(first_task(w)->position, 3);
    assert_false(first_task(w)->touched);
}

static void gone(void **state) {
    world_t *w = *state;
    get_lost(w);
    json_t *done = ask(w, "task.resolve", RULE("gone"));
    assert_string_equal(text_of(done, "task.state"), "gone");
    json_t *list = ask(w, "tenants.list", "{\"gone\":true}");
    assert_string_equal(text_of(list, "tenants.0.name"), "tenant00000");
    assert_int_equal(number_of(list, "tenants.0.gone"), true);
}

/* Inventory says that its database is no more: it can be ruled gone, and nothing else. */
static void one_that_is_no_more(void **state) {
    world_t *w = *state;
    get_lost(w);
    away = false;
    (void)world_dispatch(w);
    OK(w, store_begin(w->store, &w->err));
    OK(w, store_tenant_set_gone(w->store, &first_task(w)->tenant, w->now_us, &w->err));
    OK(w, store_commit(w->store, &w->err));
    refused(w, "INVALID", "task.resolve", RULE("applied"));
    json_t *done = ask(w, "task.resolve", RULE("gone"));
    assert_string_equal(text_of(done, "task.state"), "gone");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(what_is_known_is_shown),
        WORLD_TEST(nobody_rules_on_what_can_be_read),
        WORLD_TEST(rulings_that_are_none),
        WORLD_TEST(applied),
        WORLD_TEST(not_applied),
        WORLD_TEST(gone),
        WORLD_TEST(one_that_is_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
