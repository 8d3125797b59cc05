/* What cannot be read is set aside with its reason, keeps what is known, and comes back. */
#include "tests/unit/agent/inventory/fixture.h"
#include "tests/unit/postgres/tenant.h"

#define SECRET "hunter2-is-no-secret"

static scratch_t scratch;
static connection_t *super;

static void connect_super(void) {
    super = scratch_connect(&scratch, (scratch_who_t){"postgres", "postgres"});
}

static int set_up(void **state) {
    (void)state;
    scratch_start(&scratch);
    connect_super();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    connection_destroy(&super);
    scratch_stop(&scratch);
    return 0;
}

static void start(bench_t *bench, const char *connection, const char *rest) {
    CLEANUP(buffer_free) buffer_t yaml = {0};
    buffer_format(&yaml, "    connection: {host: %s, %s}\n%s", scratch.folder, connection, rest);
    bench_start(bench, buffer_string(&yaml));
}

static ident_t stamp(const char *database) {
    tenant_t tenant = {0};
    connection_t *c = scratch_connect(&scratch, (scratch_who_t){database, "drover"});
    tenant_baseline(&tenant, c);
    connection_destroy(&c);
    return tenant.id;
}

static void shell(const char *format, ...) PRINTF_LIKE(1, 2);
static void shell(const char *format, ...) {
    char command[512];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(command, sizeof command, format, values);
    va_end(values);
    assert_int_equal(system(command), 0);
}

/* One that was read once is known by its own id after a restart, though nobody gets in then. */
static void test_restart_beside_a_shut_tenant(void **state) {
    (void)state;
    bench_t bench;
    scratch_database(&scratch, "shut_later");
    ident_t id = stamp("shut_later"); /* by another agent: this journal promised it nothing */
    start(&bench, "user: drover", "    tenants: {pattern: shut_later}\n");
    bench_settle(&bench);
    assert_true(ident_equal(&bench_tenant(&bench, "shut_later")->tenant, &id));
    (void)scratch_run(super, "ALTER DATABASE shut_later CONNECTION LIMIT 0");
    bench_restart(&bench);
    bench_settle(&bench);
    bench_telling_t told = bench_tell(&bench, true, 500, "shut_later");
    assert_string_not_equal(told.said.problem_code, "");
    assert_true(ident_equal(&told.said.id, &id));
    (void)scratch_run(super, "ALTER DATABASE shut_later CONNECTION LIMIT -1");
    bench_stop(&bench);
}

/* One database wants a password, and gets a wrong one. */
static void test_password(void **state) {
    (void)state;
    bench_t bench;
    char connection[128];
    scratch_database(&scratch, "pw_open");
    scratch_database(&scratch, "pw_shut");
    ident_t id = stamp("pw_shut");
    (void)scratch_run(super, "ALTER ROLE drover PASSWORD 'another one'");
    shell("sed -i '1i local pw_shut drover scram-sha-256' %s/data/pg_hba.conf", scratch.folder);
    shell("umask 077; echo '*:*:*:*:" SECRET "' > %s/passfile", scratch.folder);
    (void)scratch_run(super, "SELECT pg_reload_conf()");
    (void)snprintf(connection, sizeof connection, "user: drover, passfile: %s/passfile",
                   scratch.folder);
    start(&bench, connection, "    tenants: {pattern: pw_*}\n");
    bench_settle(&bench);
    assert_false(inventory_is_complete(bench.inventory));
    bench_telling_t told = bench_tell(&bench, true, 500, "pw_shut");
    assert_true(!told.full && told.tenants == 2 && !told.said.stamped);
    assert_string_equal(told.said.problem_code, error_code_text(ERROR_DB_AUTH));
    assert_non_null(strstr(told.said.problem, "password"));
    assert_null(strstr(told.said.problem, SECRET));
    ident_t unread = told.said.id;
    assert_false(ident_is_null(&unread));
    /* nothing new while nothing is mended */
    bench_pass(&bench, 61);
    assert_int_equal(bench_tell(&bench, false, 500, "").tenants, 0);
    (void)scratch_run(super, "ALTER ROLE drover PASSWORD '" SECRET "'");
    bench_pass(&bench, 61);
    assert_true(inventory_is_complete(bench.inventory));
    told = bench_tell(&bench, false, 500, "pw_shut");
    assert_true(told.said.stamped && ident_equal(&told.said.id, &id));
    assert_string_equal(told.said.problem_code, "");
    /* the id that stood in for it is taken back */
    assert_true(told.said.gone == 1 && ident_equal(&told.said.gone_id, &unread));
    bench_stop(&bench);
}

