/* Tests of common/migration/bundle.c, bundle_build.c, bundle_read.c, bundle_file.c,
 * bundle_compare.c, manifest_scan.c and manifest_check.c. */
#include "tests/unit/migration/fixture.h"

#include "common/base/limits.h"
#include "common/crypto/hash.h"
#include "common/crypto/random.h"
#include "common/migration/bundle_internal.h"

static void put_example(const fixture_t *fixture) {
    fixture_put_trio(fixture, "V001__first", "a");
    fixture_put(fixture, "V002__index.sql",
                "-- drover: phase=expand\n-- drover: transaction=none\n"
                "-- drover: lock_timeout=1s\n-- drover: statement_timeout=1h\n"
                "-- drover: irreversible=\"why not\"\n"
                "-- drover: backfill=table:a,key:id,batch:10,pause:5ms\n"
                "CREATE INDEX CONCURRENTLY i ON public.a (id);\n  VACUUM a;\n");
    fixture_put(fixture, "V003__empty.sql", "");
    fixture_put(fixture, "V003__empty.undo.sql", "-- nothing");
    fixture_put(fixture, "V003__empty.check.sql", "SELECT 'n', true");
}

static bundle_t *build(fixture_t *fixture, const char *application) {
    static const uint32_t majors[] = {15, 16};
    bundle_options_t options = {.application = application, .majors = majors, .major_count = 2};
    bundle_t *bundle = NULL;
    error_t err;
    error_clear(&err);
    if (bundle_build(fixture_load(fixture), &options, &bundle, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    return bundle;
}

static void check_example(const bundle_t *bundle) {
    assert_string_equal(bundle_application(bundle), "shop");
    assert_int_equal(bundle_major_count(bundle), 2);
    assert_int_equal(bundle_major(bundle, 1), 16);
    assert_true(bundle_suits_major(bundle, 15));
    assert_false(bundle_suits_major(bundle, 14));
    assert_int_equal(bundle_count(bundle), 3);
    const bundle_migration_t *first = bundle_migration(bundle, 0);
    assert_string_equal(first->version, "V001");
    assert_int_equal(first->position, 1);
    assert_string_equal(first->description, "first");
    assert_string_equal(first->irreversible, "");
    assert_null(first->backfill);
    assert_null(first->scripts[SCRIPT_CHECK]);
    const bundle_script_t *up = first->scripts[SCRIPT_UP];
    assert_string_equal(up->text, "-- drover: lock_timeout=2s\nCREATE TABLE a (id int);\n");
    assert_int_equal(up->size, strlen(up->text));
    assert_true(up->transactional);
    assert_int_equal(up->lock_timeout_ms, 2000);
    assert_int_equal(up->statement_timeout_ms, -1);
    assert_int_equal(up->statement_count, 1);
    assert_null(up->statements);
    const bundle_script_t *verify = first->scripts[SCRIPT_VERIFY];
    assert_int_equal(verify->statement_count, 2);
    assert_memory_equal(verify->text + verify->statements[1].offset, "SELECT true", 11);
    assert_int_equal(verify->statements[1].kind, STATEMENT_QUERY);
    const bundle_migration_t *second = bundle_migration(bundle, 1);
    assert_int_equal(second->phase, PHASE_EXPAND);
    assert_string_equal(second->irreversible, "why not");
    assert_string_equal(second->backfill->table, "a");
    assert_int_equal(second->backfill->batch, 10);
    assert_int_equal(second->backfill->pause_ms, 5);
    const bundle_script_t *index = second->scripts[SCRIPT_UP];
    assert_false(index->transactional);
    assert_int_equal(index->statement_timeout_ms, 3600000);
    assert_int_equal(index->statement_count, 2);
    assert_int_equal(index->statements[0].kind, STATEMENT_CREATE_INDEX_CONCURRENTLY);
    assert_string_equal(index->statements[0].index_name, "i");
    assert_string_equal(index->statements[0].index_schema, "public");
    assert_string_equal(index->statements[0].table_name, "a");
    assert_memory_equal(index->text + index->statements[1].offset, "VACUUM a", 8);
    assert_int_equal(index->statements[1].length, 8);
    const bundle_migration_t *third = bundle_migration(bundle, 2);
    assert_int_equal(third->scripts[SCRIPT_UP]->size, 0);
    assert_string_equal(third->scripts[SCRIPT_UP]->text, "");
    assert_int_equal(bundle_position_of_version(bundle, "V002"), 2);
    assert_int_equal(bundle_position_of_version(bundle, "2"), 2);
    assert_int_equal(bundle_position_of_version(bundle, "V004"), 0);
}

static void test_build_and_read(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    put_example(&fixture);
    CLEANUP(bundle_destroy_p) bundle_t *bundle = build(&fixture, "shop");
    check_example(bundle);
    CLEANUP(bundle_destroy_p) bundle_t *again = build(&fixture, "shop");
    text_span_t bytes = bundle_bytes(bundle);
    assert_int_equal(bundle_bytes(again).size, bytes.size);
    assert_memory_equal(bundle_bytes(again).bytes, bytes.bytes, bytes.size);
    CLEANUP(bundle_destroy_p) bundle_t *read = NULL;
    error_t err;
    assert_int_equal(bundle_read(bytes.bytes, bytes.size, &read, &err), STATUS_OK);
    fixture_close(&fixture);
    check_example(read);
    assert_true(digest_equal(bundle_digest(read), bundle_digest(bundle)));
}

static void test_files(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    put_example(&fixture);
    CLEANUP(bundle_destroy_p) bundle_t *bundle = build(&fixture, "shop");
    char path[512];
    (void)snprintf(path, sizeof path, "%s/shop.bundle", fixture.path);
    error_t err;
    CLEANUP(bundle_destroy_p) bundle_t *read = NULL;
    assert_int_equal(bundle_open(path, &read, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_int_equal(bundle_write(bundle, path, &err), STATUS_OK);
    assert_int_equal(bundle_write(bundle, path, &err), STATUS_OK);
    assert_int_equal(bundle_open(path, &read, &err), STATUS_OK);
    check_example(read);
    bundle_destroy(&read);
    assert_int_equal(bundle_open(fixture.path, &read, &err), STATUS_ERROR);
    assert_int_equal(bundle_write(bundle, "/nonexistent/x", &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    fixture_close(&fixture); /* fails where a file was left beside it under another name */
}

static void test_no_file_is_left_where_writing_fails(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    put_example(&fixture);
    CLEANUP(bundle_destroy_p) bundle_t *bundle = build(&fixture, "shop");
    error_t err;
    assert_int_equal(bundle_write(bundle, fixture.path, &err), STATUS_ERROR); /* a directory */
    char beside[512];
    (void)snprintf(beside, sizeof beside, "%s.%ld.new", fixture.path, (long)getpid());
    assert_int_equal(access(beside, F_OK), -1);
    fixture_close(&fixture);
}

static void test_signatures(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    put_example(&fixture);
    CLEANUP(bundle_destroy_p) bundle_t *bundle = build(&fixture, "shop");
    fixture_close(&fixture);
    digest_t digest = *bundle_digest(bundle);
    sign_public_t keys[3];
    sign_secret_t secrets[3];
    error_t err;
    for (size_t i = 0; i < 3; i++) {
        sign_keypair(&keys[i], &secrets[i]);
    }
    assert_int_equal(bundle_verify(bundle, keys, 3, 1, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BUNDLE_UNSIGNED);
    assert_int_equal(bundle_sign(bundle, &secrets[0], &err), STATUS_OK);
    assert_int_equal(bundle_sign(bundle, &secrets[0], &err), STATUS_OK);
    assert_int_equal(bundle_signer_count(bundle), 1);
    assert_int_equal(bundle_verify(bundle, keys, 3, 1, &err), STATUS_OK);
    assert_int_equal(bundle_verify(bundle, keys, 3, 2, &err), STATUS_ERROR);
    sign_public_t twice[2] = {keys[0], keys[0]};
    assert_int_equal(bundle_verify(bundle, twice, 2, 2, &err), STATUS_ERROR);
    assert_int_equal(bundle_verify(bundle, keys + 1, 2, 1, &err), STATUS_ERROR);
    assert_int_equal(bundle_verify(bundle, keys, 3, 0, &err), STATUS_ERROR);
    assert_int_equal(bundle_sign(bundle, &secrets[1], &err), STATUS_OK);
    assert_int_equal(bundle_sign(bundle, &secrets[2], &err), STATUS_OK);
    assert_int_equal(bundle_verify(bundle, keys, 3, 3, &err), STATUS_OK);
    assert_true(digest_equal(&digest, bundle_digest(bundle)));
    check_example(bundle);
    CLEANUP(bundle_destroy_p) bundle_t *read = NULL;
    text_span_t bytes = bundle_bytes(bundle);
    assert_int_equal(bundle_read(bytes.bytes, bytes.size, &read, &err), STATUS_OK);
    assert_int_equal(bundle_verify(read, keys, 3, 3, &err), STATUS_OK);
    signature_t wrong = *bundle_signature(bundle, 0);
    assert_int_equal(bundle_add_signature(read, bundle_signer(bundle, 1), &wrong, &err),
                     STATUS_ERROR);
    assert_int_equal(err.code, ERROR_SIGNATURE);
}

static void test_signature_places_are_bounded(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    put_example(&fixture);
    CLEANUP(bundle_destroy_p) bundle_t *bundle = build(&fixture, "shop");
    fixture_close(&fixture);
    error_t err;
    for (size_t i = 0; i <= BUNDLE_SIGNATURES; i++) {
        sign_public_t key;
        sign_secret_t secret;
        sign_keypair(&key, &secret);
        assert_int_equal(bundle_sign(bundle, &secret, &err),
                         i < BUNDLE_SIGNATURES ? STATUS_OK : STATUS_ERROR);
    }
    assert_int_equal(err.code, ERROR_BOUND);
    check_example(bundle);
    CLEANUP(bundle_destroy_p) bundle_t *read = NULL;
    text_span_t bytes = bundle_bytes(bundle);
    assert_int_equal(bundle_read(bytes.bytes, bytes.size, &read, &err), STATUS_OK);
}

/* Every byte changed in turn and every truncation: refused, with the code that says so. */
static void test_every_byte_counts(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    put_example(&fixture);
    CLEANUP(bundle_destroy_p) bundle_t *bundle = build(&fixture, "shop");
    fixture_close(&fixture);
    sign_public_t key;
    sign_secret_t secret;
    sign_keypair(&key, &secret);
    error_t err;
    assert_int_equal(bundle_sign(bundle, &secret, &err), STATUS_OK);
    text_span_t whole = bundle_bytes(bundle);
    CLEANUP(free_p) char *bytes = malloc(whole.size + 1);
    assert_non_null(bytes);
    memcpy(bytes, whole.bytes, whole.size);
    bytes[whole.size] = 'x';
    for (size_t i = 0; i < whole.size; i++) {
        for (unsigned flip = 1; flip < 256; flip = flip * 2 + (flip == 64)) {
            bundle_t *read = NULL;
            bytes[i] = (char)((uint8_t)whole.bytes[i] ^ flip);
            if (bundle_read(bytes, whole.size, &read, &err) == STATUS_OK) {
                fail_msg("byte %zu changed by %u, and it was read", i, flip);
            }
            assert_int_equal(err.code, ERROR_BUNDLE_INVALID);
            assert_null(read);
        }
        bytes[i] = whole.bytes[i];
    }
    for (size_t size = 0; size < whole.size + 2; size++) {
        bundle_t *read = NULL;
        if (size != whole.size) {
            assert_int_equal(bundle_read(bytes, size, &read, &err), STATUS_ERROR);
            assert_int_equal(err.code, ERROR_BUNDLE_INVALID);
        }
    }
}

/* Give a changed manifest the digest that it would need, so that only its sense can refuse it. */
static status_t read_with_manifest(const bundle_t *bundle, text_span_t manifest, bundle_t **read,
                                   error_t *err) {
    text_span_t whole = bundle_bytes(bundle);
    text_span_t was = bundle_manifest_bytes(bundle);
    size_t scripts = whole.size - BUNDLE_AT_MANIFEST - was.size;
    size_t size = BUNDLE_AT_MANIFEST + manifest.size + scripts;
    CLEANUP(free_p) char *bytes = malloc(size);
    assert_non_null(bytes);
    memcpy(bytes, whole.bytes, BUNDLE_AT_MANIFEST);
    memcpy(bytes + BUNDLE_AT_MANIFEST, manifest.bytes, manifest.size);
    memcpy(bytes + BUNDLE_AT_MANIFEST + manifest.size, was.bytes + was.size, scripts);
    digest_t digest = hash_of(HASH_BUNDLE, manifest.bytes, manifest.size);
    memcpy(bytes + BUNDLE_AT_DIGEST, digest.bytes, DIGEST_BYTES);
    bundle_put_u32(bytes + BUNDLE_AT_MANIFEST_SIZE, (uint32_t)manifest.size);
    return bundle_read(bytes, size, read, err);
}

/* A manifest that lies consistently may be read, but nothing that it names is out of bounds. */
static void test_every_manifest_byte_is_judged(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    put_example(&fixture);
    CLEANUP(bundle_destroy_p) bundle_t *bundle = build(&fixture, "shop");
    fixture_close(&fixture);
    text_span_t manifest = bundle_manifest_bytes(bundle);
    CLEANUP(free_p) char *changed = malloc(manifest.size);
    assert_non_null(changed);
    memcpy(changed, manifest.bytes, manifest.size);
    size_t refused = 0;
    for (size_t i = 0; i < manifest.size; i++) {
        for (unsigned flip = 1; flip < 256; flip *= 2) {
            CLEANUP(bundle_destroy_p) bundle_t *read = NULL;
            error_t err;
            changed[i] = (char)((uint8_t)manifest.bytes[i] ^ flip);
            text_span_t span = {.bytes = changed, .size = manifest.size};
            if (read_with_manifest(bundle, span, &read, &err) != STATUS_OK) {
                refused++;
                continue;
            }
            assert_false(digest_equal(bundle_digest(read), bundle_digest(bundle)));
            for (size_t m = 0; m < bundle_count(read); m++) {
                assert_non_null(bundle_migration(read, m)->scripts[SCRIPT_UP]);
            }
        }
        changed[i] = manifest.bytes[i];
    }
    assert_true(refused > manifest.size * 4);
    for (size_t size = 0; size < manifest.size; size++) {
        CLEANUP(bundle_destroy_p) bundle_t *read = NULL;
        error_t err;
        text_span_t span = {.bytes = manifest.bytes, .size = size};
        assert_int_equal(read_with_manifest(bundle, span, &read, &err), STATUS_ERROR);
    }
}

typedef Drover__Bundle__Manifest manifest_t;

/* What a stranger might write, one lie at a time. */
static void lie(const bundle_t *bundle, void (*change)(manifest_t *), const char *says) {
    text_span_t bytes = bundle_manifest_bytes(bundle);
    manifest_t *manifest =
        drover__bundle__manifest__unpack(NULL, bytes.size, (const uint8_t *)bytes.bytes);
    assert_non_null(manifest);
    change(manifest);
    size_t size = drover__bundle__manifest__get_packed_size(manifest);
    CLEANUP(free_p) char *packed = malloc(size + 1);
    assert_non_null(packed);
    (void)drover__bundle__manifest__pack(manifest, (uint8_t *)packed);
    CLEANUP(bundle_destroy_p) bundle_t *read = NULL;
    error_t err;
    error_clear(&err);
    text_span_t span = {.bytes = packed, .size = size};
    if (read_with_manifest(bundle, span, &read, &err) == STATUS_OK ||
        strstr(err.message, says) == NULL) {
        fail_msg("'%s' where '%s' was expected", err.message, says);
    }
    drover__bundle__manifest__free_unpacked(manifest, NULL);
}

static void lie_format(manifest_t *m) {
    m->format = 2;
}
static void lie_application(manifest_t *m) {
    m->application[0] = '-';
}
static void lie_majors(manifest_t *m) {
    m->postgres_majors[1] = m->postgres_majors[0];
}
static void lie_gap(manifest_t *m) {
    m->migrations[1]->position = 3;
}
static void lie_duplicate(manifest_t *m) {
    strcpy(m->migrations[1]->version, "V001");
}
static void lie_kind(manifest_t *m) {
    m->migrations[0]->kind = 1;
}
static void lie_order(manifest_t *m) {
    m->migrations[0]->scripts[1]->kind = SCRIPT_UP;
}
static void lie_no_up(manifest_t *m) {
    m->migrations[0]->scripts[0]->kind = SCRIPT_UNDO;
}
static void lie_size(manifest_t *m) {
    m->migrations[2]->scripts[2]->size++;
}
static void lie_large(manifest_t *m) {
    m->migrations[0]->scripts[0]->size = UINT64_MAX;
}
static void lie_digest(manifest_t *m) {
    m->migrations[0]->scripts[0]->digest.data[5] ^= 1;
}
static void lie_digest_size(manifest_t *m) {
    m->migrations[0]->scripts[0]->digest.len = 31;
}
static void lie_timeout(manifest_t *m) {
    m->migrations[0]->scripts[0]->lock_timeout_ms = -2;
}
static void lie_outside(manifest_t *m) {
    m->migrations[1]->scripts[0]->outside_transaction = 0;
}
static void lie_statement_end(manifest_t *m) {
    m->migrations[1]->scripts[0]->statements[1]->length = UINT64_MAX;
}
static void lie_statement_order(manifest_t *m) {
    m->migrations[1]->scripts[0]->statements[1]->offset = 0;
}
static void lie_statement_kind(manifest_t *m) {
    m->migrations[1]->scripts[0]->statements[1]->kind = STATEMENT_TRANSACTION;
}
static void lie_statement_unknown(manifest_t *m) {
    m->migrations[1]->scripts[0]->statements[1]->kind = STATEMENT_KIND_COUNT;
}
static void lie_query(manifest_t *m) {
    m->migrations[0]->scripts[2]->statements[0]->kind = STATEMENT_VACUUM;
}
static void lie_irreversible(manifest_t *m) {
    m->migrations[1]->irreversible[0] = '\0';
}
static void lie_control(manifest_t *m) {
    m->migrations[0]->description[0] = '\x1B';
}
static void lie_utf8(manifest_t *m) {
    m->migrations[0]->description[0] = '\xFF';
}
static void lie_batch(manifest_t *m) {
    m->migrations[1]->backfill->batch = 0;
}

static void test_lies(void **state) {
    (void)state;
    static const struct {
        void (*change)(manifest_t *);
        const char *says;
    } lies[] = {
        {lie_format, "format 2"},
        {lie_application, "application"},
        {lie_majors, "majors out of order"},
        {lie_gap, "position 3 where 2 was due"},
        {lie_duplicate, "version V001 stands twice"},
        {lie_kind, "kind or phase"},
        {lie_order, "doubled or out of order"},
        {lie_no_up, "no script that applies it"},
        {lie_size, "cut off"},
        {lie_large, "more than 16 MiB"},
        {lie_digest, "does not have the digest"},
        {lie_digest_size, "not 32 bytes"},
        {lie_timeout, "timeout"},
        {lie_outside, "disagree"},
        {lie_statement_end, "outside their script"},
        {lie_statement_order, "on each other"},
        {lie_statement_kind, "where it may not stand"},
        {lie_statement_unknown, "does not know"},
        {lie_query, "where it may not stand"},
        {lie_irreversible, "either an undo script or a reason"},
        {lie_control, "control bytes"},
        {lie_utf8, "no UTF-8"},
        {lie_batch, "backfill"},
    };
    fixture_t fixture;
    fixture_open(&fixture);
    put_example(&fixture);
    CLEANUP(bundle_destroy_p) bundle_t *bundle = build(&fixture, "shop");
    fixture_close(&fixture);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        lie(bundle, lies[i].change, lies[i].says);
    }
}

/* Bytes that no builder makes: unknown fields, doubled ones, endless lists, deep nesting. */
static void test_manifest_shapes(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *says;
    } cases[] = {
        {"\x28\x01", 2, "does not know"}, /* field 5 */
        {"\xF8\xFF\xFF\xFF\x0F\x01", 6, "does not know"},
        {"\x08\x01\x08\x01", 4, "format stands twice"},
        {"\x0A\x01\x01", 3, "another type"}, /* format as bytes */
        {"\x12\x05"
         "a",
         3, "past the end"},
        {"\x12\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11, "past the end"},
        {"\x08\x81\x00", 3, "broken number"}, /* not the shortest form */
        {"\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 11, "broken number"},
        {"\x08", 1, "broken number"},
        {"\x80", 1, "broken field"},
        {"\x1A\x12\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01", 20,
         "too long list"},
        {"\x22\x02\x10\x01", 4, NULL}, /* fine so far */
        {"\x22\x03\x10\x01", 4, "past the end"},
        {"\x22\x04\x22\x02\x22\x00", 6, "another type"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        manifest_counts_t counts;
        error_t err;
        error_clear(&err);
        text_span_t bytes = {.bytes = cases[i].bytes, .size = cases[i].size};
        status_t status = manifest_scan(bytes, &counts, &err);
        if (cases[i].says == NULL) {
            assert_int_equal(status, STATUS_OK);
        } else if (status == STATUS_OK || strstr(err.message, cases[i].says) == NULL) {
            fail_msg("case %zu: %s", i, err.message);
        }
    }
    size_t size = (size_t)(LIMIT_MIGRATIONS + 1) * 2;
    CLEANUP(free_p) char *many = malloc(size);
    assert_non_null(many);
    for (size_t i = 0; i < size; i += 2) {
        memcpy(many + i, "\x22\x00", 2);
    }
    manifest_counts_t counts;
    error_t err;
    text_span_t bytes = {.bytes = many, .size = size};
    assert_int_equal(manifest_scan(bytes, &counts, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, "more migrations"));
    bytes.size -= 2;
    assert_int_equal(manifest_scan(bytes, &counts, &err), STATUS_OK);
    assert_int_equal(counts.migrations, LIMIT_MIGRATIONS);
}

static void test_what_is_not_built(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    bundle_t *bundle = NULL;
    error_t err;
    bundle_options_t options = {.application = "shop"};
    assert_int_equal(bundle_build(fixture_load(&fixture), &options, &bundle, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    put_example(&fixture);
    static const char *const bad[] = {"", "1a", "a b", "a/b", "\xC3\xA9"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        options.application = bad[i];
        assert_int_equal(bundle_build(fixture_load(&fixture), &options, &bundle, &err),
                         STATUS_ERROR);
        assert_int_equal(err.code, ERROR_INVALID);
    }
    options.application = "shop";
    static const uint32_t majors[] = {16, 15};
    options.majors = majors;
    options.major_count = 2;
    assert_int_equal(bundle_build(fixture_load(&fixture), &options, &bundle, &err), STATUS_ERROR);
    options.major_count = 0;
    fixture_put(&fixture, "V002__index.sql", "BEGIN;");
    assert_int_equal(bundle_build(fixture_load(&fixture), &options, &bundle, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_LINT);
    assert_null(bundle);
    fixture_close(&fixture);
}

static void test_compare(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    put_example(&fixture);
    CLEANUP(bundle_destroy_p) bundle_t *released = build(&fixture, "shop");
    error_t err;
    fixture_put_trio(&fixture, "V004__next", "d");
    CLEANUP(bundle_destroy_p) bundle_t *next = build(&fixture, "shop");
    assert_int_equal(bundle_compare(released, next, &err), STATUS_OK);
    assert_int_equal(bundle_compare_with_directory(released, fixture.directory, &err), STATUS_OK);
    assert_int_equal(bundle_compare(next, released, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, "V004__next was released, and is missing"));
    CLEANUP(bundle_destroy_p) bundle_t *other = build(&fixture, "other");
    assert_int_equal(bundle_compare(released, other, &err), STATUS_ERROR);

    fixture_put(&fixture, "V001__first.undo.sql", "DROP TABLE a CASCADE;");
    CLEANUP(bundle_destroy_p) bundle_t *edited = build(&fixture, "shop");
    assert_int_equal(bundle_compare(released, edited, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BUNDLE_CHANGED);
    char text[DIGEST_TEXT_SIZE];
    const digest_t *was = &bundle_migration(released, 0)->scripts[SCRIPT_UNDO]->digest;
    const digest_t *is = &bundle_migration(edited, 0)->scripts[SCRIPT_UNDO]->digest;
    assert_non_null(strstr(err.message, "V001__first.undo.sql was changed"));
    assert_non_null(strstr(err.message, digest_text(was, text)));
    assert_non_null(strstr(err.message, digest_text(is, text)));
    assert_int_equal(bundle_compare_with_directory(released, fixture.directory, &err),
                     STATUS_ERROR);
    assert_non_null(strstr(err.message, digest_text(is, text)));
    fixture_close(&fixture);
}

static int start(void **state) {
    (void)state;
    error_t err;
    return random_start(&err) == STATUS_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build_and_read),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_no_file_is_left_where_writing_fails),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_signature_places_are_bounded),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_every_manifest_byte_is_judged),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_manifest_shapes),
        cmocka_unit_test(test_what_is_not_built),
        cmocka_unit_test(test_compare),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
