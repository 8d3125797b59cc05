/* store_bundle.c: bundles as rows and files, found by digest, beginning and head. */
#include "coordinator/store/store_bundle.h"
#include "tests/unit/coordinator/store/fixture.h"

#include <sys/stat.h>

static const char CONTENT[] = "the bundle's bytes";

static bundle_row_t bundle_of(uint32_t n) {
    return (bundle_row_t){.digest = digest_of(n),
                          .application = "app",
                          .head = "V042",
                          .migrations = 42,
                          .size_bytes = sizeof CONTENT,
                          .signatures = 1,
                          .pushed_by = "ada",
                          .pushed_us = 100 + n};
}

static bool put(fixture_t *f, const bundle_row_t *bundle, const char *content) {
    bool fresh = false;
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_bundle_put(f->store, bundle, content, &fresh, &f->err));
    OK(f, store_commit(f->store, &f->err));
    return fresh;
}

static void round_trip(void **state) {
    fixture_t *f = *state;
    arena_t arena = {0};
    bundle_row_t bundle = bundle_of(1);
    assert_true(put(f, &bundle, CONTENT));
    assert_false(put(f, &bundle, CONTENT));
    char text[DIGEST_TEXT_SIZE];
    bundle_row_t read;
    OK(f, store_bundle_find(f->store, digest_text(&bundle.digest, text), &arena, &read, &f->err));
    assert_true(digest_equal(&read.digest, &bundle.digest));
    assert_string_equal(read.application, "app");
    assert_string_equal(read.head, "V042");
    assert_int_equal(read.migrations, 42);
    assert_int_equal(read.size_bytes, sizeof CONTENT);
    assert_int_equal(read.signatures, 1);
    assert_string_equal(read.pushed_by, "ada");
    assert_int_equal(read.pushed_us, 101);
    arena_free(&arena);

    char bytes[64];
    bundle_part_t part = {.digest = bundle.digest, .buffer = bytes, .room = 4, .offset = 4};
    bundle_part_read_t got;
    OK(f, store_bundle_read(f->store, &part, &got, &f->err));
    assert_int_equal(got.size, 4);
    assert_int_equal(got.total, sizeof CONTENT);
    assert_memory_equal(bytes, CONTENT + 4, 4);
    part.room = sizeof bytes;
    OK(f, store_bundle_read(f->store, &part, &got, &f->err));
    assert_int_equal(got.size, sizeof CONTENT - 4);
    part.offset = 1000;
    OK(f, store_bundle_read(f->store, &part, &got, &f->err));
    assert_int_equal(got.size, 0);
    part.digest = digest_of(2);
    FAILS(f, BUNDLE_UNKNOWN, store_bundle_read(f->store, &part, &got, &f->err));
}

/* A countersigned bundle has the same digest and more bytes around it. */
static void more_signatures_replace(void **state) {
    fixture_t *f = *state;
    static const char countersigned[] = "the bundle's bytes, signed twice";
    bundle_row_t bundle = bundle_of(1);
    (void)put(f, &bundle, CONTENT);
    bundle.signatures = 2;
    bundle.size_bytes = sizeof countersigned;
    assert_false(put(f, &bundle, countersigned));
    char bytes[64];
    bundle_part_t part = {.digest = bundle.digest, .buffer = bytes, .room = sizeof bytes};
    bundle_part_read_t got;
    OK(f, store_bundle_read(f->store, &part, &got, &f->err));
    assert_int_equal(got.size, sizeof countersigned);
    bundle.signatures = 1;
    bundle.size_bytes = sizeof CONTENT;
    (void)put(f, &bundle, CONTENT);
    OK(f, store_bundle_read(f->store, &part, &got, &f->err));
    assert_int_equal(got.size, sizeof countersigned);
}

static status_t newest_first(void *context, const bundle_row_t *bundle, error_t *err) {
    int *seen = context;
    (void)err;
    assert_int_equal(bundle->pushed_us, 103 - *seen);
    (*seen)++;
    return STATUS_OK;
}

static void bundles_are_found(void **state) {
    fixture_t *f = *state;
    arena_t arena = {0};
    for (uint32_t n = 1; n <= 3; n++) {
        bundle_row_t bundle = bundle_of(n);
        (void)put(f, &bundle, CONTENT);
    }
    int seen = 0;
    OK(f, store_bundle_each(f->store, NULL, newest_first, &seen, &f->err));
    OK(f, store_bundle_each(f->store, "another", newest_first, &seen, &f->err));
    assert_int_equal(seen, 3);
    bundle_row_t read;
    OK(f, store_bundle_find(f->store, "app@V042", &arena, &read, &f->err));
    assert_int_equal(read.pushed_us, 103);
    OK(f, store_bundle_find(f->store, "0002d000", &arena, &read, &f->err));
    assert_int_equal(read.pushed_us, 102);
    FAILS(f, BUNDLE_UNKNOWN, store_bundle_find(f->store, "app@V043", &arena, &read, &f->err));
    FAILS(f, BUNDLE_UNKNOWN, store_bundle_find(f->store, "000", &arena, &read, &f->err));
    FAILS(f, BUNDLE_UNKNOWN, store_bundle_find(f->store, "../../etc", &arena, &read, &f->err));
    bundle_row_t twin = bundle_of(2);
    twin.digest.bytes[31] = 1;
    (void)put(f, &twin, CONTENT);
    FAILS(f, INVALID, store_bundle_find(f->store, "0002d000", &arena, &read, &f->err));
    arena_free(&arena);
}

static void failed_write_leaves_no_row(void **state) {
    fixture_t *f = *state;
    arena_t arena = {0};
    bundle_row_t bundle = bundle_of(1);
    bool fresh = false;
    assert_int_equal(rmdir(f->bundles), 0);
    OK(f, store_begin(f->store, &f->err));
    FAILS(f, IO, store_bundle_put(f->store, &bundle, CONTENT, &fresh, &f->err));
    OK(f, store_commit(f->store, &f->err)); /* nothing of it was written */
    bundle_row_t read;
    FAILS(f, BUNDLE_UNKNOWN, store_bundle_find(f->store, "app@V042", &arena, &read, &f->err));
    assert_int_equal(mkdir(f->bundles, 0700), 0);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST_OF(round_trip), TEST_OF(more_signatures_replace),
                                       TEST_OF(bundles_are_found),
                                       TEST_OF(failed_write_leaves_no_row)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
