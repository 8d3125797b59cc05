/*
 * papers.c: orders and tickets by digest: in chunks, bounded, on the disk once somebody believed
 * them, and what the disk made of them since is found out.
 */
#include "common/base/clock.h"
#include "tests/unit/agent/trust/host.h"

#include <utime.h>

static int start(void **state) {
    host_t *host = calloc(1, sizeof *host);
    host_open(host);
    host_start(host);
    *state = host;
    return 0;
}

static int stop(void **state) {
    host_close(*state);
    free(*state);
    return 0;
}

static const char TICKET[] = "no ticket yet, but bytes with a digest";

static papers_name_t ticket_name(void) {
    return (papers_name_t){.kind = PAPERS_TICKET, .digest = ticket_digest(TICKET, sizeof TICKET)};
}

static void file_of(const host_t *host, const papers_name_t *name, char path[2 * HOST_PATH]) {
    char folder[HOST_PATH];
    char text[DIGEST_TEXT_SIZE];
    host_path(host, "papers", folder);
    (void)snprintf(path, 2 * HOST_PATH, "%s/%s.%s", folder, digest_text(&name->digest, text),
                   name->kind == PAPERS_ORDER ? "order" : "ticket");
}

static papers_state_t get(host_t *host, const papers_name_t *name, error_t *err) {
    const buffer_t *bytes = NULL;
    papers_state_t found = papers_get(host->papers, name, &bytes, err);
    if (found == PAPERS_HERE && name->kind == PAPERS_TICKET) {
        assert_int_equal(bytes->size, sizeof TICKET);
        assert_memory_equal(bytes->data, TICKET, sizeof TICKET);
    }
    return found;
}

static void give(host_t *host, const papers_name_t *name, uint64_t offset, size_t size) {
    papers_chunk_t chunk = {.digest = name->digest,
                            .offset = offset,
                            .total = sizeof TICKET,
                            .data = TICKET + offset,
                            .size = size};
    papers_take(host->papers, &chunk);
}

static void test_chunk_by_chunk(void **state) {
    host_t *host = *state;
    papers_name_t name = ticket_name();
    papers_want_t want;
    error_t err = {0};
    assert_false(papers_want(host->papers, 1, &want));
    assert_int_equal(get(host, &name, &err), PAPERS_COMING);
    assert_true(papers_want(host->papers, 1, &want));
    assert_int_equal(want.offset, 0);
    assert_false(papers_want(host->papers, 2, &want)); /* asked; not again at once */
    papers_reconnect(host->papers);
    assert_true(papers_want(host->papers, 2, &want));
    give(host, &name, 0, 10);
    assert_true(papers_want(host->papers, 3, &want));
    assert_int_equal(want.offset, 10);
    give(host, &name, 0, 10);  /* doubled */
    give(host, &name, 20, 10); /* not the one awaited */
    assert_int_equal(get(host, &name, &err), PAPERS_COMING);
    give(host, &name, 10, sizeof TICKET - 10);
    assert_int_equal(get(host, &name, &err), PAPERS_HERE);
    assert_false(papers_want(host->papers, 3, &want));
}

/* Its job ended while it was on its way: nobody takes it out, and it goes by itself. */
static void test_what_nobody_waits_for_goes(void **state) {
    host_t *host = *state;
    papers_name_t name = ticket_name();
    papers_want_t want;
    error_t err = {0};
    assert_int_equal(get(host, &name, &err), PAPERS_COMING);
    assert_true(papers_want(host->papers, 1, &want));
    give(host, &name, 0, sizeof TICKET);
    assert_false(papers_want(host->papers, US_PER_S, &want));
    assert_false(papers_want(host->papers, 61 * US_PER_S, &want)); /* a minute, not more */
    assert_int_equal(get(host, &name, &err), PAPERS_HERE);
    assert_false(papers_want(host->papers, 62 * US_PER_S, &want)); /* somebody asked for it */
    assert_int_equal(get(host, &name, &err), PAPERS_HERE);
    assert_false(papers_want(host->papers, 63 * US_PER_S, &want));
    assert_false(papers_want(host->papers, 124 * US_PER_S, &want));
    assert_int_equal(get(host, &name, &err), PAPERS_COMING);
}

static void test_only_what_was_believed_is_kept(void **state) {
    host_t *host = *state;
    papers_name_t name = ticket_name();
    char path[2 * HOST_PATH];
    error_t err = {0};
    file_of(host, &name, path);
    (void)get(host, &name, &err);
    give(host, &name, 0, sizeof TICKET);
    assert_int_equal(get(host, &name, &err), PAPERS_HERE);
    assert_int_not_equal(access(path, F_OK), 0);
    MUST(papers_keep(host->papers, &name, &err));
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(get(host, &name, &err), PAPERS_HERE); /* from its file */
    MUST(host_restart(host, &err));
    assert_int_equal(get(host, &name, &err), PAPERS_HERE);
    papers_drop(host->papers, &name);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(get(host, &name, &err), PAPERS_COMING);
}

