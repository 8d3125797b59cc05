/* rollout_table.c: see rollout_table.h. docs/STATES.md is generated from these rows. */
#include "coordinator/engine/rollout_table.h"

static const char *const STATES[ROLLOUT_STATE_COUNT] = {
    [ROLLOUT_PLANNED] = "planned",     [ROLLOUT_RUNNING] = "running",
    [ROLLOUT_PAUSED] = "paused",       [ROLLOUT_STOPPING] = "stopping",
    [ROLLOUT_REVERTING] = "reverting", [ROLLOUT_STOPPED] = "stopped",
    [ROLLOUT_SUCCEEDED] = "succeeded", [ROLLOUT_INCOMPLETE] = "incomplete",
    [ROLLOUT_FAILED] = "failed",
};

static const char *const EVENTS[ROLLOUT_EVENT_COUNT] = {
    [ROLLOUT_EVENT_STARTED] = "started",         [ROLLOUT_EVENT_PAUSED] = "paused",
    [ROLLOUT_EVENT_RESUMED] = "resumed",         [ROLLOUT_EVENT_STOPPED] = "stopped",
    [ROLLOUT_EVENT_RETRIED] = "retried",         [ROLLOUT_EVENT_WAVE_PASSED] = "wave passed",
    [ROLLOUT_EVENT_WAVE_FAILED] = "wave failed", [ROLLOUT_EVENT_SETTLED] = "settled",
    [ROLLOUT_EVENT_REVERTED] = "reverted",       [ROLLOUT_EVENT_UNREVERTED] = "not reverted",
};

static const char *const CONDITIONS[ROLLOUT_IF_COUNT] = {"last wave",      "short of target",
                                                         "jobs in hand",   "rolls back on failure",
                                                         "tasks set back", "rollback asked for"};

static const char *const EFFECTS[ROLLOUT_EFFECT_COUNT] = {
    [ROLLOUT_DO_NOTHING] = "",
    [ROLLOUT_DO_OPEN_WAVE] = "open wave",
    [ROLLOUT_DO_NEXT_WAVE] = "next wave",
    [ROLLOUT_DO_WITHDRAW] = "withdraw tasks",
    [ROLLOUT_DO_FORGIVE] = "forgive failures",
    [ROLLOUT_DO_CANCEL] = "cancel jobs in hand",
    [ROLLOUT_DO_ROLL_BACK] = "roll back the wave",
    [ROLLOUT_DO_FINISH] = "finish",
};

#define LAST ROLLOUT_IF_LAST
#define SHORT ROLLOUT_IF_SHORT
#define IN_FLIGHT ROLLOUT_IF_IN_FLIGHT
#define REVERTS ROLLOUT_IF_REVERTS
#define SET_BACK ROLLOUT_IF_SET_BACK
#define ASKED ROLLOUT_IF_ASKED
#define ON(name) IN(ROLLOUT_EVENT_##name)
#define AT(name) IN(ROLLOUT_##name)
#define EVERY (IN(ROLLOUT_STATE_COUNT) - 1)
#define OVER (AT(STOPPED) | AT(SUCCEEDED) | AT(INCOMPLETE) | AT(FAILED))
#define ENDING (AT(STOPPING) | AT(REVERTING))

