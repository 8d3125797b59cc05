/* store_ticket.c: results of a wave come back as they came, tickets by their digest and in parts.
 */
#include "coordinator/store/store_ticket.h"
#include "tests/unit/coordinator/store/fixture.h"

static sign_public_t sign_key_of(uint8_t n) {
    sign_public_t key = {.bytes = {n, 0xfe}};
    return key;
}

typedef struct seen {
    size_t count;
    digest_t digests[4];
    uint8_t keys[4];
    char documents[4][8];
} seen_t;

static status_t note(void *context, const wave_result_row_t *row, error_t *err) {
    (void)err;
    seen_t *seen = context;
    seen->digests[seen->count] = row->digest;
    seen->keys[seen->count] = row->key.bytes[0];
    memcpy(seen->documents[seen->count], row->document, row->document_size);
    seen->count++;
    return STATUS_OK;
}

static bool put(fixture_t *f, uint32_t n, uint32_t wave, int64_t received_us) {
    bool fresh = false;
    char text[8];
    (void)snprintf(text, sizeof text, "doc%u", n);
    wave_result_row_t row = {.digest = digest_of(n),
                             .order = digest_of(100),
                             .wave = wave,
                             .key = sign_key_of((uint8_t)n),
                             .document = text,
                             .document_size = strlen(text) + 1,
                             .received_us = received_us};
    OK(f, store_wave_result_insert(f->store, &row, &fresh, &f->err));
    return fresh;
}

static void results_are_kept_once_and_by_wave(void **state) {
    fixture_t *f = *state;
    OK(f, store_begin(f->store, &f->err));
    assert_true(put(f, 2, 0, 20));
    assert_true(put(f, 1, 0, 10));
    assert_true(put(f, 3, 1, 5));
    assert_false(put(f, 2, 0, 1)); /* the time of the first stays */
    OK(f, store_commit(f->store, &f->err));
    seen_t seen = {0};
    order_wave_id_t wave = {.order = digest_of(100), .wave = 0};
    OK(f, store_wave_result_each(f->store, &wave, note, &seen, &f->err));
    assert_int_equal(seen.count, 2);
    digest_t first = digest_of(1);
    assert_true(digest_equal(&seen.digests[0], &first));
    assert_int_equal(seen.keys[0], 1);
    assert_int_equal(seen.keys[1], 2);
    assert_string_equal(seen.documents[0], "doc1");
    assert_string_equal(seen.documents[1], "doc2");
    wave.order = digest_of(101);
    seen.count = 0;
    OK(f, store_wave_result_each(f->store, &wave, note, &seen, &f->err));
    assert_int_equal(seen.count, 0);
}

static void ticket(fixture_t *f, uint32_t n, uint32_t wave, int64_t made_us) {
    ticket_row_t row = {.digest = digest_of(n),
                        .wave = {.order = digest_of(100), .wave = wave},
                        .bytes = "abcdefgh",
                        .size = 8,
                        .made_us = made_us};
    OK(f, store_ticket_insert(f->store, &row, &f->err));
}

static void newest_ticket_opens_its_wave(void **state) {
    fixture_t *f = *state;
    OK(f, store_begin(f->store, &f->err));
    ticket(f, 1, 1, 10);
    ticket(f, 2, 1, 30);
    ticket(f, 3, 1, 20);
    ticket(f, 1, 1, 90); /* made again of what counts now */
    ticket(f, 4, 2, 40);
    OK(f, store_commit(f->store, &f->err));
    digest_t digest;
    digest_t wanted = digest_of(1);
    order_wave_id_t wave = {.order = digest_of(100), .wave = 1};
    OK(f, store_ticket_of(f->store, &wave, &digest, &f->err));
    assert_true(digest_equal(&digest, &wanted));
    wave.wave = 3;
    OK(f, store_ticket_of(f->store, &wave, &digest, &f->err));
    assert_true(digest_is_null(&digest));
}

static void tickets_are_read_in_parts(void **state) {
    fixture_t *f = *state;
    OK(f, store_begin(f->store, &f->err));
    ticket(f, 1, 1, 10);
    OK(f, store_commit(f->store, &f->err));
    static const struct {
        uint64_t offset;
        size_t room;
        const char *bytes;
    } PARTS[] = {{0, 3, "abc"}, {3, 3, "def"},       {6, 3, "gh"},      {0, 100, "abcdefgh"},
                 {8, 3, ""},    {UINT64_MAX, 3, ""}, {INT32_MAX, 3, ""}};
    CLEANUP(arena_free) arena_t arena = {0};
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        ticket_part_t part = {
            .digest = digest_of(1), .offset = PARTS[i].offset, .room = PARTS[i].room};
        ticket_part_read_t read;
        OK(f, store_ticket_read(f->store, &part, &arena, &read, &f->err));
        assert_int_equal(read.total, 8);
        assert_int_equal(read.size, strlen(PARTS[i].bytes));
        assert_memory_equal(read.bytes, PARTS[i].bytes, read.size);
    }
    ticket_part_t part = {.digest = digest_of(2), .room = 1};
    ticket_part_read_t read;
    FAILS(f, NOT_FOUND, store_ticket_read(f->store, &part, &arena, &read, &f->err));
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST_OF(results_are_kept_once_and_by_wave),
                                       TEST_OF(newest_ticket_opens_its_wave),
                                       TEST_OF(tickets_are_read_in_parts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
