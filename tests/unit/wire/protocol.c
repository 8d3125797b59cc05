/* proto/PROTOCOL.md says the same numbers, kinds, senders and signers as the code. */
#include "common/wire/bounds.h"
#include "common/wire/kind.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BOUND(name)                                                                                \
    { #name, name }

static const struct {
    const char *name;
    long value;
} bounds[] = {
    BOUND(LIMIT_MESSAGE_BYTES),
    BOUND(LIMIT_NAME_BYTES),
    BOUND(LIMIT_LABEL_BYTES),
    BOUND(LIMIT_LABELS),
    BOUND(LIMIT_CHUNK_BYTES),
    BOUND(WIRE_PROTOCOL_MIN),
    BOUND(WIRE_PROTOCOL_MAX),
    BOUND(WIRE_DEPTH),
    BOUND(WIRE_FIELDS),
    BOUND(WIRE_MEMORY_FACTOR),
    BOUND(WIRE_MEMORY_BASE_BYTES),
    BOUND(WIRE_TEXT_BYTES),
    BOUND(WIRE_CLUSTERS),
    BOUND(WIRE_ATTEMPTS),
    BOUND(WIRE_TENANTS),
    BOUND(WIRE_APPLICATIONS),
    BOUND(WIRE_LEFTOVERS),
    BOUND(WIRE_REPORTS),
    BOUND(WIRE_CONTEXTS),
    BOUND(WIRE_NOTES),
    BOUND(WIRE_TERMS),
    BOUND(WIRE_JOBS),
    BOUND(WIRE_RESULTS),
    BOUND(WIRE_TAKE_BACKS),
    BOUND(WIRE_PAPERS),
    BOUND(WIRE_PAPER_BYTES),
    BOUND(WIRE_PROOF_BYTES),
    BOUND(WIRE_HANDSHAKE_MS),
    BOUND(WIRE_KEEPALIVE_S),
    BOUND(WIRE_KEEPALIVE_PROBES),
    BOUND(WIRE_UNHEARD_MS),
    BOUND(WIRE_RECONNECT_MS),
    BOUND(WIRE_RECONNECT_MAX_MS),
    BOUND(WIRE_CONNECT_MS),
    BOUND(WIRE_LINGER_MS),
    BOUND(WIRE_PIPE_MESSAGES),
    BOUND(WIRE_QUEUE_MESSAGES),
    BOUND(WIRE_QUEUE_BYTES),
    BOUND(WIRE_RETRY_MS),
    BOUND(WIRE_WAKE_MESSAGES),
    BOUND(WIRE_BACKLOG),
};

enum { BOUNDS = sizeof bounds / sizeof bounds[0], PAGE_BYTES = 256 * 1024 };

static char *read_file(const char *path) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, PAGE_BYTES);
    assert_true(fread(text, 1, PAGE_BYTES - 1, file) > 0);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void test_bounds_are_listed(void **state) {
    (void)state;
    char *page = read_file("proto/PROTOCOL.md");
    size_t listed = 0;
    for (const char *row = strstr(page, "\n| `"); row != NULL; row = strstr(row + 1, "\n| `")) {
        listed += strncmp(row + 4, "WIRE_", 5) == 0 || strncmp(row + 4, "LIMIT_", 6) == 0;
    }
    assert_int_equal(listed, BOUNDS);
    for (size_t i = 0; i < BOUNDS; i++) {
        char row[128];
        (void)snprintf(row, sizeof row, "\n| `%s` | %ld |", bounds[i].name, bounds[i].value);
        if (strstr(page, row) == NULL) {
            fail_msg("PROTOCOL.md lacks%s", row);
        }
    }
    free(page);
}

/* Each constant of bounds.h is in the list above. */
static void test_no_bound_is_forgotten(void **state) {
    (void)state;
    char *header = read_file("common/wire/bounds.h");
    size_t found = 0;
    for (const char *at = strstr(header, "\n    WIRE_"); at != NULL;
         at = strstr(at + 1, "\n    WIRE_")) {
        char name[64] = {0};
        for (size_t i = 0; i < sizeof name - 1 && (isalnum(at[5 + i]) || at[5 + i] == '_'); i++) {
            name[i] = at[5 + i];
        }
        bool known = false;
        for (size_t i = 0; i < BOUNDS; i++) {
            known |= strcmp(bounds[i].name, name) == 0;
        }
        if (!known) {
            fail_msg("%s is not compared", name);
        }
        found++;
    }
    assert_true(found > 20);
    free(header);
}

static void test_kinds_are_listed(void **state) {
    (void)state;
    char *page = read_file("proto/PROTOCOL.md");
    size_t count = 0;
    const kind_t *kinds = kind_list(&count);
    for (size_t i = 0; i < count; i++) {
        char row[128];
        bool is_signed = kinds[i].domain != NULL;
        (void)snprintf(row, sizeof row, "\n| %s | %s |%s%s |", kinds[i].name,
                       party_name(kinds[i].sender), is_signed ? " " : "",
                       is_signed ? party_name(kinds[i].sender) : "");
        if (strstr(page, row) == NULL) {
            fail_msg("PROTOCOL.md lacks%s", row);
        }
    }
    free(page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_are_listed),
        cmocka_unit_test(test_no_bound_is_forgotten),
        cmocka_unit_test(test_kinds_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
