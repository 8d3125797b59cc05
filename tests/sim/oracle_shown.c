/*
 * oracle_shown.c: what each event must come to: orders, words of agents, tickets, leases, time.
 * See oracle_people.h.
 */
#include "tests/sim/oracle_shown.h"

#include "tests/sim/coordinator.h"
#include "tests/sim/server.h"

#include <string.h>

enum {
    WORD_OWED = IN(TASK_DISPATCHED) | IN(TASK_RUNNING) | IN(TASK_UNKNOWN),
    WAITS = IN(TASK_PENDING) | IN(TASK_READY) | IN(TASK_WAITING),
    MISSED = IN(TASK_FAILED) | IN(TASK_REFUSED) | IN(TASK_OUTSTANDING),
    THERE = IN(TASK_SUCCEEDED) | IN(TASK_NOT_NEEDED) | IN(TASK_GONE),
    DOUBTED = IN(TASK_UNKNOWN) | IN(TASK_OUTSTANDING),
    STOPPABLE = IN(ROLLOUT_PLANNED) | IN(ROLLOUT_RUNNING) | IN(ROLLOUT_PAUSED) |
                IN(ROLLOUT_STOPPING) | IN(ROLLOUT_REVERTING),
};

static bool is_one_of(uint32_t states, unsigned state) {
    return (states & IN(state)) != 0;
}

static wave_state_t wave_before(const shown_t *at, const shown_rollout_t *was, uint32_t wave) {
    return at->waves[was->first_wave + wave].state;
}

static task_state_t task_before(const shown_t *at, const shown_rollout_t *was, uint32_t task) {
    return (task_state_t)at->tasks[was->first_task + task].state;
}

/* ---- orders ---- */

static void judge_stop(const shown_t *at, const shown_rollout_t *was) {
    const rollout_t *rollout = was->rollout;
    if (!is_one_of(STOPPABLE, was->state)) {
        shown_must_be_same(at, was, "it was over");
        return;
    }
    if (rollout->state != ROLLOUT_STOPPING && rollout->state != ROLLOUT_STOPPED) {
        shown_wrong(at, rollout, "it is in state %d", (int)rollout->state);
    }
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        task_state_t state = rollout->tasks[i].state;
        if (is_one_of(WAITS | IN(TASK_UNKNOWN), state)) {
            shown_wrong(at, rollout, "task %u still waits, in state %d", i, (int)state);
        }
        if ((state == TASK_DISPATCHED || state == TASK_RUNNING) &&
            !shown_asks(at, EFFECT_SEND_CANCEL, rollout, i)) {
            shown_wrong(at, rollout, "the agent of task %u is not asked to stop", i);
        }
    }
}

/* Whether a retry means the task, and there is a signed order for it. */
static bool is_meant(const shown_t *at, const shown_rollout_t *was, const task_t *task) {
    const event_t *event = at->event;
    task_state_t before = task_before(at, was, task->ordinal);
    bool failed = is_one_of(MISSED, before);
    bool left_out = at->tasks[was->first_task + task->ordinal].left_out;
    bool again = is_one_of(MISSED | IN(TASK_UNKNOWN) | IN(TASK_SKIPPED) | IN(TASK_WAITING), before);
    bool named = !ident_is_null(&event->job);
    if (named ? !ident_equal(&event->job, &task->job) || !again : !failed && !left_out) {
        return false;
    }
    return at->tasks[was->first_task + task->ordinal].ordered;
}

static void judge_set_back(const shown_t *at, const shown_rollout_t *was, const task_t *task) {
    const rollout_t *rollout = was->rollout;
    bool again = task->state == TASK_READY || task->state == TASK_PENDING;
    bool clear = task->error_code == ERROR_NONE && task->attempts == 0;
    wave_state_t wave = rollout->waves[task->wave].state;
    if (!again) {
        shown_wrong(at, rollout, "task %u is not tried again, but in state %d", task->ordinal,
                    (int)task->state);
    } else if (!clear && task_before(at, was, task->ordinal) != TASK_WAITING) {
        shown_wrong(at, rollout, "task %u is tried again with %u tries behind it", task->ordinal,
                    task->attempts);
    }
    if (wave == WAVE_PASSED || wave == WAVE_SOAKING || wave == WAVE_FAILED) {
        shown_wrong(at, rollout, "task %u is tried again, and its wave is in state %d",
                    task->ordinal, (int)wave);
    }
}

