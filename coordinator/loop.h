/*
 * loop.h: the coordinator at work: one thread, one zloop, on which sockets, signals and timers
 * meet.
 */
#ifndef DROVER_COORDINATOR_LOOP_H
#define DROVER_COORDINATOR_LOOP_H

#include "common/base/cleanup.h"
#include "common/config/coordinator_config.h"

typedef struct loop loop_t;

typedef struct loop_options {
    const coordinator_config_t *config; /* borrowed for the loop's life */
} loop_options_t;

/*
 * Open keys, catalog, trust file and socket, in this order: nothing is bound before the catalog is
 * ours, and nobody is let in before the trust file says whom.
 * The signals SIGTERM, SIGINT and SIGHUP must be blocked already (loop_block_signals), before any
 * thread was started. KEY_FILE, STORE_LOCKED and kin, TRUST_…,
 * ADDRESS_IN_USE.
 */
MUST_CHECK status_t loop_open(const loop_options_t *options, loop_t **ret_loop, error_t *err);
void loop_close(loop_t **self_p);
DEFINE_CLEANUP(loop_t, loop_close)

MUST_CHECK status_t loop_block_signals(error_t *err);

/* Where it listens, with the real port. */
const char *loop_endpoint(const loop_t *self);

/* Serve until a signal ends it. SIGTERM and SIGINT drain (nothing new is dispatched, what is
 * committed is sent, at most timeouts.drain_us), a second one stops at once; SIGHUP reads the
 * trust file that was given by hand again. An error is a catalog that could no longer be read. */
MUST_CHECK status_t loop_run(loop_t *self, error_t *err);

#endif
