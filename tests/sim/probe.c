/* probe.c: see probe.h. */
#include "tests/sim/probe.h"

#include "coordinator/engine/internal.h"
#include "tests/sim/coordinator.h"
#include "tests/sim/oracle_people.h"
#include "tests/sim/rows.h"
#include "tests/sim/server.h"

#include <stdlib.h>

enum { STEPS_MOST = 24, TASKS_MOST = 200, FRESH = 4, JOB_STEPS = 12 };

enum {
    WORD_OWED = IN(TASK_DISPATCHED) | IN(TASK_RUNNING) | IN(TASK_UNKNOWN),
    IDLE = IN(TASK_PENDING) | IN(TASK_READY) | IN(TASK_WAITING),
    MISSED = IN(TASK_FAILED) | IN(TASK_REFUSED) | IN(TASK_OUTSTANDING),
    LISTENS = WORD_OWED | IN(TASK_OUTSTANDING),
    AGAIN = MISSED | IN(TASK_UNKNOWN) | IN(TASK_SKIPPED) | IN(TASK_WAITING),
    THERE = IN(TASK_SUCCEEDED) | IN(TASK_NOT_NEEDED) | IN(TASK_GONE),
};

typedef struct probe {
    sim_t *sim;
    chance_t *chance;
    engine_t *engine;
    rollout_t *rollout;
    int64_t later_us; /* than the fleet */
    int64_t wall_us;
    effects_t effects;
} probe_t;

/* ---- a copy ---- */

static rollout_t *copy_of(const rollout_t *from) {
    rollout_t *copy = calloc(1, sizeof *copy);
    INVARIANT(copy != NULL);
    *copy = *from;
    copy->name = copy->target_version = copy->recovery_kind = copy->recovery_reason = NULL;
    copy->trial_restore = copy->spec = copy->actor = copy->reason = NULL;
    copy->application = strdup("app");
    copy->dirty = false;
    copy->waves = calloc(from->wave_count, sizeof *copy->waves);
    copy->tasks = calloc(from->task_count + 1, sizeof *copy->tasks);
    INVARIANT(copy->application != NULL && copy->waves != NULL && copy->tasks != NULL);
    for (uint32_t w = 0; w < from->wave_count; w++) {
        copy->waves[w] = from->waves[w];
        copy->waves[w].name = NULL;
        copy->waves[w].dirty = false;
    }
    for (uint32_t i = 0; i < from->task_count; i++) {
        task_t *task = &copy->tasks[i];
        *task = from->tasks[i];
        task->tenant_name = task->database = task->error = task->reference = task->notes = NULL;
        task->dirty = false;
    }
    return copy;
}

/* As it was before it was started. */
static void begin_anew(chance_t *chance, rollout_t *copy) {
    int64_t soak_us = chance_below(chance, 2) == 0 ? 20 * SIM_S : 0;
    copy->state = ROLLOUT_PLANNED;
    copy->current_wave = 0;
    copy->started_us = copy->finished_us = 0;
    for (uint32_t w = 0; w < copy->wave_count; w++) {
        copy->waves[w].state = WAVE_PENDING;
        copy->waves[w].forgiven = 0;
        copy->waves[w].soak_for_us = soak_us;
        copy->waves[w].opened_us = copy->waves[w].finished_us = 0;
    }
    for (uint32_t i = 0; i < copy->task_count; i++) {
        task_t *task = &copy->tasks[i];
        if (!task_is_ordered(copy, task)) {
            copy->waves[task->wave].forgiven += task->state == TASK_REFUSED;
        } else {
            task->state = TASK_PENDING;
            task->attempts = 0;
            task->touched = false;
            task->error_code = ERROR_NONE;
            task->started_us = task->finished_us = task->due_us = 0;
        }
    }
}

/* The first task of a wave that a signed order names. */
static task_t *first_ordered(rollout_t *copy, const wave_t *wave) {
    for (uint32_t i = wave->first; i < wave->first + wave->count; i++) {
        if (task_is_ordered(copy, &copy->tasks[i])) {
            return &copy->tasks[i];
        }
    }
    return NULL;
}

/* Its second wave has failed with work left to give out, and one tenant of the first one, which has
 * passed, may be tried again. False where it has no such waves. */
