/*
 * Every byte of everything signed is changed, two ways, and every length cut: nothing of that is
 * accepted. What is as it was is accepted, so that the test can fail.
 */
#include "tests/unit/trust/world.h"

#include "tests/unit/base/cmocka_all.h"

static world_t world;

typedef status_t (*accept_t)(const void *bytes, size_t size, error_t *err);

static status_t accept_trust(const void *bytes, size_t size, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(trust_destroy_p) trust_t *trust = NULL;
    TRY(document_decode_file(bytes, size, &document, err));
    return trust_pin(document, &trust, err);
}

static status_t accept_order(const void *bytes, size_t size, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(order_destroy_p) order_t *order = NULL;
    trust_view_t view = world_view(&world);
    order_authority_t authority;
    TRY(document_decode(bytes, size, &document, err));
    order_source_t source = {.document = document};
    return order_open(&view, &source, &order, &authority, err);
}

static status_t accept_card(const void *bytes, size_t size, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(card_destroy_p) card_t *card = NULL;
    trust_view_t view = world_view(&world);
    TRY(document_decode(bytes, size, &document, err));
    return card_verify(&view, document, &card, err);
}

static status_t accept_revocation(const void *bytes, size_t size, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    trust_view_t view = world_view(&world);
    revocation_t revocation;
    TRY(document_decode(bytes, size, &document, err));
    return revocation_verify(&view, document, &revocation, err);
}

static status_t accept_request(const void *bytes, size_t size, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(request_destroy_p) request_t *request = NULL;
    TRY(document_decode(bytes, size, &document, err));
    return request_verify(document, &request, err);
}

static status_t accept_proof(const void *bytes, size_t size, error_t *err) {
    proof_t proof;
    TRY(proof_decode(bytes, size, &proof, err));
    return order_admits(&world.authority, &world.deed, &proof, err);
}

static status_t accept_ticket(const void *bytes, size_t size, error_t *err) {
    ticket_claim_t claim = {.wave = 1, .bytes = bytes, .size = size};
    ticket_verdict_t verdict;
    return ticket_verify(&world.authority, &claim, &verdict, err);
}

/* The bytes in a block of exactly their size, so that a sanitizer sees a read past their end. */
static status_t offer(accept_t accept, const void *bytes, size_t size, error_t *err) {
    void *copy = malloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    status_t status = accept(copy, size, err);
    free(copy);
    return status;
}

static void refuse(accept_t accept, const buffer_t *bytes, size_t size, size_t at) {
    error_t err;
    error_clear(&err);
    if (offer(accept, bytes->data, size, &err) == STATUS_OK) {
        fail_msg("accepted, changed at byte %zu of %zu", at, size);
    }
    assert_int_not_equal(err.code, ERROR_NONE);
    assert_int_not_equal(err.message[0], '\0');
}

static void attack_bytes(accept_t accept, buffer_t *bytes) {
    error_t err;
    assert_int_equal(offer(accept, bytes->data, bytes->size, &err), STATUS_OK);
    for (size_t at = 0; at < bytes->size; at++) {
        const int masks[] = {1 << at % 8, 0xff};
        for (size_t i = 0; i < 2; i++) {
            bytes->data[at] = (char)(bytes->data[at] ^ masks[i]);
            refuse(accept, bytes, bytes->size, at);
            bytes->data[at] = (char)(bytes->data[at] ^ masks[i]);
        }
        refuse(accept, bytes, at, at);
    }
    buffer_char(bytes, '\0');
    refuse(accept, bytes, bytes->size, bytes->size);
}

static void test_trust_file(void **state) {
    (void)state;
    error_t err;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    assert_int_equal(world_write_trust(&world, &document, &err), STATUS_OK);
    assert_int_equal(document_encode_file(document, &bytes, &err), STATUS_OK);
    attack_bytes(accept_trust, &bytes);
}

static void test_order(void **state) {
    (void)state;
    error_t err;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    assert_int_equal(document_encode(world.order_document, &bytes, &err), STATUS_OK);
    attack_bytes(accept_order, &bytes);
}

static void test_card(void **state) {
    (void)state;
    error_t err;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    assert_int_equal(document_encode(world.card_documents[0], &bytes, &err), STATUS_OK);
    attack_bytes(accept_card, &bytes);
}

static void test_revocation(void **state) {
    (void)state;
    error_t err;
    revocation_t revocation = {
        .fleet = world.plan.fleet, .key = *world_public(AGENT_B), .at_us = NOW_US, .reason = "x"};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    assert_int_equal(revocation_write(&revocation, &document, &err), STATUS_OK);
    assert_int_equal(world_sign(document, &world.admins, &err), STATUS_OK);
    assert_int_equal(document_encode(document, &bytes, &err), STATUS_OK);
    attack_bytes(accept_revocation, &bytes);
}

static void test_request(void **state) {
    (void)state;
    error_t err;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    assert_int_equal(world_write_request(&world, &document, &err), STATUS_OK);
    assert_int_equal(document_encode(document, &bytes, &err), STATUS_OK);
    attack_bytes(accept_request, &bytes);
}

static void test_proof(void **state) {
    (void)state;
    error_t err;
    proof_t proof;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    assert_int_equal(world_proof(&world, &proof, &err), STATUS_OK);
    proof_encode(&proof, &bytes);
    attack_bytes(accept_proof, &bytes);
}

static void test_ticket(void **state) {
    (void)state;
    attack_bytes(accept_ticket, &world.ticket);
}

static void test_approval(void **state) {
    (void)state;
    error_t err;
    buffer_clear(&world.ticket);
    assert_int_equal(world_write_approval(&world, &err), STATUS_OK);
    attack_bytes(accept_ticket, &world.ticket);
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
        cmocka_unit_test(test_trust_file), cmocka_unit_test(test_order),
        cmocka_unit_test(test_card),       cmocka_unit_test(test_revocation),
        cmocka_unit_test(test_proof),      cmocka_unit_test(test_ticket),
        cmocka_unit_test(test_approval),   cmocka_unit_test(test_request),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
