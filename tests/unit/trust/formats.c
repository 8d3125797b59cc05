/*
 * The formats stay: what is written today is, byte for byte, what stands in the fuzzers' seeds.
 * Keys, times and ids of the world are fixed, and Ed25519 signatures have no chance in them. A
 * change of format needs a number of its own, and seeds beside the old ones.
 */
#include "tests/unit/trust/world.h"

#include "tests/unit/base/cmocka_all.h"

static world_t world;

static void compare(const char *path, size_t skip, const buffer_t *bytes) {
    static char stored[65536];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(stored, 1, sizeof stored, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(size, bytes->size + skip);
    assert_memory_equal(stored + skip, bytes->data, bytes->size);
}

static void compare_file(const char *path, const document_t *document) {
    error_t err;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    CLEANUP(document_destroy_p) document_t *read = NULL;
    assert_int_equal(document_encode_file(document, &bytes, &err), STATUS_OK);
    compare(path, 0, &bytes);
    assert_int_equal(trust_file_read(path, &read, &err), STATUS_OK);
    assert_true(digest_equal(&read->id, &document->id));
}

static void test_trust_file(void **state) {
    (void)state;
    error_t err;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    assert_int_equal(world_write_trust(&world, &document, &err), STATUS_OK);
    compare_file("tests/fuzz/seeds/trust/trust", document);
}

static void test_order_and_proof(void **state) {
    (void)state;
    error_t err;
    proof_t proof;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    assert_int_equal(document_encode(world.order_document, &bytes, &err), STATUS_OK);
    compare("tests/fuzz/seeds/order/rollout", 0, &bytes);
    buffer_clear(&bytes);
    assert_int_equal(world_proof(&world, &proof, &err), STATUS_OK);
    proof_encode(&proof, &bytes);
    compare("tests/fuzz/seeds/proof/first", 0, &bytes);
}

static void test_standing_order(void **state) {
    (void)state;
    error_t err;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    order_t order = world.plan_order;
    order.standing = "tier=gold,region in (eu,us)";
    order.wave_count = 0;
    assert_int_equal(order_write(&order, &document, &err), STATUS_OK);
    assert_int_equal(world_sign(document, &world.signers, &err), STATUS_OK);
    assert_int_equal(document_encode(document, &bytes, &err), STATUS_OK);
    compare("tests/fuzz/seeds/order/standing", 0, &bytes);
}

static void test_agents(void **state) {
    (void)state;
    error_t err;
    revocation_t revocation = {
        .fleet = world.plan.fleet, .key = *world_public(OP_A), .at_us = NOW_US, .reason = "lost"};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    assert_int_equal(revocation_write(&revocation, &document, &err), STATUS_OK);
    assert_int_equal(world_sign(document, &world.admins, &err), STATUS_OK);
    compare_file("tests/fuzz/seeds/trust/revocation", document);
    compare_file("tests/fuzz/seeds/trust/card", world.card_documents[0]);
    compare_file("tests/fuzz/seeds/trust/result", world.result_documents[0]);
    document_destroy(&document);
    assert_int_equal(world_write_request(&world, &document, &err), STATUS_OK);
    compare_file("tests/fuzz/seeds/trust/request", document);
}

static void test_ticket(void **state) {
    (void)state;
    /* the fuzzer's first byte is its own */
    compare("tests/fuzz/seeds/ticket/results", 1, &world.ticket);
    /* a statement more, which stands beside the other one of its agent */
    error_t err;
    saying_t earlier = {0, {world.leaves[1].tenant, RESULT_FAILED}, NOW_US - 20 * TRUST_MINUTE_US};
    assert_int_equal(world_say(&world, &earlier, &err), STATUS_OK);
    compare("tests/fuzz/seeds/ticket/retried", 1, &world.ticket);
}

static int set_up(void **state) {
    (void)state;
    error_t err;
    world_keys();
    world_open(&world);
    return world_open_wave(&world, &err) == STATUS_OK ? 0 : 1;
}

static int tear_down(void **state) {
    (void)state;
    world_close(&world);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trust_file),     cmocka_unit_test(test_order_and_proof),
        cmocka_unit_test(test_standing_order), cmocka_unit_test(test_agents),
        cmocka_unit_test(test_ticket),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
