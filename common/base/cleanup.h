/*
 * cleanup.h: locals that release themselves at the end of their scope.
 *
 *     CLEANUP(free_p) char *text = NULL;
 *     ...
 *     *ret_text = TAKE(text);
 *
 * The cleaner gets the local's address, runs at every exit from the scope and tolerates NULL.
 * Source: GCC manual, "Common Variable Attributes", cleanup.
 */
#ifndef DROVER_BASE_CLEANUP_H
#define DROVER_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(cleaner) __attribute__((cleanup(cleaner)))

/* Hand a local's pointer to the caller and leave NULL behind, so that its cleaner finds nothing. */
#define TAKE(pointer)                                                                              \
    ({                                                                                             \
        __typeof__(pointer) take_value_ = (pointer);                                               \
        (pointer) = NULL;                                                                          \
        take_value_;                                                                               \
    })

/* Define NAME_p, a cleaner for locals of type TYPE *, from a destructor that takes TYPE **. */
#define DEFINE_CLEANUP(type, destroy)                                                              \
    static inline void destroy##_p(type **local_) {                                                \
        if (*local_ != NULL) {                                                                     \
            destroy(local_);                                                                       \
        }                                                                                          \
    }

/* Cleaner for malloc'ed locals of any pointer type. */
static inline void free_p(void *local) {
    void **pointer = local;
    free(*pointer);
    *pointer = NULL;
}

/* Cleaner for file descriptors; -1 is none. */
static inline void close_p(const int *fd) {
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

#endif