static bool stand_behind(rollout_t *copy) {
    task_t *first = copy->wave_count > 1 ? first_ordered(copy, &copy->waves[0]) : NULL;
    task_t *second = first != NULL ? first_ordered(copy, &copy->waves[1]) : NULL;
    if (second == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < copy->task_count; i++) {
        task_t *task = &copy->tasks[i];
        if (task->state == TASK_PENDING) {
            task->state = task->wave == 0   ? TASK_SUCCEEDED
                          : task->wave == 1 ? TASK_READY
                                            : TASK_PENDING;
        }
    }
    first->state = second->state = TASK_FAILED;
    copy->waves[0].state = WAVE_PASSED;
    copy->waves[0].forgiven++;
    copy->waves[1].state = WAVE_FAILED;
    copy->waves[1].on_failure = ON_FAILURE_PAUSE;
    copy->waves[1].budget = 0;
    copy->state = ROLLOUT_PAUSED;
    copy->current_wave = 1;
    return true;
}

static void copy_leases(probe_t *probe, const engine_t *from) {
    for (uint32_t c = 0; c < probe->sim->server->cluster_count; c++) {
        agent_key_t holder;
        if (engine_holder(from, c + 1, &holder)) {
            engine_restore_lease(probe->engine, c + 1, &holder, probe->sim->now_us);
        }
    }
}

/* ---- what is given to it ---- */

static event_t event_of(probe_t *probe, event_kind_t kind) {
    return (event_t){.kind = kind,
                     .now_us = probe->wall_us + probe->later_us,
                     .boot_us = probe->sim->now_us + probe->later_us,
                     .chance = chance_u32(probe->chance),
                     .rollout = probe->rollout->id,
                     .wave = chance_below(probe->chance, probe->rollout->wave_count),
                     .words = "as somebody says"};
}

static void give(probe_t *probe, const event_t *event) {
    people_step(probe->sim, probe->engine, event, &probe->effects);
}

/* Half the time one of the given states, where there is any. */
static task_t *draw_task(probe_t *probe, uint32_t states) {
    rollout_t *rollout = probe->rollout;
    uint32_t from = chance_below(probe->chance, rollout->task_count);
    bool any = chance_below(probe->chance, 4) == 0;
    for (uint32_t i = 0; !any && i < rollout->task_count; i++) {
        task_t *task = &rollout->tasks[(from + i) % rollout->task_count];
        if ((states & IN(task->state)) != 0) {
            return task;
        }
    }
    return &rollout->tasks[from];
}

/* Whether another try of it leaves more failures than its wave may have: shells refuse that. */
static bool is_past_budget(const rollout_t *rollout, const task_t *task) {
    const wave_t *wave = &rollout->waves[task->wave];
    return wave->on_failure != ON_FAILURE_CONTINUE &&
           wave->failed - task_state_is_failure(task->state) > wave->budget + wave->forgiven;
}

static void retry_one(probe_t *probe, event_t *event, const task_t *task) {
    rollout_t *rollout = probe->rollout;
    if (is_past_budget(rollout, task)) {
        return;
    }
    event->job = task->job;
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        rollout->waves[w].forgiven++;
    }
    give(probe, event);
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        rollout->waves[w].forgiven--;
    }
}

static void order(probe_t *probe) {
    static const event_kind_t ORDERS[] = {
        EVENT_START, EVENT_PAUSE,    EVENT_RESUME, EVENT_RESUME, EVENT_STOP,
        EVENT_RETRY, EVENT_REVERTED, EVENT_START,  EVENT_RETRY,  EVENT_UNREVERTED};
    event_t event = event_of(probe, ORDERS[chance_below(probe->chance, 10)]);
    bool answers = event.kind == EVENT_REVERTED || event.kind == EVENT_UNREVERTED;
    bool early = probe->rollout->state == ROLLOUT_REVERTING && probe->rollout->in_flight > 0;
    if (event.kind == EVENT_RETRY && chance_below(probe->chance, 2) == 0) {
        retry_one(probe, &event, draw_task(probe, AGAIN));
    } else if (!answers || !early) { /* nobody plans it before its jobs have ended */
        give(probe, &event);
    }
}

static void ticket(probe_t *probe) {
    event_t event = event_of(probe, (event_kind_t)(EVENT_TICKET + chance_below(probe->chance, 4)));
    give(probe, &event);
}

static void report(probe_t *probe) {
    chance_t *chance = probe->chance;
    const task_t *task = draw_task(probe, LISTENS);
    bool own = chance_below(chance, 4) != 0;
    report_facts_t facts = {
        .job = task->job,
        .attempt = own ? task->attempt : chance_ident(chance),
        .event = (task_event_t)(TASK_EVENT_STARTED + chance_below(chance, 9)),
        .touched = chance_below(chance, 3) == 0,
        .found = chance_below(chance, 2) == 0,
        .error_code = ERROR_NONE,
    };
    event_t event = event_of(probe, EVENT_REPORT);
    event.agent =
        chance_below(chance, 8) != 0 ? task->agent : agent_key_of(chance_below(chance, FRESH));
    event.report = &facts;
    give(probe, &event);
}

