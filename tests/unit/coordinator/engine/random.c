/*
 * random.c: 2,000 random histories over three rollouts of three waves with 30 tasks, two agents and
 * three clusters. Each is played from a seed, so that a failure is played again; DROVER_SEED plays
 * one alone. After every event: counters equal a recount; nothing is sent from a wave that is not
 * open or a rollout that does not run; a wave opens by its ticket where it needs one; an attempt is
 * handed out once; a finished rollout has nothing in hand; failures exceed the budget only by what
 * was in hand. When the faults stop, every rollout comes to an end.
 */
#include "tests/unit/coordinator/engine/stage.h"

enum { SEEDS = 2000, EVENTS = 250, ROLLOUTS = 3, TASKS = 30, AGENTS = 2, CLUSTERS = 3 };

typedef struct history {
    stage_t stage;
    rollout_t *rollouts[ROLLOUTS];
    uint64_t state;
    uint32_t sent_highest; /* attempts are numbered as they are handed out */
} history_t;

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint32_t chance(history_t *history, uint32_t below) {
    history->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = history->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> 31)) >> 33) % below;
}

static void begin(history_t *history, uint32_t seed) {
    *history = (history_t){.state = seed};
    stage_open(&history->stage);
    for (uint32_t r = 0; r < ROLLOUTS; r++) {
        rollout_plan_t plan = {.number = r + 1,
                               .kind = chance(history, 4) == 0 ? KIND_UNDO : KIND_FORWARD,
                               .unreachable = (unreachable_policy_t)chance(history, 3),
                               .attempts = 1 + chance(history, 3),
                               .clusters = CLUSTERS,
                               .wave_count = 3,
                               .ticketed = chance(history, 2) == 0};
        const uint32_t counts[3] = {4, 10, 16};
        for (uint32_t w = 0; w < 3; w++) {
            plan.waves[w] = (wave_plan_t){.count = counts[w],
                                          .parallel = chance(history, 6),
                                          .per_cluster = chance(history, 4),
                                          .on_failure = (failure_policy_t)chance(history, 3),
                                          .budget = chance(history, 3),
                                          .soak_us = SECONDS(20) * chance(history, 2),
                                          .approved = chance(history, 3) == 0};
        }
        history->rollouts[r] = stage_adopt(&history->stage, stage_plan(&plan));
        assert_int_equal(history->rollouts[r]->task_count, TASKS);
    }
}

static uint32_t attempt_number(const task_t *task) {
    uint32_t number = 0;
    memcpy(&number, task->attempt.bytes + sizeof number, sizeof number);
    return number;
}

/* What may leave the process after an event. */
static void judge_sent(history_t *history, event_kind_t kind) {
    const stage_t *stage = &history->stage;
    for (size_t i = 0; i < stage->effects.count; i++) {
        const effect_t *effect = &stage->effects.items[i];
        if (effect->kind != EFFECT_SEND_JOB) {
            continue;
        }
        const task_t *task = &effect->rollout->tasks[effect->task];
        assert_int_equal((int)task->state, TASK_DISPATCHED);
        if (kind != EVENT_ROOM) {
            assert_int_equal((int)kind, EVENT_IN_HAND);
            continue;
        }
        assert_rollout(effect->rollout, ROLLOUT_RUNNING);
        assert_wave(effect->rollout, task->wave, WAVE_OPEN);
        assert_true(attempt_number(task) > history->sent_highest); /* one live attempt, a new one */
        history->sent_highest = attempt_number(task);
        agent_key_t holder;
        assert_true(engine_holder(stage->engine, task->system_identifier, &holder));
        assert_memory_equal(&holder, &task->agent, sizeof holder);
    }
}

static void judge_wave(const rollout_t *rollout, const wave_t *wave) {
    assert_true(wave->max_parallel == 0 || wave->in_flight <= wave->max_parallel);
    if (wave->state == WAVE_PASSED) {
        assert_int_equal(wave->settled, wave->count);
    }
    for (uint32_t i = wave->first; i < wave->first + wave->count; i++) {
        bool fresh = wave->state == WAVE_AWAITING && wave->opened_us == 0; /* never was open */
        if (fresh || (wave->state == WAVE_PENDING && wave->opened_us == 0)) {
            assert_int_equal((int)rollout->tasks[i].state, TASK_PENDING);
        }
    }
}

