/* cases_ticket.c: later waves of an order open by a ticket; a held fleet does not go forward. */
#include "coordinator/engine/rollout_table.h"
#include "coordinator/engine/wave_table.h"
#include "tests/unit/coordinator/engine/stage.h"

static const rollout_plan_t TWO_WAVES = {
    .number = 1, .ticketed = true, .wave_count = 2, .waves = {{2}, {2}}};

static void do_wave(stage_t *stage, const rollout_t *rollout, uint32_t number) {
    const wave_t *wave = &rollout->waves[number];
    (void)stage_room(stage, 1, STAGE_ROOM);
    for (uint32_t i = wave->first; i < wave->first + wave->count; i++) {
        stage_report(stage, rollout, i, TASK_EVENT_DONE);
    }
}

/* The plan's first wave is done, its second one waits for its ticket. */
static rollout_t *come_to_second(stage_t *stage, const rollout_plan_t *plan) {
    stage_open(stage);
    rollout_t *rollout = stage_start(stage, plan);
    assert_wave(rollout, 0, WAVE_OPEN);
    do_wave(stage, rollout, 0);
    assert_wave(rollout, 0, WAVE_PASSED);
    assert_wave(rollout, 1, WAVE_AWAITING);
    assert_int_equal(rollout->current_wave, 1);
    return rollout;
}

static void test_later_wave_awaits_its_ticket(void **state) {
    (void)state;
    stage_t stage;
    rollout_t *rollout = come_to_second(&stage, &TWO_WAVES);
    assert_int_equal(stage_count(&stage, EFFECT_TICKET), 1);
    const effect_t *last = &stage.effects.items[stage.effects.count - 1];
    assert_int_equal((int)last->kind, EFFECT_TICKET);
    assert_ptr_equal(last->rollout, rollout);
    assert_int_equal(last->wave, 1);
    assert_rollout(rollout, ROLLOUT_RUNNING);
    assert_task(rollout, 2, TASK_PENDING);
    assert_int_equal(rollout->waves[1].opened_us, 0);
    assert_int_equal(stage_room(&stage, 1, 10), 0);
    stage_ticket(&stage, rollout, 1);
    assert_wave(rollout, 1, WAVE_OPEN);
    assert_int_equal(stage_told(&stage, &WAVE_MACHINE), 14);
    assert_string_equal(rollout->reason, "the wave is open: its ticket is there");
    assert_int_equal(rollout->waves[1].opened_us, stage.now_us);
    do_wave(&stage, rollout, 1);
    assert_rollout(rollout, ROLLOUT_SUCCEEDED);
    stage_close(&stage);
}

static void test_denied_and_asked_again(void **state) {
    (void)state;
    stage_t stage;
    rollout_t *rollout = come_to_second(&stage, &TWO_WAVES);
    stage_deny(&stage, rollout, 1, "one result is missing");
    assert_wave(rollout, 1, WAVE_AWAITING);
    assert_string_equal(rollout->reason, "the wave waits for its ticket: one result is missing");
    assert_int_equal(stage_count(&stage, EFFECT_SAVE_ROLLOUT), 1);
    stage_deny(&stage, rollout, 1, "one result is missing");
    assert_int_equal(stage.effects.count, 0); /* said already */
    stage_tick(&stage, 100, 1);
    assert_wave(rollout, 1, WAVE_AWAITING);
    stage_ask(&stage, EVENT_EVIDENCE, rollout);
    assert_int_equal(stage_count(&stage, EFFECT_TICKET), 1);
    stage_deny(&stage, rollout, 1, "another one is missing");
    assert_int_equal(stage_count(&stage, EFFECT_SAVE_ROLLOUT), 1);
    stage_ask(&stage, EVENT_EVIDENCE, rollout);
    stage_ticket(&stage, rollout, 1);
    assert_wave(rollout, 1, WAVE_OPEN);
    stage_ask(&stage, EVENT_EVIDENCE, rollout); /* open: nothing is asked for */
    stage_deny(&stage, rollout, 1, "too late");
    stage_ticket(&stage, rollout, 1);
    assert_int_equal(stage.effects.count, 0);
    assert_wave(rollout, 1, WAVE_OPEN);
    stage_close(&stage);
}

