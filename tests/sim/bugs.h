/*
 * bugs.h: defects that the simulator's shells have when asked to. Each breaks one rule that the
 * production shells keep; the suite demands that the oracle sees each within a bounded number of
 * seeds.
 */
#ifndef DROVER_TESTS_SIM_BUGS_H
#define DROVER_TESTS_SIM_BUGS_H

#include <stdint.h>

#define BUGS(X)                                                                                    \
    X(NONE, "none", "")                                                                            \
    X(FENCE_SELECT, "fence-select", "the fence is read, and not written, by the change")           \
    X(NO_FENCE, "no-fence", "a change does not look at the fence")                                 \
    X(BLIND_RETRY, "blind-retry", "a change whose COMMIT got no answer is made again unread")      \
    X(SEND_FIRST, "send-before-commit", "jobs leave before the state that explains them")          \
    X(ACK_FIRST, "ack-before-commit", "reports are acknowledged before they are committed")        \
    X(IGNORE_EPOCH, "ignore-epoch", "an agent obeys any epoch")                                    \
    X(EQUAL_EPOCH, "equal-epoch", "an equal epoch of another incarnation passes")                  \
    X(FORGET_UNKNOWN, "forget-outstanding", "a rollback leaves out what nobody has word of")       \
    X(STALE_EVIDENCE, "stale-evidence", "the next wave opens whatever the last one left")          \
    X(COUNTED_ATTEMPT, "counted-attempts", "attempts are numbered by a counter in memory")         \
    X(RESTORE_FENCE, "restore-fence", "a restore leaves the fence as the backup had it")           \
    X(DROP_REPORT, "drop-report", "a report that is acknowledged is sometimes not written")        \
    X(NO_POINT, "no-recovery-point", "the recovery point is skipped")                              \
    X(NO_BUDGET, "no-budget", "jobs leave a wave whose budget is spent")                           \
    X(NO_LEASE, "no-lease", "an agent works on past its lease")                                    \
    X(NO_LOCK, "no-lock", "the tenant's lock is not taken")                                        \
    X(NO_INTENT, "no-intent", "work begins before its intent is in the journal")                   \
    X(NO_NUMBER, "no-number", "the numbers of accepted orders are not compared")                   \
    X(NO_EXPIRY, "no-expiry", "an order is obeyed past its end")                                   \
    X(NO_HOLD, "no-hold", "a hold is not looked at")                                               \
    X(UNJUDGED, "unjudged", "what began without a lease goes on unjudged with the next one")       \
    X(LOCK_FORGOTTEN, "lock-forgotten", "a session that is done is not closed")                    \
    X(JOB_FORGOTTEN, "job-forgotten", "a hello does not send again what is lacking")               \
    X(GENERATION, "same-generation", "a restore opens no new generation")                          \
    X(GIVE_TWICE, "two-holders", "a cluster is given to every agent that sees its primary")

typedef enum bug {
#define X(name, word, what) BUG_##name,
    BUGS(X)
#undef X
        BUG_COUNT
} bug_t;

const char *bugs_word(bug_t bug);
const char *bugs_what(bug_t bug);

/* BUG_COUNT where there is no such word. */
bug_t bugs_find(const char *word);

#endif
