/* A migration's transaction with fence and record prepared: all that the plain way refuses, and
 * what scripts can do to statements that stay in the session. */
int transaction_main(void);
#define main transaction_main
#include "tests/unit/postgres/transaction.c" /* its tests, with a tenant of the other way */
#undef main

static int set_up_chain(void **state) {
    int done = set_up(state);
    tenant.chain = true;
    return done;
}

/* Statements of ours that the session holds. */
static const char *statements(void) {
    return scratch_run(session, "SELECT count(*) FROM pg_prepared_statements WHERE name IN "
                                "('drover_fence', 'drover_record')");
}

static void migrated(const char *script) {
    error_t err = {0};
    if (tenant_migrate(&tenant, session, script, &err) != STATUS_OK) {
        error_print(&err, script);
        fail();
    }
}

static void plainly(const char *script, error_code_t code) {
    tenant.chain = false;
    refused(script, code);
    tenant.chain = true;
}

static void chain_is_prepared_once(void **state) {
    (void)state;
    (void)scratch_run(session, "DEALLOCATE ALL");
    tenant.prepared = false;
    for (int i = 0; i < 7; i++) { /* past five, where the server would weigh its plans */
        migrated("UPDATE t SET n = n + 1");
        assert_true(tenant.prepared);
    }
    assert_string_equal(scratch_run(session, "SELECT string_agg(name || ' ' || generic_plans || "
                                             "' ' || custom_plans, ', ' ORDER BY name) FROM "
                                             "pg_prepared_statements"),
                        "drover_fence 7 0, drover_record 7 0");
    assert_string_equal(scratch_run(session, "SHOW plan_cache_mode"), "auto");
}

/* As many results as were promised, whatever the opening is made of: connection_request_t's
 * keep_first and the place of the script's results depend on it. */
static void opening_has_as_many_statements_as_it_says(void **state) {
    (void)state;
    for (int i = 0; i < 24; i++) {
        CLEANUP(buffer_free) buffer_t sql = {0};
        CLEANUP(connection_answer_free) connection_answer_t answer = {0};
        error_t err = {0};
        transaction_begin_t begin = {.key = {tenant.id, tenant.application},
                                     .token = tenant.token,
                                     .head_seq = tenant.head.seq,
                                     .role = i % 2 == 0 ? NULL : tenant.owner,
                                     .search_path = i / 2 % 2 == 0 ? NULL : "public",
                                     .reset_session = i / 4 % 2 != 0,
                                     .server_version = connection_server_version(session),
                                     .way = (transaction_way_t)(i / 8),
                                     .login = tenant.login};
        if (begin.way == TRANSACTION_PREPARES) {
            (void)scratch_run(session, "DEALLOCATE ALL");
        }
        transaction_sql_open(&sql, &begin);
        assert_int_equal(connection_run(session, buffer_string(&sql), 5000, &answer, &err),
                         STATUS_OK);
        assert_int_equal(answer.count, transaction_open_statements(&begin));
        (void)scratch_run(session, "ROLLBACK");
    }
    assert_string_equal(statements(), "2");
    tenant.prepared = true;
}

/* The record fails, nothing is written, and the same goes well the plain way. */
static void script_that_takes_them_away(void **state) {
    (void)state;
    static const char *const scripts[] = {
        "DEALLOCATE ALL",
        "DEALLOCATE drover_record",
        "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$",
    };
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        migrated("SELECT 1");
        assert_true(tenant.prepared);
        ledger_row_t row;
        remember();
        tenant_run_t run = tenant_apply(&tenant, session, scripts[i], &row);
        assert_true(run.opened);
        assert_false(run.recorded);
        assert_true(transaction_statement_gone(&run.err));
        assert_false(tenant.prepared);
        assert_string_equal(rows(), before);
        tenant.chain = false;
        migrated(i == 0 ? scripts[i] : "SELECT 1");
        tenant.chain = true;
    }
    /* A fence that is gone stops the opening: the script does not run. */
    migrated("SELECT 1");
    (void)scratch_run(session, "DEALLOCATE drover_fence");
    ledger_row_t row;
    tenant_run_t run = tenant_apply(&tenant, session, "UPDATE t SET n = 1000", &row);
    assert_false(run.opened);
    assert_true(transaction_statement_gone(&run.err));
    /* A script's own mistake of this kind is the script's. */
    migrated("SELECT 1");
    run = tenant_apply(&tenant, session, "EXECUTE drover_other", &row);
    assert_string_equal(run.err.sqlstate, "26000");
    assert_false(transaction_statement_gone(&run.err));
}

