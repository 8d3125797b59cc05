/* restore_carry.c: see restore_carry.h. The server writes the statements: it knows how to quote. */
#include "agent/steps/restore_carry.h"
#include "common/postgres/quote.h"

#include <string.h>

/* Settings whose stored value is a list of names, quoted already; pg_dump has the same list. */
#define LISTS                                                                                      \
    "('local_preload_libraries', 'search_path', 'session_preload_libraries', "                     \
    "'shared_preload_libraries', 'temp_tablespaces', 'unix_socket_directories')"

/* After "WITH names (was, becomes) AS (…), ": the statements in the order to run them in. Roles
 * that the login may become set their own settings; of others it cannot. */
static const char sql_statements[] =
    "d AS (SELECT d.*, n.becomes FROM pg_database AS d JOIN names AS n ON n.was = d.datname), "
    "s AS (SELECT d.becomes, s.setrole, quote_ident(split_part(c, '=', 1)) AS name, "
    "CASE WHEN split_part(c, '=', 1) NOT IN " LISTS " THEN quote_literal(v) "
    "WHEN v IN ('', '\"\"') THEN '''''' ELSE v END AS value FROM d JOIN pg_db_role_setting AS s ON "
    "s.setdatabase = d.oid, unnest(s.setconfig) AS c, substr(c, strpos(c, '=') + 1) AS v) "
    "SELECT statement FROM ("
    "SELECT 1 AS part, format('REVOKE ALL ON DATABASE %I FROM PUBLIC, %I', becomes, "
    "pg_get_userbyid(datdba)) AS statement FROM d UNION ALL "
    "SELECT 2, format('GRANT %s ON DATABASE %I TO %s%s', a.privilege_type, becomes, CASE a.grantee "
    "WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, CASE WHEN "
    "a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) FROM d, aclexplode(COALESCE(datacl, "
    "acldefault('d', datdba))) AS a UNION ALL "
    "SELECT 3, format('ALTER DATABASE %I SET %s TO %s', becomes, name, value) FROM s WHERE setrole "
    "= 0 UNION ALL "
    "SELECT 4, format('SET LOCAL ROLE %I;ALTER ROLE %I IN DATABASE %I SET %s TO %s', "
    "pg_get_userbyid(setrole), pg_get_userbyid(setrole), becomes, name, value) FROM s WHERE "
    "setrole "
    "<> 0) AS all_of_it ORDER BY part, statement";

/* What the old one has and the new one lacks. */
static const char sql_missing[] =
    "d AS (SELECT d.*, n.was IS NOT NULL AS is_old FROM pg_database AS d LEFT JOIN names AS n ON "
    "n.was = d.datname WHERE d.datname IN (SELECT was FROM names UNION SELECT becomes FROM "
    "names)), "
    "facts AS (SELECT is_old, 'owner ' || pg_get_userbyid(datdba) AS fact FROM d UNION ALL "
    "SELECT is_old, format('encoding %s, collation %s, character type %s', "
    "pg_encoding_to_char(encoding), datcollate, datctype) FROM d UNION ALL "
    "SELECT is_old, format('grant of %s to %s%s', a.privilege_type, CASE a.grantee WHEN 0 THEN "
    "'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END, CASE WHEN a.is_grantable THEN ' with "
    "grant "
    "option' ELSE '' END) FROM d, aclexplode(COALESCE(datacl, acldefault('d', datdba))) AS a UNION "
    "ALL SELECT is_old, format('setting %s%s', split_part(c, '=', 1), CASE s.setrole WHEN 0 THEN "
    "'' "
    "ELSE ' of role ' || pg_get_userbyid(s.setrole) END || ' = ' || "
    "substr(c, strpos(c, '=') + 1)) FROM d JOIN pg_db_role_setting AS s ON s.setdatabase = d.oid, "
    "unnest(s.setconfig) AS c) "
    "SELECT fact FROM facts WHERE is_old EXCEPT SELECT fact FROM facts WHERE NOT is_old ORDER BY 1";

static void sql_names(const run_t *run, buffer_t *sql) {
    const restore_side_t *side = run->restore;
    buffer_text(sql, "WITH names (was, becomes) AS (SELECT ");
    quote_text(sql, run->what.database);
    buffer_text(sql, "::name, ");
    quote_text(sql, side->database);
    buffer_text(sql, "::name), ");
}

static void finish(run_t *run) {
    restore_side_of(run)->carried(run);
}

static void on_missing(run_t *run, connection_answer_t *answer) {
    const PGresult *result = answer->results[0];
    for (int i = 0; i < PQntuples(result); i++) {
        run_note(run, "not carried over to the restored database: %s", PQgetvalue(result, i, 0));
    }
    finish(run);
}

static void compare(run_t *run) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    sql_names(run, &sql);
    buffer_text(&sql, sql_missing);
    run_query(run, &sql, on_missing);
}

static void next_statement(run_t *run);

/* What is refused shows in the comparison; only a lost session ends it. */
static void on_statement(run_t *run, connection_answer_t *answer) {
    if (answer->lost) {
        run_fail(run, &answer->error);
        return;
    }
    next_statement(run);
}

static void next_statement(run_t *run) {
    restore_plan_t *plan = restore_side_of(run)->plan;
    CLEANUP(buffer_free) buffer_t sql = {0};
    if (plan->carried_at == plan->carried_count) {
        compare(run);
        return;
    }
    buffer_text(&sql, plan->carried[plan->carried_at++]);
    run_send(run, &sql, &(run_request_t){0}, on_statement);
}

static status_t keep_statements(restore_plan_t *plan, const PGresult *result, error_t *err) {
    int count = PQntuples(result);
    plan->carried = calloc((size_t)count + 1, sizeof *plan->carried);
    if (plan->carried == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a restore");
    }
    for (int i = 0; i < count; i++) {
        TRY(restore_side_keep(&plan->carried[i], PQgetvalue(result, i, 0), err));
        plan->carried_count++;
    }
    return STATUS_OK;
}

static void on_statements(run_t *run, connection_answer_t *answer) {
    error_t err = {0};
    if (keep_statements(restore_side_of(run)->plan, answer->results[0], &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    next_statement(run);
}

void restore_carry_begin(run_t *run, run_next_fn *next) {
    restore_side_t *side = restore_side_of(run);
    restore_plan_t *plan = side->plan;
    CLEANUP(buffer_free) buffer_t sql = {0};
    for (size_t i = 0; i < plan->carried_count; i++) {
        free(plan->carried[i]);
    }
    free(TAKE(plan->carried));
    plan->carried_count = plan->carried_at = 0;
    side->carried = next;
    sql_names(run, &sql);
    buffer_text(&sql, sql_statements);
    run_query(run, &sql, on_statements);
}
