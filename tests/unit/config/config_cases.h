/*
 * config_cases.h: one correct text and a list of edits, each of which must be refused with its
 * message. An edit replaces the first occurrence of a text by another.
 */
#ifndef DROVER_TESTS_CONFIG_CASES_H
#define DROVER_TESTS_CONFIG_CASES_H

#include "common/base/buffer.h"
#include "common/config/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define CURVE_A "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define CURVE_B "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"
#define HEX_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEX_B "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

typedef struct edit_case {
    const char *from;
    const char *to;
    const char *message;
} edit_case_t;

static inline void edit(const char *base, const edit_case_t *edit_case, buffer_t *out) {
    const char *found = strstr(base, edit_case->from);
    assert_non_null(found);
    buffer_clear(out);
    buffer_append(out, base, (size_t)(found - base));
    buffer_text(out, edit_case->to);
    buffer_text(out, found + strlen(edit_case->from));
}

static inline yaml_text_t text_of(const char *bytes) {
    return (yaml_text_t){.name = "/nowhere/f.yaml", .bytes = bytes, .size = strlen(bytes)};
}

/* Define refuses(base, cases, count) for a parse function. */
#define DEFINE_REFUSES(parse, type, destroy, expected_code)                                        \
    static void refuses(const char *base, const edit_case_t *cases, size_t count) {                \
        buffer_t text = {0};                                                                       \
        for (size_t i = 0; i < count; i++) {                                                       \
            error_t err = {0};                                                                     \
            type *object = NULL;                                                                   \
            edit(base, &cases[i], &text);                                                          \
            const yaml_text_t source = text_of(buffer_string(&text));                              \
            if (parse(&source, NULL, &object, &err) == STATUS_OK) {                                \
                fail_msg("accepted: %s -> %s", cases[i].from, cases[i].to);                        \
            }                                                                                      \
            assert_null(object);                                                                   \
            assert_int_equal(err.code, expected_code);                                             \
            if (strstr(err.message, cases[i].message) == NULL) {                                   \
                fail_msg("%s\nsays: %s\nnot:  %s", cases[i].to, err.message, cases[i].message);    \
            }                                                                                      \
        }                                                                                          \
        buffer_free(&text);                                                                        \
    }

#endif
