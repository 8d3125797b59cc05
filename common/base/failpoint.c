/* failpoint.c: see failpoint.h. */
#include "common/base/failpoint.h"

#ifdef DROVER_FAILPOINTS
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void failpoint_pass(const char *name) {
    static long passes;
    const char *armed = getenv("DROVER_FAILPOINT");
    size_t length = strlen(name);
    if (armed == NULL || strncmp(armed, name, length) != 0) {
        return;
    }
    const char *rest = armed + length;
    if (*rest != '\0' && *rest != '@' && *rest != '=') {
        return; /* a longer name */
    }
    long wanted = *rest == '@' ? strtol(rest + 1, NULL, 10) : 1;
    if (++passes != wanted) {
        return;
    }
    (void)fprintf(stderr, "failpoint %s\n", name);
    (void)fflush(stderr);
    (void)raise(strstr(rest, "=stop") != NULL ? SIGSTOP : SIGKILL);
}
#else
typedef int failpoint_is_empty_t;
#endif
