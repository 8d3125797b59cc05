/*
 * oracle_rest.c: what must hold of a rollout behind any event: nothing stands still that should
 * not, and nothing is shown as over that goes on. See oracle_people.h.
 */
#include "tests/sim/oracle_shown.h"

enum {
    OVER =
        IN(ROLLOUT_STOPPED) | IN(ROLLOUT_SUCCEEDED) | IN(ROLLOUT_INCOMPLETE) | IN(ROLLOUT_FAILED),
    WORD_OWED = IN(TASK_DISPATCHED) | IN(TASK_RUNNING) | IN(TASK_UNKNOWN),
    MISSED = IN(TASK_FAILED) | IN(TASK_REFUSED) | IN(TASK_OUTSTANDING),
    ENDED = IN(TASK_SUCCEEDED) | IN(TASK_NOT_NEEDED) | IN(TASK_SKIPPED) | IN(TASK_GONE) | MISSED,
    THERE = IN(TASK_SUCCEEDED) | IN(TASK_NOT_NEEDED) | IN(TASK_GONE),
};

static uint32_t count_in(const rollout_t *rollout, const wave_t *wave, uint32_t states) {
    uint32_t first = wave != NULL ? wave->first : 0;
    uint32_t count = wave != NULL ? wave->count : rollout->task_count;
    uint32_t found = 0;
    for (uint32_t i = first; i < first + count; i++) {
        found += (states & IN(rollout->tasks[i].state)) != 0;
    }
    return found;
}

static bool is_spent(const rollout_t *rollout, const wave_t *wave) {
    return wave->on_failure != ON_FAILURE_CONTINUE &&
           count_in(rollout, wave, MISSED) > wave->budget + wave->forgiven;
}

/* ---- tasks ---- */

static void judge_task(const shown_t *at, const shown_rollout_t *was, const task_t *task) {
    const rollout_t *rollout = was->rollout;
    task_state_t before = (task_state_t)at->tasks[was->first_task + task->ordinal].state;
    const wave_t *wave = &rollout->waves[task->wave];
    if (task->state == TASK_READY && wave->state == WAVE_OPEN && !task->queued) {
        shown_wrong(at, rollout, "task %u is ready, and stands in no queue", task->ordinal);
    }
    if (task->state == before) {
        return;
    }
    if (task->state == TASK_DISPATCHED &&
        !shown_asks(at, EFFECT_SEND_JOB, rollout, task->ordinal)) {
        shown_wrong(at, rollout, "task %u is given out, and nothing is sent", task->ordinal);
    }
    if (task->state == TASK_DISPATCHED && before == TASK_READY &&
        (rollout->state != ROLLOUT_RUNNING || wave->state != WAVE_OPEN)) {
        shown_wrong(at, rollout, "task %u is given out in state %d, wave in state %d",
                    task->ordinal, (int)rollout->state, (int)wave->state);
    }
    if (task->state == TASK_WAITING && task->due_us <= at->event->now_us) {
        shown_wrong(at, rollout, "task %u waits until a time that is over", task->ordinal);
    }
}

/* ---- waves ---- */

static void judge_moved(const shown_t *at, const rollout_t *rollout, uint32_t number) {
    const wave_t *wave = &rollout->waves[number];
    if (wave->state == WAVE_OPEN && count_in(rollout, wave, IN(TASK_PENDING)) > 0) {
        shown_wrong(at, rollout, "wave %u opens, and tasks of it do not", number);
    }
    if (wave->state == WAVE_SOAKING && wave->soak_us != at->event->now_us) {
        shown_wrong(at, rollout, "wave %u soaks, and not from now on", number);
    }
    if (wave->state == WAVE_AWAITING && !shown_asks(at, EFFECT_TICKET, rollout, number)) {
        shown_wrong(at, rollout, "wave %u waits for a ticket, and nobody asks for it", number);
    }
    if (wave->state == WAVE_FAILED && rollout->state == ROLLOUT_RUNNING) {
        shown_wrong(at, rollout, "wave %u failed, and the rollout runs on", number);
    }
}

static void judge_wave(const shown_t *at, const shown_rollout_t *was, uint32_t number) {
    const rollout_t *rollout = was->rollout;
    const wave_t *wave = &rollout->waves[number];
    const shown_wave_t *before = &at->waves[was->first_wave + number];
    uint32_t ended = count_in(rollout, wave, ENDED);
    bool at_work = wave->state == WAVE_OPEN || wave->state == WAVE_SOAKING;
    bool missed = count_in(rollout, wave, MISSED) > before->failed && is_spent(rollout, wave);
    if (wave->state != before->state) {
        judge_moved(at, rollout, number);
    }
    if (wave->state == WAVE_OPEN && ended == wave->count) {
        shown_wrong(at, rollout, "wave %u is open, and everything in it has ended", number);
    }
    if (at_work && missed) {
        shown_wrong(at, rollout, "wave %u goes on past its budget", number);
    }
    if (wave->state == WAVE_SOAKING && (at->event->kind == EVENT_TICK) &&
        at->event->now_us >= wave->soak_us + wave->soak_for_us) {
        shown_wrong(at, rollout, "wave %u soaks past its time", number);
    }
}