/* A try in a wave that soaks: the catalog had forgotten it, and it ends as nobody thought. */
static void find_in_soak(probe_t *probe) {
    const rollout_t *rollout = probe->rollout;
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        const task_t *task = &rollout->tasks[i];
        if (rollout->waves[task->wave].state == WAVE_SOAKING && (THERE & IN(task->state)) == 0) {
            report_facts_t facts = {.job = task->job,
                                    .attempt = chance_ident(probe->chance),
                                    .event = TASK_EVENT_FAILED,
                                    .found = true};
            event_t event = event_of(probe, EVENT_REPORT);
            event.agent = task->agent;
            event.report = &facts;
            give(probe, &event);
            return;
        }
    }
}

static void ruling(probe_t *probe) {
    const task_t *task = draw_task(probe, IN(TASK_UNKNOWN) | IN(TASK_OUTSTANDING));
    report_facts_t facts = {
        .job = task->job,
        .event = (task_event_t)(TASK_EVENT_RULED_DONE + chance_below(probe->chance, 3)),
        .error_code = ERROR_OUTCOME_RULED};
    event_t event = event_of(probe, EVENT_RULE);
    event.report = &facts;
    give(probe, &event);
}

static void agent_says(probe_t *probe) {
    static const event_kind_t WORDS[] = {EVENT_SEEN,    EVENT_SEEN, EVENT_ALIVE, EVENT_GOODBYE,
                                         EVENT_IN_HAND, EVENT_ROOM, EVENT_ROOM,  EVENT_ROOM};
    chance_t *chance = probe->chance;
    ident_t fresh[FRESH];
    event_t event = event_of(probe, WORDS[chance_below(chance, 8)]);
    const task_t *task = draw_task(probe, WORD_OWED | IN(TASK_READY));
    event.cluster = task->system_identifier;
    event.agent = task->agent;
    if (!engine_holder(probe->engine, event.cluster, &event.agent) ||
        chance_below(chance, 4) == 0) {
        event.agent = agent_key_of(chance_below(chance, probe->sim->options.agents));
    }
    event.writable = chance_below(chance, 3) != 0;
    for (uint32_t i = 0; i < FRESH; i++) {
        bool in_hand = event.kind == EVENT_IN_HAND && chance_below(chance, 2) == 0;
        fresh[i] = in_hand ? draw_task(probe, WORD_OWED)->attempt : chance_ident(chance);
    }
    event.fresh = fresh;
    event.fresh_count = FRESH;
    event.room = FRESH;
    give(probe, &event);
}

static void time_passes(probe_t *probe) {
    probe->later_us += chance_between(probe->chance, 0, 40 * SIM_S);
    event_t event = event_of(probe, EVENT_TICK);
    event.chance = 0; /* it is looked at */
    give(probe, &event);
}

/* ---- out of turn ---- */

/* In which states an event says something; in all others nothing may come of it. */
typedef struct turn {
    uint8_t event;
    uint32_t states;
} turn_t;

static const turn_t TASK_TURNS[] = {
    {TASK_EVENT_OPENED, IN(TASK_PENDING)},
    {TASK_EVENT_DISPATCHED, IN(TASK_READY)},
    {TASK_EVENT_STARTED, LISTENS},
    {TASK_EVENT_DONE, LISTENS},
    {TASK_EVENT_NOT_NEEDED, IDLE | LISTENS},
    {TASK_EVENT_REFUSED, LISTENS},
    {TASK_EVENT_FAILED, LISTENS},
    {TASK_EVENT_TRANSIENT, LISTENS},
    {TASK_EVENT_UNKNOWN, LISTENS},
    {TASK_EVENT_CANCELLED, LISTENS},
    {TASK_EVENT_GONE, IDLE | LISTENS},
    {TASK_EVENT_SILENT, IN(TASK_DISPATCHED) | IN(TASK_RUNNING)},
    {TASK_EVENT_LACKED, WORD_OWED},
    {TASK_EVENT_DUE, IN(TASK_WAITING)},
    {TASK_EVENT_WITHDRAWN, IDLE | WORD_OWED},
    {TASK_EVENT_RETRIED, AGAIN},
    {TASK_EVENT_OUT_OF_REACH, IN(TASK_READY) | IN(TASK_WAITING) | IN(TASK_UNKNOWN)},
    {TASK_EVENT_WITHHELD, IN(TASK_READY)},
    {TASK_EVENT_FOUND, ~(uint32_t)THERE},
    {TASK_EVENT_RULED_DONE, IN(TASK_UNKNOWN) | IN(TASK_OUTSTANDING)},
    {TASK_EVENT_RULED_NOT, IN(TASK_UNKNOWN) | IN(TASK_OUTSTANDING)},
    {TASK_EVENT_RULED_GONE, IN(TASK_UNKNOWN) | IN(TASK_OUTSTANDING)},
};

