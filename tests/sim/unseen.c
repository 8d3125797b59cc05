/* unseen.c: see unseen.h. */
#include "tests/sim/unseen.h"

#include <string.h>

typedef struct unseen {
    const char *machine;
    uint16_t row;
    rows_change_t change;
    const char *reason;
} unseen_t;

static const unseen_t UNSEEN[] = {
    {"job", 13, ROWS_DELETED, "no kind of job checks and does nothing else"},
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
