/*
 * journal_mark.c: the mark of what was acknowledged rises, outlives a restart once it is written,
 * and rides along with other changes; the oldest report is the one that was not forgotten.
 */
#include "agent/journal/journal.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct stage {
    char folder[32];
    journal_t *journal;
} stage_t;

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        char line[1024];
        fail_msg("%s", error_line(err, line, sizeof line));
    }
}

static void reopen(stage_t *stage) {
    error_t err = {0};
    journal_close(&stage->journal);
    must(journal_open(stage->folder, &stage->journal, &err), &err);
}

static int start(void **state) {
    stage_t *stage = calloc(1, sizeof *stage);
    error_t err = {0};
    must(random_start(&err), &err);
    (void)snprintf(stage->folder, sizeof stage->folder, "/tmp/drover-journal-XXXXXX");
    assert_non_null(mkdtemp(stage->folder));
    reopen(stage);
    *state = stage;
    return 0;
}

static int stop(void **state) {
    stage_t *stage = *state;
    journal_close(&stage->journal);
    int answered = scratch_remove(stage->folder);
    free(stage);
    return answered;
}

static void add_report(stage_t *stage) {
    error_t err = {0};
    journal_report_t report = {
        .number = journal_next(stage->journal), .attempt = random_ident(), .bytes = "x", .size = 1};
    must(journal_report(stage->journal, &report, &err), &err);
}

static void test_mark_is_kept(void **state) {
    stage_t *stage = *state;
    error_t err = {0};
    assert_true(journal_mark(stage->journal) == 0);
    journal_raise_mark(stage->journal, 7);
    journal_raise_mark(stage->journal, 5);
    assert_true(journal_mark(stage->journal) == 7);
    assert_false(journal_is_dirty(stage->journal));
    reopen(stage);
    assert_true(journal_mark(stage->journal) == 0); /* nobody wrote it */
    journal_raise_mark(stage->journal, 7);
    must(journal_keep_mark(stage->journal, &err), &err);
    must(journal_commit(stage->journal, &err), &err);
    must(journal_keep_mark(stage->journal, &err), &err);
    assert_false(journal_is_dirty(stage->journal)); /* nothing new */
    reopen(stage);
    assert_true(journal_mark(stage->journal) == 7);
}

static void test_mark_rides_along(void **state) {
    stage_t *stage = *state;
    error_t err = {0};
    journal_raise_mark(stage->journal, 9);
    add_report(stage);
    must(journal_commit(stage->journal, &err), &err);
    reopen(stage);
    assert_true(journal_mark(stage->journal) == 9);
}

static void test_oldest_report(void **state) {
    stage_t *stage = *state;
    error_t err = {0};
    uint64_t first = 0;
    must(journal_first(stage->journal, &first, &err), &err);
    assert_true(first == 1); /* the next one */
    for (int i = 0; i < 4; i++) {
        add_report(stage);
    }
    must(journal_first(stage->journal, &first, &err), &err);
    assert_true(first == 1);
    must(journal_forget(stage->journal, 2, clock_wall_us() + US_PER_S, &err), &err);
    must(journal_commit(stage->journal, &err), &err);
    must(journal_first(stage->journal, &first, &err), &err);
    assert_true(first == 3);
    must(journal_forget(stage->journal, 4, clock_wall_us() + US_PER_S, &err), &err);
    must(journal_commit(stage->journal, &err), &err);
    must(journal_first(stage->journal, &first, &err), &err);
    assert_true(first == 5);
    reopen(stage);
    must(journal_first(stage->journal, &first, &err), &err);
    assert_true(first == 5);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_mark_is_kept), TEST(test_mark_rides_along),
                                       TEST(test_oldest_report)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