// clang-format off
static const table_row_t ROWS[] = {
    {1, AT(PLANNED), ON(STARTED), 0, 0, ROLLOUT_RUNNING, {ROLLOUT_DO_OPEN_WAVE},
     "started"},
    {2, AT(RUNNING), ON(WAVE_PASSED), LAST, 0, ROLLOUT_RUNNING, {ROLLOUT_DO_NEXT_WAVE},
     "the wave passed; the next one opens"},
    {3, AT(RUNNING), ON(WAVE_PASSED), LAST | SHORT, LAST, ROLLOUT_SUCCEEDED, {ROLLOUT_DO_FINISH},
     "every tenant stands at the target"},
    {4, AT(RUNNING), ON(WAVE_PASSED), LAST | SHORT, LAST | SHORT, ROLLOUT_INCOMPLETE,
     {ROLLOUT_DO_FINISH},
     "every wave is over, and some tenants are not at the target"},
    {5, AT(RUNNING), ON(WAVE_FAILED), REVERTS, 0, ROLLOUT_PAUSED, {0},
     "the wave failed; paused until an operator resumes, retries, stops or rolls back"},
    {6, AT(RUNNING) | AT(PAUSED), ON(WAVE_FAILED), REVERTS | IN_FLIGHT, REVERTS | IN_FLIGHT,
     ROLLOUT_REVERTING, {ROLLOUT_DO_CANCEL},
     "the wave failed; it is rolled back once its jobs in hand have ended"},
    {7, AT(RUNNING) | AT(PAUSED), ON(WAVE_FAILED), REVERTS | IN_FLIGHT, REVERTS, ROLLOUT_REVERTING,
     {ROLLOUT_DO_ROLL_BACK},
     "the wave failed; its rollback is planned"},
    {8, AT(PAUSED), ON(WAVE_FAILED), REVERTS, 0, TABLE_SAME, {0},
     "the wave failed while the rollout was paused"},
    {9, AT(PAUSED), ON(WAVE_PASSED), 0, 0, TABLE_SAME, {0},
     "the wave passed while the rollout was paused; resume opens the next one"},
    {10, AT(RUNNING), ON(PAUSED), 0, 0, ROLLOUT_PAUSED, {0},
     "paused by an operator; jobs in hand finish, nothing new starts"},
    {11, AT(PAUSED), ON(RESUMED), 0, 0, ROLLOUT_RUNNING, {ROLLOUT_DO_FORGIVE},
     "resumed by an operator"},
    {12, AT(PLANNED) | AT(RUNNING) | AT(PAUSED) | AT(REVERTING), ON(STOPPED), IN_FLIGHT, IN_FLIGHT,
     ROLLOUT_STOPPING, {ROLLOUT_DO_WITHDRAW},
     "stop asked by an operator; jobs in hand finish the step they are in"},
    {13, AT(PLANNED) | AT(RUNNING) | AT(PAUSED) | AT(REVERTING), ON(STOPPED), IN_FLIGHT, 0,
     ROLLOUT_STOPPED, {ROLLOUT_DO_WITHDRAW, ROLLOUT_DO_FINISH},
     "stopped by an operator"},
    {14, AT(STOPPING), ON(SETTLED), IN_FLIGHT, 0, ROLLOUT_STOPPED,
     {ROLLOUT_DO_WITHDRAW, ROLLOUT_DO_FINISH},
     "stopped; the last job in hand has ended"},
    {15, AT(REVERTING), ON(SETTLED), IN_FLIGHT | ASKED, 0, TABLE_SAME, {ROLLOUT_DO_ROLL_BACK},
     "the last job in hand has ended; the wave's rollback is planned"},
    {16, ENDING, ON(SETTLED), IN_FLIGHT, IN_FLIGHT, TABLE_SAME, {0},
     "jobs are still in hand"},
    {17, AT(PAUSED) | AT(INCOMPLETE), ON(RETRIED), SET_BACK, SET_BACK, ROLLOUT_RUNNING, {0},
     "running again: an operator asked for another try"},
    {18, AT(STOPPING), ON(STOPPED), 0, 0, TABLE_SAME, {ROLLOUT_DO_WITHDRAW},
     "stop asked again; what nobody knows of is no longer waited for"},
    {19, AT(REVERTING), ON(REVERTED), 0, 0, ROLLOUT_FAILED,
     {ROLLOUT_DO_WITHDRAW, ROLLOUT_DO_FINISH},
     "the wave failed and is rolled back"},
    {20, AT(REVERTING), ON(UNREVERTED), 0, 0, ROLLOUT_PAUSED, {0},
     "the wave failed, and its rollback could not be started by itself"},
    {21, AT(INCOMPLETE), ON(SETTLED), SHORT, 0, ROLLOUT_SUCCEEDED, {ROLLOUT_DO_FINISH},
     "word came late: every tenant stands at the target"},

    {30, AT(RUNNING), ON(RETRIED), 0, 0, TABLE_SAME, {0},
     "tasks are tried again as agents have room"},
    {31, AT(PLANNED) | ENDING | AT(STOPPED) | AT(SUCCEEDED) | AT(FAILED), ON(RETRIED), 0, 0,
     TABLE_SAME, {0},
     "refused: a rollout in this state tries nothing again"},
    {32, EVERY & ~AT(PLANNED), ON(STARTED), 0, 0, TABLE_SAME, {0},
     "ignored: it was started before"},
    {33, EVERY & ~AT(RUNNING), ON(PAUSED), 0, 0, TABLE_SAME, {0},
     "refused: only a running rollout can be paused"},
    {34, EVERY & ~AT(PAUSED), ON(RESUMED), 0, 0, TABLE_SAME, {0},
     "refused: only a paused rollout can be resumed"},
    {35, OVER, ON(STOPPED), 0, 0, TABLE_SAME, {0},
     "ignored: it is over"},
    {36, AT(PLANNED) | ENDING | OVER, ON(WAVE_PASSED) | ON(WAVE_FAILED), 0, 0, TABLE_SAME, {0},
     "ignored: the rollout no longer follows its waves"},
    {37, AT(PLANNED) | AT(RUNNING) | AT(PAUSED) | (OVER & ~AT(INCOMPLETE)), ON(SETTLED), 0, 0,
     TABLE_SAME, {0},
     "ignored: the wave judges what has settled"},
    {38, AT(PAUSED) | AT(INCOMPLETE), ON(RETRIED), SET_BACK, 0, TABLE_SAME, {0},
     "refused: there is nothing in it to try again"},
    {39, AT(INCOMPLETE), ON(SETTLED), SHORT, SHORT, TABLE_SAME, {0},
     "word came late; some tenants are still not at the target"},
    {41, AT(REVERTING), ON(SETTLED), IN_FLIGHT | ASKED, ASKED, TABLE_SAME, {0},
     "its rollback is being planned already"},
    {40, EVERY & ~AT(REVERTING), ON(REVERTED) | ON(UNREVERTED), 0, 0, TABLE_SAME, {0},
     "ignored: no wave of it is being rolled back"},
};
// clang-format on

const table_machine_t ROLLOUT_MACHINE = {
    .name = "rollout",
    .rows = ROWS,
    .row_count = sizeof ROWS / sizeof ROWS[0],
    .states = STATES,
    .state_count = ROLLOUT_STATE_COUNT,
    .events = EVENTS,
    .event_count = ROLLOUT_EVENT_COUNT,
    .conditions = CONDITIONS,
    .condition_count = ROLLOUT_IF_COUNT,
    .effects = EFFECTS,
    .effect_count = ROLLOUT_EFFECT_COUNT,
    .final_states = OVER,
};
