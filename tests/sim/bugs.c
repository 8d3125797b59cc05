/* bugs.c: see bugs.h. */
#include "tests/sim/bugs.h"

#include <string.h>

static const char *const WORDS[BUG_COUNT] = {
#define X(name, word, what) word,
    BUGS(X)
#undef X
};

static const char *const WHATS[BUG_COUNT] = {
#define X(name, word, what) what,
    BUGS(X)
#undef X
};

const char *bugs_word(bug_t bug) {
    return WORDS[bug];
}

const char *bugs_what(bug_t bug) {
    return WHATS[bug];
}

bug_t bugs_find(const char *word) {
    for (int i = 0; i < BUG_COUNT; i++) {
        if (strcmp(WORDS[i], word) == 0) {
            return (bug_t)i;
        }
    }
    return BUG_COUNT;
}
