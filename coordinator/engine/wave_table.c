/* wave_table.c: see wave_table.h. docs/STATES.md is generated from these rows. */
#include "coordinator/engine/wave_table.h"

static const char *const STATES[WAVE_STATE_COUNT] = {
    [WAVE_PENDING] = "pending",   [WAVE_OPEN] = "open",     [WAVE_SOAKING] = "soaking",
    [WAVE_PASSED] = "passed",     [WAVE_FAILED] = "failed", [WAVE_CANCELLED] = "cancelled",
    [WAVE_AWAITING] = "awaiting",
};

static const char *const EVENTS[WAVE_EVENT_COUNT] = {
    [WAVE_EVENT_OPENED] = "opened",          [WAVE_EVENT_JUDGED] = "judged",
    [WAVE_EVENT_SOAKED] = "soaked",          [WAVE_EVENT_CANCELLED] = "cancelled",
    [WAVE_EVENT_RETRIED] = "retried",        [WAVE_EVENT_FORGIVEN] = "forgiven",
    [WAVE_EVENT_EVIDENCE] = "evidence came", [WAVE_EVENT_TICKETED] = "ticketed",
    [WAVE_EVENT_DENIED] = "denied",          [WAVE_EVENT_POSTPONED] = "postponed",
    [WAVE_EVENT_LAPSED] = "lapsed",
};

static const char *const CONDITIONS[WAVE_IF_COUNT] = {"all settled", "budget spent", "soaks",
                                                      "opens by ticket"};

static const char *const EFFECTS[WAVE_EFFECT_COUNT] = {
    [WAVE_DO_NOTHING] = "",
    [WAVE_DO_RELEASE] = "release tasks",
    [WAVE_DO_SOAK] = "begin soak",
    [WAVE_DO_TELL_PASSED] = "tell rollout: passed",
    [WAVE_DO_TELL_FAILED] = "tell rollout: failed",
    [WAVE_DO_JUDGE] = "judge",
    [WAVE_DO_ASK] = "ask for its ticket",
    [WAVE_DO_EXPLAIN] = "tell rollout: reason",
    [WAVE_DO_WITHHOLD] = "withhold tasks",
};

#define SETTLED WAVE_IF_SETTLED
#define SPENT WAVE_IF_SPENT
#define SOAKS WAVE_IF_SOAKS
#define GATED WAVE_IF_GATED
#define ON(name) IN(WAVE_EVENT_##name)
#define AT(name) IN(WAVE_##name)
#define EVERY (IN(WAVE_STATE_COUNT) - 1)