static void judge(history_t *history, event_kind_t kind) {
    judge_sent(history, kind);
    for (uint32_t r = 0; r < ROLLOUTS; r++) {
        const rollout_t *rollout = history->rollouts[r];
        if (rollout_state_is_final(rollout->state)) {
            assert_int_equal(rollout->in_flight, 0);
            assert_true(rollout->finished_us != 0);
            for (uint32_t i = 0; i < rollout->task_count; i++) {
                assert_true(task_state_is_final(rollout->tasks[i].state));
            }
        }
        if (rollout->state == ROLLOUT_SUCCEEDED) {
            assert_int_equal(rollout->short_of, 0);
        }
        if (rollout->state == ROLLOUT_RUNNING) {
            /* it is never left where nobody would move it */
            wave_state_t wave = rollout->waves[rollout->current_wave].state;
            assert_true(wave == WAVE_OPEN || wave == WAVE_SOAKING || wave == WAVE_AWAITING);
        }
        for (uint32_t w = 0; w < rollout->wave_count; w++) {
            if (rollout->waves[w].state == WAVE_AWAITING) { /* only where a ticket is its way */
                bool lapsed = rollout->waves[w].opened_us != 0;
                assert_true(rollout->ticketed && (w == rollout->current_wave || lapsed));
                assert_true(w > 0 || rollout->waves[w].needs_approval);
            }
            judge_wave(rollout, &rollout->waves[w]);
        }
    }
}

/* Failures beyond the budget come only from what was in hand, or out of reach, when it was spent:
 * counted when the wave fails, and no more than its tasks in flight and waiting can be added. */
typedef struct budget_watch {
    bool failed;
    uint32_t bound;
} budget_watch_t;

static void watch_budgets(history_t *history, budget_watch_t watch[ROLLOUTS][3]) {
    for (uint32_t r = 0; r < ROLLOUTS; r++) {
        const rollout_t *rollout = history->rollouts[r];
        for (uint32_t w = 0; w < 3; w++) {
            const wave_t *wave = &rollout->waves[w];
            budget_watch_t *at = &watch[r][w];
            if (wave->state != WAVE_FAILED) {
                at->failed = false;
                continue;
            }
            assert_true(wave->on_failure != ON_FAILURE_CONTINUE);
            if (!at->failed) {
                *at = (budget_watch_t){true, wave->failed + wave->in_flight};
            }
            if (rollout->unreachable == UNREACHABLE_WAIT) {
                assert_true(wave->failed <= at->bound);
            }
        }
    }
}

static event_kind_t play_report(history_t *history) {
    rollout_t *rollout = history->rollouts[chance(history, ROLLOUTS)];
    uint32_t start = chance(history, TASKS);
    uint32_t task = start;
    for (uint32_t i = 0; i < TASKS && !task_state_is_in_flight(rollout->tasks[task].state); i++) {
        task = (start + i) % TASKS; /* mostly one that is in hand */
    }
    static const task_event_t WORDS[] = {
        TASK_EVENT_STARTED, TASK_EVENT_STARTED,   TASK_EVENT_DONE,    TASK_EVENT_DONE,
        TASK_EVENT_DONE,    TASK_EVENT_DONE,      TASK_EVENT_DONE,    TASK_EVENT_NOT_NEEDED,
        TASK_EVENT_REFUSED, TASK_EVENT_FAILED,    TASK_EVENT_UNKNOWN, TASK_EVENT_TRANSIENT,
        TASK_EVENT_GONE,    TASK_EVENT_CANCELLED,
    };
    task_event_t word = WORDS[chance(history, sizeof WORDS / sizeof WORDS[0])];
    if (chance(history, 3) == 0) {
        stage_report_touched(&history->stage, rollout, task, word);
    } else {
        stage_report(&history->stage, rollout, task, word);
    }
    if (chance(history, 5) == 0) {
        stage_report(&history->stage, rollout, task, word); /* doubled */
    }
    return EVENT_REPORT;
}

