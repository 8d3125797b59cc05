/* status.c: the one way out when an invariant of ours is broken. */
#include "common/base/status.h"

#include <stdio.h>
#include <stdlib.h>

void invariant_broken(const char *condition, const char *file, int line) {
    (void)fprintf(stderr, "drover: invariant broken: %s (%s:%d)\n", condition, file, line);
    abort();
}
