/* backup_pour.c: what was sealed as it should not have been is seen when it is opened. */
#include "agent/backup/backup_pour.h"
#include "tests/unit/agent/backup/fixture.h"

#include <zstd.h>

enum { CONTENT = 300000 };

static char content[CONTENT];
static char frame[CONTENT + 1000];

/* One frame of the content, with or without its checksum; its size. */
static size_t compress(int checksum) {
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    (void)ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, checksum);
    size_t size = ZSTD_compress2(zstd, frame, sizeof frame, content, CONTENT);
    (void)ZSTD_freeCCtx(zstd);
    assert_false(ZSTD_isError(size));
    return size;
}

typedef struct taken {
    buffer_t bytes;
} taken_t;

static status_t take(void *context, const void *bytes, size_t size, error_t *err) {
    taken_t *taken = context;
    buffer_append(&taken->bytes, bytes, size);
    return buffer_check(&taken->bytes, err);
}

/* Seal size bytes of the frame with the least chunks, and pour them in pieces of step. */
static status_t pour(size_t size, size_t step, taken_t *taken, backup_layers_t *ret_layers,
                     error_t *err) {
    CLEANUP(buffer_free) buffer_t sealed = {0};
    sealed_totals_t totals;
    sealed_writer_t *writer = NULL;
    sealed_reader_t *reader = NULL;
    backup_pour_t *poured = NULL;
    sealed_target_t target = {.ids = {random_ident(), fixture.tenant},
                              .recipients = &fixture.seal_public,
                              .recipient_count = 1,
                              .chunk_bytes = SEALED_CHUNK_LEAST};
    backup_outlet_t outlet = {.sink = take, .context = taken};
    assert_int_equal(sealed_writer_new(&target, &writer, err), STATUS_OK);
    assert_int_equal(sealed_reader_of_writer(writer, &reader, err), STATUS_OK);
    assert_int_equal(sealed_write(writer, frame, size, &sealed, err), STATUS_OK);
    assert_int_equal(sealed_write_end(writer, &sealed, &totals, err), STATUS_OK);
    sealed_writer_destroy(&writer);
    assert_int_equal(backup_pour_new(&reader, &outlet, &poured, err), STATUS_OK);
    assert_null(reader);
    status_t status = STATUS_OK;
    for (size_t at = 0; status == STATUS_OK && at < sealed.size; at += step) {
        size_t part = sealed.size - at < step ? sealed.size - at : step;
        status = backup_pour(poured, sealed.data + at, part, err);
    }
    if (status == STATUS_OK) {
        status = backup_pour_end(poured, ret_layers, err);
    }
    if (status == STATUS_OK) {
        assert_int_equal(ret_layers->sealed_bytes, sealed.size);
        assert_true(digest_equal(&ret_layers->sealed, &totals.sealed));
    }
    backup_pour_destroy(&poured);
    return status;
}

static void refused(size_t size, const char *part) {
    error_t err;
    taken_t taken = {0};
    backup_layers_t layers;
    assert_int_equal(pour(size, 100000, &taken, &layers, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BACKUP_CORRUPT);
    if (strstr(err.message, part) == NULL) {
        fail_msg("'%s' does not say '%s'", err.message, part);
    }
    buffer_free(&taken.bytes);
}

static void test_whole(void **state) {
    (void)state;
    error_t err;
    backup_layers_t layers;
    size_t size = compress(1);
    static const size_t STEPS[] = {1, 777, 1000000};
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
        taken_t taken = {0};
        assert_int_equal(pour(size, STEPS[i], &taken, &layers, &err), STATUS_OK);
        assert_int_equal(taken.bytes.size, CONTENT);
        assert_memory_equal(taken.bytes.data, content, CONTENT);
        assert_int_equal(layers.plain_bytes, CONTENT);
        assert_int_equal(layers.compressed_bytes, size);
        buffer_free(&taken.bytes);
    }
}

/* The checksum is what ties the content to what the compressor was fed: none, or another. */
static void test_checksum(void **state) {
    (void)state;
    refused(compress(0), "carries no checksum");
    size_t size = compress(1);
    frame[size - 1] = (char)(frame[size - 1] ^ 1);
    refused(size, "does not decompress");
}

static void test_ends(void **state) {
    (void)state;
    size_t size = compress(1);
    refused(size - 1, "is not whole");
    refused(size - CONTENT / 2, "is not whole");
    refused(size + 1, "bytes follow");
    refused(4, "carries no checksum");
    refused(0, "is not whole");
    memset(frame, 'x', sizeof frame);
    frame[4] = 4;
    refused(100, "does not decompress");
}

static void test_compare(void **state) {
    (void)state;
    error_t err;
    backup_layers_t one = {.plain_bytes = 3, .compressed_bytes = 2, .sealed_bytes = 4};
    backup_layers_t other = one;
    assert_int_equal(backup_layers_compare(&one, &other, &err), STATUS_OK);
    other.plain_bytes = 4;
    assert_int_equal(backup_layers_compare(&one, &other, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, "the dump differs"));
    other = one;
    other.compressed_bytes = 4;
    assert_int_equal(backup_layers_compare(&one, &other, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, "the compressed content differs"));
    other = one;
    other.sealed.bytes[31] = 1;
    assert_int_equal(backup_layers_compare(&one, &other, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BACKUP_CORRUPT);
    assert_non_null(strstr(err.message, "the sealed file differs"));
}

static int set_up(void **state) {
    int failed = fixture_set_up(state);
    random_fill(content, sizeof content / 2); /* the rest is zeros: it compresses */
    return failed;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_compare),
    };
    return cmocka_run_group_tests(tests, set_up, fixture_tear_down);
}
