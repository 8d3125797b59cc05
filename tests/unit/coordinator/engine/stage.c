/* stage.c: see stage.h. */
#include "tests/unit/coordinator/engine/stage.h"

enum { ID_ROLLOUT = 1, ID_JOB = 2, ID_ATTEMPT = 3 };

static uint64_t mix(uint64_t digest, const void *bytes, size_t size) {
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++) {
        digest = (digest ^ at[i]) * UINT64_C(1099511628211); /* FNV-1a */
    }
    return digest;
}

static uint64_t mix_number(uint64_t digest, uint64_t number) {
    return mix(digest, &number, sizeof number);
}

ident_t stage_id(uint32_t kind, uint32_t number) {
    ident_t id = {{0}};
    memcpy(id.bytes, &kind, sizeof kind);
    memcpy(id.bytes + sizeof kind, &number, sizeof number);
    return id;
}

agent_key_t stage_agent(uint32_t number) {
    agent_key_t key = {{0}};
    memcpy(key.bytes, &number, sizeof number);
    return key;
}

void stage_open(stage_t *stage) {
    const engine_options_t options = {
        .lease_us = SECONDS(LEASE_SECONDS),
        .unreachable_us = SECONDS(REACH_SECONDS),
        .retry = {.first_ms = 1000, .most_ms = 1000 * RETRY_SECONDS},
    };
    *stage = (stage_t){.engine = engine_new(&options),
                       .now_us = SECONDS(1000000),
                       .boot_us = SECONDS(500),
                       .digest = UINT64_C(14695981039346656037)};
    assert_non_null(stage->engine);
}

void stage_close(stage_t *stage) {
    engine_destroy(&stage->engine);
    effects_free(&stage->effects);
}

static char *text(const char *value) {
    char *copy = value != NULL ? strdup(value) : NULL;
    assert_true(value == NULL || copy != NULL);
    return copy;
}

static void plan_wave(rollout_t *rollout, uint32_t number, const wave_plan_t *plan) {
    wave_t *wave = &rollout->waves[number];
    *wave = (wave_t){.name = text("wave"),
                     .first = rollout->task_count,
                     .count = plan->count,
                     .max_parallel = plan->parallel,
                     .max_parallel_per_cluster = plan->per_cluster,
                     .on_failure = plan->on_failure,
                     .budget = plan->budget,
                     .soak_for_us = plan->soak_us,
                     .needs_approval = plan->approved};
    rollout->task_count += plan->count;
}

rollout_t *stage_plan(const rollout_plan_t *plan) {
    rollout_t *rollout = calloc(1, sizeof *rollout);
    assert_non_null(rollout);
    rollout->id = stage_id(ID_ROLLOUT, plan->number);
    rollout->kind = plan->kind != 0 ? plan->kind : KIND_FORWARD;
    rollout->unreachable = plan->unreachable;
    rollout->ticketed = plan->ticketed;
    rollout->attempts = plan->attempts != 0 ? plan->attempts : 2;
    rollout->wave_count = plan->wave_count != 0 ? plan->wave_count : 1;
    rollout->waves = calloc(rollout->wave_count, sizeof *rollout->waves);
    assert_non_null(rollout->waves);
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        plan_wave(rollout, w, &plan->waves[w]);
    }
    rollout->tasks = calloc(rollout->task_count + 1, sizeof *rollout->tasks);
    assert_non_null(rollout->tasks);
    uint32_t clusters = plan->clusters != 0 ? plan->clusters : 1;
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        const wave_t *wave = &rollout->waves[w];
        for (uint32_t i = wave->first; i < wave->first + wave->count; i++) {
            rollout->tasks[i] = (task_t){.job = stage_id(ID_JOB, plan->number * 1000 + i),
                                         .wave = w,
                                         .ordinal = i,
                                         .system_identifier = 1 + i % clusters};
        }
    }
    return rollout;
}

rollout_t *stage_adopt(stage_t *stage, rollout_t *rollout) {
    rollout_t *mine = rollout;
    rollout_t *adopted = engine_adopt(stage->engine, &mine);
    assert_non_null(adopted);
    assert_null(mine);
    return adopted;
}

rollout_t *stage_start(stage_t *stage, const rollout_plan_t *plan) {
    rollout_t *rollout = stage_adopt(stage, stage_plan(plan));
    for (uint32_t c = 1; c <= (plan->clusters != 0 ? plan->clusters : 1); c++) {
        stage_seen(stage, (sight_t){.agent = 1, .cluster = c});
    }
    stage_ask(stage, EVENT_START, rollout);
    return rollout;
}

