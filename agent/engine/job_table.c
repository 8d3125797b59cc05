/* job_table.c: see job_table.h. docs/STATES.md is generated from these rows. */
#include "agent/engine/job_table.h"

static const char *const STATES[JOB_STATE_COUNT] = {
    [JOB_ACCEPTED] = "accepted",   [JOB_CHECKING] = "checking",   [JOB_PROTECTING] = "protecting",
    [JOB_WORKING] = "working",     [JOB_VERIFYING] = "verifying", [JOB_WAITING] = "waiting",
    [JOB_SETTLING] = "settling",   [JOB_DONE] = "done",           [JOB_NOT_NEEDED] = "not needed",
    [JOB_REFUSED] = "refused",     [JOB_FAILED] = "failed",       [JOB_TRANSIENT] = "transient",
    [JOB_CANCELLED] = "cancelled", [JOB_GONE] = "gone",
};

static const char *const EVENTS[JOB_EVENT_COUNT] = {
    [JOB_EVENT_BEGUN] = "begun",     [JOB_EVENT_RESUMED] = "resumed",
    [JOB_EVENT_DONE] = "done",       [JOB_EVENT_NOT_NEEDED] = "not needed",
    [JOB_EVENT_REFUSED] = "refused", [JOB_EVENT_FAILED] = "failed",
    [JOB_EVENT_LOCKED] = "locked",   [JOB_EVENT_TRANSIENT] = "transient",
    [JOB_EVENT_UNKNOWN] = "unknown", [JOB_EVENT_HALTED] = "halted",
    [JOB_EVENT_GONE] = "gone",       [JOB_EVENT_DUE] = "due",
    [JOB_EVENT_CANCEL] = "cancel",
};

static const char *const CONDITIONS[JOB_IF_COUNT] = {"checks",    "protects",   "works",
                                                     "verifies",  "tries left", "unsettled",
                                                     "cancelled", "leaseless",  "begun"};

static const char *const EFFECTS[JOB_EFFECT_COUNT] = {
    [JOB_DO_NOTHING] = "",      [JOB_DO_CHECK] = "check",   [JOB_DO_PROTECT] = "protect",
    [JOB_DO_WORK] = "work",     [JOB_DO_VERIFY] = "verify", [JOB_DO_SETTLE] = "settle",
    [JOB_DO_ARM] = "arm",       [JOB_DO_DOUBT] = "doubt",   [JOB_DO_TRUST] = "trust",
    [JOB_DO_FINISH] = "finish",
};

#define CHECKS JOB_IF_CHECKS
#define PROTECTS JOB_IF_PROTECTS
#define WORKS JOB_IF_WORKS
#define VERIFIES JOB_IF_VERIFIES
#define TRIES JOB_IF_TRIES_LEFT
#define UNSETTLED JOB_IF_UNSETTLED
#define CANCELLED JOB_IF_CANCELLED
#define LEASELESS JOB_IF_LEASELESS
#define BEGUN JOB_IF_BEGUN
#define HALT (CANCELLED | LEASELESS)
#define ON(name) IN(JOB_EVENT_##name)
#define AT(name) IN(JOB_##name)
#define OVER                                                                                       \
    (AT(DONE) | AT(NOT_NEEDED) | AT(REFUSED) | AT(FAILED) | AT(TRANSIENT) | AT(CANCELLED) |        \
     AT(GONE))
#define STEPS (AT(CHECKING) | AT(PROTECTING) | AT(WORKING) | AT(VERIFYING) | AT(SETTLING))
#define EVERY (IN(JOB_STATE_COUNT) - 1)
#define RESULTS                                                                                    \
    (ON(DONE) | ON(NOT_NEEDED) | ON(REFUSED) | ON(FAILED) | ON(LOCKED) | ON(TRANSIENT) |           \
     ON(UNKNOWN) | ON(HALTED) | ON(GONE))