/* The order's own signatures open its first wave, unless it says that it needs an approval. */
static void test_first_wave(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *approved = stage_start(
        &stage, &(rollout_plan_t){.number = 1, .ticketed = true, .waves = {{1, .approved = true}}});
    assert_wave(approved, 0, WAVE_AWAITING);
    assert_int_equal(stage_room(&stage, 1, 10), 0);
    stage_ticket(&stage, approved, 0);
    assert_int_equal(stage_room(&stage, 1, 10), 1);
    rollout_t *without =
        stage_start(&stage, &(rollout_plan_t){.number = 2, .waves = {{1, .approved = true}}});
    assert_wave(without, 0, WAVE_OPEN);
    stage_close(&stage);
}

/* A rollback that the engine started itself runs under the forward order and waits for nothing. */
static void test_without_tickets_waves_follow(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_plan_t plan = TWO_WAVES;
    plan.ticketed = false;
    rollout_t *rollout = stage_start(&stage, &plan);
    do_wave(&stage, rollout, 0);
    assert_wave(rollout, 1, WAVE_OPEN);
    assert_int_equal(stage_count(&stage, EFFECT_TICKET), 0);
    stage_close(&stage);
}

static void test_stop_while_awaiting(void **state) {
    (void)state;
    stage_t stage;
    rollout_t *rollout = come_to_second(&stage, &TWO_WAVES);
    stage_ask(&stage, EVENT_STOP, rollout);
    assert_rollout(rollout, ROLLOUT_STOPPED);
    assert_wave(rollout, 1, WAVE_CANCELLED);
    assert_task(rollout, 2, TASK_SKIPPED);
    stage_ticket(&stage, rollout, 1);
    assert_wave(rollout, 1, WAVE_CANCELLED);
    assert_int_equal(stage.effects.count, 0);
    stage_close(&stage);
}

/* What it was paused for stays said; a ticket that comes meanwhile opens the wave, and nothing of
 * it starts. */
static void test_pause_while_awaiting(void **state) {
    (void)state;
    stage_t stage;
    rollout_t *rollout = come_to_second(&stage, &TWO_WAVES);
    stage_ask(&stage, EVENT_PAUSE, rollout);
    assert_rollout(rollout, ROLLOUT_PAUSED);
    char *why = strdup(rollout->reason);
    stage_deny(&stage, rollout, 1, "one result is missing");
    assert_string_equal(rollout->reason, why);
    stage_ask(&stage, EVENT_RESUME, rollout); /* may bring an approval: asked again */
    assert_int_equal(stage_count(&stage, EFFECT_TICKET), 1);
    stage_ask(&stage, EVENT_PAUSE, rollout);
    stage_ask(&stage, EVENT_EVIDENCE, rollout);
    stage_ticket(&stage, rollout, 1);
    assert_wave(rollout, 1, WAVE_OPEN);
    assert_string_equal(rollout->reason, why);
    assert_int_equal(stage_room(&stage, 1, 10), 0);
    stage_ask(&stage, EVENT_RESUME, rollout);
    assert_int_equal(stage_count(&stage, EFFECT_TICKET), 0);
    assert_int_equal(stage_room(&stage, 1, 10), 2);
    free(why);
    stage_close(&stage);
}

/* Another try in an earlier wave: the later one's turn comes again, and its ticket with it. */
static void test_retry_while_awaiting(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_plan_t plan = TWO_WAVES;
    plan.waves[0].budget = 1;
    rollout_t *rollout = stage_start(&stage, &plan);
    (void)stage_room(&stage, 1, 10);
    stage_report(&stage, rollout, 0, TASK_EVENT_FAILED);
    stage_report(&stage, rollout, 1, TASK_EVENT_DONE);
    assert_wave(rollout, 1, WAVE_AWAITING);
    stage_retry(&stage, rollout, 0);
    assert_wave(rollout, 0, WAVE_OPEN);
    assert_wave(rollout, 1, WAVE_PENDING);
    assert_int_equal(rollout->current_wave, 0);
    stage_ask(&stage, EVENT_EVIDENCE, rollout); /* of the other tenant: it is not its turn */
    stage_ticket(&stage, rollout, 1);
    assert_wave(rollout, 1, WAVE_PENDING);
    assert_int_equal(stage.effects.count, 0);
    (void)stage_room(&stage, 1, 10);
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    assert_wave(rollout, 1, WAVE_AWAITING);
    assert_int_equal(stage_count(&stage, EFFECT_TICKET), 1);
    stage_ticket(&stage, rollout, 1);
    assert_wave(rollout, 1, WAVE_OPEN);
    stage_close(&stage);
}

