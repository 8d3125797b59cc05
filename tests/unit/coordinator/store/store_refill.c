/* store_refill.c: facts of a recovery come back as they were, and those of another count nothing.
 */
#include "coordinator/store/store_refill.h"
#include "tests/unit/coordinator/store/fixture.h"

static void row(void **state) {
    fixture_t *f = *state;
    refill_row_t row = {0};
    CLEANUP(arena_free) arena_t arena = {0};
    OK(f, store_refill_get(f->store, &arena, &row, &f->err));
    assert_false(row.open);
    assert_true(row.since_us == 0);
    assert_string_equal(row.reason, "");
    row = (refill_row_t){.open = true, .since_us = 5, .reason = "agent 'a b' has seen 7"};
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_refill_put(f->store, &row, &f->err));
    OK(f, store_commit(f->store, &f->err));
    refill_row_t back = {0};
    OK(f, store_refill_get(f->store, &arena, &back, &f->err));
    assert_true(back.open && back.since_us == 5 && back.ended_us == 0);
    assert_string_equal(back.reason, row.reason);
}

static void agents(void **state) {
    fixture_t *f = *state;
    CLEANUP(arena_free) arena_t arena = {0};
    refill_agent_t agent = {.key.bytes = {1, 2},
                            .since_us = 5,
                            .standing = REFILL_WITHOUT,
                            .number = UINT32_MAX,
                            .words = "alice: gone for good"};
    refill_agent_t back = {0};
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_refill_agent_put(f->store, &agent, &f->err));
    OK(f, store_commit(f->store, &f->err));
    OK(f, store_refill_agent_get(f->store, &agent.key, 5, &arena, &back, &f->err));
    assert_int_equal(back.standing, REFILL_WITHOUT);
    assert_true(back.number == UINT32_MAX);
    assert_string_equal(back.words, agent.words);
    OK(f, store_refill_agent_get(f->store, &agent.key, 6, &arena, &back, &f->err));
    assert_int_equal(back.standing, REFILL_AWAITED);
    agent.key.bytes[0] = 9;
    OK(f, store_refill_agent_get(f->store, &agent.key, 5, &arena, &back, &f->err));
    assert_int_equal(back.standing, REFILL_AWAITED);
}

static status_t count_one(void *context, const refill_lost_t *lost, error_t *err) {
    (void)err;
    *(int *)context += (int)lost->jobs;
    assert_string_equal(lost->application, lost->jobs == 3 ? "shop" : "");
    return STATUS_OK;
}

static void lost(void **state) {
    fixture_t *f = *state;
    CLEANUP(arena_free) arena_t arena = {0};
    refill_lost_t lost = {.order = digest_of(1), .since_us = 5, .jobs = 3, .application = "shop"};
    refill_lost_t other = {.order = digest_of(2), .since_us = 5, .jobs = 1, .application = ""};
    int jobs = 0;
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_refill_lost_put(f->store, &lost, &f->err));
    OK(f, store_refill_lost_put(f->store, &other, &f->err));
    OK(f, store_commit(f->store, &f->err));
    OK(f, store_refill_lost_each(f->store, 5, count_one, &jobs, &f->err));
    assert_int_equal(jobs, 4);
    jobs = 0;
    OK(f, store_refill_lost_each(f->store, 6, count_one, &jobs, &f->err));
    assert_int_equal(jobs, 0);
    refill_lost_t back = {.order = digest_of(1), .since_us = 5};
    OK(f, store_refill_lost_get(f->store, &back, &arena, &f->err));
    assert_true(back.jobs == 3);
    back = (refill_lost_t){.order = digest_of(1), .since_us = 7};
    OK(f, store_refill_lost_get(f->store, &back, &arena, &f->err));
    assert_true(back.jobs == 0);
}

static void raised_past_what_was_seen(void **state) {
    fixture_t *f = *state;
    store_identity_t before = {0};
    store_identity_t raised = {0};
    store_identity_t stored = {0};
    OK(f, store_start(f->store, &before, &f->err));
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_raise(f->store, before.epoch + 40, &raised, &f->err));
    OK(f, store_commit(f->store, &f->err));
    assert_true(raised.epoch == before.epoch + 41);
    assert_false(ident_equal(&raised.incarnation, &before.incarnation));
    assert_true(ident_equal(&raised.id, &before.id));
    OK(f, store_identity_get(f->store, &stored, &f->err));
    assert_true(stored.epoch == raised.epoch);
    assert_true(ident_equal(&stored.incarnation, &raised.incarnation));
    OK(f, store_begin(f->store, &f->err));
    assert_int_equal(store_raise(f->store, UINT64_MAX, &raised, &f->err), STATUS_ERROR);
    store_rollback(f->store);
}

static void saved(void **state) {
    fixture_t *f = *state;
    int64_t saved_us = 1;
    OK(f, store_refill_saved_get(f->store, &saved_us, &f->err));
    assert_true(saved_us == 0);
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_refill_saved_put(f->store, INT64_C(1767225600000000), &f->err));
    OK(f, store_commit(f->store, &f->err));
    OK(f, store_refill_saved_get(f->store, &saved_us, &f->err));
    assert_true(saved_us == INT64_C(1767225600000000));
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST_OF(row), TEST_OF(agents), TEST_OF(lost),
                                       TEST_OF(raised_past_what_was_seen), TEST_OF(saved)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
