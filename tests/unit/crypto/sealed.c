/*
 * sealed.c: what was written comes back; what was changed anywhere, cut at any chunk, swapped or
 * mixed with another backup does not.
 */
#include "common/crypto/sealed.h"
#include "common/base/cleanup.h"
#include "common/crypto/random.h"
#include "tests/unit/base/cmocka_all.h"

enum { CHUNK = SEALED_CHUNK_LEAST, CONTENT = 3 * CHUNK + 100 };

typedef struct pair {
    seal_public_t key;
    seal_secret_t secret;
} pair_t;

static pair_t agent;
static pair_t offline;
static char content[CONTENT];

static int set_up(void **state) {
    (void)state;
    error_t err;
    seal_keypair(&agent.key, &agent.secret);
    seal_keypair(&offline.key, &offline.secret);
    if (random_start(&err) != STATUS_OK) {
        return -1;
    }
    random_fill(content, sizeof content);
    return 0;
}

/* Seal size bytes of the content for both recipients, in pieces of step. */
static sealed_totals_t seal(const sealed_ids_t *ids, size_t size, size_t step, buffer_t *out) {
    error_t err;
    seal_public_t recipients[] = {agent.key, offline.key};
    sealed_target_t target = {
        .ids = *ids, .recipients = recipients, .recipient_count = 2, .chunk_bytes = CHUNK};
    sealed_writer_t *writer = NULL;
    sealed_totals_t totals;
    assert_int_equal(sealed_writer_new(&target, &writer, &err), STATUS_OK);
    for (size_t at = 0; at < size; at += step) {
        size_t part = size - at < step ? size - at : step;
        assert_int_equal(sealed_write(writer, content + at, part, out, &err), STATUS_OK);
    }
    assert_int_equal(sealed_write_end(writer, out, &totals, &err), STATUS_OK);
    sealed_writer_destroy(&writer);
    assert_null(writer);
    assert_int_equal(totals.sealed_bytes, out->size);
    return totals;
}

typedef struct opened {
    status_t status;
    error_t err;
    sealed_totals_t totals;
    buffer_t out;
} opened_t;

/* Open bytes in pieces of step as the pair, demanding the ids unless NULL. */
static opened_t open_as(const pair_t *pair, const sealed_ids_t *expect, const void *bytes,
                        size_t size, size_t step) {
    opened_t opened;
    memset(&opened, 0, sizeof opened);
    sealed_opening_t opening = {.expect = expect, .key = &pair->key, .secret = &pair->secret};
    sealed_reader_t *reader = NULL;
    assert_int_equal(sealed_reader_new(&opening, &reader, &opened.err), STATUS_OK);
    opened.status = STATUS_OK;
    for (size_t at = 0; at < size && opened.status == STATUS_OK; at += step) {
        size_t part = size - at < step ? size - at : step;
        opened.status =
            sealed_read(reader, (const char *)bytes + at, part, &opened.out, &opened.err);
    }
    if (opened.status == STATUS_OK) {
        opened.status = sealed_read_end(reader, &opened.out, &opened.totals, &opened.err);
    }
    sealed_reader_destroy(&reader);
    return opened;
}

static void refuse(const sealed_ids_t *expect, const void *bytes, size_t size, const char *part) {
    opened_t opened = open_as(&agent, expect, bytes, size, 1000);
    assert_int_equal(opened.status, STATUS_ERROR);
    assert_int_equal(opened.err.code, ERROR_BACKUP_CORRUPT);
    if (strstr(opened.err.message, part) == NULL) {
        fail_msg("'%s' does not say '%s'", opened.err.message, part);
    }
    buffer_free(&opened.out);
}

static sealed_ids_t new_ids(void) {
    return (sealed_ids_t){.backup = random_ident(), .tenant = random_ident()};
}

