/* scratch.h: a test's own folder goes again, with all that is in it. */
#ifndef DROVER_TESTS_UNIT_SCRATCH_H
#define DROVER_TESTS_UNIT_SCRATCH_H

#include <ftw.h>
#include <stdio.h>

static inline int scratch_remove_one(const char *path, const struct stat *about, int kind,
                                     struct FTW *where) {
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

/* 0, or what nftw(3) answers. Links are removed, not followed. */
static inline int scratch_remove(const char *folder) {
    return nftw(folder, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
