/*
 * cases_row.c: what the engine's own callers never ask of a machine, or only a later coordinator
 * would: each machine is asked directly. Late, doubled and foreign events change nothing.
 */
#include "coordinator/engine/internal.h"
#include "tests/unit/coordinator/engine/stage.h"

typedef struct scene {
    stage_t stage;
    run_t *run;
    rollout_t *rollout;
} scene_t;

/* A running rollout of one wave with one task in this state. */
static void scene_open(scene_t *scene, task_state_t task, wave_state_t wave) {
    stage_open(&scene->stage);
    rollout_t *plan = stage_plan(&(rollout_plan_t){.number = 1, .waves = {{1}}});
    plan->state = ROLLOUT_RUNNING;
    plan->waves[0].state = wave;
    plan->tasks[0].state = task;
    scene->rollout = stage_adopt(&scene->stage, plan);
    scene->run = scene->stage.engine->runs;
}

static void task_gets(scene_t *scene, task_event_t what) {
    event_t event = {.kind = EVENT_TICK, .now_us = scene->stage.now_us};
    effects_clear(&scene->stage.effects);
    tasks_apply(scene->stage.engine, scene->run, 0, what, &event, &scene->stage.effects);
}

static void wave_gets(scene_t *scene, wave_event_t what) {
    event_t event = {.kind = EVENT_TICK, .now_us = scene->stage.now_us};
    effects_clear(&scene->stage.effects);
    waves_apply(scene->stage.engine, scene->run, 0, what, &event, &scene->stage.effects);
}

static void rollout_gets(scene_t *scene, rollout_event_t what) {
    event_t event = {.kind = EVENT_TICK, .now_us = scene->stage.now_us};
    effects_clear(&scene->stage.effects);
    rollouts_apply(scene->stage.engine, scene->run, what, &event, &scene->stage.effects);
}

#define EV(name) IN(TASK_EVENT_##name)
#define RESULTS                                                                                    \
    (EV(STARTED) | EV(DONE) | EV(REFUSED) | EV(FAILED) | EV(TRANSIENT) | EV(UNKNOWN) |             \
     EV(CANCELLED))
#define RULINGS (EV(RULED_DONE) | EV(RULED_NOT) | EV(RULED_GONE))

/* The events that leave a task of an open wave as it is. */
static const uint32_t IGNORED[TASK_STATE_COUNT] = {
    [TASK_PENDING] = RESULTS | EV(DISPATCHED) | EV(SILENT) | EV(LACKED) | EV(DUE) |
                     EV(OUT_OF_REACH) | EV(RETRIED),
    [TASK_READY] = RESULTS | EV(OPENED) | EV(SILENT) | EV(LACKED) | EV(DUE) | EV(RETRIED),
    [TASK_DISPATCHED] = EV(OPENED) | EV(DISPATCHED) | EV(DUE) | EV(OUT_OF_REACH) | EV(RETRIED),
    [TASK_RUNNING] =
        EV(STARTED) | EV(OPENED) | EV(DISPATCHED) | EV(DUE) | EV(OUT_OF_REACH) | EV(RETRIED),
    [TASK_WAITING] = RESULTS | EV(OPENED) | EV(DISPATCHED) | EV(SILENT) | EV(LACKED),
    [TASK_UNKNOWN] = EV(UNKNOWN) | EV(OPENED) | EV(DISPATCHED) | EV(SILENT) | EV(DUE),
    [TASK_OUTSTANDING] = EV(UNKNOWN) | EV(STARTED) | EV(OPENED) | EV(DISPATCHED) | EV(SILENT) |
                         EV(LACKED) | EV(DUE) | EV(WITHDRAWN) | EV(OUT_OF_REACH),
};

/* Over, for good or until a retry. */
static uint32_t ignored_by(task_state_t state) {
    uint32_t every = EV(COUNT) - 1;
    switch (state) {
    case TASK_SUCCEEDED:
    case TASK_NOT_NEEDED:
    case TASK_GONE:
        return every;
    case TASK_FAILED:
    case TASK_REFUSED:
    case TASK_SKIPPED:
        return every & ~(EV(RETRIED) | EV(FOUND));
    case TASK_PENDING:
    case TASK_READY:
    case TASK_DISPATCHED:
    case TASK_RUNNING:
    case TASK_WAITING:
    case TASK_UNKNOWN:
    case TASK_OUTSTANDING:
    case TASK_STATE_COUNT:
        break;
    }
    return IGNORED[state] | (state != TASK_READY ? EV(WITHHELD) : 0U) |
           (state != TASK_UNKNOWN && state != TASK_OUTSTANDING ? RULINGS : 0U);
}

