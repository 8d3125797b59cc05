/* A migration's transaction on a real server: the plain way, and every way a script gets out of it.
 */
#include "common/postgres/transaction.h"
#include "common/base/cleanup.h"
#include "common/crypto/random.h"
#include "tests/unit/postgres/scratch.h"
#include "tests/unit/postgres/tenant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static scratch_t scratch;
static connection_t *session;
static connection_t *other; /* a second login of ours */
static tenant_t tenant;
static char before[64];

static int set_up(void **state) {
    (void)state;
    scratch_start(&scratch);
    scratch_database(&scratch, "acme");
    session = scratch_connect(&scratch, (scratch_who_t){"acme", "drover"});
    other = scratch_connect(&scratch, (scratch_who_t){"acme", "drover"});
    tenant_baseline(&tenant, session);
    error_t err = {0};
    if (tenant_migrate(&tenant, session,
                       "CREATE TABLE t (n integer); INSERT INTO t VALUES (0);"
                       "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$",
                       &err) != STATUS_OK) {
        error_print(&err, "set_up");
        return -1;
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    connection_destroy(&session);
    connection_destroy(&other);
    scratch_stop(&scratch);
    return 0;
}

static const char *rows(void) {
    return scratch_run(other, "SELECT count(*) || ' ' || max(seq) FROM drover.history");
}

static void remember(void) {
    (void)snprintf(before, sizeof before, "%s", rows());
}

static void refused(const char *script, error_code_t code) {
    error_t err = {0};
    remember();
    status_t status = tenant_migrate(&tenant, session, script, &err);
    if (status == STATUS_OK || err.code != code) {
        (void)fprintf(stderr, "script: %s\n", script);
        error_print(&err, "got");
    }
    assert_int_equal(status, STATUS_ERROR);
    assert_int_equal(err.code, code);
    assert_string_equal(rows(), before);
    assert_int_equal(connection_state(session), CONNECTION_IDLE);
}

static void applies_and_is_recorded(void **state) {
    (void)state;
    error_t err = {0};
    remember();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tenant_migrate(&tenant, session, "UPDATE t SET n = n + 1", &err),
                         STATUS_OK);
    }
    assert_string_not_equal(rows(), before);
    assert_string_equal(scratch_run(session, "SELECT current_user || ' ' || "
                                             "current_setting('search_path')"),
                        "drover pg_catalog,pg_temp");
    assert_string_equal(
        scratch_run(session, "SELECT tableowner FROM pg_tables WHERE tablename = 't'"), "owner");
}

static void failing_script_leaves_nothing(void **state) {
    (void)state;
    refused("UPDATE t SET n = 100; SELECT 1/0", ERROR_DB_SQL);
    assert_string_not_equal(scratch_run(other, "SELECT max(n) FROM public.t"), "100");
    /* An empty script and one that is only a comment are fine. */
    error_t err = {0};
    assert_int_equal(tenant_migrate(&tenant, session, "", &err), STATUS_OK);
    assert_int_equal(tenant_migrate(&tenant, session, "-- nothing", &err), STATUS_OK);
}

static void script_that_ends_our_transaction(void **state) {
    (void)state;
    refused("COMMIT", ERROR_TRANSACTION_ESCAPED);
    refused("ROLLBACK", ERROR_TRANSACTION_ESCAPED);
    refused("COMMIT; BEGIN; UPDATE public.t SET n = n", ERROR_TRANSACTION_ESCAPED);
    refused("ROLLBACK; BEGIN; SET ROLE owner", ERROR_TRANSACTION_ESCAPED);
    refused("COMMIT AND CHAIN", ERROR_TRANSACTION_ESCAPED);
    refused("DO $$ BEGIN COMMIT; END $$", ERROR_TRANSACTION_ESCAPED);
    refused("CALL p()", ERROR_TRANSACTION_ESCAPED);
}

/* A script that commits its first half and then fails: the server's error is the script's own, and
 * only the fate of our transaction tells that something of it stays. */
