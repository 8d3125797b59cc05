/* order_papers.c: an order's signed document is served by its digest, in parts, to who asks. */
#include "coordinator/link/internal.h"
#include "tests/unit/coordinator/link/world.h"

static void test_orders_are_served_by_digest(void **state) {
    world_t *world = *state;
    error_t err = {0};
    get_going(world);
    const Drover__PaperChunk *chunk = ask_paper(&world->a, &world->fleet.order, 0);
    assert_int_equal(chunk->total, chunk->data.len);
    CLEANUP(document_destroy_p) document_t *document = NULL;
    assert_int_equal(document_decode(chunk->data.data, chunk->data.len, &document, &err),
                     STATUS_OK);
    assert_true(digest_equal(&document->id, &world->fleet.order));
    size_t total = chunk->data.len;
    uint8_t last = chunk->data.data[total - 1];
    chunk = ask_paper(&world->a, &world->fleet.order, total - 1);
    assert_int_equal(chunk->offset, total - 1);
    assert_int_equal(chunk->data.len, 1);
    assert_int_equal(chunk->data.data[0], last);
    chunk = ask_paper(&world->a, &world->fleet.order, UINT64_MAX);
    assert_int_equal(chunk->total, total);
    assert_int_equal(chunk->data.len, 0);
    digest_t unknown = {{7}};
    chunk = ask_paper(&world->a, &unknown, 0);
    assert_int_equal(chunk->total, 0);
    digest_t named = field_digest(chunk->digest);
    assert_true(digest_equal(&named, &unknown));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_orders_are_served_by_digest, world_set_up,
                                        world_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