static event_kind_t play_operator(history_t *history) {
    static const event_kind_t ASKS[] = {EVENT_START,  EVENT_START, EVENT_START, EVENT_RESUME,
                                        EVENT_RESUME, EVENT_PAUSE, EVENT_RETRY, EVENT_STOP};
    const rollout_t *rollout = history->rollouts[chance(history, ROLLOUTS)];
    event_kind_t kind = ASKS[chance(history, sizeof ASKS / sizeof ASKS[0])];
    if (kind == EVENT_STOP && chance(history, 4) != 0) {
        kind = EVENT_RETRY;
    }
    if (kind == EVENT_RETRY) {
        stage_retry(&history->stage, rollout,
                    chance(history, 2) == 0 ? STAGE_ALL : chance(history, TASKS));
    } else {
        stage_ask(&history->stage, kind, rollout);
    }
    return kind;
}

static event_kind_t play_agent(history_t *history) {
    uint32_t agent = 1 + chance(history, AGENTS);
    switch (chance(history, 8)) {
    case 0:
        stage_goodbye(&history->stage, agent);
        return EVENT_GOODBYE;
    case 1:
        stage_in_hand(&history->stage, agent, history->rollouts[chance(history, ROLLOUTS)],
                      (task_range_t){chance(history, 20), chance(history, 10)});
        return EVENT_IN_HAND;
    case 2:
        stage_alive(&history->stage, agent);
        return EVENT_ALIVE;
    default:
        stage_seen(&history->stage, (sight_t){.agent = agent,
                                              .cluster = 1 + chance(history, CLUSTERS),
                                              .standby = chance(history, 5) == 0,
                                              .parallel = chance(history, 4)});
        return EVENT_SEEN;
    }
}

/* A new coordinator process: everything as the store has it, leases held as they were. */
static void reload(history_t *history) {
    stage_t *old = &history->stage;
    stage_t fresh;
    stage_open(&fresh);
    fresh.now_us = old->now_us;
    fresh.boot_us = old->boot_us;
    fresh.fresh = old->fresh;
    fresh.digest = old->digest;
    for (uint32_t r = 0; r < ROLLOUTS; r++) {
        history->rollouts[r] = stage_adopt(&fresh, stage_copy(history->rollouts[r]));
    }
    for (uint64_t c = 1; c <= CLUSTERS; c++) {
        agent_key_t holder;
        if (engine_holder(old->engine, c, &holder)) {
            engine_restore_lease(fresh.engine, c, &holder, fresh.boot_us);
        }
    }
    stage_check(&fresh);
    stage_close(old);
    history->stage = fresh;
}

static event_kind_t play(history_t *history) {
    stage_t *stage = &history->stage;
    stage->chance = chance(history, UINT32_MAX);
    uint32_t die = chance(history, 100);
    if (die < 45) {
        return play_report(history);
    }
    if (die < 70) {
        (void)stage_room(stage, 1 + chance(history, AGENTS), chance(history, 8));
        return EVENT_ROOM;
    }
    if (die < 82) {
        return play_agent(history);
    }
    if (die < 90) {
        return play_operator(history);
    }
    if (die < 91) {
        reload(history);
        return EVENT_TICK;
    }
    stage_tick(stage, chance(history, 12) == 0 ? LEASE_SECONDS + REACH_SECONDS : chance(history, 9),
               chance(history, AGENTS + 1));
    return EVENT_TICK;
}

/* What the caller does with EFFECT_ROLL_BACK: a rollback starts, or cannot. */
static void answer_reverts(history_t *history, bool always) {
    for (uint32_t r = 0; r < ROLLOUTS; r++) {
        const rollout_t *rollout = history->rollouts[r];
        if (rollout->state == ROLLOUT_REVERTING && rollout->in_flight == 0) {
            bool starts = always || chance(history, 2) == 0;
            stage_ask(&history->stage, starts ? EVENT_REVERTED : EVENT_UNREVERTED, rollout);
            assert_rollout(rollout, starts ? ROLLOUT_FAILED : ROLLOUT_PAUSED);
        }
    }
}

