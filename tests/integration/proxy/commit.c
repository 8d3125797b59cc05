/*
 * COMMITs that are lost on the way, judged by side effects.
 *
 * Each migration adds one to a counter and leaves a row of its own. Its COMMIT's request or reply
 * is lost in the proxy; what follows is the agent's way: another session, the tenant's lock, wait
 * until the transaction has settled, read the ledger, and only then decide to do it again. Every
 * migration must have taken effect once. The number of rounds is the first argument.
 */
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"
#include "tests/unit/postgres/scratch.h"
#include "tests/unit/postgres/tenant.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { PATIENCE_MS = 30000, LOOKS_MOST = 1000000 };

static scratch_t scratch;
static connection_t *direct; /* past the proxy */
static connection_t *super;
static tenant_t tenant;
static char folder[96];
static pid_t proxy;
static int rounds = 60;

static void control(const char *line) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char answer[64] = "";
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/control", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(write(fd, line, strlen(line)), strlen(line));
    assert_true(read(fd, answer, sizeof answer - 1) > 0);
    assert_string_equal(answer, "ok\n");
    (void)close(fd);
}

static void start_proxy(void) {
    char listener[160];
    char upstream[160];
    char controller[160];
    char ready[256];
    int out[2];
    (void)snprintf(folder, sizeof folder, "%s/proxy", scratch.folder);
    (void)snprintf(listener, sizeof listener, "%s/.s.PGSQL.5432", folder);
    (void)snprintf(upstream, sizeof upstream, "%s/.s.PGSQL.5432", scratch.folder);
    (void)snprintf(controller, sizeof controller, "%s/control", folder);
    assert_int_equal(mkdir(folder, 0777), 0);
    assert_int_equal(pipe(out), 0);
    proxy = fork();
    if (proxy == 0) {
        (void)dup2(out[1], STDOUT_FILENO);
        (void)execl(FAULTPROXY, "faultproxy", "--upstream", upstream, "--listen", listener,
                    "--control", controller, (char *)NULL);
        _exit(127);
    }
    (void)close(out[1]);
    assert_true(read(out[0], ready, sizeof ready) > 0);
    (void)close(out[0]);
}

static int set_up(void **state) {
    (void)state;
    scratch_start(&scratch);
    scratch_database(&scratch, "acme");
    direct = scratch_connect(&scratch, (scratch_who_t){"acme", "drover"});
    super = scratch_connect(&scratch, (scratch_who_t){"acme", "postgres"});
    tenant_baseline(&tenant, direct);
    (void)scratch_run(super, "CREATE TABLE public.t (n bigint); INSERT INTO public.t VALUES (0);"
                             "CREATE TABLE public.effect (migration int);"
                             "ALTER TABLE public.t OWNER TO owner;"
                             "ALTER TABLE public.effect OWNER TO owner");
    start_proxy();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    connection_destroy(&direct);
    connection_destroy(&super);
    (void)kill(proxy, SIGTERM);
    (void)waitpid(proxy, NULL, 0);
    scratch_stop(&scratch);
    return 0;
}

static connection_t *connect_through(error_t *err) {
    char conninfo[256];
    connection_t *c = NULL;
    (void)snprintf(conninfo, sizeof conninfo, "host=%s dbname=acme user=drover", folder);
    connection_options_t options = {.conninfo = conninfo};
    return connection_open(&options, PATIENCE_MS, &c, err) == STATUS_OK ? c : NULL;
}

static void ask_until(const char *sql, const char *wanted, bool equal) {
    for (int i = 0; i < LOOKS_MOST; i++) {
        if ((strcmp(scratch_run(direct, sql), wanted) == 0) == equal) {
            return;
        }
    }
    fail_msg("never came: %s", sql);
}

/* Whether a lost migration was committed after all. */
static bool find_out(const char *xid) {
    CLEANUP(buffer_free) buffer_t lock = {0};
    CLEANUP(buffer_free) buffer_t settled = {0};
    CLEANUP(buffer_free) buffer_t ledger = {0};
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    fence_key_t key = {tenant.id, tenant.application};
    fence_sql_lock(&lock, &key);
    transaction_sql_settled(&settled, xid);
    ledger_sql_read_attempt(&ledger, &key, &tenant.token.attempt);
    ask_until(buffer_string(&lock), "t", true);
    ask_until(buffer_string(&settled), "in progress", false);
    assert_int_equal(connection_run(direct, buffer_string(&ledger), PATIENCE_MS, &answer, &err),
                     STATUS_OK);
    buffer_clear(&lock);
    fence_sql_unlock(&lock, &key);
    assert_string_equal(scratch_run(direct, buffer_string(&lock)), "t");
    return PQntuples(answer.results[0]) == 1;
}

static bool migrate(int number, const char *mode) {
    char script[128];
    ledger_row_t row;
    error_t err = {0};
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    connection_t *c = connect_through(&err);
    assert_non_null(c);
    control(mode);
    tenant.token.attempt = random_ident();
    (void)snprintf(script, sizeof script, "UPDATE t SET n = n + 1; INSERT INTO effect VALUES (%d)",
                   number);
    tenant_run_t run = tenant_apply(&tenant, c, script, &row);
    assert_true(run.recorded);
    connection_request_t commit = {.sql = "COMMIT",
                                   .phase = SQLSTATE_COMMITTING,
                                   .deadline_us = clock_boot_us() + PATIENCE_MS * US_PER_MS};
    status_t status = connection_run_request(c, &commit, &answer, &err);
    connection_destroy(&c);
    if (status != STATUS_OK) {
        assert_int_equal(err.code, ERROR_DB_OUTCOME_UNKNOWN);
        assert_true(answer.lost);
    }
    bool committed = status == STATUS_OK || find_out(run.xid);
    if (committed) {
        tenant.head = row;
    }
    return committed;
}

static void every_migration_takes_effect_once(void **state) {
    (void)state;
    static const char *const modes[] = {"mode cut-request", "mode cut-reply", "mode cut-race"};
    char expected[64];
    for (int i = 0; i < rounds; i++) {
        bool committed = migrate(i, modes[i % 3]);
        assert_int_equal(committed, i % 3 != 0);
        if (!committed) {
            assert_true(migrate(i, "mode pass"));
        }
    }
    (void)snprintf(expected, sizeof expected, "%d %d %d %d", rounds, rounds, rounds, rounds + 1);
    assert_string_equal(
        scratch_run(super, "SELECT (SELECT n FROM public.t) || ' ' || (SELECT count(*) || ' ' || "
                           "count(DISTINCT migration) FROM public.effect) || ' ' || (SELECT "
                           "max(seq) FROM drover.history)"),
        expected);
}

/* What a transaction pooler cannot hide: the process in the cancel key is none of its servers'. */
static void pooler_is_refused(void **state) {
    (void)state;
    error_t err = {0};
    control("mode pooler");
    assert_null(connect_through(&err));
    assert_int_equal(err.code, ERROR_DB_POOLER);
    control("mode pass");
    connection_t *c = connect_through(&err);
    assert_non_null(c);
    connection_destroy(&c);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_migration_takes_effect_once),
        cmocka_unit_test(pooler_is_refused),
    };
    rounds = argc > 1 ? atoi(argv[1]) : rounds;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