static void test_tasks_ignore(void **state) {
    (void)state;
    for (int s = 0; s < TASK_STATE_COUNT; s++) {
        for (int e = 0; e < TASK_EVENT_COUNT; e++) {
            scene_t scene;
            scene_open(&scene, (task_state_t)s, WAVE_OPEN);
            task_gets(&scene, (task_event_t)e);
            bool same = (int)scene.rollout->tasks[0].state == s && scene.stage.effects.count == 0;
            assert_int_equal(same, (ignored_by((task_state_t)s) & IN(e)) != 0);
            stage_close(&scene.stage);
        }
    }
}

/* Known from inventory, before any agent had it. */
static void test_inventory_knows(void **state) {
    (void)state;
    static const task_state_t IDLE[] = {TASK_PENDING, TASK_READY, TASK_WAITING};
    for (size_t i = 0; i < sizeof IDLE / sizeof IDLE[0]; i++) {
        scene_t scene;
        scene_open(&scene, IDLE[i], WAVE_OPEN);
        task_gets(&scene, TASK_EVENT_NOT_NEEDED);
        assert_task(scene.rollout, 0, TASK_NOT_NEEDED);
        assert_rollout(scene.rollout, ROLLOUT_SUCCEEDED);
        stage_close(&scene.stage);
        scene_open(&scene, IDLE[i], WAVE_OPEN);
        task_gets(&scene, TASK_EVENT_GONE);
        assert_task(scene.rollout, 0, TASK_GONE);
        stage_close(&scene.stage);
    }
}

/* Set back in a wave that is not open: it waits for its wave. */
static void test_retried_before_its_wave(void **state) {
    (void)state;
    static const task_state_t AGAIN[] = {TASK_UNKNOWN, TASK_FAILED, TASK_REFUSED, TASK_SKIPPED,
                                         TASK_OUTSTANDING};
    for (size_t i = 0; i < sizeof AGAIN / sizeof AGAIN[0]; i++) {
        scene_t scene;
        scene_open(&scene, AGAIN[i], WAVE_PENDING);
        task_gets(&scene, TASK_EVENT_RETRIED);
        assert_task(scene.rollout, 0, TASK_PENDING);
        wave_gets(&scene, WAVE_EVENT_OPENED);
        assert_task(scene.rollout, 0, TASK_READY);
        stage_close(&scene.stage);
    }
}

static void test_waves_ignore(void **state) {
    (void)state;
    const uint32_t of_tickets = IN(WAVE_EVENT_EVIDENCE) | IN(WAVE_EVENT_TICKETED) |
                                IN(WAVE_EVENT_DENIED) | IN(WAVE_EVENT_POSTPONED);
    static const uint32_t IGNORED_BY_WAVE[WAVE_STATE_COUNT] = {
        [WAVE_AWAITING] = IN(WAVE_EVENT_JUDGED) | IN(WAVE_EVENT_SOAKED) | IN(WAVE_EVENT_RETRIED),
        [WAVE_PENDING] = IN(WAVE_EVENT_JUDGED) | IN(WAVE_EVENT_SOAKED) | IN(WAVE_EVENT_RETRIED) |
                         IN(WAVE_EVENT_FORGIVEN),
        [WAVE_OPEN] = IN(WAVE_EVENT_OPENED) | IN(WAVE_EVENT_JUDGED) | IN(WAVE_EVENT_SOAKED) |
                      IN(WAVE_EVENT_RETRIED) | IN(WAVE_EVENT_FORGIVEN),
        [WAVE_SOAKING] = IN(WAVE_EVENT_OPENED) | IN(WAVE_EVENT_JUDGED) | IN(WAVE_EVENT_FORGIVEN),
        [WAVE_PASSED] = IN(WAVE_EVENT_OPENED) | IN(WAVE_EVENT_JUDGED) | IN(WAVE_EVENT_SOAKED) |
                        IN(WAVE_EVENT_CANCELLED) | IN(WAVE_EVENT_FORGIVEN),
        [WAVE_FAILED] = IN(WAVE_EVENT_OPENED) | IN(WAVE_EVENT_JUDGED) | IN(WAVE_EVENT_SOAKED),
        [WAVE_CANCELLED] = IN(WAVE_EVENT_COUNT) - 1,
    };
    for (int s = 0; s < WAVE_STATE_COUNT; s++) {
        for (int e = 0; e < WAVE_EVENT_COUNT; e++) {
            scene_t scene;
            scene_open(&scene, TASK_READY, (wave_state_t)s);
            wave_gets(&scene, (wave_event_t)e);
            bool same = (int)scene.rollout->waves[0].state == s && scene.stage.effects.count == 0;
            uint32_t ignored = IGNORED_BY_WAVE[s] | (s != WAVE_AWAITING ? of_tickets : 0) |
                               (s != WAVE_OPEN ? IN(WAVE_EVENT_LAPSED) : 0);
            assert_int_equal(same, (ignored & IN(e)) != 0);
            stage_close(&scene.stage);
        }
    }
}

