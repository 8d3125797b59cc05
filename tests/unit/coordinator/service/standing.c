/* standing.c: standing orders at the coordinator: what may be started, when a sweep is made and of
 * whom, and what keeps the next one from being made; through restarts. */
#include "tests/unit/coordinator/service/papers.h"

#define DAY_US (INT64_C(24) * 3600 * 1000 * 1000)

/* The arguments of standing.start without its order; owned by the caller. */
static char *arguments_of(const world_t *w, const char *select) {
    char *text = NULL;
    assert_true(asprintf(&text,
                         "{\"name\":\"new\",\"until_us\":%lld,\"spec\":\"bundle: app\\ntarget: "
                         "latest\\nselect: %s\\nwaves: [{name: sweep, rest: true}]\"}",
                         (long long)(w->now_us / DAY_US * DAY_US + 2 * DAY_US), select) > 0);
    return text;
}

static char *draft_new(world_t *w, const char *arguments) {
    return strdup(text_of(ask(w, "standing.draft", "%s", arguments), "draft"));
}

static void put(world_t *w, uint32_t n, const char *name, const char *label) {
    world_put(w, &(world_tenant_t){.n = n, .name = name, .position = 0, .label = label});
}

static const char *state_of(world_t *w) {
    return text_of(ask(w, "standing.list", "{\"all\":true}"), "standing.0.state");
}

/* Start it, signed by ADA alone. */
static void start_new(world_t *w) {
    char *arguments = arguments_of(w, "tier=gold");
    char *draft = draft_new(w, arguments);
    char *paper = SIGNED(draft, ADA);
    start(w, "standing.start", arguments, paper);
    free(paper);
    free(draft);
    free(arguments);
}

/* How many rollouts a sweep makes. */
static size_t sweep(world_t *w) {
    size_t before = engine_rollout_count(w->engine);
    world_sweep(w);
    return engine_rollout_count(w->engine) - before;
}

static void who_comes_is_swept_along(void **state) {
    world_t *w = *state;
    put(w, 1, "one", "tier=gold");
    put(w, 2, "two", "tier=free");
    start_new(w);
    assert_string_equal(state_of(w), "active");
    assert_int_equal(sweep(w), 1);
    const rollout_t *made = engine_rollout_at(w->engine, 0);
    assert_string_equal(made->name, "new sweep 1");
    assert_int_equal(made->task_count, 1);
    assert_string_equal(made->tasks[0].tenant_name, "one");
    assert_int_equal(made->state, ROLLOUT_RUNNING);
    assert_false(made->ticketed);
    assert_int_equal(sweep(w), 0); /* it is under way */
    put(w, 3, "three", "tier=gold");
    world_restart(w);
    assert_int_equal(sweep(w), 1);
    made = engine_rollout_at(w->engine, 1);
    assert_string_equal(made->name, "new sweep 2");
    assert_int_equal(made->task_count, 1);
    assert_string_equal(made->tasks[0].tenant_name, "three");
    refused(w, "STANDING_STATE", "order.blank", "{\"kind\":\"stop\",\"rollout\":\"new sweep 1\"}");
    refused(w, "STANDING_STATE", "order.show", "{\"rollout\":\"new sweep 1\"}");
}

static void another_order_than_was_drafted(void **state) {
    world_t *w = *state;
    put(w, 1, "one", "tier=gold");
    char *arguments = arguments_of(w, "tier=gold");
    char *wide = arguments_of(w, "all");
    char *draft = draft_new(w, wide);
    char *paper = SIGNED(draft, ADA);
    start_refused(w, "ORDER_INVALID", "standing.start", arguments, paper);
    refused(w, "ORDER_UNSIGNED", "standing.start", "%s", arguments);
    assert_int_equal(size_of(ask(w, "standing.list", "{}"), "standing"), 0);
    start(w, "standing.start", wide, paper);
    start_refused(w, "STANDING_STATE", "standing.start", wide, paper); /* its name is taken */
    /* nor does it pass for the order of a rollout */
    start_refused(w, "PLAN_STALE", "rollout.start", SPEC, paper);
    free(paper);
    free(draft);
    free(wide);
    free(arguments);
}