rollout_t *stage_copy(const rollout_t *rollout) {
    rollout_t *copy = calloc(1, sizeof *copy);
    assert_non_null(copy);
    *copy = *rollout;
    copy->reason = text(rollout->reason);
    copy->in_flight = copy->short_of = 77; /* the store keeps no counters */
    copy->waves = calloc(copy->wave_count, sizeof *copy->waves);
    copy->tasks = calloc(copy->task_count + 1, sizeof *copy->tasks);
    assert_non_null(copy->waves);
    assert_non_null(copy->tasks);
    for (uint32_t w = 0; w < copy->wave_count; w++) {
        copy->waves[w] = rollout->waves[w];
        copy->waves[w].name = text(rollout->waves[w].name);
        copy->waves[w].settled = copy->waves[w].failed = copy->waves[w].in_flight = 77;
    }
    for (uint32_t i = 0; i < copy->task_count; i++) {
        task_t *task = &copy->tasks[i];
        *task = rollout->tasks[i];
        task->error = text(task->error);
        task->reference = text(task->reference);
        task->notes = text(task->notes);
        task->next_ready = 0;
        task->queued = false;
    }
    return copy;
}

static void commit(stage_t *stage) {
    for (size_t i = 0; i < stage->effects.count; i++) {
        const effect_t *effect = &stage->effects.items[i];
        stage->digest = mix_number(stage->digest, (uint64_t)effect->kind);
        stage->digest = mix_number(stage->digest, effect->wave);
        stage->digest = mix_number(stage->digest, effect->task);
        stage->digest = mix_number(stage->digest, effect->cluster);
        stage->digest = mix(stage->digest, &effect->agent, sizeof effect->agent);
        stage->digest = mix_number(stage->digest, effect->row != NULL ? effect->row->id : 0);
        if (effect->kind == EFFECT_SAVE_TASK) {
            task_t *task = &effect->rollout->tasks[effect->task];
            assert_true(task->dirty);
            task->dirty = false;
            stage->digest = mix_number(stage->digest, (uint64_t)task->state);
            stage->digest = mix_number(stage->digest, (uint64_t)task->due_us);
        } else if (effect->kind == EFFECT_SAVE_WAVE) {
            effect->rollout->waves[effect->wave].dirty = false;
        } else if (effect->kind == EFFECT_SAVE_ROLLOUT) {
            effect->rollout->dirty = false;
        }
    }
}

void stage_step(stage_t *stage, event_t *event) {
    effects_clear(&stage->effects);
    event->now_us = stage->now_us;
    event->boot_us = stage->boot_us;
    event->chance = stage->chance;
    engine_step(stage->engine, event, &stage->effects);
    assert_false(stage->effects.failed);
    commit(stage);
    stage_check(stage);
}

void stage_ask(stage_t *stage, event_kind_t kind, const rollout_t *rollout) {
    stage_step(stage, &(event_t){.kind = kind, .rollout = rollout->id});
}

void stage_retry(stage_t *stage, const rollout_t *rollout, uint32_t task) {
    event_t event = {.kind = EVENT_RETRY, .rollout = rollout->id};
    if (task != STAGE_ALL) {
        event.job = rollout->tasks[task].job;
    }
    stage_step(stage, &event);
}

void stage_ticket(stage_t *stage, const rollout_t *rollout, uint32_t wave) {
    stage_step(stage, &(event_t){.kind = EVENT_TICKET, .rollout = rollout->id, .wave = wave});
}

void stage_deny(stage_t *stage, const rollout_t *rollout, uint32_t wave, const char *words) {
    stage_step(
        stage,
        &(event_t){.kind = EVENT_UNTICKETED, .rollout = rollout->id, .wave = wave, .words = words});
}

void stage_lapse(stage_t *stage, const rollout_t *rollout, uint32_t wave) {
    stage_step(stage, &(event_t){.kind = EVENT_LAPSED, .rollout = rollout->id, .wave = wave});
}

void stage_seen(stage_t *stage, sight_t sight) {
    stage_step(stage, &(event_t){.kind = EVENT_SEEN,
                                 .agent = stage_agent(sight.agent),
                                 .cluster = sight.cluster,
                                 .writable = !sight.standby,
                                 .parallel = sight.parallel});
}

void stage_alive(stage_t *stage, uint32_t agent) {
    stage_step(stage, &(event_t){.kind = EVENT_ALIVE, .agent = stage_agent(agent)});
}

void stage_goodbye(stage_t *stage, uint32_t agent) {
    stage_step(stage, &(event_t){.kind = EVENT_GOODBYE, .agent = stage_agent(agent)});
}

void stage_tick(stage_t *stage, int64_t seconds, uint32_t alive_agents) {
    stage->now_us += SECONDS(seconds);
    stage->boot_us += SECONDS(seconds);
    for (uint32_t agent = 1; agent <= alive_agents; agent++) {
        stage_alive(stage, agent);
    }
    stage_step(stage, &(event_t){.kind = EVENT_TICK});
}