static void judge_retry(const shown_t *at, const shown_rollout_t *was) {
    const rollout_t *rollout = was->rollout;
    bool any = false;
    bool may = was->state == ROLLOUT_RUNNING || was->state == ROLLOUT_PAUSED ||
               was->state == ROLLOUT_INCOMPLETE;
    for (uint32_t i = 0; may && i < rollout->task_count; i++) {
        if (is_meant(at, was, &rollout->tasks[i])) {
            any = true;
            judge_set_back(at, was, &rollout->tasks[i]);
        }
    }
    if (!any) {
        shown_must_be_same(at, was, "there is nothing to try again");
    } else if (rollout->state != ROLLOUT_RUNNING &&
               rollout->waves[rollout->current_wave].state != WAVE_FAILED) {
        shown_wrong(at, rollout, "it is tried again, and is in state %d", (int)rollout->state);
    }
    if (rollout->current_wave < was->current &&
        rollout->waves[was->current].state == WAVE_AWAITING) {
        shown_wrong(at, rollout, "wave %u waits for a ticket before its turn", was->current);
    }
}

static void judge_pause(const shown_t *at, const shown_rollout_t *was) {
    const rollout_t *rollout = was->rollout;
    if (was->state != ROLLOUT_RUNNING) {
        shown_must_be_same(at, was, "it did not run");
    } else if (rollout->state != ROLLOUT_PAUSED) {
        shown_wrong(at, rollout, "it is in state %d", (int)rollout->state);
    }
}

/* The failures so far are accepted; of a wave whose turn comes only now there may be others. */
static void judge_resume(const shown_t *at, const shown_rollout_t *was) {
    const rollout_t *rollout = was->rollout;
    if (was->state != ROLLOUT_PAUSED) {
        shown_must_be_same(at, was, "it was not paused");
        return;
    }
    if (rollout->state == ROLLOUT_PAUSED && rollout->current_wave == was->current) {
        shown_wrong(at, rollout, "it is still paused");
    }
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        if (rollout->waves[w].state == WAVE_FAILED && wave_before(at, was, w) == WAVE_FAILED) {
            shown_wrong(at, rollout, "the failures of wave %u are not accepted", w);
        }
    }
}

static void judge_from_to(const shown_t *at, const shown_rollout_t *was, rollout_state_t from,
                          uint32_t to) {
    if (was->state != from) {
        shown_must_be_same(at, was, "it was in another state");
    } else if (!is_one_of(to, was->rollout->state)) {
        shown_wrong(at, was->rollout, "it is in state %d", (int)was->rollout->state);
    }
}

/* ---- tickets ---- */

static void judge_ticket(const shown_t *at, const shown_rollout_t *was) {
    const event_t *event = at->event;
    const rollout_t *rollout = was->rollout;
    wave_state_t before = wave_before(at, was, event->wave);
    wave_state_t now = rollout->waves[event->wave].state;
    if (before != WAVE_AWAITING) {
        shown_must_be_same(at, was, "its wave waited for no ticket");
    } else if (event->kind == EVENT_TICKET && (now == WAVE_AWAITING || now == WAVE_PENDING)) {
        shown_wrong(at, rollout, "wave %u has its ticket, and still waits", event->wave);
    } else if (event->kind == EVENT_UNTICKETED && rollout->state == ROLLOUT_RUNNING &&
               (rollout->reason == NULL || strstr(rollout->reason, event->words) == NULL)) {
        shown_wrong(at, rollout, "wave %u waits, and nobody is told why", event->wave);
    }
}

