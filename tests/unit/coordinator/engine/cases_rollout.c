/* cases_rollout.c: what a rollout goes through: waves, soak, budget, pause, stop, rolling back. */
#include "coordinator/engine/rollout_table.h"
#include "coordinator/engine/wave_table.h"
#include "tests/unit/coordinator/engine/stage.h"

/* Give everything that is ready to agent 1 and let it be done. */
static void finish_ready(stage_t *stage, const rollout_t *rollout) {
    (void)stage_room(stage, 1, STAGE_ROOM);
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        if (rollout->tasks[i].state == TASK_DISPATCHED) {
            stage_report(stage, rollout, i, TASK_EVENT_STARTED);
            assert_task(rollout, i, TASK_RUNNING);
            stage_report(stage, rollout, i, TASK_EVENT_DONE);
            assert_task(rollout, i, TASK_SUCCEEDED);
        }
    }
}

static void test_happy(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(
        &stage, &(rollout_plan_t){.number = 1,
                                  .wave_count = 3,
                                  .waves = {{.count = 2, .soak_us = SECONDS(60)},
                                            {.count = 3},
                                            {.count = 5, .on_failure = ON_FAILURE_CONTINUE}}});
    assert_rollout(rollout, ROLLOUT_RUNNING);
    assert_wave(rollout, 0, WAVE_OPEN);
    assert_wave(rollout, 1, WAVE_PENDING);
    assert_task(rollout, 1, TASK_READY);
    assert_task(rollout, 2, TASK_PENDING);
    assert_int_equal(stage_room(&stage, 1, 10), 2);
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    assert_wave(rollout, 0, WAVE_OPEN);
    stage_report(&stage, rollout, 1, TASK_EVENT_DONE);
    assert_wave(rollout, 0, WAVE_SOAKING);
    stage_tick(&stage, 59, 1);
    assert_wave(rollout, 0, WAVE_SOAKING);
    assert_int_equal(stage_room(&stage, 1, 10), 0);
    stage_tick(&stage, 1, 1);
    assert_wave(rollout, 0, WAVE_PASSED);
    assert_wave(rollout, 1, WAVE_OPEN);
    assert_int_equal(stage_told(&stage, &ROLLOUT_MACHINE), 2);
    finish_ready(&stage, rollout);
    assert_wave(rollout, 1, WAVE_PASSED);
    assert_wave(rollout, 2, WAVE_OPEN);
    assert_int_equal(rollout->finished_us, 0);
    finish_ready(&stage, rollout);
    assert_rollout(rollout, ROLLOUT_SUCCEEDED);
    assert_int_equal(rollout->finished_us, stage.now_us);
    assert_wave(rollout, 2, WAVE_PASSED);
    const ident_t id = rollout->id;
    engine_release(stage.engine, &id);
    assert_null(engine_rollout(stage.engine, &id));
    stage_close(&stage);
}

/* A backup, a check, a look brings no tenant to a target: no row says so of them, while the rows
 * that do are found by their words. */
static void test_words_by_kind(void **state) {
    static const rollout_kind_t OTHERS[] = {KIND_RESTORE, KIND_BASELINE,     KIND_BACKUP,
                                            KIND_LOOK,    KIND_BACKUP_CHECK, KIND_PRUNE};
    (void)state;
    size_t changed = 0;
    for (size_t r = 0; r < ROLLOUT_MACHINE.row_count; r++) {
        const char *why = ROLLOUT_MACHINE.rows[r].why;
        uint8_t next = ROLLOUT_MACHINE.rows[r].next;
        bool ends = next == ROLLOUT_SUCCEEDED || next == ROLLOUT_INCOMPLETE;
        assert_string_equal(rollout_why(KIND_FORWARD, why), why);
        assert_string_equal(rollout_why(KIND_UNDO, why), why);
        for (size_t k = 0; ends && k < sizeof OTHERS / sizeof OTHERS[0]; k++) {
            assert_null(strstr(rollout_why(OTHERS[k], why), "target"));
            changed += strcmp(rollout_why(OTHERS[k], why), why) != 0;
        }
    }
    assert_int_equal(changed, 3 * sizeof OTHERS / sizeof OTHERS[0]);
}

