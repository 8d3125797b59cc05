/*
 * journal_trust.c: what of trust the journal holds; and that a journal of the version before is
 * taken over with its jobs and reports.
 */
#include "agent/journal/journal.h"
#include "common/crypto/random.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { PATH_SIZE = 96 };

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

static int start(void **state) {
    stage_t *stage = calloc(1, sizeof *stage);
    error_t err = {0};
    must(random_start(&err), &err);
    (void)snprintf(stage->folder, sizeof stage->folder, "/tmp/drover-journal-XXXXXX");
    assert_non_null(mkdtemp(stage->folder));
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

static void reopen(stage_t *stage) {
    error_t err = {0};
    journal_close(&stage->journal);
    must(journal_open(stage->folder, &stage->journal, &err), &err);
}

/* ---- the version before ---- */

/* As version 1 made it, with a job of 'j', its batch of 'b', and a report. */
static const char VERSION_1[] =
    "CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);"
    "CREATE TABLE batch (digest BLOB NOT NULL PRIMARY KEY, payload BLOB NOT NULL);"
    "CREATE TABLE job (attempt BLOB NOT NULL PRIMARY KEY, job BLOB NOT NULL, tenant BLOB NOT NULL,"
    " rollout BLOB NOT NULL, accepted_us INTEGER NOT NULL, state INTEGER NOT NULL,"
    " tries INTEGER NOT NULL, cancelled INTEGER NOT NULL, finished INTEGER NOT NULL,"
    " keep_open INTEGER NOT NULL, batch BLOB NOT NULL, number INTEGER NOT NULL);"
    "CREATE INDEX job_open ON job (accepted_us) WHERE finished = 0;"
    "CREATE TABLE report (number INTEGER NOT NULL PRIMARY KEY, attempt BLOB NOT NULL,"
    " kept_us INTEGER NOT NULL, payload BLOB NOT NULL);"
    "CREATE INDEX report_by_attempt ON report (attempt);"
    "CREATE TABLE provisional (system_identifier INTEGER NOT NULL, database_oid INTEGER NOT NULL,"
    " tenant BLOB NOT NULL, PRIMARY KEY (system_identifier, database_oid));"
    "INSERT INTO meta VALUES ('state', '00112233-4455-6677-8899-aabbccddeeff');"
    "INSERT INTO batch VALUES (zeroblob(32), x'62');"
    "INSERT INTO job VALUES (zeroblob(16), zeroblob(16), zeroblob(16), zeroblob(16), 1, 0, 0, 0, 0,"
    " 0, zeroblob(32), 0);"
    "INSERT INTO report VALUES (7, zeroblob(16), 1, x'72');"
    "PRAGMA user_version = 1;";

static status_t on_job(const journal_job_t *job, void *context, error_t *err) {
    static const sign_public_t nobody;
    (void)err;
    assert_int_equal(job->payload_size, 1);
    assert_true(sign_public_equal(&job->signer, &nobody));
    ++*(int *)context;
    return STATUS_OK;
}

static status_t on_report(const journal_report_t *report, void *context, error_t *err) {
    (void)err;
    assert_int_equal(report->number, 7);
    assert_int_equal(report->result, 0);
    ++*(int *)context;
    return STATUS_OK;
}

static void test_the_version_before(void **state) {
    stage_t *stage = *state;
    char path[PATH_SIZE];
    sqlite3 *old = NULL;
    int found = 0;
    error_t err = {0};
    (void)snprintf(path, sizeof path, "%s/journal.sqlite", stage->folder);
    assert_int_equal(sqlite3_open(path, &old), SQLITE_OK);
    assert_int_equal(sqlite3_exec(old, VERSION_1, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(old), SQLITE_OK);
    for (int i = 0; i < 2; i++) { /* the second time it is of this version */
        reopen(stage);
        assert_int_equal(journal_state(stage->journal)->bytes[1], 0x11);
        found = 0;
        must(journal_jobs(stage->journal, on_job, &found, &err), &err);
        must(journal_reports(stage->journal, (journal_range_t){.most = 9}, on_report, &found, &err),
             &err);
        assert_int_equal(found, 2);
        assert_int_equal(journal_next(stage->journal), 8);
    }
}

/* ---- trust ---- */

typedef struct seen {
    journal_paper_kind_t kinds[8];
    int64_t sequences[8];
    size_t count;
} seen_t;

static status_t on_paper(const journal_paper_t *paper, void *context, error_t *err) {
    seen_t *seen = context;
    (void)err;
    seen->kinds[seen->count] = paper->kind;
    seen->sequences[seen->count++] = paper->sequence;
    assert_int_equal(paper->size, 5);
    assert_memory_equal(paper->bytes, "paper", 5);
    return STATUS_OK;
}

static void test_papers_by_kind_and_sequence(void **state) {
    static const journal_paper_t PAPERS[] = {
        {.digest = {{1}}, .kind = JOURNAL_STOP, .sequence = 1, .bytes = "paper", .size = 5},
        {.digest = {{2}}, .kind = JOURNAL_TRUST, .sequence = 9, .bytes = "paper", .size = 5},
        {.digest = {{3}}, .kind = JOURNAL_TRUST, .sequence = 8, .bytes = "paper", .size = 5},
        {.digest = {{4}}, .kind = JOURNAL_HOLD, .sequence = 3, .bytes = "paper", .size = 5},
        {.digest = {{2}}, .kind = JOURNAL_TRUST, .sequence = 9, .bytes = "other", .size = 5},
    };
    stage_t *stage = *state;
    seen_t seen = {0};
    error_t err = {0};
    reopen(stage);
    for (size_t i = 0; i < sizeof PAPERS / sizeof PAPERS[0]; i++) {
        must(journal_keep_paper(stage->journal, &PAPERS[i], &err), &err);
    }
    must(journal_drop_paper(stage->journal, &PAPERS[3].digest, &err), &err);
    must(journal_commit(stage->journal, &err), &err);
    reopen(stage);
    must(journal_papers(stage->journal, on_paper, &seen, &err), &err);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.kinds[0], JOURNAL_TRUST);
    assert_int_equal(seen.sequences[0], 8);
    assert_int_equal(seen.sequences[1], 9);
    assert_int_equal(seen.kinds[2], JOURNAL_STOP);
}

static void test_accepted_numbers(void **state) {
    stage_t *stage = *state;
    journal_accepted_t first = {.tenant = {{1}}, .application = "app", .number = 5, .order = {{9}}};
    journal_accepted_t found = {.tenant = {{1}}, .application = "app"};
    journal_accepted_t other = {.tenant = {{1}}, .application = "shop"};
    bool known = false;
    error_t err = {0};
    reopen(stage);
    must(journal_set_accepted(stage->journal, &first, &err), &err);
    must(journal_order_known(stage->journal, &first.order, &known, &err), &err);
    assert_true(known);
    must(journal_commit(stage->journal, &err), &err);
    reopen(stage);
    must(journal_find_accepted(stage->journal, &found, &err), &err);
    assert_int_equal(found.number, 5);
    assert_true(digest_equal(&found.order, &first.order));
    must(journal_find_accepted(stage->journal, &other, &err), &err);
    assert_int_equal(other.number, 0);
    digest_t before = first.order;
    first.number = 6;
    first.order.bytes[0] = 8;
    must(journal_set_accepted(stage->journal, &first, &err), &err);
    must(journal_order_known(stage->journal, &before, &known, &err), &err);
    assert_false(known);
}

static void test_the_pace(void **state) {
    stage_t *stage = *state;
    ident_t tenants[] = {{{1}}, {{2}}, {{3}}};
    int64_t count = -1;
    error_t err = {0};
    reopen(stage);
    for (size_t i = 0; i < 3; i++) {
        must(journal_set_begun(stage->journal, &tenants[i], 100 * (int64_t)(i + 1), &err), &err);
    }
    must(journal_set_begun(stage->journal, &tenants[1], 250, &err), &err); /* tried again */
    must(journal_count_begun(stage->journal, &tenants[2], 100, &count, &err), &err);
    assert_int_equal(count, 1);
    must(journal_count_begun(stage->journal, &(ident_t){{7}}, 0, &count, &err), &err);
    assert_int_equal(count, 3);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_the_version_before),
        TEST(test_papers_by_kind_and_sequence),
        TEST(test_accepted_numbers),
        TEST(test_the_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