static void judge_evidence(const shown_t *at, const shown_rollout_t *was) {
    for (uint32_t w = 0; w < was->rollout->wave_count; w++) {
        if (wave_before(at, was, w) == WAVE_AWAITING &&
            !shown_asks(at, EFFECT_TICKET, was->rollout, w)) {
            shown_wrong(at, was->rollout, "wave %u may have its ticket, and is not asked for", w);
        }
    }
}

static void judge_lapsed(const shown_t *at, const shown_rollout_t *was) {
    const rollout_t *rollout = was->rollout;
    const wave_t *wave = &rollout->waves[at->event->wave];
    if (wave_before(at, was, at->event->wave) != WAVE_OPEN) {
        shown_must_be_same(at, was, "its wave was not open");
        return;
    }
    if (wave->state != WAVE_AWAITING) {
        shown_wrong(at, rollout, "wave %u goes on with what holds no longer", at->event->wave);
    }
    for (uint32_t i = wave->first; i < wave->first + wave->count; i++) {
        if (rollout->tasks[i].state == TASK_READY) {
            shown_wrong(at, rollout, "task %u is not kept back", i);
        }
    }
}

/* ---- words ---- */

/* What a word of the attempt in hand makes of its task. */
static uint32_t wanted_of(const task_t *before, const report_facts_t *facts) {
    static const uint32_t WANTED[TASK_EVENT_COUNT] = {
        [TASK_EVENT_STARTED] = IN(TASK_RUNNING),
        [TASK_EVENT_DONE] = IN(TASK_SUCCEEDED),
        [TASK_EVENT_NOT_NEEDED] = IN(TASK_NOT_NEEDED),
        [TASK_EVENT_REFUSED] = IN(TASK_REFUSED),
        [TASK_EVENT_FAILED] = IN(TASK_FAILED),
        [TASK_EVENT_TRANSIENT] = IN(TASK_WAITING) | IN(TASK_FAILED) | IN(TASK_SKIPPED),
        [TASK_EVENT_UNKNOWN] = DOUBTED,
        [TASK_EVENT_GONE] = IN(TASK_GONE),
    };
    bool outstanding = before->state == TASK_OUTSTANDING;
    if (facts->event == TASK_EVENT_CANCELLED) {
        return before->touched || facts->touched ? IN(TASK_FAILED) : IN(TASK_SKIPPED);
    }
    if (outstanding && facts->event == TASK_EVENT_STARTED) {
        return IN(TASK_OUTSTANDING);
    }
    return outstanding && facts->event == TASK_EVENT_TRANSIENT ? IN(TASK_FAILED)
                                                               : WANTED[facts->event];
}

static void judge_report(const shown_t *at, const shown_rollout_t *was) {
    const report_facts_t *facts = at->event->report;
    task_t before = at->task;
    const task_t *now = &was->rollout->tasks[before.ordinal];
    bool own = ident_equal(&before.attempt, &facts->attempt) &&
               memcmp(&before.agent, &at->event->agent, sizeof before.agent) == 0;
    bool ruled = before.state == TASK_FAILED && before.error_code == ERROR_OUTCOME_RULED;
    bool found = (own ? ruled : facts->found) && !is_one_of(THERE, before.state);
    if (found) {
        before.state = TASK_RUNNING;
        if (now->attempts > 1 || !ident_equal(&now->attempt, &facts->attempt)) {
            shown_wrong(at, was->rollout, "task %u does not follow the try that was found",
                        now->ordinal);
        }
    }
    if (!found && (!own || !is_one_of(DOUBTED | WORD_OWED, before.state))) {
        shown_must_be_same(at, was, "it is no word of its attempt");
    } else if (!is_one_of(wanted_of(&before, facts), now->state)) {
        shown_wrong(at, was->rollout, "event %d of task %u is told, and it is in state %d",
                    (int)facts->event, now->ordinal, (int)now->state);
    }
}