/* Everything stood at the target already: over at once, without an agent. */
static void test_nothing_to_do(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *plan =
        stage_plan(&(rollout_plan_t){.number = 1, .wave_count = 3, .waves = {{2}, {0}, {1}}});
    for (uint32_t i = 0; i < plan->task_count; i++) {
        plan->tasks[i].state = TASK_NOT_NEEDED;
    }
    rollout_t *rollout = stage_adopt(&stage, plan);
    stage_ask(&stage, EVENT_START, rollout);
    assert_rollout(rollout, ROLLOUT_SUCCEEDED);
    stage_close(&stage);
}

static void test_continue_ends_incomplete(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(
        &stage,
        &(rollout_plan_t){.number = 1, .waves = {{.count = 3, .on_failure = ON_FAILURE_CONTINUE}}});
    (void)stage_room(&stage, 1, 10);
    stage_report(&stage, rollout, 0, TASK_EVENT_FAILED);
    stage_report(&stage, rollout, 1, TASK_EVENT_REFUSED);
    assert_task(rollout, 1, TASK_REFUSED);
    assert_rollout(rollout, ROLLOUT_RUNNING);
    stage_report(&stage, rollout, 2, TASK_EVENT_DONE);
    assert_rollout(rollout, ROLLOUT_INCOMPLETE);
    assert_wave(rollout, 0, WAVE_PASSED);
    stage_close(&stage);
}

static void test_failure_pauses_and_resume_forgives(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(
        &stage,
        &(rollout_plan_t){.number = 1, .wave_count = 2, .waves = {{.count = 5, .budget = 1}, {1}}});
    (void)stage_room(&stage, 1, 4);
    stage_report(&stage, rollout, 0, TASK_EVENT_FAILED);
    assert_rollout(rollout, ROLLOUT_RUNNING);
    stage_report(&stage, rollout, 1, TASK_EVENT_FAILED);
    assert_rollout(rollout, ROLLOUT_PAUSED);
    assert_wave(rollout, 0, WAVE_FAILED);
    assert_int_equal(stage_room(&stage, 1, 10), 0);
    stage_report(&stage, rollout, 2, TASK_EVENT_DONE); /* what is in hand finishes */
    assert_task(rollout, 2, TASK_SUCCEEDED);

    stage_ask(&stage, EVENT_RESUME, rollout);
    assert_rollout(rollout, ROLLOUT_RUNNING);
    assert_wave(rollout, 0, WAVE_OPEN);
    assert_int_equal(rollout->waves[0].forgiven, 1);
    assert_int_equal(stage_room(&stage, 1, 10), 1); /* was dropped from its lane, came back */
    stage_report(&stage, rollout, 3, TASK_EVENT_FAILED);
    assert_rollout(rollout, ROLLOUT_PAUSED); /* one more than was forgiven */
    stage_report(&stage, rollout, 4, TASK_EVENT_DONE);
    stage_ask(&stage, EVENT_RESUME, rollout);
    assert_int_equal(rollout->waves[0].forgiven, 2);
    assert_wave(rollout, 0, WAVE_PASSED);
    assert_wave(rollout, 1, WAVE_OPEN);
    finish_ready(&stage, rollout);
    assert_rollout(rollout, ROLLOUT_INCOMPLETE);
    stage_close(&stage);
}

static const rollout_plan_t REVERTING_PLAN = {
    .number = 1,
    .wave_count = 2,
    .waves = {{.count = 4, .on_failure = ON_FAILURE_ROLLBACK_WAVE}, {2}},
};