/* What is retried in the wave itself goes on waiting with it. */
static void test_retry_within_the_awaiting_wave(void **state) {
    (void)state;
    stage_t stage;
    rollout_t *rollout = come_to_second(&stage, &TWO_WAVES);
    stage_t fresh;
    stage_open(&fresh);
    rollout_t *copy = stage_copy(rollout);
    copy->tasks[2].state = TASK_REFUSED;
    copy = stage_adopt(&fresh, copy);
    stage_retry(&fresh, copy, 2);
    assert_task(copy, 2, TASK_PENDING);
    assert_wave(copy, 1, WAVE_AWAITING);
    assert_int_equal(stage_count(&fresh, EFFECT_TICKET), 1);
    stage_close(&fresh);
    stage_close(&stage);
}

static void test_restart_while_awaiting(void **state) {
    (void)state;
    stage_t stage;
    rollout_t *rollout = come_to_second(&stage, &TWO_WAVES);
    stage_t fresh;
    stage_open(&fresh);
    rollout_t *copy = stage_adopt(&fresh, stage_copy(rollout));
    stage_seen(&fresh, (sight_t){.agent = 1, .cluster = 1});
    stage_tick(&fresh, 1, 1);
    assert_wave(copy, 1, WAVE_AWAITING);
    assert_int_equal(stage_room(&fresh, 1, 10), 0);
    stage_ask(&fresh, EVENT_EVIDENCE, copy);
    assert_int_equal(stage_count(&fresh, EFFECT_TICKET), 1);
    stage_ticket(&fresh, copy, 1);
    do_wave(&fresh, copy, 1);
    assert_rollout(copy, ROLLOUT_SUCCEEDED);
    stage_close(&fresh);
    stage_close(&stage);
}

/* Four tenants in the second wave, two of them with the agent, when its ticket lapses. */
static rollout_t *lapse_second(stage_t *stage) {
    const rollout_plan_t plan = {
        .number = 1, .ticketed = true, .wave_count = 2, .waves = {{2}, {4}}};
    rollout_t *rollout = come_to_second(stage, &plan);
    stage_ticket(stage, rollout, 1);
    assert_int_equal(stage_room(stage, 1, 2), 2);
    stage_lapse(stage, rollout, 1);
    return rollout;
}

/* What is in hand goes to its end; nothing else starts until another ticket is there. */
static void test_ticket_lapses(void **state) {
    (void)state;
    stage_t stage;
    rollout_t *rollout = lapse_second(&stage);
    assert_wave(rollout, 1, WAVE_AWAITING);
    assert_rollout(rollout, ROLLOUT_RUNNING);
    assert_int_equal(stage_told(&stage, &WAVE_MACHINE), 17);
    assert_int_equal(stage_count(&stage, EFFECT_TICKET), 1);
    assert_task(rollout, 2, TASK_DISPATCHED);
    assert_task(rollout, 3, TASK_DISPATCHED);
    assert_task(rollout, 4, TASK_PENDING);
    assert_task(rollout, 5, TASK_PENDING);
    stage_deny(&stage, rollout, 1, "one result is missing");
    assert_string_equal(rollout->reason, "the wave waits for its ticket: one result is missing");
    stage_lapse(&stage, rollout, 1); /* said twice */
    assert_int_equal(stage.effects.count, 0);
    stage_report(&stage, rollout, 2, TASK_EVENT_DONE);
    assert_wave(rollout, 1, WAVE_AWAITING);
    stage_report(&stage, rollout, 3, TASK_EVENT_TRANSIENT); /* refused: its ticket lapsed */
    stage_tick(&stage, RETRY_SECONDS, 1);
    assert_task(rollout, 3, TASK_WAITING);
    assert_int_equal(stage_room(&stage, 1, 10), 0);
    stage_ticket(&stage, rollout, 1);
    assert_wave(rollout, 1, WAVE_OPEN);
    stage_tick(&stage, RETRY_SECONDS, 1);
    assert_int_equal(stage_room(&stage, 1, 10), 3);
    for (uint32_t i = 3; i < 6; i++) {
        stage_report(&stage, rollout, i, TASK_EVENT_DONE);
    }
    assert_rollout(rollout, ROLLOUT_SUCCEEDED);
    stage_close(&stage);
}

/* A new ticket within the same transaction: as if nothing had been. */
static void test_lapsed_ticket_is_replaced(void **state) {
    (void)state;
    stage_t stage;
    rollout_t *rollout = lapse_second(&stage);
    stage_ticket(&stage, rollout, 1);
    assert_wave(rollout, 1, WAVE_OPEN);
    assert_task(rollout, 4, TASK_READY);
    assert_int_equal(stage_room(&stage, 1, 10), 2);
    stage_close(&stage);
}

