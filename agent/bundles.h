/*
 * bundles.h: the bundles that an agent has. Fetched in chunks by digest, believed where the release
 * threshold of the trust file signed them, kept in a folder, judged again when read back and when
 * trust changes: one whose signer was revoked is dropped, from the folder, too. Here retired
 * release keys count, for the way back needs old bundles; whether a job may go forward with one is
 * its warrant's to say (agent/trust/warrant.h).
 */
#ifndef DROVER_AGENT_BUNDLES_H
#define DROVER_AGENT_BUNDLES_H

#include "agent/trust/keeper.h"
#include "common/migration/bundle.h"

typedef struct bundles bundles_t;

/* folder is made where missing. keeper is borrowed. */
MUST_CHECK status_t bundles_new(const char *folder, const keeper_t *keeper, bundles_t **ret_bundles,
                                error_t *err);
void bundles_destroy(bundles_t **bundles_p);

typedef enum bundles_state {
    BUNDLES_HERE,    /* *ret_bundle is it */
    BUNDLES_COMING,  /* chunks are on their way */
    BUNDLES_REFUSED, /* err says why: not signed, corrupt, not known to the coordinator */
} bundles_state_t;

/* Have a bundle, or begin to fetch it. What it answers lives until a bundles_sweep that is told
 * that nobody uses it. */
bundles_state_t bundles_get(bundles_t *bundles, const digest_t *digest, const bundle_t **ret_bundle,
                            error_t *err);

/* Whether somebody still works with this bundle. */
typedef bool bundles_used_fn(const void *context, const bundle_t *bundle);

/* Judge anew what is kept where trust changed, and release what is believed no longer and that
 * nobody uses. NULL: nobody uses any. */
void bundles_sweep(bundles_t *bundles, bundles_used_fn *used, const void *context);

/* The next chunk to ask for; false where nothing is to be asked now. */
typedef struct bundles_want {
    digest_t digest;
    uint64_t offset;
} bundles_want_t;
bool bundles_want(bundles_t *bundles, int64_t boot_us, bundles_want_t *ret_want);

/* A new connection: ask again for what was under way. */
void bundles_reconnect(bundles_t *bundles);

/* Take a chunk in; one that was not asked for is passed over. Answers whether a bundle is complete
 * or was refused, so that waiting jobs may be looked at. */
typedef struct bundles_chunk {
    digest_t digest;
    uint64_t offset;
    uint64_t total; /* 0: the coordinator does not have it */
    const void *data;
    size_t size;
} bundles_chunk_t;
bool bundles_take(bundles_t *bundles, const bundles_chunk_t *chunk);

#endif