static const turn_t WAVE_TURNS[] = {
    {WAVE_EVENT_OPENED, IN(WAVE_PENDING) | IN(WAVE_AWAITING)},
    {WAVE_EVENT_JUDGED, IN(WAVE_OPEN) | IN(WAVE_SOAKING) | IN(WAVE_AWAITING)},
    {WAVE_EVENT_SOAKED, IN(WAVE_SOAKING)},
    {WAVE_EVENT_CANCELLED, ~(uint32_t)(IN(WAVE_PASSED) | IN(WAVE_CANCELLED))},
    {WAVE_EVENT_RETRIED, IN(WAVE_SOAKING) | IN(WAVE_PASSED) | IN(WAVE_FAILED)},
    {WAVE_EVENT_FORGIVEN, IN(WAVE_FAILED) | IN(WAVE_AWAITING)},
    {WAVE_EVENT_EVIDENCE, IN(WAVE_AWAITING)},
    {WAVE_EVENT_TICKETED, IN(WAVE_AWAITING)},
    {WAVE_EVENT_DENIED, IN(WAVE_AWAITING)},
    {WAVE_EVENT_POSTPONED, IN(WAVE_AWAITING)},
    {WAVE_EVENT_LAPSED, IN(WAVE_OPEN)},
};

static const turn_t ROLLOUT_TURNS[] = {
    {ROLLOUT_EVENT_STARTED, IN(ROLLOUT_PLANNED)},
    {ROLLOUT_EVENT_WAVE_PASSED, IN(ROLLOUT_RUNNING) | IN(ROLLOUT_PAUSED)},
    {ROLLOUT_EVENT_WAVE_FAILED, IN(ROLLOUT_RUNNING) | IN(ROLLOUT_PAUSED)},
    {ROLLOUT_EVENT_SETTLED, IN(ROLLOUT_STOPPING) | IN(ROLLOUT_REVERTING) | IN(ROLLOUT_INCOMPLETE)},
    /* asked for with nothing set back */
    {ROLLOUT_EVENT_RETRIED, 0},
};

#define DRAW(probe, turns)                                                                         \
    (&(turns)[chance_below((probe)->chance, sizeof(turns) / sizeof(turns)[0])])

static bool is_in_turn(const turn_t *turn, unsigned state) {
    return (turn->states & IN(state)) != 0;
}

static void out_of_turn(probe_t *probe) {
    const turn_t *task_turn = DRAW(probe, TASK_TURNS);
    const turn_t *wave_turn = DRAW(probe, WAVE_TURNS);
    const turn_t *rollout_turn = DRAW(probe, ROLLOUT_TURNS);
    event_t event = event_of(probe, EVENT_ALIVE);
    engine_t *engine = probe->engine;
    run_t *run = engine->runs;
    const task_t *task = draw_task(probe, ~task_turn->states);
    people_remember(probe->sim, engine);
    if (!is_in_turn(task_turn, task->state)) {
        tasks_apply(engine, run, task->ordinal, (task_event_t)task_turn->event, &event,
                    &probe->effects);
    }
    if (!is_in_turn(wave_turn, probe->rollout->waves[event.wave].state)) {
        waves_apply(engine, run, event.wave, (wave_event_t)wave_turn->event, &event,
                    &probe->effects);
    }
    if (!is_in_turn(rollout_turn, probe->rollout->state)) {
        rollouts_apply(engine, run, (rollout_event_t)rollout_turn->event, &event, &probe->effects);
    }
    cluster_lease_t *lease = leases_get(engine, task->system_identifier);
    event.agent = agent_key_of(probe->sim->options.agents); /* nobody */
    leases_apply(engine, lease, LEASE_EVENT_RELEASED, &event, &probe->effects);
    people_nothing_changed(probe->sim, "it came out of turn");
}