/* What the caller does with EFFECT_TICKET, and results that come when nobody waits for them. */
static void answer_tickets(history_t *history, bool always) {
    stage_t *stage = &history->stage;
    for (uint32_t r = 0; r < ROLLOUTS; r++) {
        const rollout_t *rollout = history->rollouts[r];
        uint32_t wave = chance(history, 4) == 0 ? chance(history, 3) : rollout->current_wave;
        bool awaits = rollout->waves[wave].state == WAVE_AWAITING;
        if (chance(history, 4) == 0) {
            stage_ask(stage, EVENT_EVIDENCE, rollout);
        }
        if (!always && rollout->ticketed && wave > 0 && chance(history, 40) == 0) {
            stage_lapse(stage, rollout, wave); /* an agent was revoked */
            assert_int_not_equal((int)rollout->waves[wave].state, WAVE_OPEN);
        }
        if (always || chance(history, 3) == 0) {
            stage_ticket(stage, rollout, wave);
            assert_false(awaits && rollout->waves[wave].state == WAVE_AWAITING);
        } else {
            stage_deny(stage, rollout, wave, "no result yet");
        }
        judge(history, EVENT_TICKET);
    }
}

static bool all_over(const history_t *history) {
    bool over = true;
    for (uint32_t r = 0; r < ROLLOUTS; r++) {
        over = over && rollout_state_is_final(history->rollouts[r]->state);
    }
    return over;
}

/* The faults stop: agents are there, everything that is asked of them is done, and an operator
 * lets go on what stands. */
static void come_to_an_end(history_t *history) {
    stage_t *stage = &history->stage;
    for (int turn = 0; turn < 200 && !all_over(history); turn++) {
        for (uint32_t c = 1; c <= CLUSTERS; c++) {
            stage_seen(stage, (sight_t){.agent = 1, .cluster = c});
        }
        for (uint32_t r = 0; r < ROLLOUTS; r++) {
            stage_ask(stage, EVENT_START, history->rollouts[r]);
            stage_ask(stage, EVENT_RESUME, history->rollouts[r]);
        }
        (void)stage_room(stage, 1, STAGE_ROOM);
        (void)stage_room(stage, 2, STAGE_ROOM);
        judge(history, EVENT_ROOM);
        for (uint32_t r = 0; r < ROLLOUTS; r++) {
            for (uint32_t i = 0; i < TASKS; i++) {
                if (task_state_is_in_flight(history->rollouts[r]->tasks[i].state)) {
                    stage_report(stage, history->rollouts[r], i, TASK_EVENT_DONE);
                }
            }
        }
        stage_tick(stage, 20, 2);
        judge(history, EVENT_TICK);
        answer_reverts(history, true);
        answer_tickets(history, true);
    }
    assert_true(all_over(history));
}

static uint64_t play_history(uint32_t seed) {
    history_t history;
    budget_watch_t watch[ROLLOUTS][3] = {0};
    begin(&history, seed);
    for (int i = 0; i < EVENTS; i++) {
        event_kind_t kind = play(&history);
        judge(&history, kind);
        answer_reverts(&history, false);
        answer_tickets(&history, false);
        watch_budgets(&history, watch);
    }
    come_to_an_end(&history);
    uint64_t digest = history.stage.digest;
    stage_close(&history.stage);
    return digest;
}

static uint32_t current_seed;

static void say_seed(void) {
    if (current_seed != 0) {
        (void)fprintf(stderr, "play it again with DROVER_SEED=%u\n", current_seed);
    }
}

static void test_histories(void **state) {
    (void)state;
    const char *one = getenv("DROVER_SEED");
    uint32_t first = one != NULL ? (uint32_t)strtoul(one, NULL, 10) : 1;
    uint32_t last = one != NULL ? first : SEEDS;
    for (uint32_t seed = first; seed <= last; seed++) {
        current_seed = seed;
        (void)play_history(seed);
    }
    current_seed = 0;
}

/* The same events give the same states and effects, bit by bit. */
static void test_deterministic(void **state) {
    (void)state;
    uint64_t all = 0;
    for (uint32_t seed = 1; seed <= 50; seed++) {
        uint64_t digest = play_history(seed);
        assert_true(digest == play_history(seed));
        assert_true(digest != all);
        all = digest;
    }
}

int main(void) {
    static const struct CMUnitTest TESTS[] = {cmocka_unit_test(test_histories),
                                              cmocka_unit_test(test_deterministic)};
    (void)atexit(say_seed);
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