/* Nothing is left to begin: nobody is asked for an approval of what is done. */
static void test_lapsed_wave_ends_without_a_ticket(void **state) {
    (void)state;
    stage_t stage;
    rollout_t *rollout = come_to_second(&stage, &TWO_WAVES);
    stage_ticket(&stage, rollout, 1);
    (void)stage_room(&stage, 1, 10);
    stage_lapse(&stage, rollout, 1);
    stage_report(&stage, rollout, 2, TASK_EVENT_DONE);
    assert_wave(rollout, 1, WAVE_AWAITING);
    stage_report(&stage, rollout, 3, TASK_EVENT_DONE);
    assert_wave(rollout, 1, WAVE_PASSED);
    assert_rollout(rollout, ROLLOUT_SUCCEEDED);
    stage_close(&stage);
}

/* Failures beyond the budget are found by the wave that opens, or that has nothing left. */
static void test_lapsed_wave_fails(void **state) {
    (void)state;
    stage_t stage;
    rollout_t *rollout = lapse_second(&stage);
    stage_report(&stage, rollout, 2, TASK_EVENT_FAILED);
    assert_wave(rollout, 1, WAVE_AWAITING);
    stage_ticket(&stage, rollout, 1);
    assert_wave(rollout, 1, WAVE_FAILED);
    assert_rollout(rollout, ROLLOUT_PAUSED);
    stage_lapse(&stage, rollout, 1);
    assert_wave(rollout, 1, WAVE_FAILED);
    assert_int_equal(stage.effects.count, 0);
    stage_close(&stage);
}

/* A retry went back to the first wave while the second one was open: both may await. */
static void test_wave_lapses_beside_the_current_one(void **state) {
    (void)state;
    stage_t stage;
    rollout_plan_t plan = TWO_WAVES;
    plan.waves[0].budget = 1;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &plan);
    (void)stage_room(&stage, 1, 10);
    stage_report(&stage, rollout, 0, TASK_EVENT_FAILED);
    stage_report(&stage, rollout, 1, TASK_EVENT_DONE);
    stage_ticket(&stage, rollout, 1);
    stage_retry(&stage, rollout, 0);
    assert_int_equal(rollout->current_wave, 0);
    assert_wave(rollout, 1, WAVE_OPEN);
    stage_lapse(&stage, rollout, 1);
    assert_wave(rollout, 1, WAVE_AWAITING);
    assert_int_equal(stage_room(&stage, 1, 10), 1);
    stage_ask(&stage, EVENT_EVIDENCE, rollout);
    assert_int_equal(stage_count(&stage, EFFECT_TICKET), 1);
    stage_deny(&stage, rollout, 1, "one result is missing");
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    assert_int_equal(rollout->current_wave, 1);
    assert_wave(rollout, 1, WAVE_AWAITING);
    stage_ticket(&stage, rollout, 1);
    do_wave(&stage, rollout, 1);
    assert_rollout(rollout, ROLLOUT_SUCCEEDED);
    stage_close(&stage);
}

/* A wave in which nothing is left to do passes as soon as it is opened. */
static void test_settled_wave_passes_with_its_ticket(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *plan = stage_plan(&(rollout_plan_t){
        .number = 1, .ticketed = true, .wave_count = 3, .waves = {{1}, {1}, {1}}});
    plan->tasks[1].state = TASK_NOT_NEEDED;
    rollout_t *rollout = stage_adopt(&stage, plan);
    stage_seen(&stage, (sight_t){.agent = 1, .cluster = 1});
    stage_ask(&stage, EVENT_START, rollout);
    do_wave(&stage, rollout, 0);
    assert_wave(rollout, 1, WAVE_AWAITING);
    stage_ticket(&stage, rollout, 1);
    assert_wave(rollout, 1, WAVE_PASSED);
    assert_wave(rollout, 2, WAVE_AWAITING);
    assert_int_equal(stage_count(&stage, EFFECT_TICKET), 1);
    stage_close(&stage);
}