static void test_round_trips(void **state) {
    (void)state;
    static const size_t SIZES[] = {0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, CONTENT};
    static const size_t STEPS[] = {1, 13, CHUNK, CONTENT};
    sealed_ids_t ids = new_ids();
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        for (size_t j = 0; j < sizeof STEPS / sizeof STEPS[0]; j++) {
            CLEANUP(buffer_free) buffer_t out = {0};
            sealed_totals_t wrote = seal(&ids, SIZES[i], STEPS[j], &out);
            const pair_t *pair = j % 2 == 0 ? &agent : &offline;
            opened_t opened = open_as(pair, &ids, out.data, out.size, STEPS[3 - j]);
            assert_int_equal(opened.status, STATUS_OK);
            assert_int_equal(opened.out.size, SIZES[i]);
            assert_memory_equal(buffer_string(&opened.out), content, SIZES[i]);
            assert_memory_equal(&opened.totals, &wrote, sizeof wrote);
            assert_int_equal(wrote.chunks, SIZES[i] == 0 ? 1 : (SIZES[i] + CHUNK - 1) / CHUNK);
            buffer_free(&opened.out);
        }
    }
}

static void test_every_region_changed(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t out = {0};
    sealed_ids_t ids = new_ids();
    (void)seal(&ids, CONTENT, CHUNK, &out);
    /* Every byte of the header, then samples of each chunk: body, tag and both its ends. */
    sealed_header_t header;
    error_t err;
    assert_int_equal(sealed_header_parse(out.data, out.size, &header, &err), STATUS_OK);
    for (size_t at = 0; at < out.size; at += at < header.header_bytes + 40 ? 1 : 61) {
        out.data[at] = (char)(out.data[at] ^ 0x10);
        opened_t opened = open_as(&agent, &ids, out.data, out.size, out.size);
        assert_int_equal(opened.status, STATUS_ERROR);
        assert_true(opened.err.code == ERROR_BACKUP_CORRUPT || opened.err.code == ERROR_SIGNATURE);
        buffer_free(&opened.out);
        out.data[at] = (char)(out.data[at] ^ 0x10);
    }
    out.data[out.size - 1] = (char)(out.data[out.size - 1] ^ 1);
    refuse(&ids, out.data, out.size, "chunk 3 does not open");
}

static void test_truncation(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t out = {0};
    sealed_ids_t ids = new_ids();
    (void)seal(&ids, CONTENT, CHUNK, &out);
    sealed_header_t header;
    error_t err;
    assert_int_equal(sealed_header_parse(out.data, out.size, &header, &err), STATUS_OK);
    for (size_t size = 0; size < header.header_bytes; size += 7) {
        refuse(&ids, out.data, size, "ends within its header");
    }
    for (size_t chunks = 0; chunks < 4; chunks++) {
        size_t at = header.header_bytes + chunks * (CHUNK + SEALED_CHUNK_OVERHEAD);
        refuse(&ids, out.data, at, "before its last chunk");
        refuse(&ids, out.data, at + 1, "does not open");
        refuse(&ids, out.data, at + SEALED_CHUNK_OVERHEAD, "does not open");
    }
    refuse(&ids, out.data, out.size - 1, "does not open");
}

/* A full last chunk can carry TAG_FINAL too; what follows it is refused. */
static void test_trailing_bytes(void **state) {
    (void)state;
    sealed_ids_t ids = new_ids();
    CLEANUP(buffer_free) buffer_t full = {0};
    CLEANUP(buffer_free) buffer_t part = {0};
    (void)seal(&ids, 2 * CHUNK, CHUNK, &full);
    buffer_char(&full, 'x');
    refuse(&ids, full.data, full.size, "bytes follow the last chunk");
    (void)seal(&ids, 2 * CHUNK + 5, CHUNK, &part);
    buffer_char(&part, 'x');
    refuse(&ids, part.data, part.size, "chunk 2 does not open");
}

static void test_swapped_chunks(void **state) {
    (void)state;
    enum { WHOLE = CHUNK + SEALED_CHUNK_OVERHEAD };
    sealed_ids_t ids = new_ids();
    CLEANUP(buffer_free) buffer_t one = {0};
    CLEANUP(buffer_free) buffer_t two = {0};
    static char first[WHOLE];
    (void)seal(&ids, CONTENT, CHUNK, &one);
    (void)seal(&ids, CONTENT, CHUNK, &two);
    sealed_header_t header;
    error_t err;
    assert_int_equal(sealed_header_parse(one.data, one.size, &header, &err), STATUS_OK);
    char *chunk = one.data + header.header_bytes;
    memcpy(first, chunk, WHOLE);
    memcpy(chunk, chunk + WHOLE, WHOLE);
    refuse(&ids, one.data, one.size, "chunk 0 does not open");
    memcpy(chunk + WHOLE, first, WHOLE);
    refuse(&ids, one.data, one.size, "chunk 0 does not open");
    /* The same place of another stream of the same content and ids. */
    memcpy(chunk, two.data + header.header_bytes, WHOLE);
    refuse(&ids, one.data, one.size, "chunk 0 does not open");
}

