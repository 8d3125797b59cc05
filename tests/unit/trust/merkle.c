/* Trees against RFC 9162's own recursive definition; every path, and every path bent. */
#include "common/trust/merkle.h"

#include "common/crypto/hash.h"
#include "tests/unit/base/cmocka_all.h"

enum { MOST = 40 };

static digest_t items[MOST];

static digest_t hash_pair(const digest_t *left, const digest_t *right) {
    uint8_t both[2 * DIGEST_BYTES];
    memcpy(both, left->bytes, DIGEST_BYTES);
    memcpy(both + DIGEST_BYTES, right->bytes, DIGEST_BYTES);
    return hash_of(HASH_MERKLE_NODE, both, sizeof both);
}

/* MTH of section 2.1.1, as it is written there. */
static digest_t tree_of(const digest_t *from, size_t count) {
    if (count == 1) {
        return hash_of(HASH_MERKLE_LEAF, from->bytes, DIGEST_BYTES);
    }
    size_t split = 1;
    while (split * 2 < count) {
        split *= 2;
    }
    digest_t left = tree_of(from, split);
    digest_t right = tree_of(from + split, count - split);
    return hash_pair(&left, &right);
}

static merkle_t *build(size_t count) {
    error_t err;
    merkle_t *merkle = NULL;
    assert_int_equal(merkle_new(items, count, &merkle, &err), STATUS_OK);
    return merkle;
}

static void test_shape(void **state) {
    (void)state;
    for (size_t count = 1; count <= MOST; count++) {
        CLEANUP(merkle_destroy_p) merkle_t *merkle = build(count);
        digest_t root = merkle_root(merkle);
        digest_t expected = tree_of(items, count);
        assert_memory_equal(root.bytes, expected.bytes, DIGEST_BYTES);
    }
}

static void test_paths(void **state) {
    (void)state;
    for (size_t count = 1; count <= MOST; count++) {
        CLEANUP(merkle_destroy_p) merkle_t *merkle = build(count);
        digest_t root = merkle_root(merkle);
        for (uint32_t i = 0; i < count; i++) {
            merkle_path_t path;
            merkle_path(merkle, i, &path);
            assert_true(merkle_verify(&root, &items[i], &path));
            for (uint32_t j = 0; j < count; j++) {
                merkle_path_t bent = path;
                bent.index = j;
                assert_true(j == i || !merkle_verify(&root, &items[i], &bent));
                assert_true(j == i || !merkle_verify(&root, &items[j], &path));
            }
            for (size_t size = 0; size <= MERKLE_PATH; size++) {
                merkle_path_t bent = path;
                bent.size = size;
                assert_true(size == path.size || !merkle_verify(&root, &items[i], &bent));
            }
        }
    }
}

/* A count of another tree gives another way up, or none: where index and length still fit, the
 * count is what the order signed, never what a proof says. */
static void test_bounds(void **state) {
    (void)state;
    CLEANUP(merkle_destroy_p) merkle_t *merkle = build(5);
    digest_t root = merkle_root(merkle);
    merkle_path_t path;
    merkle_path(merkle, 4, &path);
    assert_int_equal(path.size, 1);
    merkle_path_t bent = path;
    for (bent.count = 0; bent.count <= 40; bent.count++) {
        bool fits = merkle_verify(&root, &items[4], &bent);
        assert_true(bent.count == 5 ? fits : !fits);
    }
    bent.count = MERKLE_LEAVES + 1;
    assert_false(merkle_verify(&root, &items[4], &bent));
    bent = path;
    bent.size = MERKLE_PATH + 1;
    assert_false(merkle_verify(&root, &items[4], &bent));
    bent = path;
    bent.digests[0].bytes[31] ^= 1;
    assert_false(merkle_verify(&root, &items[4], &bent));
}

/* A node is no leaf: an item made of a node's own input does not verify in its place. */
static void test_second_preimage(void **state) {
    (void)state;
    CLEANUP(merkle_destroy_p) merkle_t *merkle = build(4);
    digest_t root = merkle_root(merkle);
    digest_t left = tree_of(items, 2);
    merkle_path_t path = {.index = 0, .count = 2, .size = 1, .digests = {tree_of(items + 2, 2)}};
    assert_false(merkle_verify(&root, &left, &path));
    digest_t alone = tree_of(items, 4);
    merkle_path_t none = {.index = 0, .count = 1};
    assert_false(merkle_verify(&root, &alone, &none));
}

static void test_sizes(void **state) {
    (void)state;
    error_t err;
    merkle_t *merkle = NULL;
    assert_int_equal(merkle_new(items, 0, &merkle, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    assert_int_equal(merkle_new(items, (size_t)MERKLE_LEAVES + 1, &merkle, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    size_t many = 100000;
    digest_t *all = calloc(many, sizeof *all);
    assert_non_null(all);
    for (size_t i = 0; i < many; i++) {
        memcpy(all[i].bytes, &i, sizeof i);
    }
    assert_int_equal(merkle_new(all, many, &merkle, &err), STATUS_OK);
    digest_t root = merkle_root(merkle);
    merkle_path_t path;
    merkle_path(merkle, 99999, &path);
    assert_true(path.size <= 17);
    assert_true(merkle_verify(&root, &all[99999], &path));
    merkle_path(merkle, 0, &path);
    assert_int_equal(path.size, 17);
    assert_true(merkle_verify(&root, &all[0], &path));
    merkle_destroy(&merkle);
    free(all);
}

int main(void) {
    for (size_t i = 0; i < MOST; i++) {
        items[i] = hash_of("drover/test/1", &i, sizeof i);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape),  cmocka_unit_test(test_paths),
        cmocka_unit_test(test_bounds), cmocka_unit_test(test_second_preimage),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
