/* confirm.h: asking before what cannot be taken back lightly. */
#ifndef DROVER_CLI_CONFIRM_H
#define DROVER_CLI_CONFIRM_H

#include "cli/command.h"

#include <stdio.h>

typedef struct confirm_streams {
    FILE *in;         /* where the answer comes from */
    FILE *out;        /* where the question goes: stderr */
    bool interactive; /* somebody can answer */
} confirm_streams_t;

/* The terminal, where stdin and stderr are one. */
confirm_streams_t confirm_terminal(void);

/*
 * Ask a question that yes or no answers. --yes is a yes without asking. ERROR_CONFIRMATION where
 * the answer is no, none, or nobody can be asked.
 */
MUST_CHECK status_t confirm(const command_input_t *input, const confirm_streams_t *streams,
                            const char *question, error_t *err);

#endif
