/* refill.c: what operators see and decide while a catalog that went back in time is filled again.
 */
#include "coordinator/store/store_refill.h"
#include "tests/unit/coordinator/service/world.h"

enum { SINCE = 500 };

static void put(world_t *w, const refill_row_t *row) {
    OK(w, store_begin(w->store, &w->err));
    OK(w, store_refill_put(w->store, row, &w->err));
    OK(w, store_commit(w->store, &w->err));
}

/* The catalog recovers and waits for host1 and host2, of which only the first has a row. */
static void fall_back(world_t *w) {
    world_card(w, 1, "host1");
    world_card(w, 2, "host2");
    put(w, &(refill_row_t){.open = true, .since_us = SINCE, .reason = "an older copy"});
}

static void done(world_t *w, uint32_t n) {
    const refill_agent_t agent = {
        .key = key_of(n), .since_us = SINCE, .standing = REFILL_DONE, .number = 9, .words = ""};
    OK(w, store_begin(w->store, &w->err));
    OK(w, store_refill_agent_put(w->store, &agent, &w->err));
    OK(w, store_commit(w->store, &w->err));
}

static void nothing_recovers(void **state) {
    world_t *w = *state;
    json_t *shown = ask(w, "coordinator.recovery", "{}");
    assert_int_equal(number_of(shown, "recovering"), false);
    assert_int_equal(size_of(shown, "agents"), 0);
    assert_null(json_object_get(ask(w, "coordinator.show", "{}"), "recovering"));
    w->asker = DESK;
    refused(w, "ROLLOUT_STATE", "coordinator.recovered",
            "{\"without\":\"host1\",\"reason\":\"burnt\"}");
}

static void it_says_whom_it_waits_for(void **state) {
    world_t *w = *state;
    fall_back(w);
    done(w, 1);
    json_t *shown = ask(w, "coordinator.recovery", "{}");
    assert_int_equal(number_of(shown, "recovering"), true);
    assert_int_equal(number_of(shown, "since_us"), SINCE);
    assert_string_equal(text_of(shown, "reason"), "an older copy");
    assert_int_equal(number_of(shown, "agents_total"), 2);
    assert_int_equal(number_of(shown, "waits_for"), 1);
    assert_string_equal(text_of(shown, "agents.0.standing"), refill_standing_text(REFILL_DONE));
    assert_int_equal(number_of(shown, "agents.0.last_report"), 9);
    assert_string_equal(text_of(shown, "agents.1.standing"), refill_standing_text(REFILL_AWAITED));
    assert_int_equal(number_of(ask(w, "coordinator.show", "{}"), "recovering.waits_for"), 1);
    put(w, &(refill_row_t){.since_us = SINCE, .ended_us = 600, .reason = "an older copy"});
    shown = ask(w, "coordinator.recovery", "{}");
    assert_int_equal(number_of(shown, "recovering"), false);
    assert_int_equal(number_of(shown, "ended_us"), 600);
}

/* What begins or resumes work waits, and so does what decides by the catalog; a stop does not. */
static void work_waits(void **state) {
    static const char *const WAIT[] = {"rollout.start",   "rollout.resume", "rollout.retry",
                                       "rollout.approve", "rollback.start", "baseline.start",
                                       "backup.create",   "backup.check",   "backup.restore",
                                       "backup.prune",    "task.resolve",   "fleet.release"};
    world_t *w = *state;
    fall_back(w);
    w->by_hand = true;
    for (size_t i = 0; i < sizeof WAIT / sizeof WAIT[0]; i++) {
        refused(w, "CATALOG_RECOVERING", WAIT[i], "{}");
    }
    refused(w, "INVALID", "rollout.stop", "{}"); /* as ever: it names no rollout */
    refused(w, "INVALID", "rollout.pause", "{}");
    (void)ask(w, "rollout.list", "{}");
}

static void going_on_without_one(void **state) {
    world_t *w = *state;
    fall_back(w);
    done(w, 1);
    const char *words = "{\"without\":\"host2\",\"reason\":\"host burnt down\"}";
    refused(w, "TRUST_KEY", "coordinator.recovered", "%s", words); /* ADA is no admin */
    w->asker = DESK;
    refused(w, "INVALID", "coordinator.recovered", "{\"without\":\"host2\"}");
    refused(w, "NOT_FOUND", "coordinator.recovered", "{\"without\":\"host9\",\"reason\":\"x\"}");
    refused(w, "ROLLOUT_STATE", "coordinator.recovered",
            "{\"without\":\"host1\",\"reason\":\"x\"}"); /* it has handed over */
    json_t *answer = ask(w, "coordinator.recovered", "%s", words);
    assert_string_equal(text_of(answer, "standing"), refill_standing_text(REFILL_WITHOUT));
    json_t *shown = ask(w, "coordinator.recovery", "{}");
    assert_int_equal(number_of(shown, "waits_for"), 0);
    assert_non_null(strstr(text_of(shown, "agents.1.words"), "host burnt down"));
    json_t *log = ask(w, "audit.list", "{\"action\":\"coordinator.recovered\"}");
    assert_non_null(strstr(text_of(log, "rows.0.detail"), "host burnt down"));
    assert_string_equal(text_of(log, "rows.0.result"), "ok");
}

static void rollouts_that_only_agents_know(void **state) {
    world_t *w = *state;
    fall_back(w);
    const refill_lost_t lost = {.order = digest_of(1),
                                .rollout = id_of(7),
                                .since_us = SINCE,
                                .agent = key_of(1),
                                .jobs = 3,
                                .first_us = 10,
                                .last_us = 20,
                                .application = "shop"};
    OK(w, store_begin(w->store, &w->err));
    OK(w, store_refill_lost_put(w->store, &lost, &w->err));
    OK(w, store_commit(w->store, &w->err));
    json_t *shown = ask(w, "coordinator.recovery", "{}");
    assert_int_equal(number_of(shown, "unknown_total"), 1);
    assert_string_equal(text_of(shown, "unknown_rollouts.0.agent"), "host1");
    assert_int_equal(number_of(shown, "unknown_rollouts.0.jobs"), 3);
    assert_int_equal(number_of(shown, "unknown_rollouts.0.order_here"), false);
    assert_non_null(strstr(text_of(shown, "unknown_rollouts.0.words"),
                           "The signed order is kept by agent 'host1' as papers/"));
}

static void copies_are_said(void **state) {
    world_t *w = *state;
    int64_t now_us = w->now_us;
    json_t *said = ask(w, "coordinator.saved", "{\"at_us\":%lld}", (long long)now_us - 10);
    assert_true(number_of(said, "saved_us") == now_us - 10);
    refused(w, "INVALID", "coordinator.saved", "{\"at_us\":%lld}", (long long)now_us - 11);
    refused(w, "INVALID", "coordinator.saved", "{\"at_us\":%lld}", (long long)now_us * 2);
    said = ask(w, "coordinator.saved", "{}");
    assert_true(number_of(said, "saved_us") >= now_us);
    w->asker = EYE;
    refused(w, "TRUST_KEY", "coordinator.saved", "{}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(nothing_recovers), WORLD_TEST(it_says_whom_it_waits_for),
        WORLD_TEST(work_waits),       WORLD_TEST(going_on_without_one),
        WORLD_TEST(copies_are_said),  WORLD_TEST(rollouts_that_only_agents_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
