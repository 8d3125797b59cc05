/* cases_task.c: what one task goes through: tries, doubt, silence, reach, late and foreign word. */
#include "tests/unit/coordinator/engine/stage.h"

static const rollout_plan_t ONE = {.number = 1,
                                   .waves = {{.count = 1, .on_failure = ON_FAILURE_CONTINUE}}};

static void test_transient(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_plan_t plan = ONE;
    plan.attempts = 3;
    rollout_t *rollout = stage_start(&stage, &plan);
    const task_t *task = &rollout->tasks[0];
    for (uint32_t try = 1; try <= 3; try++) {
        assert_int_equal(stage_room(&stage, 1, 1), 1);
        assert_int_equal(task->attempts, try);
        stage.chance = UINT32_MAX; /* the whole step: 1 s, then 2 s */
        stage_report(&stage, rollout, 0, TASK_EVENT_TRANSIENT);
        if (try < 3) {
            assert_task(rollout, 0, TASK_WAITING);
            assert_int_equal(task->due_us, stage.now_us + SECONDS(try));
            stage.now_us += SECONDS(try) - 1;
            stage_tick(&stage, 0, 1);
            assert_task(rollout, 0, TASK_WAITING);
            stage.now_us += 1;
            stage_tick(&stage, 0, 1);
            assert_task(rollout, 0, TASK_READY);
        }
    }
    assert_task(rollout, 0, TASK_FAILED);
    assert_rollout(rollout, ROLLOUT_INCOMPLETE);
    stage_close(&stage);
}

/* Given back before anything was begun: the only try is still there. What was touched is spent. */
static void test_unspent(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_plan_t plan = ONE;
    plan.attempts = 1;
    rollout_t *rollout = stage_start(&stage, &plan);
    const task_t *task = &rollout->tasks[0];
    report_facts_t facts = {.job = task->job, .event = TASK_EVENT_TRANSIENT, .unspent = true};
    for (int round = 0; round < 3; round++) {
        assert_int_equal(stage_room(&stage, 1, 1), 1);
        assert_int_equal(task->attempts, 1);
        const agent_key_t agent = task->agent;
        facts.attempt = task->attempt;
        facts.touched = round == 2;
        stage.chance = UINT32_MAX;
        stage_report_facts(&stage, &agent, &facts);
        stage_report_facts(&stage, &agent, &facts); /* said twice, it counts once */
        if (round < 2) {
            assert_task(rollout, 0, TASK_WAITING);
            assert_int_equal(task->attempts, 0);
            assert_int_equal(task->due_us, stage.now_us + SECONDS(1 << round)); /* as after tries */
            stage.now_us += SECONDS(1 << round);
            stage_tick(&stage, 0, 1);
        }
    }
    assert_task(rollout, 0, TASK_FAILED);
    stage_close(&stage);
}

/* However often it is given back: it waits ever longer, up to the bound, and never fails of it. A
 * failure of work that began counts as the first, and its wait begins anew. */
static void test_given_back_for_long(void **state) {
    (void)state;
    enum { ROUNDS = 200 };
    stage_t stage;
    stage_open(&stage);
    stage.chance = UINT32_MAX;
    rollout_t *rollout = stage_start(&stage, &ONE);
    const task_t *task = &rollout->tasks[0];
    report_facts_t facts = {.job = task->job, .event = TASK_EVENT_TRANSIENT, .unspent = true};
    for (int round = 0; round <= ROUNDS; round++) {
        assert_int_equal(stage_room(&stage, 1, 1), 1);
        const agent_key_t agent = task->agent;
        facts.attempt = task->attempt;
        facts.unspent = round < ROUNDS;
        stage_report_facts(&stage, &agent, &facts);
        assert_task(rollout, 0, TASK_WAITING);
        if (round == ROUNDS - 1) {
            assert_int_equal(task->due_us, stage.now_us + SECONDS(RETRY_SECONDS));
            assert_true(task->given_back > 0 && task->given_back < ROUNDS);
        }
        if (round < ROUNDS) {
            stage.now_us += SECONDS(RETRY_SECONDS);
            stage_tick(&stage, 0, 1);
        }
    }
    assert_int_equal(task->attempts, 1);
    assert_int_equal(task->given_back, 0);
    assert_int_equal(task->due_us, stage.now_us + SECONDS(1));
    stage_close(&stage);
}