static void test_held_fleet_does_not_go_forward(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *forward = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{2}}});
    rollout_t *baseline =
        stage_start(&stage, &(rollout_plan_t){.number = 2, .kind = KIND_BASELINE, .waves = {{1}}});
    const stage_held_t all = {.agent = 1, .room = 10, .application = ""};
    assert_int_equal(stage_room_held(&stage, &all), 0);
    static const rollout_kind_t OTHERS[] = {KIND_UNDO, KIND_RESTORE,      KIND_BACKUP,
                                            KIND_LOOK, KIND_BACKUP_CHECK, KIND_PRUNE};
    for (uint32_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        (void)stage_start(&stage,
                          &(rollout_plan_t){.number = 3 + i, .kind = OTHERS[i], .waves = {{1}}});
        assert_int_equal(stage_room_held(&stage, &all), 1);
    }
    assert_task(forward, 0, TASK_READY);
    assert_task(baseline, 0, TASK_READY);
    assert_int_equal(stage_room(&stage, 1, 10), 3);
    stage_close(&stage);
}

/* A hold of one application keeps nothing of another back. */
static void test_hold_of_an_application(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *shop = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{1}}});
    rollout_t *app = stage_start(&stage, &(rollout_plan_t){.number = 2, .waves = {{1}}});
    shop->application = strdup("shop");
    app->application = strdup("app");
    const stage_held_t held = {.agent = 1, .room = 10, .application = "shop"};
    assert_int_equal(stage_room_held(&stage, &held), 1);
    assert_task(shop, 0, TASK_READY);
    assert_task(app, 0, TASK_DISPATCHED);
    assert_int_equal(stage_room(&stage, 1, 10), 1);
    stage_close(&stage);
}

/* What the plan refused has no leaf in the order: a retry cannot give it a job. */
static void test_retry_reaches_only_whom_the_order_names(void **state) {
    (void)state;
    static const task_state_t STATES[] = {TASK_REFUSED, TASK_SKIPPED};
    for (size_t i = 0; i < sizeof STATES / sizeof STATES[0]; i++) {
        stage_t stage;
        stage_open(&stage);
        rollout_t *plan = stage_plan(&(rollout_plan_t){.number = 1, .waves = {{2}}});
        plan->created_us = plan->tasks[1].finished_us = SECONDS(5);
        plan->tasks[1].state = STATES[i];
        plan->waves[0].forgiven = 1;
        rollout_t *rollout = stage_adopt(&stage, plan);
        stage_seen(&stage, (sight_t){.agent = 1, .cluster = 1});
        stage_ask(&stage, EVENT_START, rollout);
        assert_true(task_is_ordered(rollout, &rollout->tasks[0]));
        assert_false(task_is_ordered(rollout, &rollout->tasks[1]));
        stage_retry(&stage, rollout, 1);
        assert_task(rollout, 1, STATES[i]);
        (void)stage_room(&stage, 1, 10);
        stage_report(&stage, rollout, 0, TASK_EVENT_FAILED);
        stage_retry(&stage, rollout, STAGE_ALL);
        assert_task(rollout, 0, TASK_READY);
        assert_task(rollout, 1, STATES[i]);
        assert_true(task_is_ordered(rollout, &rollout->tasks[0]));
        assert_int_equal(stage_room(&stage, 1, 10), 1);
        stage_close(&stage);
    }
}

case_list_t cases_ticket(void) {
    static const struct CMUnitTest ITEMS[] = {
        cmocka_unit_test(test_later_wave_awaits_its_ticket),
        cmocka_unit_test(test_denied_and_asked_again),
        cmocka_unit_test(test_first_wave),
        cmocka_unit_test(test_without_tickets_waves_follow),
        cmocka_unit_test(test_stop_while_awaiting),
        cmocka_unit_test(test_pause_while_awaiting),
        cmocka_unit_test(test_retry_while_awaiting),
        cmocka_unit_test(test_retry_within_the_awaiting_wave),
        cmocka_unit_test(test_restart_while_awaiting),
        cmocka_unit_test(test_ticket_lapses),
        cmocka_unit_test(test_lapsed_ticket_is_replaced),
        cmocka_unit_test(test_lapsed_wave_ends_without_a_ticket),
        cmocka_unit_test(test_lapsed_wave_fails),
        cmocka_unit_test(test_wave_lapses_beside_the_current_one),
        cmocka_unit_test(test_settled_wave_passes_with_its_ticket),
        cmocka_unit_test(test_held_fleet_does_not_go_forward),
        cmocka_unit_test(test_hold_of_an_application),
        cmocka_unit_test(test_retry_reaches_only_whom_the_order_names),
    };
    return (case_list_t){ITEMS, sizeof ITEMS / sizeof ITEMS[0]};
}
