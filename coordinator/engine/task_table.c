/* task_table.c: see task_table.h. docs/STATES.md is generated from these rows. */
#include "coordinator/engine/task_table.h"

static const char *const STATES[TASK_STATE_COUNT] = {
    [TASK_PENDING] = "pending",
    [TASK_READY] = "ready",
    [TASK_DISPATCHED] = "dispatched",
    [TASK_RUNNING] = "running",
    [TASK_WAITING] = "waiting",
    [TASK_UNKNOWN] = "unknown",
    [TASK_SUCCEEDED] = "succeeded",
    [TASK_NOT_NEEDED] = "not needed",
    [TASK_FAILED] = "failed",
    [TASK_REFUSED] = "refused",
    [TASK_SKIPPED] = "skipped",
    [TASK_OUTSTANDING] = "outstanding",
    [TASK_GONE] = "gone",
};

static const char *const EVENTS[TASK_EVENT_COUNT] = {
    [TASK_EVENT_OPENED] = "opened",
    [TASK_EVENT_DISPATCHED] = "dispatched",
    [TASK_EVENT_STARTED] = "started",
    [TASK_EVENT_DONE] = "done",
    [TASK_EVENT_NOT_NEEDED] = "not needed",
    [TASK_EVENT_REFUSED] = "refused",
    [TASK_EVENT_FAILED] = "failed",
    [TASK_EVENT_TRANSIENT] = "transient",
    [TASK_EVENT_UNKNOWN] = "unknown",
    [TASK_EVENT_CANCELLED] = "cancelled",
    [TASK_EVENT_GONE] = "gone",
    [TASK_EVENT_SILENT] = "silent",
    [TASK_EVENT_LACKED] = "lacked",
    [TASK_EVENT_DUE] = "due",
    [TASK_EVENT_WITHDRAWN] = "withdrawn",
    [TASK_EVENT_RETRIED] = "retried",
    [TASK_EVENT_OUT_OF_REACH] = "out of reach",
    [TASK_EVENT_WITHHELD] = "withheld",
    [TASK_EVENT_FOUND] = "found",
    [TASK_EVENT_RULED_DONE] = "ruled applied",
    [TASK_EVENT_RULED_NOT] = "ruled not applied",
    [TASK_EVENT_RULED_GONE] = "ruled gone",
};

static const char *const CONDITIONS[TASK_IF_COUNT] = {
    "tries left", "touched", "out of reach counts", "wave open", "named by the order"};

static const char *const EFFECTS[TASK_EFFECT_COUNT] = {
    [TASK_DO_NOTHING] = "",      [TASK_DO_QUEUE] = "queue", [TASK_DO_SEND] = "send job",
    [TASK_DO_CANCEL] = "cancel", [TASK_DO_ARM] = "arm",     [TASK_DO_CLEAR] = "clear",
};

/* Sets that several rows share. */
enum {
    IN_HAND = IN(TASK_DISPATCHED) | IN(TASK_RUNNING) | IN(TASK_UNKNOWN),
    AT_REST = IN(TASK_SUCCEEDED) | IN(TASK_NOT_NEEDED) | IN(TASK_FAILED) | IN(TASK_REFUSED) |
              IN(TASK_SKIPPED) | IN(TASK_GONE), /* final, and late reports change nothing */
    IDLE = IN(TASK_PENDING) | IN(TASK_READY) | IN(TASK_WAITING),
    AGAIN = IN(TASK_UNKNOWN) | IN(TASK_FAILED) | IN(TASK_REFUSED) | IN(TASK_SKIPPED) |
            IN(TASK_OUTSTANDING),
    RESULTS = IN(TASK_EVENT_STARTED) | IN(TASK_EVENT_DONE) | IN(TASK_EVENT_REFUSED) |
              IN(TASK_EVENT_FAILED) | IN(TASK_EVENT_TRANSIENT) | IN(TASK_EVENT_UNKNOWN) |
              IN(TASK_EVENT_CANCELLED),
    RULINGS = IN(TASK_EVENT_RULED_DONE) | IN(TASK_EVENT_RULED_NOT) | IN(TASK_EVENT_RULED_GONE),
    IN_DOUBT = IN(TASK_UNKNOWN) | IN(TASK_OUTSTANDING),
    REACHED = IN(TASK_SUCCEEDED) | IN(TASK_NOT_NEEDED) | IN(TASK_GONE),
    EVERY = (1 << TASK_STATE_COUNT) - 1,
};

#define TRIES TASK_IF_TRIES_LEFT
#define TOUCHED TASK_IF_TOUCHED
#define COUNTS TASK_IF_COUNTS
#define OPEN TASK_IF_WAVE_OPEN
#define ORDERED TASK_IF_ORDERED
#define ON(name) IN(TASK_EVENT_##name)
#define AT(name) IN(TASK_##name)