/* A wait that ends under a failed wave stays a wait: nothing more of that wave is started. */
static void test_due_in_failed_wave(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{2}}});
    (void)stage_room(&stage, 1, 2);
    stage_report(&stage, rollout, 0, TASK_EVENT_TRANSIENT);
    stage_report(&stage, rollout, 1, TASK_EVENT_FAILED);
    stage_tick(&stage, RETRY_SECONDS, 1);
    assert_task(rollout, 0, TASK_WAITING);
    stage_ask(&stage, EVENT_RESUME, rollout);
    stage_tick(&stage, 0, 1);
    assert_task(rollout, 0, TASK_READY);
    stage_close(&stage);
}

/* A stop ends the waits: what was changed decides as what. */
static void test_stop_ends_waits(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{2}}});
    (void)stage_room(&stage, 1, 2);
    stage_report(&stage, rollout, 0, TASK_EVENT_TRANSIENT);
    stage_report_touched(&stage, rollout, 1, TASK_EVENT_TRANSIENT);
    stage_ask(&stage, EVENT_STOP, rollout);
    assert_task(rollout, 0, TASK_SKIPPED);
    assert_task(rollout, 1, TASK_FAILED);
    assert_rollout(rollout, ROLLOUT_STOPPED);
    stage_close(&stage);
}

static void test_unknown_then_evidence(void **state) {
    (void)state;
    static const struct {
        task_event_t word;
        task_state_t end;
    } WORDS[] = {
        {TASK_EVENT_DONE, TASK_SUCCEEDED},    {TASK_EVENT_NOT_NEEDED, TASK_NOT_NEEDED},
        {TASK_EVENT_REFUSED, TASK_REFUSED},   {TASK_EVENT_FAILED, TASK_FAILED},
        {TASK_EVENT_TRANSIENT, TASK_WAITING}, {TASK_EVENT_CANCELLED, TASK_SKIPPED},
        {TASK_EVENT_GONE, TASK_GONE},         {TASK_EVENT_STARTED, TASK_RUNNING},
        {TASK_EVENT_UNKNOWN, TASK_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        stage_t stage;
        stage_open(&stage);
        rollout_t *rollout = stage_start(&stage, &ONE);
        (void)stage_room(&stage, 1, 1);
        stage_report(&stage, rollout, 0, TASK_EVENT_UNKNOWN);
        assert_task(rollout, 0, TASK_UNKNOWN);
        stage_report(&stage, rollout, 0, WORDS[i].word);
        assert_task(rollout, 0, WORDS[i].end);
        stage_close(&stage);
    }
}

/* Outstanding: no longer waited for, but word that comes after all is taken. */
static void test_outstanding_then_evidence(void **state) {
    (void)state;
    static const struct {
        task_event_t word;
        bool touched;
        task_state_t end;
    } WORDS[] = {
        {TASK_EVENT_DONE, true, TASK_SUCCEEDED},
        {TASK_EVENT_NOT_NEEDED, false, TASK_NOT_NEEDED},
        {TASK_EVENT_REFUSED, false, TASK_REFUSED},
        {TASK_EVENT_FAILED, false, TASK_FAILED},
        {TASK_EVENT_TRANSIENT, false, TASK_FAILED},
        {TASK_EVENT_CANCELLED, false, TASK_SKIPPED},
        {TASK_EVENT_CANCELLED, true, TASK_FAILED},
        {TASK_EVENT_GONE, false, TASK_GONE},
        {TASK_EVENT_STARTED, false, TASK_OUTSTANDING},
        {TASK_EVENT_UNKNOWN, false, TASK_OUTSTANDING},
    };
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        stage_t stage;
        stage_open(&stage);
        rollout_t *rollout = stage_start(&stage, &ONE);
        (void)stage_room(&stage, 1, 1);
        stage_report(&stage, rollout, 0, TASK_EVENT_UNKNOWN);
        stage_ask(&stage, EVENT_STOP, rollout);
        assert_task(rollout, 0, TASK_OUTSTANDING);
        assert_rollout(rollout, ROLLOUT_STOPPED);
        if (WORDS[i].touched) {
            stage_report_touched(&stage, rollout, 0, WORDS[i].word);
        } else {
            stage_report(&stage, rollout, 0, WORDS[i].word);
        }
        assert_task(rollout, 0, WORDS[i].end);
        assert_rollout(rollout, ROLLOUT_STOPPED);
        stage_close(&stage);
    }
}

