/* leftovers.c: what is told of a place takes the place of what was known of it, and of no other. */
#include "coordinator/link/leftovers.h"
#include "tests/unit/base/cmocka_all.h"

typedef struct seen {
    size_t count;
    uint64_t clusters; /* sum of them */
    char last[64];
} seen_t;

static void take(void *context, const service_leftover_t *left) {
    seen_t *seen = context;
    seen->count++;
    seen->clusters += left->system_identifier;
    (void)snprintf(seen->last, sizeof seen->last, "%s/%s/%s", left->kind, left->name, left->detail);
}

static seen_t all_of(const leftover_list_t *list) {
    seen_t seen = {0};
    leftovers_each(list, take, &seen);
    return seen;
}

static void put(leftover_list_t **list, const leftover_place_t *place, size_t count) {
    Drover__Leftover items[3] = {0};
    Drover__Leftover *pointers[3] = {0};
    static char kind[] = "backend";
    static char names[3][8] = {"a", "b", "c"};
    static char detail[] = "pid 7";
    for (size_t i = 0; i < count; i++) {
        drover__leftover__init(&items[i]);
        items[i].kind = kind;
        items[i].name = names[i];
        items[i].detail = detail;
        pointers[i] = &items[i];
    }
    leftovers_put(list, place, pointers, count);
}

static void test_places(void **state) {
    (void)state;
    leftover_list_t *list = NULL;
    const leftover_place_t cluster = {.system_identifier = 1};
    const leftover_place_t tenant = {.system_identifier = 1, .tenant = {{9}}};
    const leftover_place_t other = {.system_identifier = 2};
    put(&list, &cluster, 0);
    assert_null(list); /* nothing takes no memory */
    put(&list, &cluster, 2);
    put(&list, &tenant, 3);
    put(&list, &other, 1);
    assert_int_equal(all_of(list).count, 6);
    assert_int_equal(all_of(list).clusters, 7);
    put(&list, &cluster, 1);
    assert_int_equal(all_of(list).count, 5);
    put(&list, &tenant, 0);
    put(&list, &other, 0);
    assert_int_equal(all_of(list).count, 1);
    assert_string_equal(all_of(list).last, "backend/a/pid 7");
    leftovers_free(&list);
    assert_null(list);
    assert_int_equal(all_of(NULL).count, 0);
}

static void test_bound(void **state) {
    (void)state;
    leftover_list_t *list = NULL;
    for (uint64_t i = 1; i <= 3000; i++) {
        const leftover_place_t place = {.system_identifier = i};
        put(&list, &place, 3);
    }
    assert_true(all_of(list).count >= 1024 && all_of(list).count <= 4096);
    leftovers_free(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_places), cmocka_unit_test(test_bound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
