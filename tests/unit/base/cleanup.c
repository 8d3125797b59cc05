/* cleanup.c: locals release themselves at every exit, and TAKE leaves nothing to release. */
#include "common/base/cleanup.h"
#include "tests/unit/base/cmocka_all.h"

#include <fcntl.h>

typedef struct thing {
    int *destroyed;
} thing_t;

static void thing_destroy(thing_t **thing) {
    ++*(*thing)->destroyed;
    free(*thing);
    *thing = NULL;
}
DEFINE_CLEANUP(thing_t, thing_destroy)

static thing_t *make(int *destroyed, int keep) {
    CLEANUP(thing_destroy_p) thing_t *thing = malloc(sizeof *thing);
    assert_non_null(thing);
    thing->destroyed = destroyed;
    if (!keep) {
        return NULL;
    }
    return TAKE(thing);
}

static void test_take(void **state) {
    (void)state;
    int destroyed = 0;
    assert_null(make(&destroyed, 0));
    assert_int_equal(destroyed, 1);
    thing_t *kept = make(&destroyed, 1);
    assert_non_null(kept);
    assert_int_equal(destroyed, 1);
    thing_destroy(&kept);
    assert_null(kept);
    thing_destroy_p(&kept); /* NULL is fine */
    assert_int_equal(destroyed, 2);
}

static void test_free_and_close(void **state) {
    (void)state;
    char *text = malloc(4);
    free_p(&text);
    assert_null(text);
    free_p(&text);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    close_p(&fd);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    int none = -1;
    close_p(&none);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_free_and_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