static void test_rollback_with_nothing_in_hand(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &REVERTING_PLAN);
    (void)stage_room(&stage, 1, 1);
    stage_report(&stage, rollout, 0, TASK_EVENT_FAILED);
    assert_rollout(rollout, ROLLOUT_REVERTING);
    assert_int_equal(stage_count(&stage, EFFECT_ROLL_BACK), 1);
    for (size_t i = 0; i < stage.effects.count; i++) {
        if (stage.effects.items[i].kind == EFFECT_ROLL_BACK) {
            assert_int_equal(stage.effects.items[i].wave, 0);
        }
    }
    stage_ask(&stage, EVENT_REVERTED, rollout);
    assert_rollout(rollout, ROLLOUT_FAILED);
    assert_string_equal(rollout->reason, "the wave failed and is rolled back");
    assert_task(rollout, 1, TASK_SKIPPED);
    assert_task(rollout, 5, TASK_SKIPPED);
    assert_wave(rollout, 0, WAVE_CANCELLED);
    assert_wave(rollout, 1, WAVE_CANCELLED);
    stage_close(&stage);
}

static void test_rollback_waits_for_jobs(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &REVERTING_PLAN);
    (void)stage_room(&stage, 1, 3);
    stage_report(&stage, rollout, 1, TASK_EVENT_STARTED);
    stage_report(&stage, rollout, 0, TASK_EVENT_FAILED);
    assert_rollout(rollout, ROLLOUT_REVERTING);
    assert_int_equal(stage_count(&stage, EFFECT_SEND_CANCEL), 2);
    assert_int_equal(stage_count(&stage, EFFECT_ROLL_BACK), 0);
    assert_task(rollout, 3, TASK_READY);
    assert_int_equal(stage_room(&stage, 1, 10), 0);
    stage_report_touched(&stage, rollout, 1, TASK_EVENT_DONE);
    assert_rollout(rollout, ROLLOUT_REVERTING);
    stage_report(&stage, rollout, 2, TASK_EVENT_CANCELLED);
    assert_task(rollout, 2, TASK_SKIPPED);
    assert_rollout(rollout, ROLLOUT_REVERTING);
    assert_int_equal(stage_count(&stage, EFFECT_ROLL_BACK), 1);
    stage_ask(&stage, EVENT_REVERTED, rollout);
    assert_rollout(rollout, ROLLOUT_FAILED);
    assert_task(rollout, 3, TASK_SKIPPED);
    stage_report(&stage, rollout, 2, TASK_EVENT_DONE); /* late: nothing more comes of it */
    assert_int_equal(stage.effects.count, 0);
    stage_close(&stage);
}

/* Whoever was to start the rollback could not: an operator decides, and the rollout is as whole as
 * any that is paused. */
static void test_rollback_that_cannot_start(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &REVERTING_PLAN);
    (void)stage_room(&stage, 1, 2);
    stage_report(&stage, rollout, 0, TASK_EVENT_FAILED);
    stage_report(&stage, rollout, 1, TASK_EVENT_DONE);
    assert_int_equal(stage_count(&stage, EFFECT_ROLL_BACK), 1);
    stage_step(&stage,
               &(event_t){.kind = EVENT_UNREVERTED, .rollout = rollout->id, .words = "sad"});
    assert_rollout(rollout, ROLLOUT_PAUSED);
    assert_string_equal(rollout->reason,
                        "the wave failed, and its rollback could not be started by itself: sad");
    assert_int_equal(rollout->finished_us, 0);
    assert_wave(rollout, 0, WAVE_FAILED);
    assert_task(rollout, 2, TASK_READY);
    /* tried again, it fails again, and the rollback is asked for again */
    stage_retry(&stage, rollout, STAGE_ALL);
    assert_rollout(rollout, ROLLOUT_RUNNING);
    assert_int_equal(stage_room(&stage, 1, 1), 1);
    stage_report(&stage, rollout, rollout->tasks[0].state == TASK_DISPATCHED ? 0 : 2,
                 TASK_EVENT_FAILED);
    assert_int_equal(stage_count(&stage, EFFECT_ROLL_BACK), 1);
    stage_ask(&stage, EVENT_UNREVERTED, rollout);
    /* or the failures are accepted, and it goes on to its end */
    stage_ask(&stage, EVENT_RESUME, rollout);
    assert_rollout(rollout, ROLLOUT_RUNNING);
    finish_ready(&stage, rollout);
    finish_ready(&stage, rollout);
    assert_wave(rollout, 1, WAVE_PASSED);
    assert_rollout(rollout, ROLLOUT_INCOMPLETE);
    stage_close(&stage);
}

