/*
 * fuzz_order.c: orders as if every signature were good: read, written again, verified, and held
 * against a tenant with a good proof of another order. An order's body that is not the one that the
 * proof was made for never admits it.
 */
#include "tests/unit/trust/world.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static world_t world;
static proof_t good;
static digest_t root;

static void must(status_t status) {
    if (status != STATUS_OK) {
        abort();
    }
}

/* Made once, for every input. */
static void prepare(void) {
    error_t err;
    if (world.trust == NULL) {
        world_keys();
        world_open(&world);
        must(world_admit(&world, &err));
        must(world_proof(&world, &good, &err));
        root = world.order->waves[0].root;
    }
}

/* What people are told is missing, and the verdict, agree. */
static void check_count(const order_t *order) {
    error_t err;
    trust_view_t view = world_view(&world);
    order_authority_t authority;
    order_count_t count = order_count(&view, order, NULL);
    bool missing = count.role == 0 || count.tally.count < count.tally.needed;
    if (missing && order_verify(&view, order, false, &authority, &err) == STATUS_OK) {
        abort();
    }
}

/* A claim without a path serves standing orders alone, and only for whom their selector admits. */
static void check_claim(const order_authority_t *authority) {
    error_t err;
    const order_t *order = authority->order;
    proof_t claim = {.leaf = good.leaf};
    CLEANUP(selector_destroy_p) selector_t *selector = NULL;
    claim.leaf.number = order->issued_us;
    if (order_admits(authority, &world.deed, &claim, &err) != STATUS_OK) {
        return;
    }
    must(order_is_standing(order) ? STATUS_OK : STATUS_ERROR);
    must(selector_parse(order->standing, NULL, &selector, &err));
    must(selector_matches(selector, world.deed.labels) ? STATUS_OK : STATUS_ERROR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    error_t err;
    prepare();
    trust_check_remove(CHECK_SIGNATURE);
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(document_destroy_p) document_t *written = NULL;
    CLEANUP(order_destroy_p) order_t *order = NULL;
    if (document_decode(data, size, &document, &err) != STATUS_OK ||
        order_read(document, &order, &err) != STATUS_OK) {
        if (err.code == ERROR_NONE || err.message[0] == '\0') {
            abort();
        }
        return 0;
    }
    must(order_write(order, &written, &err));
    check_count(order);
    for (int accepted = 0; accepted < 2; accepted++) {
        trust_view_t view = world_view(&world);
        order_authority_t authority;
        proof_t proof = good;
        if (order_verify(&view, order, accepted == 1, &authority, &err) != STATUS_OK) {
            continue;
        }
        check_claim(&authority);
        if (order_admits(&authority, &world.deed, &proof, &err) == STATUS_OK &&
            (order->wave_count == 0 || !digest_equal(&order->waves[0].root, &root))) {
            abort();
        }
    }
    return 0;
}