/* Inventory says that it is there already: nobody tells that today, the table knows it. */
static void pass_over(probe_t *probe) {
    const task_t *task = draw_task(probe, IDLE);
    bool idle = (IDLE & IN(task->state)) != 0;
    bool open = !rollout_state_is_final(probe->rollout->state);
    event_t event = event_of(probe, EVENT_ALIVE);
    if (idle && open && chance_below(probe->chance, 4) == 0) {
        tasks_apply(probe->engine, probe->engine->runs, task->ordinal, TASK_EVENT_NOT_NEEDED,
                    &event, &probe->effects);
        if (task->state != TASK_NOT_NEEDED) {
            sim_fail(probe->sim, 14, "a task that is passed over is in state %d", (int)task->state);
        }
    }
}

/* An operator goes back to the first wave, an agent asks for work, and then everything is tried
 * again: what the second wave had ready is given out after all. */
static void go_back(probe_t *probe) {
    const agent_key_t nobody = agent_key_of(probe->sim->options.agents);
    event_t event = event_of(probe, EVENT_RETRY);
    retry_one(probe, &event, first_ordered(probe->rollout, &probe->rollout->waves[0]));
    (void)engine_has_ready(probe->engine, &nobody);
    event = event_of(probe, EVENT_RETRY);
    give(probe, &event);
}

typedef void poke_fn(probe_t *probe);

static void live(probe_t *probe) {
    static poke_fn *const POKES[] = {order,  ticket,     report,      report,      report,
                                     ruling, agent_says, agent_says,  time_passes, out_of_turn,
                                     order,  pass_over,  find_in_soak};
    uint32_t steps = 1 + chance_below(probe->chance, STEPS_MOST);
    for (uint32_t i = 0; i < steps && !probe->sim->over; i++) {
        POKES[chance_below(probe->chance, sizeof POKES / sizeof POKES[0])](probe);
    }
}

void probe_rollout(sim_t *sim, coordinator_t *self) {
    const engine_options_t options = {.lease_us = SIM_LEASE_US,
                                      .unreachable_us = SIM_UNREACHABLE_US,
                                      .retry = {.first_ms = 1000, .most_ms = 60000}};
    size_t count = engine_rollout_count(self->engine);
    probe_t probe = {.sim = sim, .chance = &sim->probes, .wall_us = coordinator_wall(sim, self)};
    const rollout_t *from =
        count == 0 ? NULL
                   : engine_rollout_at(self->engine, chance_below(probe.chance, (uint32_t)count));
    if (from == NULL || from->task_count == 0 || from->task_count > TASKS_MOST) {
        return;
    }
    rollout_t *copy = copy_of(from);
    bool behind = false;
    if (chance_below(probe.chance, 3) == 0) {
        begin_anew(probe.chance, copy);
        behind = chance_below(probe.chance, 3) == 0 && stand_behind(copy);
    }
    probe.engine = engine_new(&options);
    INVARIANT(probe.engine != NULL);
    rows_taker(ROWS_PROBES);
    probe.rollout = engine_adopt(probe.engine, &copy);
    INVARIANT(probe.rollout != NULL);
    copy_leases(&probe, self->engine);
    if (behind) {
        go_back(&probe);
    }
    live(&probe);
    rows_taker(ROWS_FLEET);
    effects_free(&probe.effects);
    engine_destroy(&probe.engine);
}

/* ---- jobs ---- */

static void tell(sim_t *sim, job_machine_t *job, job_event_t event) {
    if (event == JOB_EVENT_RESUMED) { /* what its journal keeps */
        job->begun = job->unsettled = false;
    }
    job_machine_t before = *job;
    const table_row_t *row = job_take(job, event, chance_u32(&sim->probes));
    people_job(sim, &before, event, job, row);
}

void probe_jobs(sim_t *sim) {
    chance_t *chance = &sim->probes;
    job_machine_t job = {
        .kind = (job_kind_t)(1 + chance_below(chance, JOB_KIND_COUNT - 1)),
        .state = JOB_ACCEPTED,
        .protects = chance_below(chance, 2) == 0,
        .backoff = {.first_ms = 100, .most_ms = 5000, .attempts = 3},
    };
    rows_taker(ROWS_PROBES);
    for (int i = 0; i < JOB_STEPS; i++) {
        job_event_t event = (job_event_t)chance_below(chance, JOB_EVENT_COUNT);
        event = chance_below(chance, 4) == 0 ? JOB_EVENT_DONE : event;
        event = i == 0 && chance_below(chance, 2) == 0 ? JOB_EVENT_BEGUN : event;
        job.cancelled = job.cancelled || chance_below(chance, 12) == 0;
        job.leaseless = chance_below(chance, 6) == 0;
        bool needs_reason = event == JOB_EVENT_CANCEL || event == JOB_EVENT_HALTED;
        if (!needs_reason || job_should_halt(&job)) {
            tell(sim, &job, event);
        }
    }
    rows_taker(ROWS_FLEET);
}
