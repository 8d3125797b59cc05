/*
 * keeper.h: whom this agent believes: the newest trust file it has seen, revocations, holds and
 * stops. The pin, a file that was given to this host by hand, is where the chain of trust files
 * starts; everything later comes from the coordinator, speaks for itself, and stands in the journal
 * before it counts.
 *
 * Invariants:
 *   - The highest trust file ever seen is committed before anything is judged by it. An older one,
 *     and another of its version, are refused (TRUST_ROLLBACK, TRUST_FORK), after a restart, too.
 *   - What takes rights away (revocation, hold, stop) stays in force whatever happens to the keys
 *     that signed it. Which hold stands is common/trust/hold.h's, as at the coordinator.
 *   - What is read back from the journal was verified when it came in: its signatures are checked
 *     again, its signers' rights are not.
 */
#ifndef DROVER_AGENT_TRUST_KEEPER_H
#define DROVER_AGENT_TRUST_KEEPER_H

#include "agent/journal/journal.h"
#include "common/trust/card.h"
#include "common/trust/hold.h"
#include "common/trust/order.h"

typedef struct keeper keeper_t;

enum { KEEPER_STANDING = 1024 }; /* holds, releases, stops and take-backs remembered, each */

/*
 * Read the pin and follow the journal's trust files from there. A pin that is newer than all of
 * them is kept in the journal. The journal is borrowed. Commits. ERROR_TRUST_ROLLBACK where the
 * journal has seen newer trust files than the pin leads to, TRUST_FORK, TRUST_FLEET, TRUST_VERSION,
 * TRUST_THRESHOLD, NOT_FOUND, STORE.
 */
MUST_CHECK status_t keeper_open(const char *root, journal_t *journal, keeper_t **ret_keeper,
                                error_t *err);
void keeper_destroy(keeper_t **keeper_p);
DEFINE_CLEANUP(keeper_t, keeper_destroy)

/* Borrowed until the next keeper_take. */
trust_view_t keeper_view(const keeper_t *keeper, int64_t now_us);

/* Grows with everything that is taken: who keeps a judgement compares. */
uint64_t keeper_changes(const keeper_t *keeper);

/* Whether a hold stands over this application and environment; NULL: whether any stands. */
bool keeper_held(const keeper_t *keeper, const hold_scope_t *scope);

/* Whether a signed stop names this order. */
bool keeper_stopped(const keeper_t *keeper, const order_t *order);

/* Whether a signed take-back names this order: then nothing forward starts under it any more. */
bool keeper_taken_back(const keeper_t *keeper, const order_t *order);

/* Whether a hold, release, stop or take-back of this digest was taken. */
bool keeper_knows(const keeper_t *keeper, const digest_t *digest);

typedef enum keeper_news {
    KEEPER_KNOWN, /* nothing new */
    KEEPER_TRUST, /* a newer trust file */
    KEEPER_REVOKED,
    KEEPER_HELD,
    KEEPER_RELEASED,
    KEEPER_STOPPED,
    KEEPER_TAKEN_BACK,
    KEEPER_NEWS_COUNT
} keeper_news_t;

/* "a newer trust file", "a key was revoked", … for the log. */
const char *keeper_news_text(keeper_news_t news);

/*
 * Take one document as it travelled: verify, keep, commit, then let it count. On an error nothing
 * changed; where it is the journal's (ERROR_STORE, DISK_FULL) what else was gathered is lost, too.
 * ERROR_TRUST_DOCUMENT, TRUST_SIGNATURE, TRUST_KIND, TRUST_ROLLBACK, TRUST_FORK, else as
 * trust_follow, revocation_verify and order_open.
 */
typedef struct keeper_paper {
    const void *bytes;
    size_t size;
    int64_t now_us;
    const char *environment; /* this agent's, where the paper came as a file; NULL: by the wire,
                                where a take-back is refused */
} keeper_paper_t;
MUST_CHECK status_t keeper_take(keeper_t *keeper, const keeper_paper_t *paper,
                                keeper_news_t *ret_news, error_t *err);

/* Drop stops and releases that nothing can need any more. Gathered, not committed. */
MUST_CHECK status_t keeper_forget(keeper_t *keeper, int64_t now_us, error_t *err);

#endif