// clang-format off
static const table_row_t ROWS[] = {
    /* begin */
    {1, AT(ACCEPTED), ON(BEGUN) | ON(RESUMED), HALT | CHECKS, CHECKS, JOB_CHECKING, {JOB_DO_CHECK},
     "looking at the tenant"},
    {2, AT(ACCEPTED), ON(BEGUN) | ON(RESUMED), HALT | CHECKS, 0, JOB_WORKING, {JOB_DO_WORK},
     "at work"},
    {3, AT(ACCEPTED), ON(BEGUN) | ON(RESUMED), CANCELLED, CANCELLED, JOB_CANCELLED, {JOB_DO_FINISH},
     "stopped before it began"},
    {4, AT(ACCEPTED), ON(BEGUN) | ON(RESUMED), HALT, LEASELESS, JOB_TRANSIENT, {JOB_DO_FINISH},
     "given back: the cluster's lease ended before it began"},
    {5, AT(ACCEPTED), ON(CANCEL), CANCELLED, CANCELLED, JOB_CANCELLED, {JOB_DO_FINISH},
     "stopped before it began"},
    {6, AT(ACCEPTED), ON(CANCEL), HALT, LEASELESS, JOB_TRANSIENT, {JOB_DO_FINISH},
     "given back: the cluster's lease ended before it began"},

    /* check */
    {10, AT(CHECKING), ON(DONE), HALT | PROTECTS, PROTECTS, JOB_PROTECTING, {JOB_DO_PROTECT},
     "taking the recovery point"},
    {11, AT(CHECKING), ON(DONE), HALT | PROTECTS | WORKS, WORKS, JOB_WORKING, {JOB_DO_WORK},
     "at work"},
    {12, AT(CHECKING), ON(DONE), HALT | PROTECTS | WORKS | VERIFIES, VERIFIES, JOB_VERIFYING,
     {JOB_DO_VERIFY},
     "verifying"},
    {13, AT(CHECKING), ON(DONE), HALT | PROTECTS | WORKS | VERIFIES, 0, JOB_DONE, {JOB_DO_FINISH},
     "looked at"},
    {14, AT(CHECKING) | AT(PROTECTING), ON(DONE) | ON(HALTED), CANCELLED, CANCELLED, JOB_CANCELLED,
     {JOB_DO_FINISH},
     "stopped before anything was changed"},
    {15, AT(CHECKING) | AT(PROTECTING), ON(DONE) | ON(HALTED), HALT, LEASELESS, JOB_TRANSIENT,
     {JOB_DO_FINISH},
     "given back: the cluster's lease ended before anything was changed"},
    {16, AT(CHECKING), ON(NOT_NEEDED), 0, 0, JOB_NOT_NEEDED, {JOB_DO_FINISH},
     "the tenant stands at the target"},
    {17, AT(CHECKING), ON(REFUSED) | ON(FAILED), 0, 0, JOB_REFUSED, {JOB_DO_FINISH},
     "refused before anything was touched"},
    {18, AT(CHECKING), ON(LOCKED), TRIES, TRIES, JOB_WAITING, {JOB_DO_ARM},
     "another session of ours holds the tenant; tried again"},
    {19, AT(CHECKING), ON(LOCKED), TRIES, 0, JOB_TRANSIENT, {JOB_DO_FINISH},
     "given back: another session of ours holds the tenant"},
    {20, AT(CHECKING) | AT(PROTECTING), ON(TRANSIENT) | ON(UNKNOWN), 0, 0, JOB_TRANSIENT,
     {JOB_DO_FINISH},
     "given back: a passing fault; nothing was changed"},

    /* recovery point */
    {30, AT(PROTECTING), ON(DONE), HALT | WORKS, WORKS, JOB_WORKING, {JOB_DO_WORK},
     "the recovery point is there; at work"},
    {31, AT(PROTECTING), ON(DONE), HALT | WORKS, 0, JOB_DONE, {JOB_DO_FINISH},
     "the recovery point is there"},
    {32, AT(PROTECTING), ON(REFUSED), 0, 0, JOB_REFUSED, {JOB_DO_FINISH},
     "refused: the recovery point cannot be taken here"},
    {33, AT(PROTECTING), ON(FAILED), 0, 0, JOB_FAILED, {JOB_DO_FINISH},
     "the recovery point failed; nothing was changed"},
    {34, AT(PROTECTING), ON(LOCKED), 0, 0, JOB_TRANSIENT, {JOB_DO_FINISH},
     "given back: the dump gave way to another session's lock; nothing was changed"},

    /* work */
    {40, AT(WORKING), ON(DONE), VERIFIES, VERIFIES, JOB_VERIFYING, {JOB_DO_VERIFY},
     "the work is committed; verifying"},
    {41, AT(WORKING), ON(DONE), VERIFIES, 0, JOB_DONE, {JOB_DO_FINISH},
     "the work is done"},
    {42, AT(WORKING), ON(NOT_NEEDED), 0, 0, JOB_NOT_NEEDED, {JOB_DO_FINISH},
     "nothing was left to do"},
    {43, AT(WORKING), ON(REFUSED), 0, 0, JOB_REFUSED, {JOB_DO_FINISH},
     "refused before anything was touched"},
    {44, AT(WORKING), ON(FAILED), 0, 0, JOB_FAILED, {JOB_DO_FINISH},
     "failed; what was committed before stands, nothing is half done"},
    {45, AT(WORKING), ON(LOCKED), TRIES | HALT, TRIES, JOB_WAITING, {JOB_DO_ARM},
     "gave way to another session's lock; tried again"},
    {46, AT(WORKING), ON(LOCKED), TRIES | HALT, 0, JOB_TRANSIENT, {JOB_DO_FINISH},
     "given back: every try gave way to another session's lock"},
    {47, AT(WORKING), ON(LOCKED) | ON(HALTED), CANCELLED, CANCELLED, JOB_CANCELLED, {JOB_DO_FINISH},
     "stopped between two units of work"},
    {48, AT(WORKING), ON(LOCKED) | ON(HALTED), HALT, LEASELESS, JOB_TRANSIENT, {JOB_DO_FINISH},
     "given back between two units of work: the cluster's lease ended"},
    {49, AT(WORKING), ON(TRANSIENT), 0, 0, JOB_TRANSIENT, {JOB_DO_FINISH},
     "given back: a passing fault; what was committed before stands, nothing is half done"},
    {50, AT(WORKING), ON(UNKNOWN), 0, 0, JOB_SETTLING, {JOB_DO_DOUBT, JOB_DO_SETTLE},
     "the connection was lost at a commit; reading the ledger"},

    /* settle */
    {60, AT(SETTLING), ON(DONE), HALT, 0, JOB_WORKING, {JOB_DO_TRUST, JOB_DO_WORK},
     "the ledger says how far it came; going on from there"},
    {61, AT(SETTLING), ON(DONE) | ON(HALTED), CANCELLED, CANCELLED, JOB_CANCELLED,
     {JOB_DO_TRUST, JOB_DO_FINISH},
     "the ledger says how far it came; stopped there as asked"},
    {62, AT(SETTLING), ON(DONE) | ON(HALTED), HALT, LEASELESS, JOB_TRANSIENT,
     {JOB_DO_TRUST, JOB_DO_FINISH},
     "the ledger says how far it came; given back, the cluster's lease ended"},
    {63, AT(SETTLING), ON(LOCKED) | ON(TRANSIENT) | ON(UNKNOWN), 0, 0, JOB_WAITING, {JOB_DO_ARM},
     "the ledger cannot be read yet; tried again until it can"},
    {64, AT(SETTLING), ON(FAILED) | ON(REFUSED), 0, 0, JOB_FAILED, {JOB_DO_TRUST, JOB_DO_FINISH},
     "the ledger was read and does not allow to go on"},

    /* verify */
    {70, AT(VERIFYING), ON(DONE) | ON(NOT_NEEDED), 0, 0, JOB_DONE, {JOB_DO_FINISH},
     "done and verified"},
    {71, AT(VERIFYING), ON(FAILED) | ON(REFUSED), 0, 0, JOB_FAILED, {JOB_DO_FINISH},
     "the work is committed, and the look afterwards did not pass"},
    {72, AT(VERIFYING), ON(TRANSIENT) | ON(LOCKED) | ON(UNKNOWN) | ON(HALTED), 0, 0, JOB_TRANSIENT,
     {JOB_DO_FINISH},
     "given back: the work is committed, and the look afterwards met a passing fault"},

    /* wait */
    {80, AT(WAITING), ON(DUE), UNSETTLED, UNSETTLED, JOB_SETTLING, {JOB_DO_SETTLE},
     "reading the ledger again"},
    {81, AT(WAITING), ON(DUE), UNSETTLED | HALT | BEGUN, 0, JOB_CHECKING, {JOB_DO_CHECK},
     "trying the check again"},
    {82, AT(WAITING), ON(DUE), UNSETTLED | HALT | BEGUN, BEGUN, JOB_WORKING, {JOB_DO_WORK},
     "trying again where the work gave way"},
    {83, AT(WAITING), ON(DUE) | ON(CANCEL), UNSETTLED | CANCELLED, CANCELLED, JOB_CANCELLED,
     {JOB_DO_FINISH},
     "stopped between two tries"},
    {84, AT(WAITING), ON(DUE) | ON(CANCEL), UNSETTLED | HALT, LEASELESS, JOB_TRANSIENT,
     {JOB_DO_FINISH},
     "given back between two tries: the cluster's lease ended"},
    {85, AT(WAITING), ON(CANCEL), UNSETTLED, UNSETTLED, TABLE_SAME, {0},
     "asked to stop, but an outcome is unknown: that is found out first"},

    /* after a restart */
    {89, AT(WAITING), ON(RESUMED), CHECKS, CHECKS, JOB_CHECKING, {JOB_DO_CHECK},
     "restarted between two tries; looking again"},
    {90, AT(CHECKING) | AT(PROTECTING), ON(RESUMED), HALT, 0, JOB_CHECKING, {JOB_DO_CHECK},
     "restarted before anything was changed; looking again"},
    {91, AT(CHECKING) | AT(PROTECTING), ON(RESUMED), CANCELLED, CANCELLED, JOB_CANCELLED,
     {JOB_DO_FINISH},
     "restarted before anything was changed, and asked to stop"},
    {92, AT(CHECKING) | AT(PROTECTING), ON(RESUMED), HALT, LEASELESS, JOB_TRANSIENT,
     {JOB_DO_FINISH},
     "restarted before anything was changed; given back, the cluster's lease ended"},
    {93, AT(WORKING) | AT(VERIFYING) | AT(SETTLING), ON(RESUMED), WORKS, WORKS, JOB_SETTLING,
     {JOB_DO_DOUBT, JOB_DO_SETTLE},
     "restarted while at work; reading the ledger"},
    {94, AT(WAITING), ON(RESUMED), CHECKS, 0, JOB_SETTLING, {JOB_DO_DOUBT, JOB_DO_SETTLE},
     "restarted between two tries; finding out how far it came"},
    {95, AT(VERIFYING), ON(RESUMED), WORKS, 0, JOB_VERIFYING, {JOB_DO_VERIFY},
     "restarted while looking; looking again"},

    {100, STEPS, ON(GONE), 0, 0, JOB_GONE, {JOB_DO_FINISH},
     "the tenant's database is no more"},

    /* what asks for nothing */
    {110, STEPS, ON(CANCEL), 0, 0, TABLE_SAME, {0},
     "asked to stop; the step in hand finishes first"},
    {111, OVER, ON(CANCEL) | ON(DUE) | ON(RESUMED) | ON(BEGUN) | RESULTS, 0, 0, TABLE_SAME, {0},
     "ignored: it is over"},
    {112, AT(ACCEPTED) | AT(WAITING), RESULTS, 0, 0, TABLE_SAME, {0},
     "ignored: no step is in hand"},
    {113, STEPS | AT(WAITING), ON(BEGUN), 0, 0, TABLE_SAME, {0},
     "ignored: it was begun before"},
    {114, STEPS | AT(ACCEPTED), ON(DUE), 0, 0, TABLE_SAME, {0},
     "ignored: it is not waiting"},
    {115, AT(PROTECTING), ON(NOT_NEEDED), 0, 0, TABLE_SAME, {0},
     "ignored: a recovery point is taken or not"},
    {116, AT(SETTLING), ON(NOT_NEEDED), 0, 0, TABLE_SAME, {0},
     "ignored: reading the ledger decides nothing"},
};
// clang-format on