// clang-format off
static const table_row_t ROWS[] = {
    {1, AT(PENDING), ON(OPENED), GATED, 0, WAVE_OPEN, {WAVE_DO_RELEASE, WAVE_DO_JUDGE},
     "the wave is open"},
    {2, AT(OPEN), ON(JUDGED), SPENT, SPENT, WAVE_FAILED, {WAVE_DO_TELL_FAILED},
     "the error budget is spent; nothing more of this wave is started"},
    {3, AT(OPEN), ON(JUDGED), SPENT | SETTLED | SOAKS, SETTLED | SOAKS, WAVE_SOAKING, {WAVE_DO_SOAK},
     "every tenant of the wave is settled; it soaks"},
    {4, AT(OPEN), ON(JUDGED), SPENT | SETTLED | SOAKS, SETTLED, WAVE_PASSED, {WAVE_DO_TELL_PASSED},
     "every tenant of the wave is settled"},
    {5, AT(OPEN), ON(JUDGED), SPENT | SETTLED, 0, TABLE_SAME, {0},
     "tenants of the wave are still at work"},
    {6, AT(SOAKING), ON(JUDGED) | ON(SOAKED), SPENT, SPENT, WAVE_FAILED, {WAVE_DO_TELL_FAILED},
     "the error budget was spent during the soak"},
    {7, AT(SOAKING), ON(JUDGED), SPENT, 0, TABLE_SAME, {0},
     "the wave soaks"},
    {8, AT(SOAKING), ON(SOAKED), SPENT, 0, WAVE_PASSED, {WAVE_DO_TELL_PASSED},
     "the soak is over"},
    {9, AT(PENDING) | AT(AWAITING) | AT(OPEN) | AT(SOAKING) | AT(FAILED), ON(CANCELLED), 0, 0,
     WAVE_CANCELLED, {0},
     "the rollout ended before the wave was through"},
    {10, AT(SOAKING) | AT(PASSED) | AT(FAILED), ON(RETRIED), 0, 0, WAVE_OPEN,
     {WAVE_DO_RELEASE},
     "open again: an operator asked for another try"},
    {11, AT(FAILED), ON(FORGIVEN), 0, 0, WAVE_OPEN, {WAVE_DO_RELEASE, WAVE_DO_JUDGE},
     "open again: an operator accepted the failures so far"},
    {12, AT(PENDING), ON(OPENED), GATED, GATED, WAVE_AWAITING, {WAVE_DO_ASK},
     "its turn has come; it waits for the ticket that opens it"},
    {13, AT(AWAITING), ON(OPENED) | ON(EVIDENCE) | ON(FORGIVEN), 0, 0, TABLE_SAME, {WAVE_DO_ASK},
     "its ticket is asked for again"},
    {14, AT(AWAITING), ON(TICKETED), 0, 0, WAVE_OPEN,
     {WAVE_DO_EXPLAIN, WAVE_DO_RELEASE, WAVE_DO_JUDGE},
     "the wave is open: its ticket is there"},
    {15, AT(AWAITING), ON(DENIED), 0, 0, TABLE_SAME, {WAVE_DO_EXPLAIN},
     "the wave waits for its ticket"},
    {16, AT(AWAITING), ON(POSTPONED), 0, 0, WAVE_PENDING, {0},
     "its turn comes again: tenants of an earlier wave are tried again"},
    {17, AT(OPEN), ON(LAPSED), 0, 0, WAVE_AWAITING, {WAVE_DO_WITHHOLD, WAVE_DO_ASK},
     "the ticket that opened it holds no longer; it waits for another one"},
    {18, AT(AWAITING), ON(JUDGED), SETTLED, SETTLED, WAVE_OPEN, {WAVE_DO_JUDGE},
     "nothing of it is left to begin: it needs no ticket"},

    {20, EVERY & ~(AT(PENDING) | AT(AWAITING)), ON(OPENED), 0, 0, TABLE_SAME, {0},
     "ignored: it was opened before"},
    {21, AT(PENDING) | AT(PASSED) | AT(FAILED) | AT(CANCELLED), ON(JUDGED) | ON(SOAKED), 0, 0,
     TABLE_SAME, {0},
     "ignored: the wave is not at work"},
    {22, AT(OPEN) | AT(AWAITING), ON(SOAKED), 0, 0, TABLE_SAME, {0},
     "ignored: the soak was given up for another try"},
    {23, AT(PASSED) | AT(CANCELLED), ON(CANCELLED), 0, 0, TABLE_SAME, {0},
     "ignored: the wave is over"},
    {24, AT(PENDING) | AT(AWAITING) | AT(OPEN) | AT(CANCELLED), ON(RETRIED), 0, 0, TABLE_SAME, {0},
     "ignored: the wave needs no opening"},
    {25, EVERY & ~(AT(FAILED) | AT(AWAITING)), ON(FORGIVEN), 0, 0, TABLE_SAME, {0},
     "ignored: nothing to forgive in it"},
    {26, EVERY & ~AT(AWAITING), ON(EVIDENCE) | ON(TICKETED) | ON(DENIED) | ON(POSTPONED), 0, 0,
     TABLE_SAME, {0},
     "ignored: it does not wait for a ticket"},
    {27, AT(AWAITING), ON(JUDGED), SETTLED, 0, TABLE_SAME, {0},
     "ignored: it is judged again once it is open"},
    {28, EVERY & ~AT(OPEN), ON(LAPSED), 0, 0, TABLE_SAME, {0},
     "ignored: nothing of it is given out"},
};
// clang-format on

const table_machine_t WAVE_MACHINE = {
    .name = "wave",
    .rows = ROWS,
    .row_count = sizeof ROWS / sizeof ROWS[0],
    .states = STATES,
    .state_count = WAVE_STATE_COUNT,
    .events = EVENTS,
    .event_count = WAVE_EVENT_COUNT,
    .conditions = CONDITIONS,
    .condition_count = WAVE_IF_COUNT,
    .effects = EFFECTS,
    .effect_count = WAVE_EFFECT_COUNT,
    .final_states = AT(PASSED) | AT(CANCELLED),
};