static void test_silent_then_back(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{3}}});
    (void)stage_room(&stage, 1, 3);
    stage_report(&stage, rollout, 1, TASK_EVENT_STARTED);
    stage_tick(&stage, LEASE_SECONDS, 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_task(rollout, i, TASK_UNKNOWN);
    }
    const ident_t attempt = rollout->tasks[2].attempt;
    stage_in_hand(&stage, 1, rollout, (task_range_t){.first = 0, .count = 2}); /* not the third */
    assert_int_equal(stage_count(&stage, EFFECT_SEND_JOB), 1);
    assert_int_equal(stage.effects.items[0].task, 2);
    assert_task(rollout, 0, TASK_UNKNOWN);
    assert_task(rollout, 2, TASK_DISPATCHED);
    assert_true(ident_equal(&attempt, &rollout->tasks[2].attempt)); /* the same attempt */
    assert_int_equal(rollout->tasks[2].attempts, 1);
    stage_seen(&stage, (sight_t){.agent = 1, .cluster = 1});
    for (uint32_t i = 0; i < 3; i++) {
        stage_report(&stage, rollout, i, TASK_EVENT_DONE);
    }
    assert_rollout(rollout, ROLLOUT_SUCCEEDED);
    stage_in_hand(&stage, 1, rollout, (task_range_t){.count = 0});
    assert_int_equal(stage.effects.count, 0);
    stage_close(&stage);
}

/* Back while its rollout is being stopped: the cancel may have been lost, it is said again. */
static void test_back_while_stopping(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{2}}});
    (void)stage_room(&stage, 1, 2);
    stage_ask(&stage, EVENT_STOP, rollout);
    stage_in_hand(&stage, 1, rollout, (task_range_t){.first = 0, .count = 1});
    assert_int_equal(stage_count(&stage, EFFECT_SEND_JOB), 1);
    assert_int_equal(stage_count(&stage, EFFECT_SEND_CANCEL), 2);
    stage_in_hand(&stage, 2, rollout, (task_range_t){.count = 0}); /* somebody else's are not its */
    assert_int_equal(stage.effects.count, 0);
    stage_close(&stage);
}

/* Back without its state, while nothing forward goes to it: what it lost is unknown, and perhaps
 * touched, whatever was known of it; it is sent again once it may have it. */
static void test_back_and_kept_back(void **state) {
    (void)state;
    static const char *const everything[] = {""};
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{2}}});
    rollout_t *back =
        stage_start(&stage, &(rollout_plan_t){.number = 2, .kind = KIND_UNDO, .waves = {{1}}});
    (void)stage_room(&stage, 1, 3);
    event_t event = {.kind = EVENT_IN_HAND,
                     .agent = stage_agent(1),
                     .forgetful = true,
                     .held = {.applications = everything, .count = 1}};
    stage_step(&stage, &event);
    assert_int_equal(stage_count(&stage, EFFECT_SEND_JOB), 1); /* the one that is taken back */
    assert_task(back, 0, TASK_DISPATCHED);
    for (uint32_t i = 0; i < 2; i++) {
        assert_task(rollout, i, TASK_UNKNOWN);
        assert_true(rollout->tasks[i].touched);
    }
    rollout->tasks[0].touched = false; /* as from a coordinator that did not see it leave */
    stage_step(&stage, &event);
    assert_true(rollout->tasks[0].touched);
    assert_true(stage_count(&stage, EFFECT_SAVE_TASK) >= 2);
    stage_in_hand(&stage, 1, rollout, (task_range_t){.count = 0});
    assert_int_equal(stage_count(&stage, EFFECT_SEND_JOB), 3);
    assert_task(rollout, 0, TASK_DISPATCHED);
    stage_ask(&stage, EVENT_STOP, rollout);
    event.forgetful = false;
    stage_step(&stage, &event);
    assert_task(rollout, 0, TASK_OUTSTANDING);
    assert_rollout(rollout, ROLLOUT_STOPPED);
    stage_close(&stage);
}

/* The rollout ended without them: an agent that never heard of it is told when it is back. */
static void test_back_after_a_stop(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{2}}});
    (void)stage_room(&stage, 1, 2);
    stage_tick(&stage, LEASE_SECONDS, 0);
    assert_task(rollout, 0, TASK_UNKNOWN);
    stage_ask(&stage, EVENT_STOP, rollout);
    assert_rollout(rollout, ROLLOUT_STOPPED);
    assert_task(rollout, 0, TASK_OUTSTANDING);
    stage_in_hand(&stage, 1, rollout, (task_range_t){.first = 0, .count = 1});
    assert_int_equal(stage_count(&stage, EFFECT_SEND_CANCEL), 1); /* the other one never arrived */
    assert_int_equal(stage_count(&stage, EFFECT_SEND_JOB), 0);
    stage_close(&stage);
}

