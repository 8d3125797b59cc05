/*
 * oracle_hands.c: of one job at its agent, whether each event comes to what it must: a step that
 * is begun is planned, what a step comes back with moves the job on, what is over stays over. See
 * oracle_people.h.
 */
#include "tests/sim/oracle_people.h"

#include "tests/sim/agent.h"

enum {
    STEPS = IN(JOB_CHECKING) | IN(JOB_PROTECTING) | IN(JOB_WORKING) | IN(JOB_VERIFYING) |
            IN(JOB_SETTLING),
    ANSWERS = IN(JOB_EVENT_DONE) | IN(JOB_EVENT_NOT_NEEDED) | IN(JOB_EVENT_REFUSED) |
              IN(JOB_EVENT_FAILED) | IN(JOB_EVENT_LOCKED) | IN(JOB_EVENT_TRANSIENT) |
              IN(JOB_EVENT_UNKNOWN) | IN(JOB_EVENT_HALTED) | IN(JOB_EVENT_GONE),
};

static bool has(uint32_t set, unsigned member) {
    return (set & IN(member)) != 0;
}

static bool plans(const table_row_t *row, job_effect_t effect) {
    for (size_t i = 0; i < TABLE_EFFECTS; i++) {
        if (row->effects[i] == (uint8_t)effect) {
            return true;
        }
    }
    return false;
}

/* What a state is nothing without. */
static job_effect_t begins_with(job_state_t state) {
    static const job_effect_t FIRST[JOB_STATE_COUNT] = {
        [JOB_CHECKING] = JOB_DO_CHECK,   [JOB_PROTECTING] = JOB_DO_PROTECT,
        [JOB_WORKING] = JOB_DO_WORK,     [JOB_VERIFYING] = JOB_DO_VERIFY,
        [JOB_WAITING] = JOB_DO_ARM,      [JOB_SETTLING] = JOB_DO_SETTLE,
        [JOB_DONE] = JOB_DO_FINISH,      [JOB_NOT_NEEDED] = JOB_DO_FINISH,
        [JOB_REFUSED] = JOB_DO_FINISH,   [JOB_FAILED] = JOB_DO_FINISH,
        [JOB_TRANSIENT] = JOB_DO_FINISH, [JOB_CANCELLED] = JOB_DO_FINISH,
        [JOB_GONE] = JOB_DO_FINISH,
    };
    return FIRST[state];
}

/* Whether the event asks for something in this state at all. */
static bool means_something(const job_machine_t *job, job_event_t event) {
    if (job_state_is_final(job->state)) {
        return false;
    }
    if (event == JOB_EVENT_RESUMED) {
        return true;
    }
    if (event == JOB_EVENT_BEGUN) {
        return job->state == JOB_ACCEPTED;
    }
    if (event == JOB_EVENT_DUE) {
        return job->state == JOB_WAITING;
    }
    if (event == JOB_EVENT_CANCEL) {
        return job->state == JOB_ACCEPTED || (job->state == JOB_WAITING && !job->unsettled);
    }
    bool nothing = event == JOB_EVENT_NOT_NEEDED &&
                   (job->state == JOB_PROTECTING || job->state == JOB_SETTLING);
    return has(ANSWERS, event) && has(STEPS, job->state) && !nothing;
}

/* Between two steps: one that is asked to stop, or has lost its lease, begins no other. */
static bool must_halt(const job_machine_t *job, job_event_t event) {
    bool seam = event == JOB_EVENT_BEGUN || event == JOB_EVENT_DUE || event == JOB_EVENT_CANCEL ||
                event == JOB_EVENT_HALTED ||
                (event == JOB_EVENT_DONE && job->state != JOB_WORKING) ||
                (event == JOB_EVENT_LOCKED && job->state == JOB_WORKING);
    return seam && job->state != JOB_VERIFYING && !job->unsettled &&
           (job->cancelled || job->leaseless);
}

