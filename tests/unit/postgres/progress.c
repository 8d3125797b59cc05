/* Scripts outside a transaction: marks, resuming, and the fence and lock around each of them. */
#include "common/postgres/progress.h"
#include "common/base/cleanup.h"
#include "common/crypto/random.h"
#include "tests/unit/postgres/scratch.h"
#include "tests/unit/postgres/tenant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static scratch_t scratch;
static connection_t *session;
static connection_t *other;
static tenant_t tenant;

static int set_up(void **state) {
    (void)state;
    scratch_start(&scratch);
    scratch_database(&scratch, "acme");
    session = scratch_connect(&scratch, (scratch_who_t){"acme", "drover"});
    other = scratch_connect(&scratch, (scratch_who_t){"acme", "drover"});
    tenant_baseline(&tenant, session);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    connection_destroy(&session);
    connection_destroy(&other);
    scratch_stop(&scratch);
    return 0;
}

static fence_key_t the_key(void) {
    return (fence_key_t){tenant.id, tenant.application};
}

static const char *lock_word(connection_t *c, void (*build)(buffer_t *, const fence_key_t *)) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    fence_key_t key = the_key();
    build(&sql, &key);
    return scratch_run(c, buffer_string(&sql));
}

static error_code_t mark(connection_t *c, int32_t statement, progress_state_t as) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    progress_mark_t what = {.key = the_key(),
                            .token = tenant.token,
                            .seq = 2,
                            .script = {{7}},
                            .position = 1,
                            .kind = LEDGER_APPLY,
                            .statement = statement,
                            .state = as,
                            .at_us = 1000 + statement};
    progress_sql_mark(&sql, &what);
    assert_int_equal(connection_run(c, buffer_string(&sql), 5000, &answer, &err), STATUS_OK);
    return progress_read_mark(answer.results[0], &err) == STATUS_OK ? ERROR_NONE : err.code;
}

static progress_found_t found(uint8_t script) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    progress_found_t result = {0};
    error_t err = {0};
    progress_sql_read(&sql, &(progress_of_t){the_key(), 2, {{script}}});
    assert_int_equal(connection_run(session, buffer_string(&sql), 5000, &answer, &err), STATUS_OK);
    assert_int_equal(progress_read(answer.results[0], &result, &err), STATUS_OK);
    return result;
}

static void lock_is_one_sessions(void **state) {
    (void)state;
    assert_string_equal(lock_word(session, fence_sql_holds), "f");
    assert_string_equal(lock_word(session, fence_sql_lock), "t");
    assert_string_equal(lock_word(session, fence_sql_holds), "t");
    assert_string_equal(lock_word(other, fence_sql_lock), "f");
    assert_string_equal(lock_word(other, fence_sql_holds), "f");
}

static void marks_need_the_lock(void **state) {
    (void)state;
    assert_int_equal(mark(other, 1, PROGRESS_STARTED), ERROR_TRANSACTION_ESCAPED);
    assert_int_equal(found(7).started, 0);
}

static void marks_tell_how_far_it_came(void **state) {
    (void)state;
    assert_int_equal(mark(session, 1, PROGRESS_STARTED), ERROR_NONE);
    assert_int_equal(found(7).done, 0);
    assert_int_equal(found(7).started, 1);
    assert_int_equal(mark(session, 1, PROGRESS_DONE), ERROR_NONE);
    assert_int_equal(mark(session, 2, PROGRESS_STARTED), ERROR_NONE);
    assert_int_equal(mark(session, 2, PROGRESS_STARTED), ERROR_NONE); /* resumed */
    assert_int_equal(found(7).done, 1);
    assert_int_equal(found(7).started, 2);
    assert_int_equal(found(7).started_us, 1002);
    assert_int_equal(found(8).done, 0); /* another script's are others */
    assert_int_equal(mark(session, 2, PROGRESS_DONE), ERROR_NONE);
    assert_int_equal(found(7).done, 2);
    assert_int_equal(found(7).started, 0);
}

