/* Documents: signed by several in any sequence, apart or together, here or elsewhere; on disk. */
#include "common/crypto/hash.h"
#include "common/trust/bodies.h"
#include "tests/unit/trust/world.h"

#include "tests/unit/base/cmocka_all.h"

#include <dirent.h>
#include <sodium.h>
#include <sys/stat.h>

static document_t *draft(const char *text) {
    error_t err;
    document_t *document = NULL;
    document_body_t body = {.kind = DOCUMENT_ORDER, .bytes = text, .size = strlen(text)};
    assert_int_equal(document_new(&body, &document, &err), STATUS_OK);
    return document;
}

static void sign(document_t *document, which_t which) {
    error_t err;
    assert_int_equal(document_sign(document, world_secret(which), &err), STATUS_OK);
}

static void test_round_trip(void **state) {
    (void)state;
    error_t err;
    CLEANUP(document_destroy_p) document_t *document = draft("body");
    CLEANUP(buffer_free) buffer_t bytes = {0};
    assert_int_equal(document_encode(document, &bytes, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_DOCUMENT);
    sign(document, OP_C);
    sign(document, OP_A);
    sign(document, OP_B);
    assert_true(memcmp(document->keys[0].bytes, document->keys[1].bytes, 32) < 0);
    assert_true(memcmp(document->keys[1].bytes, document->keys[2].bytes, 32) < 0);
    assert_int_equal(document_encode_file(document, &bytes, &err), STATUS_OK);
    assert_memory_equal(bytes.data, "drover document\n", 16);
    CLEANUP(document_destroy_p) document_t *back = NULL;
    assert_int_equal(document_decode_file(bytes.data, bytes.size, &back, &err), STATUS_OK);
    assert_int_equal(back->kind, DOCUMENT_ORDER);
    assert_int_equal(back->body_size, 4);
    assert_memory_equal(back->body, "body", 4);
    assert_true(digest_equal(&back->id, &document->id));
    assert_int_equal(back->signature_count, 3);
    assert_true(document_signed_by(back, world_public(OP_B)));
    assert_false(document_signed_by(back, world_public(STRANGER)));
}

/* The id is the body's under its kind, whoever signs; what is signed has another domain. */
static void test_id_and_digest(void **state) {
    (void)state;
    CLEANUP(document_destroy_p) document_t *document = draft("body");
    digest_t id = hash_of(HASH_ORDER_DOCUMENT, "body", 4);
    digest_t to_sign = hash_of(SIGN_ORDER_DOCUMENT, "body", 4);
    digest_t found = document_to_sign(document);
    assert_true(digest_equal(&document->id, &id));
    assert_true(digest_equal(&found, &to_sign));
    assert_false(digest_equal(&id, &to_sign));
    sign(document, OP_A);
    assert_true(digest_equal(&document->id, &id));
}

/* An HSM signs 32 bytes with plain Ed25519. */
static void test_external_signer(void **state) {
    (void)state;
    error_t err;
    CLEANUP(document_destroy_p) document_t *document = draft("body");
    digest_t digest = document_to_sign(document);
    signature_t signature;
    assert_int_equal(crypto_sign_detached(signature.bytes, NULL, digest.bytes, DIGEST_BYTES,
                                          world_secret(OP_A)->bytes),
                     0);
    assert_int_equal(document_add(document, world_public(OP_A), &signature, &err), STATUS_OK);
    assert_int_equal(document_add(document, world_public(OP_A), &signature, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_SIGNED);
    assert_int_equal(document->signature_count, 1);
}

static void test_merge(void **state) {
    (void)state;
    error_t err;
    CLEANUP(document_destroy_p) document_t *one = draft("body");
    CLEANUP(document_destroy_p) document_t *two = draft("body");
    CLEANUP(document_destroy_p) document_t *other = draft("boby");
    sign(one, OP_A);
    sign(one, OP_B);
    sign(two, OP_B);
    sign(two, OP_C);
    sign(other, OP_RETIRED);
    assert_int_equal(document_merge(one, two, &err), STATUS_OK);
    assert_int_equal(one->signature_count, 3);
    assert_int_equal(two->signature_count, 2);
    assert_int_equal(world_travel(&one, &err), STATUS_OK);
    assert_int_equal(document_merge(one, other, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_MERGE);
    other->kind = DOCUMENT_CARD;
    assert_int_equal(document_merge(one, other, &err), STATUS_ERROR);
    assert_int_equal(one->signature_count, 3);
}

/* Lengths of one byte and of two, and where they meet. */
static void test_sizes(void **state) {
    (void)state;
    error_t err;
    char text[300];
    memset(text, 'x', sizeof text);
    for (size_t size = 1; size <= sizeof text; size++) {
        document_body_t body = {.kind = DOCUMENT_CARD, .bytes = text, .size = size};
        CLEANUP(document_destroy_p) document_t *document = NULL;
        assert_int_equal(document_new(&body, &document, &err), STATUS_OK);
        sign(document, OP_A);
        assert_int_equal(world_travel(&document, &err), STATUS_OK);
        assert_int_equal(document->body_size, size);
    }
}

static void sign_by_seed(document_t *document, unsigned char number) {
    unsigned char seed[crypto_sign_SEEDBYTES] = {number, 77};
    sign_public_t key;
    sign_secret_t secret;
    error_t err;
    assert_int_equal(crypto_sign_seed_keypair(key.bytes, secret.bytes, seed), 0);
    assert_int_equal(document_sign(document, &secret, &err), STATUS_OK);
}

static void test_bounds(void **state) {
    (void)state;
    error_t err;
    CLEANUP(document_destroy_p) document_t *full = draft("body");
    CLEANUP(document_destroy_p) document_t *more = draft("body");
    for (unsigned char i = 0; i < DOCUMENT_SIGNATURES; i++) {
        sign_by_seed(full, i);
    }
    sign_by_seed(more, 200);
    assert_int_equal(world_travel(&full, &err), STATUS_OK);
    assert_int_equal(document_sign(full, world_secret(OP_A), &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    assert_int_equal(document_merge(full, more, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    assert_int_equal(full->signature_count, DOCUMENT_SIGNATURES);
    document_t *none = NULL;
    document_body_t empty = {.kind = DOCUMENT_CARD, .bytes = "", .size = 0};
    assert_int_equal(document_new(&empty, &none, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    char *large = calloc(1, DOCUMENT_BYTES + 1);
    assert_non_null(large);
    assert_int_equal(document_decode(large, DOCUMENT_BYTES + 1, &none, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    document_body_t big = {.kind = DOCUMENT_CARD, .bytes = large, .size = DOCUMENT_BODY_BYTES + 1};
    assert_int_equal(document_new(&big, &none, &err), STATUS_ERROR);
    free(large);
    assert_null(none);
}

/* Every bytes and repeated field of every body has a rule; every text has a bound of its own. */
static void test_fields_have_rules(void **state) {
    (void)state;
    scan_table_t *table = body_table();
    for (size_t i = 0; i < table->count; i++) {
        const ProtobufCMessageDescriptor *message = table->messages[i].descriptor;
        for (unsigned j = 0; j < message->n_fields; j++) {
            const ProtobufCFieldDescriptor *field = &message->fields[j];
            const scan_rule_t *rule = scan_rule_of(table, message, field->name);
            bool many = field->label == PROTOBUF_C_LABEL_REPEATED;
            bool sized =
                field->type == PROTOBUF_C_TYPE_BYTES || field->type == PROTOBUF_C_TYPE_STRING;
            if ((sized && (rule == NULL || rule->bytes == 0)) ||
                (many && (rule == NULL || rule->count == 0))) {
                fail_msg("%s.%s has no rule", message->short_name, field->name);
            }
        }
    }
}

/* --- on disk --------------------------------------------------------------------------------- */

static size_t count_files(const char *folder) {
    size_t count = 0;
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    while (readdir(listing) != NULL) {
        count++;
    }
    assert_int_equal(closedir(listing), 0);
    return count - 2;
}

static void test_files(void **state) {
    (void)state;
    error_t err;
    char folder[] = "/tmp/drover-trust-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/trust", folder);
    CLEANUP(document_destroy_p) document_t *document = draft("body");
    CLEANUP(document_destroy_p) document_t *back = NULL;
    assert_int_equal(trust_file_read(path, &back, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_int_equal(trust_file_write(document, path, &err), STATUS_ERROR); /* nobody signed */
    assert_int_equal(count_files(folder), 0);
    sign(document, OP_A);
    assert_int_equal(trust_file_write(document, path, &err), STATUS_OK);
    sign(document, OP_B);
    assert_int_equal(trust_file_write(document, path, &err), STATUS_OK);
    assert_int_equal(count_files(folder), 1);
    assert_int_equal(trust_file_read(path, &back, &err), STATUS_OK);
    assert_int_equal(back->signature_count, 2);
    document_destroy(&back);
    assert_int_equal(truncate(path, 90), 0);
    assert_int_equal(trust_file_read(path, &back, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_DOCUMENT);
    assert_non_null(strstr(err.context[0], path));
    assert_int_equal(truncate(path, DOCUMENT_BYTES + 17), 0);
    assert_int_equal(trust_file_read(path, &back, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(trust_file_read(path, &back, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_IO);
    assert_int_equal(trust_file_write(document, path, &err), STATUS_ERROR);
    assert_int_equal(count_files(folder), 1); /* nothing beside it is left */
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void) {
    world_keys();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_id_and_digest),
        cmocka_unit_test(test_external_signer), cmocka_unit_test(test_merge),
        cmocka_unit_test(test_bounds),          cmocka_unit_test(test_fields_have_rules),
        cmocka_unit_test(test_files),           cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
