/*
 * watch.h: following a rollout until it ends.
 *
 * A live block where stdout is a terminal, a line for each change elsewhere. A coordinator that
 * does not answer for a moment (it is restarted, the network was cut) does not end the watch: the
 * rollout does not depend on it either.
 */
#ifndef DROVER_CLI_WATCH_H
#define DROVER_CLI_WATCH_H

#include "cli/remote.h"

typedef struct watch_options {
    int64_t timeout_us;  /* give up after this; 0: never */
    int64_t patience_us; /* how long the coordinator may be silent; 0: a minute */
} watch_options_t;

/*
 * Watch until it is over, or paused with nothing in hand; then show how it stands, and what to type
 * next. Where its wave is being rolled back by itself, that rollback is followed too.
 *
 * STATUS_OK: succeeded. ERROR_ROLLOUT_FAILED: failed, incomplete or stopped.
 * ERROR_ROLLOUT_PAUSED. ERROR_ROLLOUT_TIMEOUT: it goes on. ERROR_WATCH_ENDED: interrupted from the
 * keyboard; it goes on. ERROR_WIRE_UNREACHABLE, ERROR_WIRE_TIMEOUT: silent for too long.
 */
MUST_CHECK status_t watch_rollout(remote_t *remote, const char *rollout,
                                  const watch_options_t *options, error_t *err);

/* The options of --timeout; ERROR_USAGE where it stands without the --wait that it belongs to. */
MUST_CHECK status_t watch_options_of(const command_input_t *input, watch_options_t *ret_options,
                                     error_t *err);

#endif