static void test_other_backup(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t out = {0};
    sealed_ids_t ids = new_ids();
    sealed_ids_t other_backup = {.backup = random_ident(), .tenant = ids.tenant};
    sealed_ids_t other_tenant = {.backup = ids.backup, .tenant = random_ident()};
    (void)seal(&ids, 10, 10, &out);
    refuse(&other_backup, out.data, out.size, "another backup or tenant");
    refuse(&other_tenant, out.data, out.size, "another backup or tenant");
    /* With the id rewritten in the header the chunks no longer open. */
    memcpy(out.data + 12, other_backup.backup.bytes, IDENT_BYTES);
    refuse(&other_backup, out.data, out.size, "chunk 0 does not open");
}

static void test_wrong_key(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t out = {0};
    sealed_ids_t ids = new_ids();
    pair_t stranger;
    pair_t mixed = {.key = agent.key, .secret = offline.secret};
    seal_keypair(&stranger.key, &stranger.secret);
    (void)seal(&ids, 10, 10, &out);
    opened_t opened = open_as(&stranger, &ids, out.data, out.size, 7);
    assert_int_equal(opened.err.code, ERROR_SIGNATURE);
    buffer_free(&opened.out);
    opened = open_as(&mixed, &ids, out.data, out.size, 7);
    assert_int_equal(opened.err.code, ERROR_BACKUP_CORRUPT);
    buffer_free(&opened.out);
}

static void test_reader_of_writer(void **state) {
    (void)state;
    error_t err;
    CLEANUP(buffer_free) buffer_t out = {0};
    CLEANUP(buffer_free) buffer_t plain = {0};
    sealed_target_t target = {
        .ids = new_ids(), .recipients = &offline.key, .recipient_count = 1, .chunk_bytes = 0};
    sealed_writer_t *writer = NULL;
    sealed_reader_t *reader = NULL;
    sealed_totals_t totals;
    assert_int_equal(sealed_writer_new(&target, &writer, &err), STATUS_OK);
    assert_int_equal(sealed_reader_of_writer(writer, &reader, &err), STATUS_OK);
    assert_int_equal(sealed_write(writer, content, CONTENT, &out, &err), STATUS_OK);
    assert_int_equal(sealed_write_end(writer, &out, &totals, &err), STATUS_OK);
    assert_int_equal(sealed_read(reader, out.data, out.size, &plain, &err), STATUS_OK);
    assert_int_equal(sealed_read_end(reader, &plain, &totals, &err), STATUS_OK);
    assert_int_equal(plain.size, CONTENT);
    assert_memory_equal(plain.data, content, CONTENT);
    sealed_writer_destroy(&writer);
    sealed_reader_destroy(&reader);
}

static void test_bad_targets(void **state) {
    (void)state;
    error_t err;
    sealed_writer_t *writer = NULL;
    seal_public_t twice[] = {agent.key, agent.key};
    seal_public_t zero = {{0}};
    sealed_target_t target = {.ids = new_ids(), .recipients = twice, .recipient_count = 0};
    assert_int_equal(sealed_writer_new(&target, &writer, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVALID);
    target.recipient_count = 2;
    assert_int_equal(sealed_writer_new(&target, &writer, &err), STATUS_ERROR);
    assert_string_equal(err.message, "recipient 2 is the same as 1");
    target = (sealed_target_t){.ids = new_ids(), .recipients = &zero, .recipient_count = 1};
    assert_int_equal(sealed_writer_new(&target, &writer, &err), STATUS_ERROR);
    target.recipients = &agent.key;
    target.chunk_bytes = SEALED_CHUNK_MOST + 1;
    assert_int_equal(sealed_writer_new(&target, &writer, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    assert_null(writer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),    cmocka_unit_test(test_every_region_changed),
        cmocka_unit_test(test_truncation),     cmocka_unit_test(test_trailing_bytes),
        cmocka_unit_test(test_swapped_chunks), cmocka_unit_test(test_other_backup),
        cmocka_unit_test(test_wrong_key),      cmocka_unit_test(test_reader_of_writer),
        cmocka_unit_test(test_bad_targets),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
