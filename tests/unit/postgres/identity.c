/* What a session learns about its server and tenant, and who is refused for it. */
#include "common/postgres/identity.h"
#include "common/base/cleanup.h"
#include "common/crypto/random.h"
#include "common/postgres/schema.h"
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
static connection_t *super;
static tenant_t tenant;

static int set_up(void **state) {
    (void)state;
    scratch_start(&scratch);
    scratch_database(&scratch, "acme");
    scratch_database(&scratch, "bare");
    session = scratch_connect(&scratch, (scratch_who_t){"acme", "drover"});
    super = scratch_connect(&scratch, (scratch_who_t){"acme", "postgres"});
    tenant_baseline(&tenant, session);
    error_t err = {0};
    return tenant_migrate(&tenant, session, "CREATE TABLE t ()", &err) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    connection_destroy(&session);
    connection_destroy(&super);
    scratch_stop(&scratch);
    return 0;
}

static identity_t ask(connection_t *c, bool ledger) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    static identity_t identity;
    error_t err = {0};
    identity_ask_t what = {.owner = "owner", .ledger = ledger, .size = true};
    identity_sql(&sql, &what);
    (void)scratch_state(c, ""); /* an empty query does no harm */
    status_t ran = connection_run(c, buffer_string(&sql), 5000, &answer, &err);
    assert_true(ran == STATUS_OK || answer.count > 1);
    if (identity_read(answer.results, answer.count, &identity, &err) != STATUS_OK) {
        error_print(&err, "identity");
        fail();
    }
    return identity;
}

/* Where the login is the owner, where the owner does not exist, and where it is another's. */
static void owners_are_told_apart(void **state) {
    (void)state;
    static const struct {
        const char *owner;
        bool member, superuser;
    } owners[] = {
        {NULL, true, false},      {"drover", true, false}, {"owner", true, false},
        {"nobody", false, false}, {"12", false, false},    {"postgres", false, true},
    };
    for (size_t i = 0; i < sizeof owners / sizeof owners[0]; i++) {
        CLEANUP(buffer_free) buffer_t sql = {0};
        CLEANUP(connection_answer_free) connection_answer_t answer = {0};
        static identity_t id;
        error_t err = {0};
        identity_sql(&sql, &(identity_ask_t){.owner = owners[i].owner});
        assert_int_equal(connection_run(session, buffer_string(&sql), 5000, &answer, &err),
                         STATUS_OK);
        assert_int_equal(identity_read(answer.results, answer.count, &id, &err), STATUS_OK);
        assert_int_equal(id.owner_member, owners[i].member);
        assert_int_equal(id.owner_superuser, owners[i].superuser);
        char oid[24];
        (void)snprintf(oid, sizeof oid, "%lld", (long long)id.database_oid);
        assert_string_equal(scratch_run(session, "SELECT oid FROM pg_database WHERE datname = "
                                                 "current_database()"),
                            oid);
    }
}

static error_code_t judge(const identity_t *identity, identity_rules_t rules) {
    error_t err = {0};
    return identity_judge(identity, &rules, &err) == STATUS_OK ? ERROR_NONE : err.code;
}

static void tenant_is_read_in_one_go(void **state) {
    (void)state;
    identity_t id = ask(session, true);
    assert_true(id.server_version >= 130000);
    assert_true(id.system_identifier != 0);
    assert_int_equal(id.timeline, 1);
    assert_false(id.in_recovery);
    assert_false(id.read_only);
    assert_string_equal(id.database, "acme");
    assert_string_equal(id.login, "drover");
    assert_false(id.superuser);
    assert_true(id.owner_member);
    assert_true(id.may_create_schema);
    assert_true(id.size_bytes > 0);
    assert_true(id.has_schema);
    assert_true(id.append_only);
    assert_string_equal(id.schema_owner, "drover");
    assert_int_equal(id.schema_version, schema_version());
    assert_true(ident_equal(&id.tenant, &tenant.id));
    assert_string_equal(id.tenant_name, "acme");
    assert_int_equal(id.head_count, 1);
    const identity_head_t *head = identity_head(&id, "shop");
    assert_non_null(head);
    assert_true(digest_equal(&head->row.digest, &tenant.head.digest));
    assert_int_equal(head->position, 1);
    assert_string_equal(head->version, "V001");
    assert_int_equal(head->fence.epoch, tenant.token.epoch);
    assert_null(identity_head(&id, "other"));
    identity_rules_t rules = {.tenant = tenant.id, .writable = true, .needs_ledger = true};
    assert_int_equal(judge(&id, rules), ERROR_NONE);
    rules.tenant = random_ident();
    assert_int_equal(judge(&id, rules), ERROR_TENANT_MISMATCH);
}

