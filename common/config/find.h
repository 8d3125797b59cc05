/*
 * find.h: where a program's configuration is looked for.
 *
 * In this order: the path given with --config, $DROVER_CONFIG, $XDG_CONFIG_HOME/drover/PROGRAM.yaml
 * (~/.config where that is unset), /etc/drover/PROGRAM.yaml. The first two are not optional: a file
 * named there that is missing is an error, not a reason to look further.
 */
#ifndef DROVER_CONFIG_FIND_H
#define DROVER_CONFIG_FIND_H

#include "common/base/error.h"

typedef struct config_search {
    const char *program;       /* "coordinator", "agent" or "drover" */
    const char *explicit_path; /* of --config, or NULL */
} config_search_t;

/*
 * The path to read, to be freed by the caller. ERROR_CONFIG_MISSING lists where it was looked for.
 */
MUST_CHECK status_t config_find(config_search_t search, char **ret_path, error_t *err);

#endif