static void stale_writer_marks_nothing(void **state) {
    (void)state;
    fence_token_t ours = tenant.token;
    tenant.token.epoch--;
    assert_int_equal(mark(session, 3, PROGRESS_STARTED), ERROR_FENCED);
    tenant.token = ours;
    tenant.token.incarnation = random_ident();
    assert_int_equal(mark(session, 3, PROGRESS_STARTED), ERROR_FENCED);
    tenant.token = ours;
    assert_int_equal(found(7).done, 2);
}

static void released_lock_is_noticed(void **state) {
    (void)state;
    (void)scratch_run(session, "DO $$ BEGIN PERFORM pg_advisory_unlock_all(); END $$");
    assert_int_equal(mark(session, 3, PROGRESS_STARTED), ERROR_TRANSACTION_ESCAPED);
    assert_string_equal(lock_word(session, fence_sql_lock), "t");
    assert_string_equal(lock_word(session, fence_sql_unlock), "t");
    assert_string_equal(lock_word(other, fence_sql_lock), "t");
    assert_string_equal(lock_word(other, fence_sql_unlock), "t");
}

/* The same order in C and in the server, over all pairs of small tokens. */
static void server_and_c_judge_alike(void **state) {
    (void)state;
    ident_t incarnations[2] = {random_ident(), random_ident()};
    fence_key_t key = {random_ident(), "pairs"};
    for (int i = 0; i < 36; i++) {
        fence_token_t stands = {i % 3, incarnations[i / 3 % 2], {{0}}};
        fence_token_t token = {i / 6 % 3, incarnations[i / 18 % 2], {{0}}};
        CLEANUP(buffer_free) buffer_t sql = {0};
        buffer_text(&sql, "DELETE FROM drover.fence WHERE application = 'pairs';");
        fence_sql_establish(&sql, &key, &stands);
        buffer_text(&sql, ";");
        if (i % 2 == 0) {
            fence_sql_pass(&sql, &key, &token);
        } else {
            fence_sql_establish(&sql, &key, &token);
        }
        bool passed = scratch_run(session, buffer_string(&sql))[0] != '\0';
        assert_int_equal(passed, fence_passes(&stands, &token));
    }
    (void)scratch_run(session, "DELETE FROM drover.fence WHERE application = 'pairs'");
}

/* A stale writer that already waits for the fence's row loses when the newer one commits. */
static void stale_writer_loses_a_race(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t newer = {0};
    CLEANUP(buffer_free) buffer_t older = {0};
    fence_key_t key = the_key();
    fence_token_t token = tenant.token;
    fence_sql_pass(&older, &key, &token);
    token.epoch++;
    fence_sql_pass(&newer, &key, &token);
    (void)scratch_run(session, "BEGIN");
    assert_string_not_equal(scratch_run(session, buffer_string(&newer)), "");
    assert_int_equal(PQsendQuery(connection_libpq(other), buffer_string(&older)), 1);
    while (PQflush(connection_libpq(other)) > 0) { /* a few bytes to a socket */
    }
    while (scratch_run(session, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")[0] ==
           'f') { /* until it waits */
    }
    (void)scratch_run(session, "COMMIT");
    PGresult *result = PQgetResult(connection_libpq(other));
    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    assert_int_equal(PQntuples(result), 0);
    PQclear(result);
    assert_null(PQgetResult(connection_libpq(other)));
}

static void locks_differ_by_tenant_and_application(void **state) {
    (void)state;
    fence_key_t one = {{{1}}, "a"};
    fence_key_t two = {{{2}}, "a"};
    fence_key_t three = {{{1}}, "b"};
    assert_int_equal(fence_lock_key(&one), fence_lock_key(&one));
    assert_int_not_equal(fence_lock_key(&one), fence_lock_key(&two));
    assert_int_not_equal(fence_lock_key(&one), fence_lock_key(&three));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lock_is_one_sessions),
        cmocka_unit_test(marks_need_the_lock),
        cmocka_unit_test(marks_tell_how_far_it_came),
        cmocka_unit_test(stale_writer_marks_nothing),
        cmocka_unit_test(released_lock_is_noticed),
        cmocka_unit_test(server_and_c_judge_alike),
        cmocka_unit_test(stale_writer_loses_a_race),
        cmocka_unit_test(locks_differ_by_tenant_and_application),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