/* Failures that come to light during the soak (gates will) fail the wave. */
static void test_soak_can_fail(void **state) {
    (void)state;
    static const wave_event_t EVENTS[] = {WAVE_EVENT_JUDGED, WAVE_EVENT_SOAKED};
    for (size_t i = 0; i < sizeof EVENTS / sizeof EVENTS[0]; i++) {
        scene_t scene;
        scene_open(&scene, TASK_FAILED, WAVE_SOAKING);
        wave_gets(&scene, EVENTS[i]);
        assert_wave(scene.rollout, 0, WAVE_FAILED);
        assert_rollout(scene.rollout, ROLLOUT_PAUSED);
        stage_close(&scene.stage);
    }
}

static void test_rollouts_ignore(void **state) {
    (void)state;
    static const rollout_state_t DEAF[] = {ROLLOUT_PLANNED, ROLLOUT_STOPPING,  ROLLOUT_REVERTING,
                                           ROLLOUT_STOPPED, ROLLOUT_SUCCEEDED, ROLLOUT_INCOMPLETE,
                                           ROLLOUT_FAILED};
    for (size_t i = 0; i < sizeof DEAF / sizeof DEAF[0]; i++) {
        scene_t scene;
        scene_open(&scene, TASK_DISPATCHED, WAVE_OPEN);
        scene.rollout->state = DEAF[i];
        rollout_gets(&scene, ROLLOUT_EVENT_WAVE_PASSED);
        rollout_gets(&scene, ROLLOUT_EVENT_WAVE_FAILED);
        scene.rollout->short_of = DEAF[i] == ROLLOUT_INCOMPLETE; /* else late word completes it */
        rollout_gets(&scene, ROLLOUT_EVENT_SETTLED);
        assert_rollout(scene.rollout, DEAF[i]);
        assert_int_equal(scene.stage.effects.count, 0);
        stage_close(&scene.stage);
    }
}

static void test_leases_ignore(void **state) {
    (void)state;
    scene_t scene;
    scene_open(&scene, TASK_READY, WAVE_OPEN);
    event_t event = {.kind = EVENT_GOODBYE, .agent = stage_agent(1)};
    engine_t *engine = scene.stage.engine;
    cluster_lease_t *lease = leases_get(engine, 1);
    leases_apply(engine, lease, LEASE_EVENT_RELEASED, &event, &scene.stage.effects);
    leases_apply(engine, lease, LEASE_EVENT_EXPIRED, &event, &scene.stage.effects);
    assert_int_equal((int)lease->state, LEASE_FREE);
    const agent_key_t holder = stage_agent(2);
    engine_restore_lease(engine, 1, &holder, scene.stage.boot_us);
    leases_apply(engine, lease, LEASE_EVENT_RELEASED, &event, &scene.stage.effects);
    assert_int_equal((int)lease->state, LEASE_HELD);
    assert_int_equal(scene.stage.effects.count, 0);
    stage_close(&scene.stage);
}

case_list_t cases_row(void) {
    static const struct CMUnitTest ITEMS[] = {
        cmocka_unit_test(test_tasks_ignore),
        cmocka_unit_test(test_inventory_knows),
        cmocka_unit_test(test_retried_before_its_wave),
        cmocka_unit_test(test_waves_ignore),
        cmocka_unit_test(test_soak_can_fail),
        cmocka_unit_test(test_rollouts_ignore),
        cmocka_unit_test(test_leases_ignore),
    };
    return (case_list_t){ITEMS, sizeof ITEMS / sizeof ITEMS[0]};
}