static void test_clone(void **state) {
    (void)state;
    bench_t bench;
    scratch_database(&scratch, "cl_b");
    ident_t id = stamp("cl_b");
    (void)scratch_run(super, "CREATE DATABASE cl_a TEMPLATE cl_b OWNER owner");
    start(&bench, "user: drover", "    tenants: {pattern: cl_*}\n");
    bench_settle(&bench);
    bench_telling_t told = bench_tell(&bench, true, 500, "cl_a");
    assert_true(ident_equal(&told.said.id, &id));
    assert_string_equal(told.said.problem_code, error_code_text(ERROR_TENANT_CLONE));
    assert_int_equal(told.said.at, 2);
    uint64_t cluster = inventory_cluster(bench.inventory, 0)->system_identifier;
    assert_string_equal(inventory_find_id(bench.inventory, cluster, &id)->database, "cl_b");
    assert_int_equal(bench_tenant(&bench, "cl_b")->problem_code, ERROR_NONE);
    bench_stop(&bench);
}

static void test_rights(void **state) {
    (void)state;
    bench_t bench;
    scratch_database(&scratch, "rt_a");
    (void)scratch_run(super, "CREATE ROLE stranger LOGIN");
    start(&bench, "user: postgres", "    tenants: {pattern: rt_*}\n");
    bench_settle(&bench);
    assert_int_equal(bench_tenant(&bench, "rt_a")->problem_code, ERROR_DB_SUPERUSER);
    bench_stop(&bench);
    start(&bench, "user: postgres", "    allow_superuser: true\n    tenants: {pattern: rt_*}\n");
    bench_settle(&bench);
    assert_int_equal(bench_tenant(&bench, "rt_a")->problem_code, ERROR_NONE);
    bench_stop(&bench);
    start(&bench, "user: stranger", "    tenants: {pattern: rt_*}\n");
    bench_settle(&bench);
    assert_int_equal(bench_tenant(&bench, "rt_a")->problem_code, ERROR_DB_RIGHTS);
    bench_stop(&bench);
    /* whose ledger it is decides whether it is believed */
    (void)stamp("rt_a");
    (void)scratch_run(super, "GRANT owner TO stranger");
    start(&bench, "user: stranger", "    tenants: {pattern: rt_*}\n");
    bench_settle(&bench);
    assert_int_equal(bench_tenant(&bench, "rt_a")->problem_code, ERROR_DB_RIGHTS);
    assert_false(bench_tenant(&bench, "rt_a")->stamped || inventory_is_complete(bench.inventory));
    bench_stop(&bench);
}

/* One connection that fails says little of a tenant that is known; two in a row do. */
static void test_full_house(void **state) {
    (void)state;
    bench_t bench;
    scratch_database(&scratch, "fu_a");
    start(&bench, "user: drover", "    tenants: {pattern: fu_*}\n");
    bench_settle(&bench);
    (void)bench_tell(&bench, true, 500, "");
    (void)scratch_run(super, "ALTER DATABASE fu_a CONNECTION LIMIT 0");
    bench_pass(&bench, 601);
    assert_int_equal(bench_tell(&bench, false, 500, "").tenants, 0);
    bench_pass(&bench, 2);
    bench_telling_t told = bench_tell(&bench, false, 500, "fu_a");
    assert_true(told.tenants == 1 && told.said.gone == 0);
    assert_string_equal(told.said.problem_code,
                        error_code_text(bench_tenant(&bench, "fu_a")->problem_code));
    assert_non_null(strstr(told.said.problem, "too many connections"));
    assert_true(inventory_is_complete(bench.inventory));
    (void)scratch_run(super, "ALTER DATABASE fu_a CONNECTION LIMIT -1");
    bench_pass(&bench, 61);
    told = bench_tell(&bench, false, 500, "fu_a");
    assert_true(told.tenants == 1);
    assert_string_equal(told.said.problem_code, "");
    bench_stop(&bench);
}

static bool has_problem(bench_t *bench, void *context) {
    (void)context;
    return inventory_cluster(bench->inventory, 0)->problem_code != ERROR_NONE;
}

static bool has_none(bench_t *bench, void *context) {
    return !has_problem(bench, context);
}