static void script_that_commits_and_fails(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t sql = {0};
    ledger_row_t row;
    tenant_run_t run = tenant_apply(&tenant, session, "COMMIT; SELECT 1/0", &row);
    assert_int_equal(run.err.code, ERROR_DB_SQL);
    assert_true(run.opened);
    transaction_sql_settled(&sql, run.xid);
    assert_string_equal(scratch_run(session, buffer_string(&sql)), "committed");
    run = tenant_apply(&tenant, session, "SELECT 1/0", &row);
    buffer_clear(&sql);
    transaction_sql_settled(&sql, run.xid);
    assert_string_equal(scratch_run(session, buffer_string(&sql)), "aborted");
}

static void script_that_leaves_its_role(void **state) {
    (void)state;
    refused("RESET ROLE", ERROR_TRANSACTION_ESCAPED);
    refused("DO $$ BEGIN EXECUTE 'RESET ROLE'; END $$", ERROR_TRANSACTION_ESCAPED);
    refused("DO $$ BEGIN EXECUTE 'SET ROLE drover'; END $$", ERROR_TRANSACTION_ESCAPED);
    refused("SELECT set_config('role', 'none', true)", ERROR_TRANSACTION_ESCAPED);
    refused("SET SESSION AUTHORIZATION postgres", ERROR_TRANSACTION_ESCAPED);
}

/* What a deferred trigger does is judged as the script's own. */
static void trigger_that_waits_for_the_commit(void **state) {
    (void)state;
    error_t err = {0};
    assert_int_equal(
        tenant_migrate(&tenant, session,
                       "CREATE TABLE late (what text); CREATE FUNCTION late() RETURNS trigger "
                       "LANGUAGE plpgsql AS $$ BEGIN EXECUTE NEW.what; RETURN NULL; END $$; CREATE "
                       "CONSTRAINT TRIGGER late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED "
                       "FOR EACH ROW EXECUTE FUNCTION late()",
                       &err),
        STATUS_OK);
    refused("INSERT INTO late VALUES ('RESET ROLE')", ERROR_TRANSACTION_ESCAPED);
    refused("INSERT INTO late VALUES ('DELETE FROM drover.fence')", ERROR_TRANSACTION_ESCAPED);
    refused("INSERT INTO late VALUES ('RESET ROLE; ALTER TABLE drover.history DISABLE TRIGGER "
            "append_only; DELETE FROM drover.history; SET ROLE owner')",
            ERROR_LEDGER_EDITED);
}

/* What stands on our tables afterwards would judge, or make, the rows of the next job. */
static void script_that_dresses_up_our_tables(void **state) {
    (void)state;
    static const char *const statements[] = {
        "CREATE RULE r AS ON INSERT TO drover.fence DO ALSO NOTHING",
        "CREATE RULE r AS ON UPDATE TO drover.history DO INSTEAD NOTHING",
        "ALTER TABLE drover.history ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE drover.tenant FORCE ROW LEVEL SECURITY",
        "ALTER TABLE drover.tenant RENAME TO t; CREATE VIEW drover.tenant AS SELECT * FROM "
        "drover.t",
        "CREATE OR REPLACE FUNCTION drover.history_is_append_only() RETURNS trigger LANGUAGE "
        "plpgsql AS $f$ BEGIN RETURN NULL; END $f$",
        "DROP TRIGGER append_only ON drover.history; CREATE TRIGGER append_only BEFORE TRUNCATE ON "
        "drover.history EXECUTE FUNCTION drover.history_is_append_only(); ALTER TABLE "
        "drover.history ENABLE ALWAYS TRIGGER append_only",
        "CREATE TRIGGER more BEFORE UPDATE ON drover.history FOR EACH ROW EXECUTE FUNCTION "
        "suppress_redundant_updates_trigger()",
        "CREATE TRIGGER more BEFORE UPDATE ON drover.fence FOR EACH ROW EXECUTE FUNCTION "
        "suppress_redundant_updates_trigger()",
        "CREATE TABLE drover.child () INHERITS (drover.history)",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        char script[512];
        (void)snprintf(script, sizeof script, "DO $$ BEGIN RESET ROLE; %s; SET ROLE owner; END $$",
                       statements[i]);
        refused(script, ERROR_TRANSACTION_ESCAPED);
    }
}

