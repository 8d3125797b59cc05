/* query.c: every statement fits the schema, its parameters are numbered, damage is named. */
#include "tests/unit/coordinator/store/fixture.h"
#include "coordinator/store/store_agent.h"
#include "coordinator/store/store_rollout.h"

static void every_statement_fits(void **state) {
    fixture_t *f = *state;
    OK(f, query_prepare_all(f->store, &f->err));
}

/* A write that called itself a read would escape the transaction's guard. */
static void statement_kinds_are_true(void **state) {
    (void)state;
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        bool reads = strncmp(STATEMENTS[i].sql, "SELECT", 6) == 0;
        assert_int_equal(STATEMENTS[i].kind, reads ? STATEMENT_READ : STATEMENT_WRITE);
    }
}

static status_t never(void *context, const cluster_row_t *cluster, error_t *err) {
    (void)context;
    (void)cluster;
    return error_set(err, ERROR_INTERNAL, "a damaged row was handed out");
}

static void damaged_rows_are_refused(void **state) {
    fixture_t *f = *state;
    static const char *const damages[] = {"system_identifier = 'x'", "system_identifier = ''",
                                          "system_identifier = '99999999999999999999'",
                                          "parallel = -1", "agent_key = 'abc'"};
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        char sql[256];
        (void)snprintf(sql, sizeof sql,
                       "DELETE FROM cluster; INSERT INTO cluster (system_identifier, name, "
                       "last_seen_us) VALUES ('7', 'c', 1); UPDATE cluster SET %s",
                       damages[i]);
        fixture_exec(f, sql);
        FAILS(f, STORE, store_cluster_each(f->store, never, NULL, &f->err));
        assert_non_null(strstr(f->err.message, "CLUSTER_LIST"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST_OF(every_statement_fits),
                                       TEST_OF(statement_kinds_are_true),
                                       TEST_OF(damaged_rows_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