/* Whoever left one behind, or took one of ours, is noticed by the next record. */
static void script_that_leaves_statements(void **state) {
    (void)state;
    migrated("SELECT 1");
    migrated("PREPARE q AS SELECT 1");
    assert_false(tenant.prepared);
    migrated("PREPARE q AS SELECT 1"); /* it was reset in between */
    assert_false(tenant.prepared);
    migrated("DEALLOCATE drover_fence");
    assert_false(tenant.prepared);
    migrated("PREPARE q AS SELECT 1; DEALLOCATE q");
    assert_true(tenant.prepared);
}

/* A record that lies: the row that it did not write is missed by the chain's last record, which
 * nobody can replace. */
static void script_that_replaces_the_record(void **state) {
    (void)state;
    migrated("SELECT 1");
    ledger_row_t head = tenant.head;
    char script[2048];
    (void)snprintf(script, sizeof script,
                   "DEALLOCATE drover_record; PREPARE drover_record (%s, text) AS SELECT $3 AS "
                   "appended_seq, 2 AS statements",
                   LEDGER_TYPES);
    remember();
    migrated(script);
    assert_string_equal(rows(), before);    /* it is believed … */
    plainly("SELECT 1", ERROR_TENANT_BUSY); /* … by nothing that is sent whole: the fence's head */
    tenant.head.seq = head.seq;
    plainly("SELECT 1", ERROR_LEDGER_EDITED); /* and the record's */
    tenant.head = head;
    tenant.chain = false;
    migrated("SELECT 1");
    tenant.chain = true;
}

/* A fence that lies lets a script run past a newer coordinator; its row is refused all the same. */
static void script_that_replaces_the_fence(void **state) {
    (void)state;
    migrated("SELECT 1");
    migrated("DEALLOCATE drover_fence; PREPARE drover_fence AS SELECT 1 AS opened, "
             "pg_current_xact_id() AS xid");
    assert_true(tenant.prepared);
    (void)scratch_run(other, "UPDATE drover.fence SET epoch = epoch + 1");
    ledger_row_t row;
    remember();
    for (int i = 0; i < 2; i++) {
        tenant_run_t run = tenant_apply(&tenant, session, "UPDATE t SET n = 1000", &row);
        assert_int_equal(run.err.code, i == 0 ? ERROR_TRANSACTION_ESCAPED : ERROR_FENCED);
        assert_string_equal(rows(), before);
    }
    (void)scratch_run(other, "UPDATE drover.fence SET epoch = epoch - 1");
    migrated("SELECT 1");
}

/* What a record does is told apart from an answer that only looks like one. */
static void record_of_another_row_is_refused(void **state) {
    (void)state;
    migrated("SELECT 1");
    char script[2048];
    (void)snprintf(script, sizeof script,
                   "DEALLOCATE drover_record; PREPARE drover_record (%s, text) AS SELECT $3 - 1 AS "
                   "appended_seq, 2 AS statements",
                   LEDGER_TYPES);
    refused(script, ERROR_LEDGER_EDITED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_is_prepared_once),
        cmocka_unit_test(opening_has_as_many_statements_as_it_says),
        cmocka_unit_test(script_that_takes_them_away),
        cmocka_unit_test(script_that_leaves_statements),
        cmocka_unit_test(script_that_replaces_the_record),
        cmocka_unit_test(script_that_replaces_the_fence),
        cmocka_unit_test(record_of_another_row_is_refused),
        cmocka_unit_test(applies_and_is_recorded),
        cmocka_unit_test(failing_script_leaves_nothing),
        cmocka_unit_test(script_that_ends_our_transaction),
        cmocka_unit_test(script_that_commits_and_fails),
        cmocka_unit_test(script_that_leaves_its_role),
        cmocka_unit_test(script_that_goes_for_the_ledger),
        cmocka_unit_test(script_that_releases_our_locks),
        cmocka_unit_test(stale_tokens_lose),
        cmocka_unit_test(moved_head_and_missing_fence),
        cmocka_unit_test(unknown_transactions_settle),
        cmocka_unit_test(chain_of_it_all_verifies),
    };
    (void)transaction_main; /* the other tests of that file have nothing to prepare */
    return cmocka_run_group_tests(tests, set_up_chain, tear_down);
}