static void two_signatures_make_it_active(void **state) {
    world_t *w = *state;
    world_rules(w, &(signers_rules_t){.operators = 2});
    put(w, 1, "one", "tier=gold");
    char *arguments = arguments_of(w, "tier=gold");
    char *draft = draft_new(w, arguments);
    char *one = SIGNED(draft, ADA);
    char *other = SIGNED(draft, BEN);
    start_refused(w, "TRUST_THRESHOLD", "standing.start", arguments, other);
    json_t *answer = start(w, "standing.start", arguments, one);
    assert_string_equal(text_of(answer, "state"), "waits");
    assert_int_equal(number_of(answer, "signatures.have"), 1);
    assert_int_equal(sweep(w), 0);
    world_restart(w);
    assert_int_equal(sweep(w), 0);
    char *again = with("{\"standing\":\"new\"}", "order", one);
    refused(w, "TRUST_SIGNED", "standing.approve", "%s", again);
    assert_string_equal(text_of(ask(w, "standing.show", "{\"standing\":\"new\"}"), "order"), one);
    char *approve = with("{\"standing\":\"new\"}", "order", other);
    answer = as(w, BEN, "standing.approve", approve);
    assert_string_equal(text_of(answer, "state"), "active");
    assert_int_equal(sweep(w), 1);
    free(approve);
    free(again);
    free(other);
    free(one);
    free(draft);
    free(arguments);
}

static void a_sweep_that_fails_suspends_it(void **state) {
    world_t *w = *state;
    put(w, 1, "one", "tier=gold");
    start_new(w);
    assert_int_equal(sweep(w), 1);
    world_work(w, (const world_outcome_t[]){
                      {.tenant = "one", .event = TASK_EVENT_FAILED, .code = ERROR_DB_SQL}, {0}});
    put(w, 2, "two", "tier=gold");
    json_t *list = ask(w, "standing.list", "{}");
    assert_string_equal(text_of(list, "standing.0.state"), "suspended");
    assert_string_equal(text_of(list, "standing.0.command"), "drover rollout resume 'new sweep 1'");
    assert_int_equal(sweep(w), 0);
    ask(w, "rollout.stop", "{\"rollout\":\"new sweep 1\"}");
    world_restart(w);
    assert_int_equal(sweep(w), 0);
    assert_string_equal(text_of(ask(w, "standing.list", "{}"), "standing.0.command"),
                        "drover standing resume 'new'");
    ask(w, "standing.resume", "{\"standing\":\"new\"}");
    assert_int_equal(sweep(w), 1);
    refused(w, "STANDING_STATE", "standing.resume", "{\"standing\":\"new\"}");
}

static void a_hold_keeps_sweeps_back(void **state) {
    world_t *w = *state;
    put(w, 1, "one", "tier=gold");
    start_new(w);
    char *hold = BLANK(w, ADA, "{\"kind\":\"hold\"}", ADA);
    char *text = with("{}", "order", hold);
    ask(w, "fleet.hold", "%s", text);
    assert_string_equal(state_of(w), "held");
    assert_int_equal(sweep(w), 0);
    free(text);
    free(hold);
}

static void past_its_end(void **state) {
    world_t *w = *state;
    put(w, 1, "one", "tier=gold");
    start_new(w);
    w->now_us += 3 * DAY_US;
    assert_string_equal(state_of(w), "expired");
    assert_int_equal(sweep(w), 0);
}

static void ended_for_good(void **state) {
    world_t *w = *state;
    put(w, 1, "one", "tier=gold");
    start_new(w);
    assert_int_equal(sweep(w), 1);
    char *stop = BLANK(w, ADA, "{\"kind\":\"stop\",\"standing\":\"new\"}", ADA);
    char *text = with("{\"standing\":\"new\"}", "order", stop);
    assert_string_equal(text_of(ask(w, "standing.end", "%s", text), "state"), "ended");
    put(w, 2, "two", "tier=gold");
    assert_int_equal(sweep(w), 0);
    world_restart(w);
    assert_int_equal(sweep(w), 0);
    assert_string_equal(state_of(w), "ended");
    refused(w, "STANDING_STATE", "standing.end", "{\"standing\":\"new\"}");
    start_new(w); /* its name is free again */
    assert_int_equal(sweep(w), 1);
    free(text);
    free(stop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(who_comes_is_swept_along),
        WORLD_TEST(another_order_than_was_drafted),
        WORLD_TEST(two_signatures_make_it_active),
        WORLD_TEST(a_sweep_that_fails_suspends_it),
        WORLD_TEST(a_hold_keeps_sweeps_back),
        WORLD_TEST(past_its_end),
        WORLD_TEST(ended_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