static void bare_database_is_an_answer_too(void **state) {
    (void)state;
    connection_t *c = scratch_connect(&scratch, (scratch_who_t){"bare", "drover"});
    for (int with = 0; with < 2; with++) {
        identity_t id = ask(c, with == 1);
        assert_false(id.has_schema);
        assert_string_equal(id.schema_owner, "");
        assert_int_equal(id.tenant_count, 0);
        assert_int_equal(judge(&id, (identity_rules_t){.writable = true}), ERROR_NONE);
        assert_int_equal(judge(&id, (identity_rules_t){.needs_ledger = true}),
                         ERROR_TENANT_NO_LEDGER);
    }
    connection_destroy(&c);
}

static void clone_is_recognised(void **state) {
    (void)state;
    connection_destroy(&session);
    connection_destroy(&super);
    connection_t *c = scratch_connect(&scratch, (scratch_who_t){"postgres", "postgres"});
    (void)scratch_run(c, "CREATE DATABASE staging TEMPLATE acme OWNER owner");
    connection_destroy(&c);
    session = scratch_connect(&scratch, (scratch_who_t){"acme", "drover"});
    super = scratch_connect(&scratch, (scratch_who_t){"acme", "postgres"});
    c = scratch_connect(&scratch, (scratch_who_t){"staging", "drover"});
    identity_t id = ask(c, true);
    assert_int_equal(judge(&id, (identity_rules_t){.tenant = tenant.id}), ERROR_TENANT_CLONE);
    CLEANUP(buffer_free) buffer_t sql = {0};
    identity_sql_rebind(&sql, &tenant.id); /* an adopt */
    (void)scratch_run(c, buffer_string(&sql));
    id = ask(c, true);
    assert_int_equal(judge(&id, (identity_rules_t){.tenant = tenant.id}), ERROR_NONE);
    connection_destroy(&c);
    /* The same after the server's identity changed, as in a copy of the whole cluster. */
    id = ask(session, true);
    id.system_identifier++;
    assert_int_equal(judge(&id, (identity_rules_t){.tenant = tenant.id}), ERROR_TENANT_CLONE);
}

static void rights_are_judged(void **state) {
    (void)state;
    identity_t id = ask(super, true);
    assert_true(id.superuser);
    assert_int_equal(judge(&id, (identity_rules_t){0}), ERROR_DB_SUPERUSER);
    /* A superuser may be allowed, but the schema still is another's. */
    assert_int_equal(judge(&id, (identity_rules_t){.allow_superuser = true}), ERROR_DB_RIGHTS);
    id = ask(session, true);
    id.owner_member = false;
    assert_int_equal(judge(&id, (identity_rules_t){0}), ERROR_DB_RIGHTS);
    id = ask(session, true);
    assert_false(id.owner_superuser);
    (void)scratch_run(super, "ALTER ROLE owner SUPERUSER");
    id = ask(session, true);
    (void)scratch_run(super, "ALTER ROLE owner NOSUPERUSER");
    assert_true(id.owner_superuser);
    assert_false(id.superuser);
    assert_int_equal(judge(&id, (identity_rules_t){0}), ERROR_DB_SUPERUSER);
    assert_int_equal(judge(&id, (identity_rules_t){.allow_superuser = true}), ERROR_NONE);
    id = ask(session, true);
    id.server_version = 120000;
    assert_int_equal(judge(&id, (identity_rules_t){0}), ERROR_DB_TOO_OLD);
}