/* ---- the rollout ---- */

static void judge_over(const shown_t *at, const rollout_t *rollout) {
    uint32_t waits = count_in(rollout, NULL, IN(TASK_PENDING) | IN(TASK_READY) | IN(TASK_WAITING));
    uint32_t missed = rollout->task_count - count_in(rollout, NULL, THERE);
    bool all_passed = true;
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        wave_state_t state = rollout->waves[w].state;
        all_passed = all_passed && state == WAVE_PASSED;
        if (state != WAVE_PASSED && state != WAVE_CANCELLED) {
            shown_wrong(at, rollout, "it is over, and wave %u is in state %d", w, (int)state);
        }
    }
    bool through = rollout->state == ROLLOUT_SUCCEEDED || rollout->state == ROLLOUT_INCOMPLETE;
    if (rollout->finished_us != at->event->now_us || waits > 0) {
        shown_wrong(at, rollout, "it is over, since %lld, and %u tasks wait",
                    (long long)rollout->finished_us, waits);
    }
    if (through && (!all_passed || (missed > 0) != (rollout->state == ROLLOUT_INCOMPLETE))) {
        shown_wrong(at, rollout, "it is through in state %d, %u tenants are not there",
                    (int)rollout->state, missed);
    }
}

static bool rollback_is_asked_for(const shown_t *at, const rollout_t *rollout) {
    for (size_t i = 0; i < at->effects->count; i++) {
        if (at->effects->items[i].kind == EFFECT_ROLL_BACK &&
            at->effects->items[i].rollout == rollout) {
            return true;
        }
    }
    return false;
}

/* Nothing waits for what nobody does. */
static void judge_standstill(const shown_t *at, const rollout_t *rollout) {
    wave_state_t wave = rollout->waves[rollout->current_wave].state;
    uint32_t in_hand = count_in(rollout, NULL, WORD_OWED);
    if (rollout->state == ROLLOUT_RUNNING && (wave == WAVE_PASSED || wave == WAVE_PENDING)) {
        shown_wrong(at, rollout, "it runs, and its wave %u is in state %d", rollout->current_wave,
                    (int)wave);
    }
    if (rollout->state == ROLLOUT_STOPPING && in_hand == 0) {
        shown_wrong(at, rollout, "it is being stopped, and nothing is in hand");
    }
    if (rollout->state == ROLLOUT_REVERTING && in_hand == 0 &&
        !rollback_is_asked_for(at, rollout)) {
        shown_wrong(at, rollout, "it is to be rolled back, and nobody plans that");
    }
    if (rollout->state == ROLLOUT_INCOMPLETE &&
        count_in(rollout, NULL, THERE) == rollout->task_count) {
        shown_wrong(at, rollout, "it is called incomplete, and every tenant is there");
    }
}

/* What an agent has in hand of a rollout that is called off, it is asked to stop. */
static void judge_called_off(const shown_t *at, const shown_rollout_t *was) {
    const rollout_t *rollout = was->rollout;
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        task_state_t state = rollout->tasks[i].state;
        if ((state == TASK_DISPATCHED || state == TASK_RUNNING) &&
            !shown_asks(at, EFFECT_SEND_CANCEL, rollout, i)) {
            shown_wrong(at, rollout, "it is called off, and task %u is not cancelled", i);
        }
    }
}

void shown_judge_rest(const shown_t *at, const shown_rollout_t *was) {
    const rollout_t *rollout = was->rollout;
    bool over = (OVER & IN(rollout->state)) != 0;
    bool was_over = (OVER & IN(was->state)) != 0;
    if (over && was_over && at->event->kind == EVENT_TICK) {
        return;
    }
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        judge_task(at, was, &rollout->tasks[i]);
    }
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        judge_wave(at, was, w);
    }
    if (rollout->current_wave == was->current + 1 &&
        rollout->waves[was->current].state != WAVE_PASSED) {
        shown_wrong(at, rollout, "wave %u follows on wave %u, which has not passed",
                    rollout->current_wave, was->current);
    }
    if (over && rollout->state != was->state) {
        judge_over(at, rollout);
    } else if (!over && rollout->finished_us != 0) {
        shown_wrong(at, rollout, "it goes on, and has a time of its end");
    }
    if (rollout->state != was->state &&
        (rollout->state == ROLLOUT_STOPPING || rollout->state == ROLLOUT_REVERTING)) {
        judge_called_off(at, was);
    }
    judge_standstill(at, rollout);
}
