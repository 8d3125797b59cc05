/* unseen.c: see unseen.h. */
#include "tests/sim/unseen.h"

#include <stdio.h>
#include <string.h>

typedef struct unseen {
    const char *machine;
    uint16_t row;
    rows_change_t change;
    const char *reason;
} unseen_t;

#define DENIED "the effect is a word: leases.c does nothing for it, and who has no lease is told so"
#define NO_SUCH_KIND "no kind of job checks and does nothing else"

static const unseen_t UNSEEN[] = {
    {"task", 1, ROWS_MUTE, "waves.c queues every ready task of a wave that it opens"},
    {"lease", 3, ROWS_MUTE, DENIED},
    {"lease", 4, ROWS_MUTE, DENIED},
    {"lease", 6, ROWS_MUTE, DENIED},
    {"job", 13, ROWS_DELETED, NO_SUCH_KIND},
    {"job", 13, ROWS_STAYS, NO_SUCH_KIND},
    {"job", 13, ROWS_MUTE, NO_SUCH_KIND},
};

const char *unseen_reason(const char *machine, uint16_t row, rows_change_t change) {
    for (size_t i = 0; i < sizeof UNSEEN / sizeof UNSEEN[0]; i++) {
        if (strcmp(UNSEEN[i].machine, machine) == 0 && UNSEEN[i].row == row &&
            UNSEEN[i].change == change) {
            return UNSEEN[i].reason;
        }
    }
    return NULL;
}

bool unseen_is_out_of_reach(const char *machine, uint16_t row) {
    return unseen_reason(machine, row, ROWS_DELETED) != NULL;
}

void unseen_print(void) {
    for (size_t i = 0; i < sizeof UNSEEN / sizeof UNSEEN[0]; i++) {
        (void)printf("%s`%s:%u`, %s: %s\n", i == 0 ? "\nWhat cannot be seen, and why:\n\n- " : "- ",
                     UNSEEN[i].machine, UNSEEN[i].row, rows_change_text(UNSEEN[i].change),
                     UNSEEN[i].reason);
    }
}