static void out_of_reach(unreachable_policy_t policy, const task_state_t wanted[4]) {
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(
        &stage, &(rollout_plan_t){.number = 1,
                                  .unreachable = policy,
                                  .wave_count = 2,
                                  .waves = {{.count = 4, .on_failure = ON_FAILURE_CONTINUE}, {1}}});
    (void)stage_room(&stage, 1, 3);
    stage_report_touched(&stage, rollout, 0, TASK_EVENT_TRANSIENT);
    stage_report(&stage, rollout, 1, TASK_EVENT_TRANSIENT);
    stage_report(&stage, rollout, 2, TASK_EVENT_STARTED);
    stage_tick(&stage, LEASE_SECONDS, 0);
    stage_tick(&stage, REACH_SECONDS - 1, 0);
    assert_task(rollout, 2, TASK_UNKNOWN);
    assert_task(rollout, 3, TASK_READY);
    stage_tick(&stage, 1, 0);
    for (uint32_t i = 0; i < 4; i++) {
        assert_task(rollout, i, wanted[i]);
        bool gave_up = wanted[i] != TASK_READY && wanted[i] != TASK_UNKNOWN;
        assert_int_equal(rollout->tasks[i].error_code,
                         gave_up ? ERROR_AGENT_UNREACHABLE : ERROR_NONE);
        assert_true(!gave_up || strstr(rollout->tasks[i].error, "no agent had acted on its "
                                                                "cluster for ") != NULL);
    }
    stage_close(&stage);
}

static void test_out_of_reach(void **state) {
    (void)state;
    const task_state_t waits[4] = {TASK_READY, TASK_READY, TASK_UNKNOWN, TASK_READY};
    const task_state_t skips[4] = {TASK_FAILED, TASK_SKIPPED, TASK_OUTSTANDING, TASK_SKIPPED};
    const task_state_t counts[4] = {TASK_FAILED, TASK_FAILED, TASK_OUTSTANDING, TASK_FAILED};
    out_of_reach(UNREACHABLE_WAIT, waits);
    out_of_reach(UNREACHABLE_SKIP, skips);
    out_of_reach(UNREACHABLE_COUNT_AS_FAILURE, counts);
}

/* A cluster that was never seen is out of reach from the engine's first event on. */
static void test_never_seen(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_plan_t plan = ONE;
    plan.unreachable = UNREACHABLE_SKIP;
    rollout_t *rollout = stage_adopt(&stage, stage_plan(&plan));
    stage_ask(&stage, EVENT_START, rollout);
    stage_tick(&stage, REACH_SECONDS - 1, 0);
    assert_task(rollout, 0, TASK_READY);
    stage_tick(&stage, 1, 0);
    assert_task(rollout, 0, TASK_SKIPPED);
    assert_rollout(rollout, ROLLOUT_INCOMPLETE);
    stage_close(&stage);
}

static void test_gone(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &ONE);
    (void)stage_room(&stage, 1, 1);
    stage_report(&stage, rollout, 0, TASK_EVENT_GONE);
    assert_task(rollout, 0, TASK_GONE);
    assert_rollout(rollout, ROLLOUT_SUCCEEDED); /* who is no more is not short of the target */
    stage_close(&stage);
}

/* What a report says is kept; a success forgets the error of the try before. */
static void test_report_is_kept(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &ONE);
    (void)stage_room(&stage, 1, 1);
    task_t *task = &rollout->tasks[0];
    report_facts_t facts = {.job = task->job,
                            .attempt = task->attempt,
                            .event = TASK_EVENT_TRANSIENT,
                            .step = 3,
                            .has_position = true,
                            .position = 7,
                            .touched = true,
                            .error_code = ERROR_TENANT_BUSY,
                            .sqlstate = "55P03",
                            .error = "applying V008",
                            .reference = "dump/1",
                            .notes = "two rows"};
    const agent_key_t agent = task->agent;
    stage_report_facts(&stage, &agent, &facts);
    assert_int_equal(task->step, 3);
    assert_int_equal(task->position, 7);
    assert_true(task->touched);
    assert_int_equal((int)task->error_code, (int)ERROR_TENANT_BUSY);
    assert_string_equal(task->sqlstate, "55P03");
    assert_string_equal(task->error, "applying V008");
    assert_string_equal(task->reference, "dump/1");
    assert_string_equal(task->notes, "two rows");
    stage_tick(&stage, RETRY_SECONDS, 1);
    (void)stage_room(&stage, 1, 1);
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    assert_null(task->error);
    assert_null(task->notes);
    assert_string_equal(task->sqlstate, "");
    assert_int_equal(task->position, 7); /* not said again */
    assert_string_equal(task->reference, "dump/1");
    stage_close(&stage);
}

