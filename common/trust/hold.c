/* hold.c: see hold.h. */
#include "common/trust/hold.h"

#include <string.h>

static bool takes_in(const char *wide, const char *narrow) {
    return wide[0] == '\0' || strcmp(wide, narrow) == 0;
}

bool hold_covers(const hold_scope_t *wide, const hold_scope_t *narrow) {
    return takes_in(wide->application, narrow->application) &&
           takes_in(wide->environment, narrow->environment);
}

bool hold_ends(const hold_word_t *release, const hold_word_t *hold) {
    return release->issued_us >= hold->issued_us && hold_covers(&release->scope, &hold->scope);
}