/* Word of the last outstanding tenant makes an incomplete rollout whole. */
static void test_late_word_completes(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(
        &stage, &(rollout_plan_t){.number = 1,
                                  .unreachable = UNREACHABLE_SKIP,
                                  .waves = {{.count = 3, .on_failure = ON_FAILURE_CONTINUE}}});
    (void)stage_room(&stage, 1, 3);
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    stage_tick(&stage, LEASE_SECONDS + 1, 0);
    stage_tick(&stage, REACH_SECONDS + 1, 0);
    assert_task(rollout, 1, TASK_OUTSTANDING);
    assert_task(rollout, 2, TASK_OUTSTANDING);
    assert_rollout(rollout, ROLLOUT_INCOMPLETE);
    int64_t ended_us = rollout->finished_us;
    stage_tick(&stage, 5, 1);
    stage_report(&stage, rollout, 1, TASK_EVENT_DONE);
    assert_rollout(rollout, ROLLOUT_INCOMPLETE); /* one is still missing */
    assert_int_equal(rollout->finished_us, ended_us);
    stage_report(&stage, rollout, 2, TASK_EVENT_NOT_NEEDED);
    assert_rollout(rollout, ROLLOUT_SUCCEEDED);
    assert_int_equal(rollout->finished_us, stage.now_us);
    assert_int_equal(rollout->short_of, 0);
    stage_close(&stage);
}

/* An undo that fails is not undone in turn. */
static void test_a_rollback_never_rolls_back(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_plan_t plan = REVERTING_PLAN;
    plan.kind = KIND_UNDO;
    rollout_t *rollout = stage_start(&stage, &plan);
    (void)stage_room(&stage, 1, 1);
    stage_report(&stage, rollout, 0, TASK_EVENT_FAILED);
    assert_rollout(rollout, ROLLOUT_PAUSED);
    stage_close(&stage);
}

static void test_pause(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout =
        stage_start(&stage, &(rollout_plan_t){.number = 1, .wave_count = 2, .waves = {{3}, {1}}});
    (void)stage_room(&stage, 1, 2);
    stage_ask(&stage, EVENT_PAUSE, rollout);
    assert_rollout(rollout, ROLLOUT_PAUSED);
    assert_int_equal(stage_room(&stage, 1, 10), 0);
    assert_false(engine_has_ready(stage.engine, &rollout->tasks[0].agent));
    stage_ask(&stage, EVENT_RESUME, rollout);
    assert_rollout(rollout, ROLLOUT_RUNNING);
    assert_int_equal(stage_room(&stage, 1, 10), 1);
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    stage_report(&stage, rollout, 1, TASK_EVENT_DONE);
    stage_ask(&stage, EVENT_PAUSE, rollout);
    stage_report(&stage, rollout, 2, TASK_EVENT_DONE); /* the wave ends under the pause */
    assert_rollout(rollout, ROLLOUT_PAUSED);
    assert_wave(rollout, 0, WAVE_PASSED);
    assert_wave(rollout, 1, WAVE_PENDING);
    stage_ask(&stage, EVENT_RESUME, rollout);
    assert_wave(rollout, 1, WAVE_OPEN);
    finish_ready(&stage, rollout);
    assert_rollout(rollout, ROLLOUT_SUCCEEDED);
    stage_close(&stage);
}

