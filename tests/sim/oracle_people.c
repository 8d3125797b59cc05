/*
 * oracle_people.c: see oracle_people.h. What stood before an event is kept aside; behind it, what
 * stands is held against what people know that it must come to.
 */
#include "tests/sim/oracle_people.h"

#include "tests/sim/coordinator.h"
#include "tests/sim/oracle_shown.h"
#include "tests/sim/server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TICKS_BETWEEN = 8 };

static shown_t shown; /* of the event in hand; its room is kept */

static const char *const KINDS[EVENT_KIND_COUNT] = {
    [EVENT_START] = "start",
    [EVENT_PAUSE] = "pause",
    [EVENT_RESUME] = "resume",
    [EVENT_STOP] = "stop",
    [EVENT_RETRY] = "retry",
    [EVENT_REVERTED] = "reverted",
    [EVENT_UNREVERTED] = "not reverted",
    [EVENT_TICKET] = "ticket",
    [EVENT_UNTICKETED] = "no ticket",
    [EVENT_EVIDENCE] = "evidence",
    [EVENT_LAPSED] = "lapsed",
    [EVENT_SEEN] = "seen",
    [EVENT_ALIVE] = "alive",
    [EVENT_GOODBYE] = "goodbye",
    [EVENT_IN_HAND] = "hello",
    [EVENT_ROOM] = "room",
    [EVENT_REPORT] = "report",
    [EVENT_RULE] = "ruling",
    [EVENT_TICK] = "time",
};

void shown_wrong(const shown_t *at, const rollout_t *rollout, const char *format, ...) {
    char words[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    sim_fail(at->sim, 14, "%s%s%.8x: %s", at->event != NULL ? KINDS[at->event->kind] : "ignored",
             rollout != NULL ? ", rollout " : " ", rollout != NULL ? sim_short(&rollout->id) : 0U,
             words);
}

/* ---- what stood before ---- */

static void *room_for(void *items, size_t *room, size_t wanted, size_t size) {
    if (wanted <= *room) {
        return items;
    }
    *room = wanted * 2;
    items = realloc(items, *room * size);
    INVARIANT(items != NULL);
    return items;
}

static void keep_rollout(shown_t *at, rollout_t *rollout) {
    at->rollouts = room_for(at->rollouts, &at->rollout_room, at->count + 1, sizeof *at->rollouts);
    at->waves = room_for(at->waves, &at->wave_room, at->wave_count + rollout->wave_count,
                         sizeof *at->waves);
    at->tasks = room_for(at->tasks, &at->task_room, at->task_count + rollout->task_count,
                         sizeof *at->tasks);
    at->rollouts[at->count++] = (shown_rollout_t){.rollout = rollout,
                                                  .state = rollout->state,
                                                  .current = rollout->current_wave,
                                                  .first_wave = at->wave_count,
                                                  .first_task = at->task_count};
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        at->waves[at->wave_count++] =
            (shown_wave_t){.state = rollout->waves[w].state, .failed = rollout->waves[w].failed};
    }
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        const task_t *task = &rollout->tasks[i];
        at->tasks[at->task_count++] =
            (shown_task_t){.state = (uint8_t)task->state,
                           .ordered = task_is_ordered(rollout, task),
                           .left_out = task->state == TASK_SKIPPED && task->error_code != 0};
    }
}

static void keep_holders(shown_t *at) {
    uint32_t clusters = at->sim->server->cluster_count;
    at->holders = room_for(at->holders, &at->holder_room, clusters, sizeof *at->holders);
    for (uint32_t c = 0; c < clusters; c++) {
        at->holders[c] = shown_holder(at, c);
    }
}

uint32_t shown_holder(const shown_t *at, uint32_t cluster) {
    agent_key_t holder;
    return engine_holder(at->engine, cluster + 1, &holder) ? agent_of_key(&holder) : UINT32_MAX;
}

static bool names_a_rollout(event_kind_t kind) {
    return kind <= EVENT_LAPSED;
}

static void keep_all(shown_t *at) {
    size_t count = engine_rollout_count(at->engine);
    for (size_t i = 0; i < count; i++) {
        keep_rollout(at, engine_rollout_at(at->engine, i));
    }
}

static void keep(shown_t *at) {
    const event_t *event = at->event;
    bool told = event->kind == EVENT_REPORT || event->kind == EVENT_RULE;
    at->count = at->wave_count = at->task_count = 0;
    if (told) {
        rollout_t *rollout = engine_rollout_of(at->engine, &event->report->job);
        const task_t *task = engine_task(at->engine, &event->report->job);
        at->has_task = task != NULL;
        if (task != NULL) {
            keep_rollout(at, rollout);
            at->task = *task;
        }
    } else if (names_a_rollout(event->kind)) {
        keep_rollout(at, engine_rollout(at->engine, &event->rollout));
    } else if (event->kind != EVENT_ALIVE) {
        keep_all(at);
        keep_holders(at);
    }
}

/* ---- whether it is the same ---- */

static bool is_same(const shown_t *at, const shown_rollout_t *was) {
    const rollout_t *rollout = was->rollout;
    bool same = rollout->state == was->state && rollout->current_wave == was->current;
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        same = same && rollout->waves[w].state == at->waves[was->first_wave + w].state;
    }
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        same = same && rollout->tasks[i].state == at->tasks[was->first_task + i].state;
    }
    return same;
}

void shown_must_be_same(const shown_t *at, const shown_rollout_t *was, const char *why) {
    if (!is_same(at, was)) {
        shown_wrong(at, was->rollout, "%s, and something changed", why);
    }
}

bool shown_asks(const shown_t *at, effect_kind_t kind, const rollout_t *rollout, uint32_t number) {
    for (size_t i = at->effects_before; i < at->effects->count; i++) {
        const effect_t *effect = &at->effects->items[i];
        bool wave = kind == EFFECT_TICKET;
        if (effect->kind == kind && effect->rollout == rollout &&
            (wave ? effect->wave : effect->task) == number) {
            return true;
        }
    }
    return false;
}

void people_remember(sim_t *sim, engine_t *engine) {
    shown.sim = sim;
    shown.engine = engine;
    shown.event = NULL;
    shown.count = shown.wave_count = shown.task_count = 0;
    keep_all(&shown);
    keep_holders(&shown);
}

void people_nothing_changed(sim_t *sim, const char *what) {
    (void)sim;
    for (size_t i = 0; i < shown.count; i++) {
        shown_must_be_same(&shown, &shown.rollouts[i], what);
    }
    for (uint32_t c = 0; c < sim->server->cluster_count; c++) {
        if (shown_holder(&shown, c) != shown.holders[c]) {
            shown_wrong(&shown, NULL, "%s, and cluster %u has another holder", what, c);
        }
    }
}

/* ---- the whole ---- */

/* Time passes often and changes little. */
static bool is_worth_a_look(const shown_t *at) {
    return at->event->kind != EVENT_TICK || at->effects->count > at->effects_before ||
           at->event->chance % TICKS_BETWEEN == 0;
}

void people_step(sim_t *sim, engine_t *engine, const event_t *event, effects_t *effects) {
    shown.sim = sim;
    shown.engine = engine;
    shown.event = event;
    shown.effects = effects;
    shown.effects_before = effects->count;
    shown.has_task = false;
    keep(&shown);
    engine_step(engine, event, effects);
    if (!is_worth_a_look(&shown)) {
        return;
    }
    shown_judge_event(&shown);
    for (size_t i = 0; i < shown.count; i++) {
        shown_judge_rest(&shown, &shown.rollouts[i]);
    }
}