/* What some answers must come to; JOB_STATE_COUNT: more than one thing. */
static job_state_t end_of(const job_machine_t *job, job_event_t event) {
    bool halts = must_halt(job, event);
    bool early =
        job->state == JOB_CHECKING || job->state == JOB_PROTECTING || job->state == JOB_WORKING;
    if (halts) {
        return job->cancelled ? JOB_CANCELLED : JOB_TRANSIENT;
    }
    if (event == JOB_EVENT_GONE) {
        return JOB_GONE;
    }
    if (event == JOB_EVENT_NOT_NEEDED) {
        return job->state == JOB_VERIFYING ? JOB_DONE : JOB_NOT_NEEDED;
    }
    if (event == JOB_EVENT_REFUSED) {
        return early ? JOB_REFUSED : JOB_FAILED;
    }
    if (event == JOB_EVENT_FAILED) {
        return job->state == JOB_CHECKING ? JOB_REFUSED : JOB_FAILED;
    }
    if (job->state == JOB_VERIFYING && has(STEPS, job->state) && event != JOB_EVENT_RESUMED) {
        return event == JOB_EVENT_DONE ? JOB_DONE : JOB_TRANSIENT;
    }
    return JOB_STATE_COUNT;
}

static void wrong(sim_t *sim, const job_machine_t *before, job_event_t event,
                  const job_machine_t *after, const char *why) {
    sim_fail(sim, 14, "a job that was %s is told %s and is %s: %s",
             JOB_MACHINE.states[before->state], JOB_MACHINE.events[event],
             JOB_MACHINE.states[after->state], why);
}

void people_job(sim_t *sim, const job_machine_t *before, job_event_t event,
                const job_machine_t *after, const table_row_t *row) {
    bool any = row->effects[0] != JOB_DO_NOTHING;
    bool moved = after->state != before->state;
    if (!means_something(before, event)) {
        if (any || moved) {
            wrong(sim, before, event, after, "nothing should come of it");
        }
        return;
    }
    bool again = event == JOB_EVENT_RESUMED; /* may begin the same step anew */
    if (!moved && !again) {
        wrong(sim, before, event, after, "it does not move on");
    }
    if (!plans(row, begins_with(after->state))) {
        wrong(sim, before, event, after, "nothing is planned for that");
    }
    job_state_t end = end_of(before, event);
    if (end != JOB_STATE_COUNT && after->state != end) {
        wrong(sim, before, event, after, "it should have ended in another state");
    }
    bool at_work = before->state == JOB_WORKING || before->state == JOB_SETTLING;
    if (again && at_work && after->state != JOB_SETTLING) {
        wrong(sim, before, event, after, "it goes on, and what it did before is not looked at");
    }
    bool doubts = after->state == JOB_SETTLING && before->state != JOB_WAITING;
    if (doubts && !after->unsettled) {
        wrong(sim, before, event, after, "it does not know that its outcome is open");
    }
    bool knows = before->state == JOB_SETTLING && after->state != JOB_WAITING && !again &&
                 event != JOB_EVENT_GONE;
    if (knows && after->unsettled) {
        wrong(sim, before, event, after, "it read the ledger and still doubts");
    }
}

void people_begins(sim_t *sim, const agent_t *agent, const ident_t *attempt) {
    for (uint32_t i = disk_count(&agent->journal, JOURNAL_JOBS); i > 0; i--) {
        const journal_job_t *job = disk_row(&agent->journal, JOURNAL_JOBS, i - 1);
        if (!ident_equal(&job->what.attempt, attempt)) {
            continue;
        }
        if (job->state != JOB_WORKING && job->state != JOB_SETTLING) {
            sim_fail(sim, 14, "attempt %08x changes tenant %u, and its journal has it as %s",
                     sim_short(attempt), job->what.tenant, JOB_MACHINE.states[job->state]);
        }
        return;
    }
    /* the agent lost its state while the server was at it */
}