static void script_that_goes_for_the_ledger(void **state) {
    (void)state;
    refused("DELETE FROM drover.history", ERROR_TRANSACTION_ESCAPED);
    /* Another schema is another's, whatever it begins with. */
    (void)scratch_run(other, "CREATE SCHEMA drover_not");
    refused("CREATE TABLE drover_not.t ()", ERROR_DB_RIGHTS);
    (void)scratch_run(other, "DROP SCHEMA drover_not");
    refused("DO $$ BEGIN RESET ROLE; DELETE FROM drover.history; END $$",
            ERROR_TRANSACTION_ESCAPED);
    refused("DO $$ BEGIN RESET ROLE; TRUNCATE drover.history; END $$", ERROR_TRANSACTION_ESCAPED);
    refused("DO $$ BEGIN RESET ROLE; UPDATE drover.history SET actor = ''; END $$",
            ERROR_TRANSACTION_ESCAPED);
    /* With the trigger switched off and the role put back, the head tells. */
    refused("DO $$ BEGIN RESET ROLE; ALTER TABLE drover.history DISABLE TRIGGER append_only; "
            "DELETE FROM drover.history WHERE seq = 1; SET ROLE owner; END $$",
            ERROR_LEDGER_EDITED);
    refused("DO $$ BEGIN RESET ROLE; DELETE FROM drover.fence; SET ROLE owner; END $$",
            ERROR_TRANSACTION_ESCAPED);
    refused("DO $$ BEGIN RESET ROLE; DROP TRIGGER append_only ON drover.history; SET ROLE owner; "
            "END $$",
            ERROR_TRANSACTION_ESCAPED);
    refused("DO $$ BEGIN RESET ROLE; ALTER TABLE drover.history ENABLE TRIGGER append_only; "
            "SET ROLE owner; END $$",
            ERROR_TRANSACTION_ESCAPED);
}

static void script_that_releases_our_locks(void **state) {
    (void)state;
    error_t err = {0};
    CLEANUP(buffer_free) buffer_t sql = {0};
    fence_key_t key = {tenant.id, tenant.application};
    ledger_row_t row;
    tenant_run_t run = tenant_apply(&tenant, session,
                                    "DO $$ BEGIN PERFORM pg_advisory_unlock_all(); END $$", &row);
    assert_true(run.recorded);
    /* The transaction's own lock cannot be released before its end. */
    fence_sql_lock(&sql, &key);
    assert_string_equal(scratch_run(other, buffer_string(&sql)), "f");
    (void)scratch_run(session, "ROLLBACK");
    assert_string_equal(scratch_run(other, buffer_string(&sql)), "t");
    /* Now the other session holds it: nothing of a script runs. */
    refused("UPDATE t SET n = 1000", ERROR_TENANT_BUSY);
    buffer_clear(&sql);
    fence_sql_unlock(&sql, &key);
    assert_string_equal(scratch_run(other, buffer_string(&sql)), "t");
    assert_int_equal(tenant_migrate(&tenant, session, "SELECT 1", &err), STATUS_OK);
}

static void stale_tokens_lose(void **state) {
    (void)state;
    fence_token_t ours = tenant.token;
    error_t err = {0};
    tenant.token.epoch = 5;
    assert_int_equal(tenant_migrate(&tenant, session, "SELECT 1", &err), STATUS_OK);
    tenant.token.epoch = 4;
    refused("UPDATE t SET n = 1000", ERROR_FENCED);
    tenant.token.epoch = 5;
    tenant.token.incarnation = random_ident();
    refused("UPDATE t SET n = 1000", ERROR_FENCED);
    tenant.token.epoch = 6;
    assert_int_equal(tenant_migrate(&tenant, session, "SELECT 1", &err), STATUS_OK);
    tenant.token.incarnation = ours.incarnation;
    refused("UPDATE t SET n = 1000", ERROR_FENCED);
    tenant.token.epoch = 7;
    assert_int_equal(tenant_migrate(&tenant, session, "SELECT 1", &err), STATUS_OK);
}