static void test_wave_fails_under_pause(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{2}}});
    (void)stage_room(&stage, 1, 2);
    stage_ask(&stage, EVENT_PAUSE, rollout);
    stage_report(&stage, rollout, 0, TASK_EVENT_FAILED);
    assert_rollout(rollout, ROLLOUT_PAUSED);
    assert_wave(rollout, 0, WAVE_FAILED);
    stage_close(&stage);

    stage_open(&stage); /* and one that rolls back does so, pause or not */
    rollout = stage_start(&stage, &REVERTING_PLAN);
    (void)stage_room(&stage, 1, 2);
    stage_ask(&stage, EVENT_PAUSE, rollout);
    stage_report(&stage, rollout, 0, TASK_EVENT_FAILED);
    assert_rollout(rollout, ROLLOUT_REVERTING);
    stage_report(&stage, rollout, 1, TASK_EVENT_FAILED);
    assert_int_equal(stage_count(&stage, EFFECT_ROLL_BACK), 1);
    stage_ask(&stage, EVENT_REVERTED, rollout);
    assert_rollout(rollout, ROLLOUT_FAILED);
    stage_close(&stage);
}

static void test_stop_with_nothing_in_hand(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *planned =
        stage_adopt(&stage, stage_plan(&(rollout_plan_t){.number = 2, .waves = {{2}}}));
    stage_ask(&stage, EVENT_STOP, planned);
    assert_rollout(planned, ROLLOUT_STOPPED);
    assert_task(planned, 0, TASK_SKIPPED);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{2}}});
    stage_ask(&stage, EVENT_STOP, rollout);
    assert_rollout(rollout, ROLLOUT_STOPPED);
    assert_task(rollout, 1, TASK_SKIPPED);
    assert_wave(rollout, 0, WAVE_CANCELLED);
    assert_int_equal(stage_room(&stage, 1, 10), 0);
    stage_close(&stage);
}

/* What fails for a passing reason then is not tried again, and waits for nobody. */
static void test_passing_failure_while_stopping(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{2}}});
    (void)stage_room(&stage, 1, 2);
    stage_ask(&stage, EVENT_STOP, rollout);
    stage_report(&stage, rollout, 0, TASK_EVENT_TRANSIENT);
    assert_rollout(rollout, ROLLOUT_STOPPING);
    stage_report_touched(&stage, rollout, 1, TASK_EVENT_TRANSIENT);
    assert_rollout(rollout, ROLLOUT_STOPPED);
    assert_task(rollout, 0, TASK_SKIPPED);
    assert_task(rollout, 1, TASK_FAILED);
    stage_close(&stage);
}

static void test_stop_with_jobs_in_hand(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{5}}});
    (void)stage_room(&stage, 1, 4);
    stage_report_touched(&stage, rollout, 1, TASK_EVENT_STARTED);
    stage_ask(&stage, EVENT_STOP, rollout);
    assert_rollout(rollout, ROLLOUT_STOPPING);
    assert_int_equal(stage_count(&stage, EFFECT_SEND_CANCEL), 4);
    assert_task(rollout, 4, TASK_SKIPPED);
    stage_report(&stage, rollout, 0, TASK_EVENT_CANCELLED);
    assert_task(rollout, 0, TASK_SKIPPED);
    stage_report(&stage, rollout, 1, TASK_EVENT_CANCELLED);
    assert_task(rollout, 1, TASK_FAILED); /* something was committed: it is not as it was */
    assert_rollout(rollout, ROLLOUT_STOPPING);
    stage_report(&stage, rollout, 2, TASK_EVENT_UNKNOWN);
    stage_report(&stage, rollout, 3, TASK_EVENT_DONE);
    assert_rollout(rollout, ROLLOUT_STOPPING); /* one is unknown */
    stage_ask(&stage, EVENT_STOP, rollout);
    assert_rollout(rollout, ROLLOUT_STOPPED);
    assert_task(rollout, 2, TASK_OUTSTANDING);
    stage_report(&stage, rollout, 2, TASK_EVENT_DONE); /* evidence counts however late */
    assert_task(rollout, 2, TASK_SUCCEEDED);
    stage_close(&stage);
}