static void schema_of_another_is_refused(void **state) {
    (void)state;
    connection_t *c = scratch_connect(&scratch, (scratch_who_t){"bare", "drover"});
    connection_t *s = scratch_connect(&scratch, (scratch_who_t){"bare", "postgres"});
    (void)scratch_run(s,
                      "CREATE SCHEMA drover AUTHORIZATION owner; CREATE TABLE drover.history ()");
    identity_t id = ask(c, false);
    assert_int_equal(judge(&id, (identity_rules_t){0}), ERROR_DB_RIGHTS);
    (void)scratch_run(s, "DROP TABLE drover.history");
    id = ask(c, false);
    assert_int_equal(judge(&id, (identity_rules_t){0}), ERROR_DB_RIGHTS);
    (void)scratch_run(s, "DROP SCHEMA drover");
    connection_destroy(&s);
    connection_destroy(&c);
}

static void read_only_is_refused_where_it_matters(void **state) {
    (void)state;
    (void)scratch_run(session, "SET default_transaction_read_only = on");
    identity_t id = ask(session, true);
    (void)scratch_run(session, "RESET default_transaction_read_only");
    assert_true(id.read_only);
    assert_int_equal(judge(&id, (identity_rules_t){.writable = true}), ERROR_DB_READ_ONLY);
    assert_int_equal(judge(&id, (identity_rules_t){.writable = false}), ERROR_NONE);
    id.read_only = false;
    id.in_recovery = true;
    assert_int_equal(judge(&id, (identity_rules_t){.writable = true}), ERROR_DB_READ_ONLY);
}

static void search_path_of_the_owner(void **state) {
    (void)state;
    assert_string_equal(ask(session, false).search_path, "\"$user\", public");
    (void)scratch_run(super, "ALTER DATABASE acme SET search_path = of_database");
    assert_string_equal(ask(session, false).search_path, "of_database");
    (void)scratch_run(super, "ALTER ROLE owner SET search_path = of_role");
    assert_string_equal(ask(session, false).search_path, "of_role");
    (void)scratch_run(super, "ALTER ROLE owner IN DATABASE acme SET search_path = a, \"B c\"");
    assert_string_equal(ask(session, false).search_path, "a, \"B c\"");
    (void)scratch_run(super, "ALTER DATABASE acme RESET ALL; ALTER ROLE owner RESET ALL; ALTER "
                             "ROLE owner IN DATABASE acme RESET ALL");
}

static void ledger_cannot_be_edited(void **state) {
    (void)state;
    static const char *const edits[] = {
        "UPDATE drover.history SET actor = 'x'", "DELETE FROM drover.history",
        "DELETE FROM drover.history WHERE false", "TRUNCATE drover.history",
        "SET session_replication_role = replica; DELETE FROM drover.history"};
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        assert_string_equal(scratch_state(super, edits[i]), "42501");
    }
    (void)scratch_run(super, "RESET session_replication_role");
    (void)scratch_run(session, "ALTER TABLE drover.history DISABLE TRIGGER append_only");
    identity_t id = ask(session, true);
    assert_int_equal(judge(&id, (identity_rules_t){0}), ERROR_LEDGER_EDITED);
    (void)scratch_run(session, "ALTER TABLE drover.history ENABLE ALWAYS TRIGGER append_only");
}

static void nobody_else_may_look(void **state) {
    (void)state;
    (void)scratch_run(super, "CREATE ROLE stranger LOGIN");
    connection_t *c = scratch_connect(&scratch, (scratch_who_t){"acme", "stranger"});
    assert_string_equal(scratch_state(c, "SELECT * FROM drover.history"), "42501");
    assert_string_equal(scratch_state(c, "SELECT drover.history_is_append_only()"), "42501");
    identity_t id = ask(c, false); /* asked plainly it still is no error */
    assert_true(id.has_schema);
    assert_false(id.owner_member);
    connection_destroy(&c);
    (void)scratch_run(super, "DROP ROLE stranger");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tenant_is_read_in_one_go),
        cmocka_unit_test(bare_database_is_an_answer_too),
        cmocka_unit_test(clone_is_recognised),
        cmocka_unit_test(owners_are_told_apart),
        cmocka_unit_test(rights_are_judged),
        cmocka_unit_test(schema_of_another_is_refused),
        cmocka_unit_test(read_only_is_refused_where_it_matters),
        cmocka_unit_test(search_path_of_the_owner),
        cmocka_unit_test(ledger_cannot_be_edited),
        cmocka_unit_test(nobody_else_may_look),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