static void moved_head_and_missing_fence(void **state) {
    (void)state;
    ledger_row_t head = tenant.head;
    tenant.head.seq--;
    refused("UPDATE t SET n = 1000", ERROR_TENANT_BUSY);
    tenant.head = head;
    tenant.head.digest.bytes[0] ^= 1;
    refused("UPDATE t SET n = 1000", ERROR_LEDGER_EDITED);
    tenant.head = head;
    tenant.application = "another";
    refused("UPDATE t SET n = 1000", ERROR_TENANT_NO_LEDGER);
    tenant.application = "shop";
}

/* What a record does whose answer nobody judges; a refused one spoils the transaction, so each runs
 * in a savepoint. */
static const char *appended(const ledger_row_t *row, const char *xid, const char *login) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    transaction_record_t what = {row, xid, NULL, login, false};
    transaction_sql_record(&sql, &what);
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    bool inside = PQtransactionStatus(connection_libpq(session)) == PQTRANS_INTRANS;
    if (inside) {
        (void)scratch_run(session, "SAVEPOINT a");
    }
    status_t ran = connection_run(session, buffer_string(&sql), 5000, &answer, &err);
    if (ran != STATUS_OK) {
        assert_string_equal(err.sqlstate, "22P02");
        assert_string_equal(scratch_state(session, "SELECT 1"), inside ? "25P02" : "");
    }
    if (inside) {
        (void)scratch_run(session, ran == STATUS_OK ? "RELEASE a" : "ROLLBACK TO a");
    }
    return ran == STATUS_OK ? "a row" : "nothing";
}

/* The INSERT itself is conditional: a caller that forgets to judge still writes nothing. */
static void refused_record_appends_nothing(void **state) {
    (void)state;
    char xid[24];
    ledger_row_t row = tenant_next(&tenant, LEDGER_APPLY);
    (void)scratch_run(session, "BEGIN");
    (void)snprintf(xid, sizeof xid, "%s", scratch_run(session, "SELECT pg_current_xact_id()"));
    ledger_row_t other_row = row;
    other_row.previous.bytes[0] ^= 1;
    assert_string_equal(appended(&other_row, xid, "drover"), "nothing");
    other_row = row;
    other_row.seq++;
    assert_string_equal(appended(&other_row, xid, "drover"), "nothing");
    other_row = row;
    other_row.epoch++;
    assert_string_equal(appended(&other_row, xid, "drover"), "nothing");
    other_row = row;
    other_row.incarnation.bytes[0] ^= 1;
    assert_string_equal(appended(&other_row, xid, "drover"), "nothing");
    assert_string_equal(appended(&row, "1", "drover"), "nothing");
    assert_string_equal(appended(&row, xid, "owner"), "nothing");
    assert_string_equal(appended(&row, xid, "drover"), "a row");
    (void)scratch_run(session, "ROLLBACK");
    /* Outside a transaction, as after a script's own COMMIT. */
    assert_string_equal(appended(&row, xid, "drover"), "nothing");
}

static void leaked_settings_are_gone(void **state) {
    (void)state;
    error_t err = {0};
    assert_int_equal(
        tenant_migrate(&tenant, session,
                       "SET timezone = 'Asia/Tokyo'; SET search_path = evil; SET "
                       "synchronous_commit = off; CREATE TEMP TABLE pg_class (a int); "
                       "PREPARE q AS SELECT 1; DECLARE k CURSOR WITH HOLD FOR SELECT 1",
                       &err),
        STATUS_OK);
    /* The next opening resets in a transaction of its own: a rollback does not bring them back. */
    refused("SELECT 1/0", ERROR_DB_SQL);
    assert_string_equal(
        scratch_run(session, "SELECT current_setting('synchronous_commit') || ' ' || "
                             "current_setting('search_path') || ' ' || (SELECT count(*) FROM "
                             "pg_catalog.pg_prepared_statements) || (SELECT count(*) FROM "
                             "pg_catalog.pg_cursors WHERE name = 'k')"),
        "on pg_catalog,pg_temp 00");
    assert_string_not_equal(scratch_run(session, "SHOW timezone"), "Asia/Tokyo");
}

