/* confirm.c: see confirm.h. */
#include "cli/confirm.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { TRIES = 3 };

confirm_streams_t confirm_terminal(void) {
    return (confirm_streams_t){.in = stdin,
                               .out = stderr,
                               .interactive =
                                   isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1};
}

status_t confirm(const command_input_t *input, const confirm_streams_t *streams,
                 const char *question, error_t *err) {
    if (command_switch(input, "yes")) {
        return STATUS_OK;
    }
    if (!streams->interactive) {
        return error_set(err, ERROR_CONFIRMATION, "nobody to ask: %s", question);
    }
    for (int i = 0; i < TRIES; i++) {
        char answer[64];
        (void)fprintf(streams->out, "%s [yes/no] ", question);
        (void)fflush(streams->out);
        if (fgets(answer, sizeof answer, streams->in) == NULL) {
            break;
        }
        answer[strcspn(answer, "\r\n")] = '\0';
        if (strcasecmp(answer, "yes") == 0 || strcasecmp(answer, "y") == 0) {
            return STATUS_OK;
        }
        if (strcasecmp(answer, "no") == 0 || strcasecmp(answer, "n") == 0) {
            return error_set(err, ERROR_CONFIRMATION, "the answer was no: nothing was done");
        }
    }
    return error_set(err, ERROR_CONFIRMATION, "no answer: nothing was done");
}