/* Asked for twice, while jobs are still at work: they are asked again, and waited for. */
static void test_stop_twice(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{2}}});
    (void)stage_room(&stage, 1, 2);
    stage_ask(&stage, EVENT_STOP, rollout);
    stage_ask(&stage, EVENT_STOP, rollout);
    assert_rollout(rollout, ROLLOUT_STOPPING);
    assert_int_equal(stage_count(&stage, EFFECT_SEND_CANCEL), 2);
    stage_report(&stage, rollout, 0, TASK_EVENT_CANCELLED);
    stage_report(&stage, rollout, 1, TASK_EVENT_CANCELLED);
    assert_rollout(rollout, ROLLOUT_STOPPED);
    stage_close(&stage);
}

static void test_stop_while_reverting(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &REVERTING_PLAN);
    (void)stage_room(&stage, 1, 2);
    stage_report(&stage, rollout, 1, TASK_EVENT_UNKNOWN);
    stage_report(&stage, rollout, 0, TASK_EVENT_FAILED); /* unknown is no longer waited for */
    assert_rollout(rollout, ROLLOUT_REVERTING);
    assert_task(rollout, 1, TASK_OUTSTANDING);
    assert_int_equal(stage_count(&stage, EFFECT_ROLL_BACK), 1);
    stage_close(&stage);

    stage_open(&stage);
    rollout = stage_start(&stage, &REVERTING_PLAN);
    (void)stage_room(&stage, 1, 2);
    stage_report(&stage, rollout, 0, TASK_EVENT_FAILED);
    stage_ask(&stage, EVENT_STOP, rollout);
    assert_rollout(rollout, ROLLOUT_STOPPING);
    stage_report(&stage, rollout, 1, TASK_EVENT_DONE);
    assert_rollout(rollout, ROLLOUT_STOPPED);
    assert_int_equal(stage_count(&stage, EFFECT_ROLL_BACK), 0);
    stage_close(&stage);
}

/* What makes no sense in a state changes nothing. */
static void test_refusals(void **state) {
    (void)state;
    static const event_kind_t ASKS[] = {EVENT_START, EVENT_PAUSE,    EVENT_RESUME,    EVENT_STOP,
                                        EVENT_RETRY, EVENT_REVERTED, EVENT_UNREVERTED};
    static const struct {
        rollout_state_t state;
        uint32_t refused; /* set of indexes in ASKS */
    } CASES[] = {
        {ROLLOUT_PLANNED, IN(1) | IN(2) | IN(4) | IN(5) | IN(6)},
        {ROLLOUT_RUNNING, IN(0) | IN(2) | IN(4) | IN(5) | IN(6)},
        {ROLLOUT_PAUSED, IN(0) | IN(1) | IN(4) | IN(5) | IN(6)},
        {ROLLOUT_STOPPING, IN(0) | IN(1) | IN(2) | IN(4) | IN(5) | IN(6)},
        {ROLLOUT_REVERTING, IN(0) | IN(1) | IN(2) | IN(4)},
        {ROLLOUT_STOPPED, IN(0) | IN(1) | IN(2) | IN(3) | IN(4) | IN(5) | IN(6)},
        {ROLLOUT_SUCCEEDED, IN(0) | IN(1) | IN(2) | IN(3) | IN(4) | IN(5) | IN(6)},
        {ROLLOUT_INCOMPLETE, IN(0) | IN(1) | IN(2) | IN(3) | IN(4) | IN(5) | IN(6)},
        {ROLLOUT_FAILED, IN(0) | IN(1) | IN(2) | IN(3) | IN(4) | IN(5) | IN(6)},
    };
    for (size_t c = 0; c < sizeof CASES / sizeof CASES[0]; c++) {
        stage_t stage;
        stage_open(&stage);
        rollout_t *plan = stage_plan(&(rollout_plan_t){.number = 1, .waves = {{2}}});
        plan->state = CASES[c].state;
        rollout_t *rollout = stage_adopt(&stage, plan);
        for (size_t a = 0; a < sizeof ASKS / sizeof ASKS[0]; a++) {
            if ((CASES[c].refused & IN(a)) != 0) {
                stage_ask(&stage, ASKS[a], rollout);
                assert_rollout(rollout, CASES[c].state);
                assert_int_equal(stage.effects.count, 0);
            }
        }
        stage_close(&stage);
    }
}