/* The way back is to what stood before the first change, not to where a try came to. */
static void test_the_first_recovery_point_stays(void **state) {
    (void)state;
    for (int touched = 0; touched < 2; touched++) {
        stage_t stage;
        stage_open(&stage);
        rollout_t *rollout = stage_start(&stage, &ONE);
        task_t *task = &rollout->tasks[0];
        for (int i = 0; i < 2; i++) {
            (void)stage_room(&stage, 1, 1);
            report_facts_t facts = {.job = task->job,
                                    .attempt = task->attempt,
                                    .event = i == 0 ? TASK_EVENT_TRANSIENT : TASK_EVENT_DONE,
                                    .touched = touched > 0 || i > 0,
                                    .reference = i == 0 ? "dump/1" : "dump/2"};
            const agent_key_t agent = task->agent;
            stage_report_facts(&stage, &agent, &facts);
            stage_tick(&stage, RETRY_SECONDS, 1);
        }
        assert_int_equal(task->state, TASK_SUCCEEDED);
        assert_string_equal(task->reference, touched > 0 ? "dump/1" : "dump/2");
        stage_close(&stage);
    }
}

/* Word of another attempt, another agent or an unknown job changes nothing. */
static void test_foreign_word(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &ONE);
    (void)stage_room(&stage, 1, 1);
    const task_t *task = &rollout->tasks[0];
    const ident_t first = task->attempt;
    stage_report(&stage, rollout, 0, TASK_EVENT_TRANSIENT);
    stage_tick(&stage, RETRY_SECONDS, 1);
    (void)stage_room(&stage, 1, 1);
    const report_facts_t stale = {.job = task->job, .attempt = first, .event = TASK_EVENT_FAILED};
    const agent_key_t agent = stage_agent(1);
    stage_report_facts(&stage, &agent, &stale);
    assert_int_equal(stage.effects.count, 0);
    const report_facts_t fresh = {
        .job = task->job, .attempt = task->attempt, .event = TASK_EVENT_FAILED};
    const agent_key_t other = stage_agent(2);
    stage_report_facts(&stage, &other, &fresh);
    assert_int_equal(stage.effects.count, 0);
    report_facts_t nowhere = fresh;
    nowhere.job = stage_id(9, 9);
    stage_report_facts(&stage, &agent, &nowhere);
    assert_int_equal(stage.effects.count, 0);
    assert_task(rollout, 0, TASK_DISPATCHED);
    stage_close(&stage);
}

/* Every report twice: the second says nothing new. */
static void test_doubled_word(void **state) {
    (void)state;
    static const task_event_t WORDS[] = {
        TASK_EVENT_DONE,      TASK_EVENT_NOT_NEEDED, TASK_EVENT_REFUSED, TASK_EVENT_FAILED,
        TASK_EVENT_TRANSIENT, TASK_EVENT_CANCELLED,  TASK_EVENT_GONE,
    };
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        stage_t stage;
        stage_open(&stage);
        rollout_t *rollout = stage_start(&stage, &ONE);
        (void)stage_room(&stage, 1, 1);
        stage_report(&stage, rollout, 0, WORDS[i]);
        task_state_t after = rollout->tasks[0].state;
        stage_report(&stage, rollout, 0, WORDS[i]);
        assert_task(rollout, 0, after);
        assert_int_equal(stage.effects.count, 0);
        stage_close(&stage);
    }
}

case_list_t cases_task(void) {
    static const struct CMUnitTest ITEMS[] = {
        cmocka_unit_test(test_transient),
        cmocka_unit_test(test_unspent),
        cmocka_unit_test(test_given_back_for_long),
        cmocka_unit_test(test_due_in_failed_wave),
        cmocka_unit_test(test_stop_ends_waits),
        cmocka_unit_test(test_unknown_then_evidence),
        cmocka_unit_test(test_outstanding_then_evidence),
        cmocka_unit_test(test_silent_then_back),
        cmocka_unit_test(test_back_while_stopping),
        cmocka_unit_test(test_back_and_kept_back),
        cmocka_unit_test(test_back_after_a_stop),
        cmocka_unit_test(test_out_of_reach),
        cmocka_unit_test(test_never_seen),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_report_is_kept),
        cmocka_unit_test(test_the_first_recovery_point_stays),
        cmocka_unit_test(test_foreign_word),
        cmocka_unit_test(test_doubled_word),
    };
    return (case_list_t){ITEMS, sizeof ITEMS / sizeof ITEMS[0]};
}