// clang-format off
static const table_row_t ROWS[] = {
    {1, AT(PENDING), ON(OPENED), 0, 0, TASK_READY, {TASK_DO_QUEUE},
     "its wave is open; it waits for an agent with room"},
    {2, AT(READY), ON(DISPATCHED), 0, 0, TASK_DISPATCHED, {TASK_DO_SEND},
     "given to an agent"},
    {3, IN_HAND, ON(STARTED), 0, 0, TASK_RUNNING, {0},
     "its agent is working on it"},
    {4, IN_HAND | AT(OUTSTANDING), ON(DONE), 0, 0, TASK_SUCCEEDED, {0},
     "done and verified by its agent"},
    {5, IDLE, ON(NOT_NEEDED), 0, 0, TASK_NOT_NEEDED, {0},
     "passed over: inventory says that it stands at the target"},
    {6, IN_HAND | AT(OUTSTANDING), ON(NOT_NEEDED), 0, 0, TASK_NOT_NEEDED, {0},
     "its agent found it at the target already"},
    {7, IN_HAND | AT(OUTSTANDING), ON(REFUSED), 0, 0, TASK_REFUSED, {0},
     "refused by the check before anything was touched"},
    {8, IN_HAND | AT(OUTSTANDING), ON(FAILED), 0, 0, TASK_FAILED, {0},
     "failed; the tenant stands where its position says"},
    {9, IN_HAND, ON(TRANSIENT), TRIES, TRIES, TASK_WAITING, {TASK_DO_ARM},
     "failed for a passing reason; it is tried again"},
    {10, IN_HAND, ON(TRANSIENT), TRIES, 0, TASK_FAILED, {0},
     "failed for a passing reason, and no try is left"},
    {11, AT(OUTSTANDING), ON(TRANSIENT), 0, 0, TASK_FAILED, {0},
     "word came late: it failed for a passing reason"},
    {12, AT(DISPATCHED) | AT(RUNNING), ON(UNKNOWN), 0, 0, TASK_UNKNOWN, {0},
     "its agent has no evidence of the outcome yet"},
    {13, AT(UNKNOWN) | AT(OUTSTANDING), ON(UNKNOWN), 0, 0, TABLE_SAME, {0},
     "still no evidence of the outcome"},
    {14, IN_HAND | AT(OUTSTANDING), ON(CANCELLED), TOUCHED, 0, TASK_SKIPPED, {0},
     "stopped before anything was changed"},
    {15, IN_HAND | AT(OUTSTANDING), ON(CANCELLED), TOUCHED, TOUCHED, TASK_FAILED, {0},
     "stopped between two migrations; its position says how far it came"},
    {16, IDLE | IN_HAND | AT(OUTSTANDING), ON(GONE), 0, 0, TASK_GONE, {0},
     "the tenant's database is no more"},
    {17, AT(DISPATCHED) | AT(RUNNING), ON(SILENT), 0, 0, TASK_UNKNOWN, {0},
     "its agent fell silent; silence is unknown, never success and never failure"},
    {18, IN_HAND, ON(LACKED), 0, 0, TASK_DISPATCHED, {TASK_DO_SEND},
     "its agent is back without it; the same attempt is sent again"},
    {19, AT(WAITING), ON(DUE) | ON(RETRIED), 0, 0, TASK_READY, {TASK_DO_QUEUE},
     "the wait is over; it waits for an agent with room"},
    {20, AT(PENDING) | AT(READY), ON(WITHDRAWN), TOUCHED, 0, TASK_SKIPPED, {0},
     "never started: its rollout ended before it"},
    {21, AT(WAITING), ON(WITHDRAWN), TOUCHED, 0, TASK_SKIPPED, {0},
     "not tried again: its rollout ended; nothing was changed"},
    {22, AT(PENDING) | AT(READY) | AT(WAITING), ON(WITHDRAWN), TOUCHED, TOUCHED, TASK_FAILED, {0},
     "not tried again: its rollout ended; its position says how far it came"},
    {23, AT(DISPATCHED) | AT(RUNNING), ON(WITHDRAWN), 0, 0, TABLE_SAME, {TASK_DO_CANCEL},
     "its agent is asked to stop after the step in hand"},
    {24, AT(UNKNOWN), ON(WITHDRAWN) | ON(OUT_OF_REACH), 0, 0, TASK_OUTSTANDING, {0},
     "nobody knows its outcome, and the rollout no longer waits for it"},
    {25, AT(READY) | AT(WAITING), ON(OUT_OF_REACH), COUNTS, COUNTS, TASK_FAILED, {0},
     "its cluster is out of reach, which this rollout counts as a failure"},
    {26, AT(READY) | AT(WAITING), ON(OUT_OF_REACH), COUNTS | TOUCHED, TOUCHED, TASK_FAILED, {0},
     "its cluster is out of reach after something was changed"},
    {27, AT(READY) | AT(WAITING), ON(OUT_OF_REACH), COUNTS | TOUCHED, 0, TASK_SKIPPED, {0},
     "its cluster is out of reach, and this rollout skips such"},
    {28, AGAIN, ON(RETRIED), OPEN | ORDERED, OPEN | ORDERED, TASK_READY, {TASK_DO_CLEAR, TASK_DO_QUEUE},
     "an operator asked for another try"},
    {29, AGAIN, ON(RETRIED), OPEN | ORDERED, ORDERED, TASK_PENDING, {TASK_DO_CLEAR},
     "an operator asked for another try; its wave is not open yet"},
    {30, AT(READY), ON(WITHHELD), 0, 0, TASK_PENDING, {0},
     "kept back: its wave waits for another ticket"},
    {34, EVERY & ~REACHED, ON(FOUND), 0, 0, TASK_RUNNING, {TASK_DO_CLEAR},
     "its agent reports on a try that the catalog had forgotten, or that a person had ruled on"},
    {31, IN_DOUBT, ON(RULED_DONE), 0, 0, TASK_SUCCEEDED, {0},
     "an operator ruled that it was applied; nobody could read it"},
    {32, IN_DOUBT, ON(RULED_NOT), 0, 0, TASK_FAILED, {0},
     "an operator ruled that it was not applied; nobody could read it"},
    {33, IN_DOUBT, ON(RULED_GONE), 0, 0, TASK_GONE, {0},
     "an operator ruled that the tenant's database is gone for good"},

    {40, IDLE, RESULTS, 0, 0, TABLE_SAME, {0},
     "ignored: word of an attempt that is over"},
    {41, AT_REST, RESULTS | ON(NOT_NEEDED) | ON(GONE), 0, 0, TABLE_SAME, {0},
     "ignored: it is over already"},
    {42, AT(OUTSTANDING), ON(STARTED), 0, 0, TABLE_SAME, {0},
     "its agent is heard again and still at work"},
    {43, EVERY & ~AT(PENDING), ON(OPENED), 0, 0, TABLE_SAME, {0},
     "ignored: its wave was open before"},
    {44, EVERY & ~AT(READY), ON(DISPATCHED), 0, 0, TABLE_SAME, {0},
     "ignored: it is not waiting for an agent"},
    {45, EVERY & ~(AT(DISPATCHED) | AT(RUNNING)), ON(SILENT), 0, 0, TABLE_SAME, {0},
     "ignored: its agent owes no word"},
    {46, EVERY & ~IN_HAND, ON(LACKED), 0, 0, TABLE_SAME, {0},
     "ignored: no agent should have it"},
    {47, EVERY & ~AT(WAITING), ON(DUE), 0, 0, TABLE_SAME, {0},
     "ignored: it is not waiting for another try"},
    {48, AT_REST | AT(OUTSTANDING), ON(WITHDRAWN) | ON(OUT_OF_REACH), 0, 0, TABLE_SAME, {0},
     "ignored: it is over already"},
    {49, AT(PENDING) | AT(DISPATCHED) | AT(RUNNING), ON(OUT_OF_REACH), 0, 0, TABLE_SAME, {0},
     "ignored: it waits for its wave, or its agent was heard of"},
    {50, AT(PENDING) | AT(READY) | AT(DISPATCHED) | AT(RUNNING) | AT(SUCCEEDED) | AT(NOT_NEEDED) |
         AT(GONE), ON(RETRIED), 0, 0, TABLE_SAME, {0},
     "nothing to try again"},
    {51, AGAIN, ON(RETRIED), ORDERED, 0, TABLE_SAME, {0},
     "refused: the plan found nothing to do for it, so that no signed order names it"},
    {52, EVERY & ~AT(READY), ON(WITHHELD), 0, 0, TABLE_SAME, {0},
     "ignored: it is not about to be given out"},
    {54, REACHED, ON(FOUND), 0, 0, TABLE_SAME, {0},
     "ignored: it is over, and no try follows on that"},
    {53, EVERY & ~IN_DOUBT, RULINGS, 0, 0, TABLE_SAME, {0},
     "refused: its outcome is not in doubt"},
};
// clang-format on

const table_machine_t TASK_MACHINE = {
    .name = "task",
    .rows = ROWS,
    .row_count = sizeof ROWS / sizeof ROWS[0],
    .states = STATES,
    .state_count = TASK_STATE_COUNT,
    .events = EVENTS,
    .event_count = TASK_EVENT_COUNT,
    .conditions = CONDITIONS,
    .condition_count = TASK_IF_COUNT,
    .effects = EFFECTS,
    .effect_count = TASK_EFFECT_COUNT,
    .final_states = AT_REST | AT(OUTSTANDING),
};