static void expect_same(const rollout_t *live, const rollout_t *loaded) {
    assert_int_equal(live->in_flight, loaded->in_flight);
    assert_int_equal(live->short_of, loaded->short_of);
    assert_int_equal((int)live->state, (int)loaded->state);
    assert_int_equal(live->current_wave, loaded->current_wave);
    for (uint32_t w = 0; w < live->wave_count; w++) {
        assert_int_equal(live->waves[w].settled, loaded->waves[w].settled);
        assert_int_equal(live->waves[w].failed, loaded->waves[w].failed);
        assert_int_equal(live->waves[w].in_flight, loaded->waves[w].in_flight);
    }
}

/* A coordinator that starts anew goes on where the store says that the old one was. */
static void test_adopt_half_done(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *live = stage_start(
        &stage, &(rollout_plan_t){.number = 1,
                                  .clusters = 2,
                                  .wave_count = 2,
                                  .waves = {{.count = 8, .on_failure = ON_FAILURE_CONTINUE}, {2}}});
    (void)stage_room(&stage, 1, 6);
    stage_report(&stage, live, 0, TASK_EVENT_DONE);
    stage_report(&stage, live, 1, TASK_EVENT_FAILED);
    stage_report(&stage, live, 2, TASK_EVENT_TRANSIENT);
    stage_report(&stage, live, 3, TASK_EVENT_UNKNOWN);
    stage_report(&stage, live, 4, TASK_EVENT_STARTED);

    stage_t second;
    stage_open(&second);
    rollout_t *loaded = stage_adopt(&second, stage_copy(live));
    expect_same(live, loaded);
    stage_check(&second);
    const agent_key_t agent = stage_agent(1);
    engine_restore_lease(second.engine, 1, &agent, second.boot_us);
    engine_restore_lease(second.engine, 2, &agent, second.boot_us);
    second.fresh = 100;
    assert_int_equal(stage_room(&second, 1, 10), 2);
    stage_tick(&second, RETRY_SECONDS, 1);
    assert_task(loaded, 3, TASK_UNKNOWN);
    assert_task(loaded, 4, TASK_RUNNING); /* the restored lease covers it */
    (void)stage_room(&second, 1, 10);
    for (uint32_t i = 2; i < 8; i++) {
        stage_report(&second, loaded, i, TASK_EVENT_DONE);
    }
    assert_wave(loaded, 0, WAVE_PASSED);
    assert_wave(loaded, 1, WAVE_OPEN);
    stage_close(&second);
    stage_close(&stage);
}

case_list_t cases_rollout(void) {
    static const struct CMUnitTest ITEMS[] = {
        cmocka_unit_test(test_words_by_kind),
        cmocka_unit_test(test_happy),
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_continue_ends_incomplete),
        cmocka_unit_test(test_failure_pauses_and_resume_forgives),
        cmocka_unit_test(test_rollback_with_nothing_in_hand),
        cmocka_unit_test(test_rollback_waits_for_jobs),
        cmocka_unit_test(test_rollback_that_cannot_start),
        cmocka_unit_test(test_late_word_completes),
        cmocka_unit_test(test_a_rollback_never_rolls_back),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_wave_fails_under_pause),
        cmocka_unit_test(test_stop_with_nothing_in_hand),
        cmocka_unit_test(test_passing_failure_while_stopping),
        cmocka_unit_test(test_stop_with_jobs_in_hand),
        cmocka_unit_test(test_stop_twice),
        cmocka_unit_test(test_stop_while_reverting),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_adopt_half_done),
    };
    return (case_list_t){ITEMS, sizeof ITEMS / sizeof ITEMS[0]};
}
