/* fixture.h: a catalog in a throwaway folder, and values that tests share. */
#ifndef DROVER_TESTS_STORE_FIXTURE_H
#define DROVER_TESTS_STORE_FIXTURE_H

#include "coordinator/store/query.h"
#include "coordinator/store/store.h"
#include "tests/unit/base/cmocka_all.h"

typedef struct fixture {
    char folder[32];
    char catalog[64];
    char bundles[64];
    store_t *store;
    error_t err;
} fixture_t;

/* cmocka's set-up and tear-down: *state is a fixture_t with its store open. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

void fixture_open(fixture_t *fixture);
void fixture_close(fixture_t *fixture);
store_options_t fixture_options(const fixture_t *fixture);

/* Run SQL that must succeed, past the room's functions. */
void fixture_exec(fixture_t *fixture, const char *sql);

/* The same n gives the same value. */
ident_t id_of(uint32_t n);
agent_key_t key_of(uint32_t n);
digest_t digest_of(uint32_t n);

/* A call that must succeed; its error is printed where it does not. */
#define OK(f, call) fixture_ok(f, call, #call, __LINE__)
void fixture_ok(const fixture_t *fixture, status_t status, const char *call, int line);

/* A call that must fail with a code. */
#define FAILS(f, code_, call)                                                                      \
    do {                                                                                           \
        assert_int_equal(call, STATUS_ERROR);                                                      \
        assert_string_equal(error_code_name((f)->err.code), #code_);                               \
    } while (0)

#define TEST_OF(function)                                                                          \
    cmocka_unit_test_setup_teardown(function, fixture_set_up, fixture_tear_down)

#endif