static void position_of_an_error(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    transaction_begin_t begin = {.key = {tenant.id, "\xc3\xbcmlaut"}, .token = tenant.token};
    transaction_sql_open(&sql, &begin);
    CLEANUP(free_p) char *opening = strdup(buffer_string(&sql));
    buffer_text(&sql, "SELECT '\xc3\xbc' FRM x");
    assert_int_equal(connection_run(session, buffer_string(&sql), 5000, &answer, &err),
                     STATUS_ERROR);
    assert_string_equal(err.sqlstate, "42601");
    assert_int_equal(transaction_script_position(answer.results[answer.count - 1], opening),
                     16); /* SELECT 'ü' FRM x: the parser takes FRM for an alias and stops at x */
}

static void unknown_transactions_settle(void **state) {
    (void)state;
    ledger_row_t row;
    error_t err = {0};
    CLEANUP(buffer_free) buffer_t sql = {0};
    tenant_run_t run = tenant_apply(&tenant, session, "SELECT 1", &row);
    assert_true(run.recorded);
    transaction_sql_settled(&sql, run.xid);
    assert_string_equal(scratch_run(other, buffer_string(&sql)), "in progress");
    (void)scratch_run(session, "COMMIT");
    tenant.head = row;
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    transaction_fate_t fate = TRANSACTION_IN_PROGRESS;
    assert_int_equal(connection_run(other, buffer_string(&sql), 5000, &answer, &err), STATUS_OK);
    assert_int_equal(transaction_read_settled(answer.results[0], &fate, &err), STATUS_OK);
    assert_int_equal(fate, TRANSACTION_COMMITTED);
    buffer_clear(&sql);
    transaction_sql_settled(&sql, "99999999999"); /* of a server that was lost */
    assert_string_equal(scratch_run(other, buffer_string(&sql)), "aborted");
}

static void chain_of_it_all_verifies(void **state) {
    (void)state;
    enum { MOST = 64 };
    static ledger_row_t read[MOST];
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    fence_key_t key = {tenant.id, tenant.application};
    ledger_sql_read(&sql, &key, (ledger_range_t){0, MOST});
    assert_int_equal(connection_run(session, buffer_string(&sql), 5000, &answer, &err), STATUS_OK);
    int count = PQntuples(answer.results[0]);
    assert_true(count > 5);
    for (int i = 0; i < count; i++) {
        assert_int_equal(ledger_read(answer.results[0], i, &read[i], &err), STATUS_OK);
    }
    ledger_rows_t chain = {read, (size_t)count};
    assert_int_equal(ledger_verify_chain(chain, NULL, NULL, NULL, &err), STATUS_OK);
    assert_true(digest_equal(&read[count - 1].digest, &tenant.head.digest));
    ledger_standing_t standing;
    assert_int_equal(ledger_fold(chain, &standing, &err), STATUS_OK);
    assert_int_equal(standing.position, tenant.head.position);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(applies_and_is_recorded),
        cmocka_unit_test(failing_script_leaves_nothing),
        cmocka_unit_test(script_that_ends_our_transaction),
        cmocka_unit_test(script_that_commits_and_fails),
        cmocka_unit_test(script_that_leaves_its_role),
        cmocka_unit_test(script_that_goes_for_the_ledger),
        cmocka_unit_test(trigger_that_waits_for_the_commit),
        cmocka_unit_test(script_that_dresses_up_our_tables),
        cmocka_unit_test(script_that_releases_our_locks),
        cmocka_unit_test(stale_tokens_lose),
        cmocka_unit_test(moved_head_and_missing_fence),
        cmocka_unit_test(refused_record_appends_nothing),
        cmocka_unit_test(leaked_settings_are_gone),
        cmocka_unit_test(position_of_an_error),
        cmocka_unit_test(unknown_transactions_settle),
        cmocka_unit_test(chain_of_it_all_verifies),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
