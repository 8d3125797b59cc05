/*
 * checks.h: every check that stands between a signed document and what it permits, by name.
 *
 * The checks are data (checks.def) so that each can be counted, documented and taken out: the
 * library trust_removable, which only tests link, is the same code with a switch in TRUST_CHECK.
 * The attack suite takes out one after the other and demands that an attack is then accepted. In
 * the library that programs link the switch does not exist.
 *
 * What bounds memory (sizes, counts, shapes) is no row: taking it out would prove a crash, not an
 * attack; the fuzzers watch those.
 */
#ifndef DROVER_TRUST_CHECKS_H
#define DROVER_TRUST_CHECKS_H

#include "common/base/error.h"

typedef enum trust_check {
#define X(name, code, stops) CHECK_##name,
#include "common/trust/checks.def"
#undef X
    CHECK_COUNT
} trust_check_t;

/* "PERSON_ONCE", and what it stops, for a reader. */
const char *trust_check_name(trust_check_t check);
const char *trust_check_stops(trust_check_t check);
error_code_t trust_check_code(trust_check_t check);

/* Fill err with the check's code and this message; answers STATUS_ERROR. */
status_t trust_refuse(error_t *err, trust_check_t check, const char *format, ...) PRINTF_LIKE(3, 4);

#ifdef DROVER_TRUST_REMOVABLE
/* Take this check out until the next call; CHECK_COUNT puts all back. */
void trust_check_remove(trust_check_t check);
bool trust_check_is_out(trust_check_t check);
#define TRUST_CHECK(name, condition) (trust_check_is_out(CHECK_##name) || (condition))
#else
#define TRUST_CHECK(name, condition) (condition)
#endif

/* Leave the calling function with the check's error unless the condition holds. */
#define TRUST_REQUIRE(name, condition, err, ...)                                                   \
    do {                                                                                           \
        if (!TRUST_CHECK(name, condition)) {                                                       \
            return trust_refuse(err, CHECK_##name, __VA_ARGS__);                                   \
        }                                                                                          \
    } while (0)

#endif