size_t stage_room_held(stage_t *stage, const stage_held_t *held) {
    ident_t fresh[STAGE_ROOM];
    assert_true(held->room <= STAGE_ROOM);
    for (uint32_t i = 0; i < held->room; i++) {
        fresh[i] = stage_id(ID_ATTEMPT, ++stage->fresh);
    }
    stage_step(stage, &(event_t){.kind = EVENT_ROOM,
                                 .agent = stage_agent(held->agent),
                                 .room = held->room,
                                 .held = {.applications = &held->application,
                                          .count = held->application != NULL},
                                 .fresh = fresh,
                                 .fresh_count = held->room});
    return stage_count(stage, EFFECT_SEND_JOB);
}

size_t stage_room(stage_t *stage, uint32_t agent, uint32_t room) {
    return stage_room_held(stage, &(stage_held_t){.agent = agent, .room = room});
}

void stage_in_hand(stage_t *stage, uint32_t agent, const rollout_t *rollout, task_range_t range) {
    ident_t held[STAGE_ROOM];
    assert_true(range.count <= STAGE_ROOM);
    for (uint32_t i = 0; i < range.count; i++) {
        held[i] = rollout->tasks[range.first + i].attempt;
    }
    stage_step(stage, &(event_t){.kind = EVENT_IN_HAND,
                                 .agent = stage_agent(agent),
                                 .fresh = held,
                                 .fresh_count = range.count});
}

void stage_report_facts(stage_t *stage, const agent_key_t *agent, const report_facts_t *facts) {
    stage_step(stage, &(event_t){.kind = EVENT_REPORT, .agent = *agent, .report = facts});
}

static void report(stage_t *stage, const task_t *task, task_event_t what, bool touched) {
    const report_facts_t facts = {
        .job = task->job, .attempt = task->attempt, .event = what, .touched = touched};
    const agent_key_t agent = task->agent;
    stage_report_facts(stage, &agent, &facts);
}

void stage_report(stage_t *stage, const rollout_t *rollout, uint32_t task, task_event_t what) {
    report(stage, &rollout->tasks[task], what, false);
}

void stage_report_touched(stage_t *stage, const rollout_t *rollout, uint32_t task,
                          task_event_t what) {
    report(stage, &rollout->tasks[task], what, true);
}

size_t stage_count(const stage_t *stage, effect_kind_t kind) {
    size_t count = 0;
    for (size_t i = 0; i < stage->effects.count; i++) {
        count += stage->effects.items[i].kind == kind;
    }
    return count;
}

uint32_t stage_told(const stage_t *stage, const table_machine_t *machine) {
    uint32_t told = 0;
    for (size_t i = 0; i < stage->effects.count; i++) {
        const effect_t *effect = &stage->effects.items[i];
        if (effect->kind == EFFECT_AUDIT && effect->machine == machine) {
            told = effect->row->id;
        }
    }
    return told;
}

static void check_wave(const rollout_t *rollout, const wave_t *wave) {
    uint32_t settled = 0;
    uint32_t failed = 0;
    uint32_t in_flight = 0;
    for (uint32_t i = wave->first; i < wave->first + wave->count; i++) {
        task_state_t state = rollout->tasks[i].state;
        settled += task_state_is_final(state);
        failed += task_state_is_failure(state);
        in_flight += task_state_is_in_flight(state);
    }
    assert_int_equal(wave->settled, settled);
    assert_int_equal(wave->failed, failed);
    assert_int_equal(wave->in_flight, in_flight);
    assert_false(wave->dirty); /* every change was told */
}

void stage_check(stage_t *stage) {
    for (size_t r = 0; r < engine_rollout_count(stage->engine); r++) {
        const rollout_t *rollout = engine_rollout_at(stage->engine, r);
        uint32_t in_flight = 0;
        uint32_t short_of = 0;
        for (uint32_t w = 0; w < rollout->wave_count; w++) {
            check_wave(rollout, &rollout->waves[w]);
            in_flight += rollout->waves[w].in_flight;
        }
        for (uint32_t i = 0; i < rollout->task_count; i++) {
            task_state_t state = rollout->tasks[i].state;
            short_of += state == TASK_FAILED || state == TASK_REFUSED || state == TASK_SKIPPED ||
                        state == TASK_OUTSTANDING;
            assert_false(rollout->tasks[i].dirty);
        }
        assert_int_equal(rollout->in_flight, in_flight);
        assert_int_equal(rollout->short_of, short_of);
        assert_false(rollout->dirty);
    }
}

case_list_fn *const *stage_case_lists(size_t *ret_count) {
    static case_list_fn *const LISTS[] = {cases_rollout, cases_retry,    cases_task, cases_found,
                                          cases_lease,   cases_dispatch, cases_row,  cases_ticket};
    *ret_count = sizeof LISTS / sizeof LISTS[0];
    return LISTS;
}
