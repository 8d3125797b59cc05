/*
 * status.h: what every function that can fail answers.
 *
 * A status says only whether; the why stands in the error_t that the function filled. Out
 * parameters named ret_x are untouched unless STATUS_OK came back.
 */
#ifndef DROVER_BASE_STATUS_H
#define DROVER_BASE_STATUS_H

typedef enum status {
    STATUS_OK = 0,
    STATUS_ERROR = -1,
} status_t;

/* The compiler refuses a call whose answer is dropped. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* A printf-like function: format in argument f, values from argument v. */
#define PRINTF_LIKE(f, v) __attribute__((format(printf, f, v)))

/* Leave the calling function at once when an inner call failed; its error_t is already filled. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        if ((call) != STATUS_OK) {                                                                 \
            return STATUS_ERROR;                                                                   \
        }                                                                                          \
    } while (0)

/* Our own invariants hold in release builds too; input, network and database never reach this. */
#define INVARIANT(condition)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            invariant_broken(#condition, __FILE__, __LINE__);                                      \
        }                                                                                          \
    } while (0)

/* Print one line on stderr and abort. Source: abort(3). */
_Noreturn void invariant_broken(const char *condition, const char *file, int line);

#endif