/* What a state takes for granted: its step is one of the kind's; and of what it began and doubts.
 */
static bool state_possible(job_state_t state, uint32_t conditions) {
    bool begun = (conditions & BEGUN) != 0;
    bool unsettled = (conditions & UNSETTLED) != 0;
    switch (state) {
    case JOB_ACCEPTED:
        return !begun && !unsettled;
    case JOB_CHECKING:
        return (conditions & CHECKS) != 0 && !begun && !unsettled;
    case JOB_PROTECTING:
        return (conditions & PROTECTS) != 0 && !begun && !unsettled;
    case JOB_WORKING:
        return (conditions & WORKS) != 0 && !unsettled;
    case JOB_VERIFYING:
        return (conditions & VERIFIES) != 0 && !unsettled;
    case JOB_SETTLING:
        return (conditions & WORKS) != 0;
    case JOB_WAITING:
        return ((conditions & WORKS) != 0 || (!begun && !unsettled)) &&
               ((conditions & CHECKS) != 0 || begun || unsettled);
    case JOB_DONE:
    case JOB_NOT_NEEDED:
    case JOB_REFUSED:
    case JOB_FAILED:
    case JOB_TRANSIENT:
    case JOB_CANCELLED:
    case JOB_GONE:
    case JOB_STATE_COUNT:
        break;
    }
    return true;
}

