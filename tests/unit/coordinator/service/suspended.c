/* suspended.c: an agent that lost its state, as operators see it, and how an admin lets it go on.
 */
#include "coordinator/store/store_agent.h"
#include "tests/unit/coordinator/service/world.h"

#define SPEC "bundle: app\\ntarget: latest\\nselect: all\\nwaves: [{name: a, rest: true}]"

/* The agent, its card, tenants in both clusters, and a rollout over them. */
static void start(world_t *w) {
    world_put_many(w, 4, 3);
    world_card(w, 1, "host1");
    ask(w, "rollout.start", "{\"name\":\"first\",\"spec\":\"" SPEC "\"}");
}

static agent_status_t status_of(world_t *w) {
    const agent_key_t key = key_of(1);
    arena_t arena = {0};
    agent_row_t row = {0};
    OK(w, store_agent_get(w->store, &key, &arena, &row, &w->err));
    arena_free(&arena);
    return row.status;
}

static void lists_say_so(void **state) {
    world_t *w = *state;
    start(w);
    (void)world_dispatch(w);
    json_t *list = ask(w, "agents.list", "{}");
    assert_int_equal(number_of(list, "agents.0.suspended"), false);
    assert_string_equal(text_of(list, "agents.0.problem"), "");
    world_suspend(w, 77);
    list = ask(w, "agents.list", "{}");
    assert_int_equal(number_of(list, "agents.0.suspended"), true);
    assert_int_equal(number_of(list, "agents.0.suspended_since_us"), 77);
    assert_string_equal(text_of(list, "agents.0.suspended_why"), "lost its state");
    assert_non_null(strstr(text_of(list, "agents.0.problem"), "drover agents resume host1"));
    list = ask(w, "clusters.list", "{}");
    assert_non_null(strstr(text_of(list, "clusters.0.problem"), "agent 'host1' is suspended"));
}

static void set_tasks(world_t *w, rollout_t *rollout, task_state_t state) {
    OK(w, store_begin(w->store, &w->err));
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        rollout->tasks[i].state = state;
        OK(w, store_rollout_save_task(w->store, &rollout->tasks[i], &w->err));
    }
    OK(w, store_commit(w->store, &w->err));
}

/* What waits for it is told as a blocker that has a name, and what it takes back is not. */
static void rollouts_name_it(void **state) {
    world_t *w = *state;
    start(w);
    world_suspend(w, 77);
    json_t *shown = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(shown, "clusters.0.code"), "DRV-6013"); /* nobody acts yet */
    (void)world_dispatch(w);
    rollout_t *rollout = engine_rollout_at(w->engine, 0);
    set_tasks(w, rollout, TASK_UNKNOWN); /* as its hello leaves them */
    shown = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(shown, "clusters.0.code"), "DRV-6080");
    assert_non_null(strstr(text_of(shown, "clusters.0.blocker"), "agent 'host1' is suspended"));
    assert_non_null(strstr(text_of(shown, "clusters.0.hint"), "drover agents resume"));
    rollout->kind = KIND_UNDO;
    shown = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(shown, "clusters.0.blocker"), "");
    rollout->kind = KIND_FORWARD;
    set_tasks(w, rollout, TASK_READY); /* it would be given these next */
    shown = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(shown, "clusters.0.code"), "DRV-6080");
    set_tasks(w, rollout, TASK_DISPATCHED); /* heard of: nothing to tell */
    shown = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(shown, "clusters.0.blocker"), "");
}

static void an_admin_lets_it_go_on(void **state) {
    world_t *w = *state;
    start(w);
    world_suspend(w, 77);
    w->by_hand = true;
    const char *resume = "{\"name\":\"host1\",\"reason\":\"disk replaced\"}";
    refused(w, "TRUST_KEY", "agents.resume", "%s", resume); /* ADA signs orders, and is no admin */
    assert_int_equal(status_of(w), AGENT_SUSPENDED);
    w->asker = DESK;
    refused(w, "INVALID", "agents.resume", "{\"name\":\"host1\"}"); /* nobody says why */
    refused(w, "NOT_FOUND", "agents.resume", "{\"name\":\"host9\",\"reason\":\"x\"}");
    json_t *done = ask(w, "agents.resume", "%s", resume);
    assert_string_equal(text_of(done, "state"), "resumed");
    assert_int_equal(number_of(done, "suspended_since_us"), 77);
    assert_int_equal(status_of(w), AGENT_KNOWN);
    refused(w, "ENROLMENT", "agents.resume", "%s", resume); /* not twice */
    json_t *log = ask(w, "audit.list", "{\"action\":\"agents.resume\"}");
    assert_int_equal(size_of(log, "rows"), 5);
    assert_string_equal(text_of(log, "rows.0.result"), "DRV-7051");
    assert_string_equal(text_of(log, "rows.1.actor"), signers_name(DESK));
    assert_non_null(strstr(text_of(log, "rows.1.detail"), "disk replaced"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(lists_say_so),
        WORLD_TEST(rollouts_name_it),
        WORLD_TEST(an_admin_lets_it_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