static void judge_ruling(const shown_t *at, const shown_rollout_t *was) {
    const report_facts_t *facts = at->event->report;
    task_state_t now = was->rollout->tasks[at->task.ordinal].state;
    task_state_t wanted = facts->event == TASK_EVENT_RULED_DONE  ? TASK_SUCCEEDED
                          : facts->event == TASK_EVENT_RULED_NOT ? TASK_FAILED
                                                                 : TASK_GONE;
    if (!is_one_of(DOUBTED, at->task.state)) {
        shown_must_be_same(at, was, "it was not in doubt");
    } else if (now != wanted) {
        shown_wrong(at, was->rollout, "task %u is in state %d", at->task.ordinal, (int)now);
    }
}

/* ---- agents ---- */

/* What an agent should have and does not have is sent again; where that agent is suspended, nothing
 * that goes forward is, and nobody knows what became of it. */
static bool is_answered(const shown_t *at, const rollout_t *rollout, uint32_t ordinal) {
    task_state_t now = rollout->tasks[ordinal].state;
    bool sent = shown_asks(at, EFFECT_SEND_JOB, rollout, ordinal);
    bool forward = rollout->kind == KIND_FORWARD || rollout->kind == KIND_BASELINE;
    return forward && at->event->held.count > 0 ? !sent && is_one_of(DOUBTED, now)
                                                : sent && now == TASK_DISPATCHED;
}

/* What should be with the agent and is not in its hand is sent again, what is called off is called
 * off again. */
static void judge_hello(const shown_t *at, const shown_rollout_t *was) {
    const event_t *event = at->event;
    const rollout_t *rollout = was->rollout;
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        const task_t *task = &rollout->tasks[i];
        bool held = false;
        for (uint32_t k = 0; k < event->fresh_count && !held; k++) {
            held = ident_equal(&event->fresh[k], &task->attempt);
        }
        if (is_one_of(WORD_OWED, task_before(at, was, i)) && !held &&
            memcmp(&task->agent, &event->agent, sizeof task->agent) == 0 &&
            !is_answered(at, rollout, i)) {
            shown_wrong(at, rollout, "task %u is lacking, and is not sent again", i);
        }
    }
}

static void judge_seen(const shown_t *at) {
    const event_t *event = at->event;
    uint32_t agent = agent_of_key(&event->agent);
    uint32_t cluster = (uint32_t)event->cluster - 1;
    uint32_t before = at->holders[cluster];
    uint32_t now = shown_holder(at, cluster);
    bool may = before == UINT32_MAX || before == agent;
    uint32_t wanted = !may ? before : event->writable ? agent : UINT32_MAX;
    if (now != wanted) {
        shown_wrong(at, NULL, "cluster %u is with %d, and should be with %d", cluster, (int)now,
                    (int)wanted);
    } else if (now == agent && engine_lease_left_us(at->engine, event->cluster, &event->agent,
                                                    event->boot_us) != SIM_LEASE_US) {
        shown_wrong(at, NULL, "cluster %u is not leased for a whole lease", cluster);
    }
}

static void judge_leases(const shown_t *at) {
    const event_t *event = at->event;
    for (uint32_t c = 0; c < at->sim->server->cluster_count; c++) {
        agent_key_t holder;
        bool held = engine_holder(at->engine, c + 1, &holder);
        bool left = held && event->kind == EVENT_GOODBYE &&
                    memcmp(&holder, &event->agent, sizeof holder) == 0;
        bool over = held && event->kind == EVENT_TICK &&
                    engine_lease_left_us(at->engine, c + 1, &holder, event->boot_us) <= 0;
        if (left || over) {
            shown_wrong(at, NULL, "cluster %u is still leased to agent %u", c,
                        agent_of_key(&holder));
        }
    }
}

/* What was with an agent whose lease ended, nobody knows of. */
static void judge_silence(const shown_t *at, const shown_rollout_t *was) {
    for (uint32_t i = 0; i < was->rollout->task_count; i++) {
        const task_t *task = &was->rollout->tasks[i];
        uint32_t cluster = (uint32_t)task->system_identifier - 1;
        bool at_work = task->state == TASK_DISPATCHED || task->state == TASK_RUNNING;
        if (at_work && at->holders[cluster] != UINT32_MAX &&
            shown_holder(at, cluster) == UINT32_MAX &&
            at->holders[cluster] == agent_of_key(&task->agent)) {
            shown_wrong(at, was->rollout, "task %u is shown at work, and its agent's lease ended",
                        i);
        }
    }
}

