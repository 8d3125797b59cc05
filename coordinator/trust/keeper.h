/*
 * keeper.h: what the coordinator knows about who may sign what: the newest trust file, revocations,
 * and the agents' cards. It steers whom the coordinator talks to and what it refuses early; agents
 * judge by themselves.
 *
 * The catalog is the truth, this its copy in memory. A change is written within the caller's
 * transaction and holds in memory at once; where that transaction is given up, keeper_reload.
 */
#ifndef DROVER_COORDINATOR_TRUST_KEEPER_H
#define DROVER_COORDINATOR_TRUST_KEEPER_H

#include "common/trust/card.h"
#include "coordinator/store/store.h"

typedef struct keeper keeper_t;

typedef struct keeper_options {
    const char *root;        /* path of the pin, a trust document */
    const char *environment; /* of this coordinator's fleet; "" in a fleet without */
    int64_t order_life_us;   /* how long orders drafted here hold */
} keeper_options_t;

/* Read the pin and follow it to the newest trust file of the catalog; all borrowed but the options'
 * texts, which are copied. A pin newer than the catalog's files is kept there. ERROR_TRUST_…,
 * ERROR_STORE. Called within a transaction. */
MUST_CHECK status_t keeper_new(store_t *store, const keeper_options_t *options, int64_t now_us,
                               keeper_t **ret_keeper, error_t *err);
void keeper_destroy(keeper_t **keeper_p);
DEFINE_CLEANUP(keeper_t, keeper_destroy)

/* Read everything anew from the catalog; what was read before stays where that fails. */
MUST_CHECK status_t keeper_reload(keeper_t *keeper, error_t *err);

/* Read the pin's file again: one that is newer than what is known is kept and used. Within a
 * transaction. As keeper_new; nothing changes then. */
MUST_CHECK status_t keeper_repin(keeper_t *keeper, int64_t now_us, error_t *err);

/* Borrowed until the next publish, revocation or reload. */
trust_view_t keeper_view(const keeper_t *keeper, int64_t now_us);
store_t *keeper_store(const keeper_t *keeper);
const char *keeper_environment(const keeper_t *keeper);
int64_t keeper_order_life_us(const keeper_t *keeper);

/* Grows with every change of trust file, revocations, cards or invitations: who depends on them
 * compares. */
uint64_t keeper_changes(const keeper_t *keeper);

/* Cards or invitations changed in the catalog. */
void keeper_changed(keeper_t *keeper);

/* Take the next trust file; *ret_known says that this very one was there already. Within a
 * transaction. As trust_follow; ERROR_TRUST_ROLLBACK for an older one than the current, TRUST_FORK
 * for another of its version. */
typedef struct keeper_paper {
    const document_t *document;
    const char *by; /* who brought it */
    int64_t now_us;
} keeper_paper_t;

MUST_CHECK status_t keeper_publish(keeper_t *keeper, const keeper_paper_t *paper, bool *ret_known,
                                   error_t *err);

/* Take a revocation; an agent's makes its enrolment revoked. Within a transaction. As
 * revocation_verify. */
MUST_CHECK status_t keeper_revoke(keeper_t *keeper, const keeper_paper_t *paper, bool *ret_known,
                                  error_t *err);

#endif