static void test_a_file_that_changed_is_fetched_again(void **state) {
    host_t *host = *state;
    papers_name_t name = ticket_name();
    char path[2 * HOST_PATH];
    error_t err = {0};
    (void)get(host, &name, &err);
    give(host, &name, 0, sizeof TICKET);
    MUST(papers_keep(host->papers, &name, &err));
    file_of(host, &name, path);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fputc('N', file), 'N');
    assert_int_equal(fclose(file), 0);
    assert_int_equal(get(host, &name, &err), PAPERS_COMING);
    give(host, &name, 0, sizeof TICKET);
    assert_int_equal(get(host, &name, &err), PAPERS_HERE);
}

static void test_other_bytes(void **state) {
    host_t *host = *state;
    papers_name_t name = ticket_name();
    error_t err = {0};
    papers_chunk_t other = {.digest = name.digest, .total = 5, .data = "other", .size = 5};
    (void)get(host, &name, &err);
    papers_take(host->papers, &other);
    assert_int_equal(get(host, &name, &err), PAPERS_REFUSED);
    assert_int_equal(err.code, ERROR_TICKET_INVALID);
    assert_int_equal(get(host, &name, &err), PAPERS_COMING); /* the next job asks anew */
    name.kind = PAPERS_ORDER;
    (void)get(host, &name, &err);
    papers_take(host->papers, &other);
    assert_int_equal(get(host, &name, &err), PAPERS_REFUSED);
    assert_int_equal(err.code, ERROR_TRUST_DOCUMENT);
}

static void test_bounds(void **state) {
    static const struct {
        uint64_t total;
        size_t size;
        error_code_t code;
    } CASES[] = {
        {0, 0, ERROR_ORDER_MISSING},
        {10, 0, ERROR_ORDER_MISSING},
        {DOCUMENT_BYTES + 1, 10, ERROR_BOUND},
        {9, 10, ERROR_BOUND},
    };
    host_t *host = *state;
    papers_name_t name = {.kind = PAPERS_ORDER, .digest = ticket_digest("x", 1)};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        error_t err = {0};
        papers_chunk_t chunk = {.digest = name.digest,
                                .total = CASES[i].total,
                                .data = "0123456789",
                                .size = CASES[i].size};
        assert_int_equal(get(host, &name, &err), PAPERS_COMING);
        papers_take(host->papers, &chunk);
        assert_int_equal(get(host, &name, &err), PAPERS_REFUSED);
        assert_int_equal(err.code, CASES[i].code);
    }
}

/* A total that shrinks under the chunks that came. */
static void test_a_total_that_shrinks(void **state) {
    host_t *host = *state;
    papers_name_t name = ticket_name();
    error_t err = {0};
    (void)get(host, &name, &err);
    give(host, &name, 0, 20);
    papers_chunk_t chunk = {
        .digest = name.digest, .offset = 20, .total = 10, .data = "0123456789", .size = 10};
    papers_take(host->papers, &chunk);
    assert_int_equal(get(host, &name, &err), PAPERS_REFUSED);
    assert_int_equal(err.code, ERROR_BOUND);
}

static void test_a_crowd(void **state) {
    host_t *host = *state;
    papers_name_t name = {.kind = PAPERS_ORDER};
    papers_name_t idle = ticket_name();
    error_t err = {0};
    (void)get(host, &idle, &err);
    give(host, &idle, 0, sizeof TICKET);
    for (int i = 0; i < PAPERS_MOST; i++) { /* one of them takes the idle one's place */
        name.digest.bytes[0] = (uint8_t)i;
        name.digest.bytes[1] = 1;
        assert_int_equal(get(host, &name, &err), PAPERS_COMING);
    }
    name.digest.bytes[1] = 2;
    assert_int_equal(get(host, &name, &err), PAPERS_REFUSED);
    assert_int_equal(err.code, ERROR_BOUND);
    assert_int_equal(err.retry, RETRY_TRANSIENT);
}

static void test_old_files_go(void **state) {
    host_t *host = *state;
    papers_name_t name = ticket_name();
    char path[2 * HOST_PATH];
    error_t err = {0};
    (void)get(host, &name, &err);
    give(host, &name, 0, sizeof TICKET);
    MUST(papers_keep(host->papers, &name, &err));
    file_of(host, &name, path);
    assert_int_equal(utime(path, &(struct utimbuf){.actime = 1000, .modtime = 1000}), 0);
    papers_forget(host->papers, INT64_C(999) * 1000 * 1000);
    assert_int_equal(access(path, F_OK), 0);
    papers_forget(host->papers, INT64_C(1001) * 1000 * 1000);
    assert_int_not_equal(access(path, F_OK), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_chunk_by_chunk),
        TEST(test_what_nobody_waits_for_goes),
        TEST(test_only_what_was_believed_is_kept),
        TEST(test_a_file_that_changed_is_fetched_again),
        TEST(test_other_bytes),
        TEST(test_bounds),
        TEST(test_a_total_that_shrinks),
        TEST(test_a_crowd),
        TEST(test_old_files_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