static void test_server_away(void **state) {
    (void)state;
    bench_t bench;
    scratch_database(&scratch, "aw_a");
    ident_t id = stamp("aw_a");
    start(&bench, "user: drover", "    tenants: {pattern: aw_*}\n");
    bench_settle(&bench);
    (void)bench_tell(&bench, true, 500, "");
    connection_destroy(&super);
    scratch_control(&scratch, "stop -m fast");
    bench_pass(&bench, 601);
    bench_run(&bench, has_problem, NULL);
    const inventory_cluster_t *cluster = inventory_cluster(bench.inventory, 0);
    assert_int_equal(cluster->problem_code, ERROR_DB_UNREACHABLE);
    assert_true(cluster->system_identifier != 0 && bench.cluster_changes == 2);
    Drover__ClusterSeen seen;
    inventory_cluster_seen(bench.inventory, 0, &seen);
    assert_false(seen.writable);
    assert_true(seen.problem[0] != '\0');
    assert_true(ident_equal(&bench_tenant(&bench, "aw_a")->tenant, &id));
    assert_int_equal(bench_tenant(&bench, "aw_a")->problem_code, ERROR_NONE);
    assert_int_equal(bench_tell(&bench, false, 500, "").tenants, 0);
    scratch_control(&scratch, "start");
    bench_run(&bench, has_none, NULL);
    bench_settle(&bench);
    assert_int_equal(bench_tell(&bench, false, 500, "aw_a").said.times, 1);
    assert_int_equal(bench.cluster_changes, 3);
    connect_super();
    bench_stop(&bench);
}

static bool is_standby(bench_t *bench, void *context) {
    (void)context;
    const inventory_cluster_t *cluster = inventory_cluster(bench->inventory, 0);
    return cluster->problem_code == ERROR_NONE && !cluster->writable;
}

static bool is_primary(bench_t *bench, void *context) {
    (void)context;
    return inventory_cluster(bench->inventory, 0)->timeline == 2 &&
           inventory_is_complete(bench->inventory);
}

static void must_not_be(const inventory_tenant_t *tenant, void *context) {
    (void)context;
    fail_msg("%s is listed", tenant->database);
}

/* A standby's ledgers lag behind: they are not read and not told, and absence there says nothing.
 * After the promotion everybody is read again. */
static void test_standby(void **state) {
    (void)state;
    bench_t bench;
    scratch_database(&scratch, "sb_a");
    (void)stamp("sb_a");
    start(&bench, "user: drover", "    tenants: {pattern: sb_*}\n");
    bench_settle(&bench);
    (void)bench_tell(&bench, true, 500, "");
    connection_destroy(&super);
    scratch_control(&scratch, "stop -m fast");
    shell("touch %s/data/standby.signal; chown --reference=%s/data %s/data/standby.signal",
          scratch.folder, scratch.folder, scratch.folder);
    scratch_control(&scratch, "start");
    bench_pass(&bench, 61);
    bench_run(&bench, is_standby, NULL);
    unsigned connections = bench_connections(&bench);
    bench_pass(&bench, 61);
    assert_int_equal(bench_connections(&bench), connections + 1);
    assert_false(inventory_is_complete(bench.inventory));
    bench_telling_t told = bench_tell(&bench, true, 500, "");
    assert_true(!told.full && told.tenants == 0);
    bench_t newcomer;
    start(&newcomer, "user: drover", "    tenants: {pattern: sb_*}\n");
    bench_settle(&newcomer);
    inventory_each(newcomer.inventory, must_not_be, NULL);
    bench_stop(&newcomer);
    scratch_control(&scratch, "promote");
    bench_pass(&bench, 6);
    bench_run(&bench, is_primary, NULL);
    bench_settle(&bench);
    assert_int_equal(bench_tell(&bench, false, 500, "sb_a").said.times, 1);
    assert_true(bench_tell(&bench, true, 500, "").full);
    connect_super();
    bench_stop(&bench);
}

/* Another server under the same address: nothing that was known is there. */
static void test_other_server(void **state) {
    (void)state;
    bench_t bench;
    scratch_t other;
    scratch_database(&scratch, "ot_a");
    ident_t id = stamp("ot_a");
    start(&bench, "user: drover", "    tenants: {pattern: ot_*}\n");
    bench_settle(&bench);
    (void)bench_tell(&bench, true, 500, "");
    scratch_start(&other);
    connection_destroy(&super);
    scratch_control(&scratch, "stop -m fast");
    shell("ln -s %s/.s.PGSQL.5432 %s/.s.PGSQL.5432", other.folder, scratch.folder);
    bench_pass(&bench, 61);
    bench_telling_t told = bench_tell(&bench, false, 500, "ot_a");
    assert_true(told.said.gone == 1 && ident_equal(&told.said.gone_id, &id));
    shell("rm %s/.s.PGSQL.5432", scratch.folder);
    scratch_stop(&other);
    scratch_control(&scratch, "start");
    connect_super();
    bench_stop(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restart_beside_a_shut_tenant),
        cmocka_unit_test(test_password),
        cmocka_unit_test(test_clone),
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_full_house),
        cmocka_unit_test(test_server_away),
        cmocka_unit_test(test_other_server),
        cmocka_unit_test(test_standby),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