/* What cannot come about: a halt without its reason, a step that its kind lacks, memory that a
 * restart would have wiped. */
static bool possible(uint8_t state, uint8_t event, uint32_t conditions) {
    bool halts = (conditions & HALT) != 0;
    if ((event == JOB_EVENT_HALTED || event == JOB_EVENT_CANCEL) && !halts) {
        return false;
    }
    if (event == JOB_EVENT_RESUMED && !(OVER & IN(state))) {
        bool kind_has = state != JOB_WAITING || (conditions & (CHECKS | WORKS)) != 0;
        return kind_has && (conditions & (BEGUN | UNSETTLED)) == 0 &&
               state_possible((job_state_t)state,
                              state == JOB_WAITING ? conditions | CHECKS : conditions);
    }
    return state_possible((job_state_t)state, conditions);
}

const table_machine_t JOB_MACHINE = {
    .name = "job",
    .rows = ROWS,
    .row_count = sizeof ROWS / sizeof ROWS[0],
    .states = STATES,
    .state_count = JOB_STATE_COUNT,
    .events = EVENTS,
    .event_count = JOB_EVENT_COUNT,
    .conditions = CONDITIONS,
    .condition_count = JOB_IF_COUNT,
    .effects = EFFECTS,
    .effect_count = JOB_EFFECT_COUNT,
    .final_states = OVER,
    .possible = possible,
};