/* ---- time ---- */

static void judge_time(const shown_t *at, const shown_rollout_t *was) {
    const rollout_t *rollout = was->rollout;
    if (rollout->state == ROLLOUT_PLANNED || rollout_state_is_final(rollout->state) ||
        rollout_state_is_final(was->state)) {
        return;
    }
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        const task_t *task = &rollout->tasks[i];
        bool at_work = task->state == TASK_DISPATCHED || task->state == TASK_RUNNING;
        bool waits =
            task->state == TASK_READY || task->state == TASK_WAITING || task->state == TASK_UNKNOWN;
        if (task->state == TASK_WAITING && rollout->waves[task->wave].state == WAVE_OPEN &&
            task->due_us <= at->event->now_us) {
            shown_wrong(at, rollout, "task %u waits past its time", i);
        }
        if (at_work &&
            shown_holder(at, (uint32_t)task->system_identifier - 1) != agent_of_key(&task->agent)) {
            shown_wrong(at, rollout, "task %u is shown at work, and its agent has no lease", i);
        }
        if (waits && task->error_code == ERROR_AGENT_UNREACHABLE) {
            shown_wrong(at, rollout, "task %u is called out of reach, and waits", i);
        }
    }
}

/* ---- the whole ---- */

typedef void judge_fn(const shown_t *at, const shown_rollout_t *was);

static void judge_start(const shown_t *at, const shown_rollout_t *was) {
    judge_from_to(at, was, ROLLOUT_PLANNED, ~(uint32_t)IN(ROLLOUT_PLANNED));
}

static void judge_reverted(const shown_t *at, const shown_rollout_t *was) {
    bool reverted = at->event->kind == EVENT_REVERTED;
    judge_from_to(at, was, ROLLOUT_REVERTING, reverted ? IN(ROLLOUT_FAILED) : IN(ROLLOUT_PAUSED));
}

static judge_fn *const ORDERS[EVENT_LAPSED + 1] = {
    [EVENT_START] = judge_start,         [EVENT_PAUSE] = judge_pause,
    [EVENT_RESUME] = judge_resume,       [EVENT_STOP] = judge_stop,
    [EVENT_RETRY] = judge_retry,         [EVENT_REVERTED] = judge_reverted,
    [EVENT_UNREVERTED] = judge_reverted, [EVENT_TICKET] = judge_ticket,
    [EVENT_UNTICKETED] = judge_ticket,   [EVENT_EVIDENCE] = judge_evidence,
    [EVENT_LAPSED] = judge_lapsed,
};

void shown_judge_event(const shown_t *at) {
    event_kind_t kind = at->event->kind;
    if (kind <= EVENT_LAPSED) {
        ORDERS[kind](at, &at->rollouts[0]);
    } else if (kind == EVENT_REPORT && at->has_task) {
        judge_report(at, &at->rollouts[0]);
    } else if (kind == EVENT_RULE && at->has_task) {
        judge_ruling(at, &at->rollouts[0]);
    } else if (kind == EVENT_SEEN) {
        judge_seen(at);
    } else if (kind == EVENT_GOODBYE || kind == EVENT_TICK) {
        judge_leases(at);
    }
    bool lease = kind == EVENT_SEEN || kind == EVENT_GOODBYE || kind == EVENT_TICK;
    for (size_t i = 0; i < at->count; i++) {
        if (kind == EVENT_IN_HAND) {
            judge_hello(at, &at->rollouts[i]);
        } else if (lease) {
            judge_silence(at, &at->rollouts[i]);
        }
        if (kind == EVENT_TICK) {
            judge_time(at, &at->rollouts[i]);
        }
    }
}
