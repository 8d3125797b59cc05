/* Enrolment requests that are as they should be, and the shapes that are not. */
#include "tests/unit/trust/world.h"

#include "tests/unit/base/cmocka_all.h"

static world_t world;

static int set_up(void **state) {
    (void)state;
    world_open(&world);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    world_close(&world);
    return 0;
}

static void test_read_back(void **state) {
    (void)state;
    error_t err;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(request_destroy_p) request_t *request = NULL;
    assert_int_equal(world_write_request(&world, &document, &err), STATUS_OK);
    assert_int_equal(world_travel(&document, &err), STATUS_OK);
    assert_int_equal(request_verify(document, &request, &err), STATUS_OK);
    assert_true(sign_public_equal(&request->key, world_public(AGENT_A)));
    assert_memory_equal(request->curve, world.cards[0].curve, sizeof request->curve);
    assert_string_equal(request->name, "agent-1");
    assert_int_equal(request->cluster_count, 1);
    assert_true(request->clusters[0] == CLUSTER_A);
    assert_true(request->issued_us == world.cards[0].issued_us - TRUST_DAY_US);
    assert_true(digest_equal(&request->digest, &document->id));
}

/* The most clusters there may be, and none. */
static void test_clusters(void **state) {
    (void)state;
    error_t err;
    static uint64_t clusters[CARD_CLUSTERS + 1];
    for (size_t i = 0; i <= CARD_CLUSTERS; i++) {
        clusters[i] = UINT64_MAX - CARD_CLUSTERS + i;
    }
    const size_t counts[] = {0, CARD_CLUSTERS};
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(document_destroy_p) document_t *document = NULL;
        CLEANUP(request_destroy_p) request_t *request = NULL;
        request_t planned = world_request(&world);
        planned.clusters = clusters;
        planned.cluster_count = counts[i];
        assert_int_equal(request_write(&planned, &document, &err), STATUS_OK);
        assert_int_equal(request_read(document, &request, &err), STATUS_OK);
        assert_int_equal(request->cluster_count, counts[i]);
        assert_memory_equal(request->clusters, clusters, counts[i] * sizeof *clusters);
    }
    CLEANUP(document_destroy_p) document_t *document = NULL;
    request_t planned = world_request(&world);
    planned.clusters = clusters;
    planned.cluster_count = CARD_CLUSTERS + 1;
    assert_int_equal(request_write(&planned, &document, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_DOCUMENT);
}

/* What it says can be shown before anybody signed; accepted it is not. */
static void test_unsigned(void **state) {
    (void)state;
    error_t err;
    request_t planned = world_request(&world);
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(request_destroy_p) request_t *request = NULL;
    assert_int_equal(request_write(&planned, &document, &err), STATUS_OK);
    assert_int_equal(request_verify(document, &request, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_REQUEST_INVALID);
    assert_null(request);
    assert_int_equal(request_read(document, &request, &err), STATUS_OK);
    assert_string_equal(request->name, "agent-1");
}

static void test_without_date(void **state) {
    (void)state;
    error_t err;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    request_t planned = world_request(&world);
    planned.issued_us = -1;
    assert_int_equal(request_write(&planned, &document, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_REQUEST_INVALID);
    assert_null(document);
}

/* A card says of the newcomer what its request said, and is no request. */
static void test_card_is_no_request(void **state) {
    (void)state;
    error_t err;
    CLEANUP(document_destroy_p) document_t *card = NULL;
    CLEANUP(request_destroy_p) request_t *request = NULL;
    assert_int_equal(world_write_card(&world, 0, &card, &err), STATUS_OK);
    assert_int_equal(request_verify(card, &request, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_KIND);
}

int main(void) {
    world_keys();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_read_back),    TEST(test_clusters),           TEST(test_unsigned),
        TEST(test_without_date), TEST(test_card_is_no_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
