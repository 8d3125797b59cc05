/* checks.c: see checks.h. */
#include "common/trust/checks.h"

#include <stdarg.h>
#include <stdio.h>

typedef struct check_row {
    const char *name;
    error_code_t code;
    const char *stops;
} check_row_t;

static const check_row_t CHECKS[CHECK_COUNT] = {
#define X(name, code, stops) [CHECK_##name] = {#name, ERROR_##code, stops},
#include "common/trust/checks.def"
#undef X
};

const char *trust_check_name(trust_check_t check) {
    INVARIANT((int)check >= 0 && check < CHECK_COUNT);
    return CHECKS[check].name;
}

const char *trust_check_stops(trust_check_t check) {
    INVARIANT((int)check >= 0 && check < CHECK_COUNT);
    return CHECKS[check].stops;
}

error_code_t trust_check_code(trust_check_t check) {
    INVARIANT((int)check >= 0 && check < CHECK_COUNT);
    return CHECKS[check].code;
}

status_t trust_refuse(error_t *err, trust_check_t check, const char *format, ...) {
    char text[ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error_set(err, trust_check_code(check), "%s", text);
}

#ifdef DROVER_TRUST_REMOVABLE
static trust_check_t removed = CHECK_COUNT;

void trust_check_remove(trust_check_t check) {
    removed = check;
}

bool trust_check_is_out(trust_check_t check) {
    return check == removed;
}
#endif
