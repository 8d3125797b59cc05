/* identity.c: what is asked, and the judgement; identity_read.c reads the answers. See identity.h.
 */
#include "common/postgres/identity.h"
#include "common/postgres/quote.h"

#include <inttypes.h>
#include <string.h>

/*
 * pg_control_system and pg_control_checkpoint may be called by everybody. A primary's timeline
 * stands in the name of its current WAL file; the control file's may be one checkpoint behind.
 * search_path of the owner's own sessions: role in database, role, database, all, as the server
 * applies pg_db_role_setting; postgresql.conf's cannot be read here, because ours is pinned.
 * In a session that has just begun, each catalog that a plan opens costs 0.3 to 0.8 ms and a
 * function over the server's own caches a few microseconds. So the database's oid is read from the
 * name of its folder, and a role's rights by has_role: nobody but a superuser is a member of a role
 * that is a member of his own (the server refuses such a circle), nor of the login where the login
 * may become the owner.
 */
static const char sql_server[] =
    "SELECT current_setting('server_version_num') AS server_version, "
    "(pg_control_system()).system_identifier, "
    "CASE WHEN pg_is_in_recovery() THEN (pg_control_checkpoint()).timeline_id::text "
    "ELSE pg_walfile_name(pg_current_wal_lsn()) END AS timeline, "
    "pg_is_in_recovery() AS in_recovery, "
    "current_setting('transaction_read_only') = 'on' AS read_only, "
    "d.oid AS database_oid, current_database() AS database, session_user AS login, "
    "r.superuser, COALESCE(pg_has_role(session_user, r.owner, CASE WHEN "
    "current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END), "
    "false) AS owner_member, COALESCE(CASE WHEN r.owner = to_regrole(quote_ident(session_user)) "
    "THEN r.superuser ELSE pg_has_role(r.owner, session_user, 'MEMBER') END, false) AS "
    "owner_superuser, "
    "has_database_privilege(current_database(), 'CREATE') AS may_create_schema, "
    "COALESCE((SELECT substr(c, 13) FROM pg_db_role_setting AS s, unnest(s.setconfig) AS c "
    "WHERE s.setdatabase IN (0, d.oid) AND s.setrole IN (0, r.owner) AND starts_with(c, "
    "'search_path=') ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC LIMIT 1), "
    "'\"$user\", public') AS search_path, "
    "pg_get_userbyid(n.nspowner) AS schema_owner, ";

/* Of a schema that the login may not use nothing can be said but that it is there, and asking for
 * the table is an error: its name is no constant, or the planner would ask for an estimate. */
#define HISTORY "to_regclass(n.nspname || '.history')"
static const char sql_schema[] =
    " AS size_bytes, n.oid IS NOT NULL AND (NOT n.usable OR CASE WHEN n.usable THEN " HISTORY
    " END IS NOT NULL) AS has_schema, "
    "EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = CASE WHEN n.usable THEN " HISTORY
    " END AND t.tgname = 'append_only' AND t.tgenabled = 'A') AS append_only FROM "
    "(SELECT reverse(split_part(reverse(pg_relation_filepath(1259)), '/', 2))::oid AS oid) AS d "
    "CROSS JOIN (SELECT current_setting('is_superuser') = 'on' AS superuser, "
    "to_regrole(quote_ident(";

static const char sql_from[] = ")) AS owner) AS r LEFT JOIN (SELECT oid, nspname, nspowner, "
                               "has_schema_privilege(oid, 'USAGE') AS "
                               "usable FROM pg_namespace WHERE nspname = 'drover') AS n ON true;\n";

void identity_sql(buffer_t *sql, const identity_ask_t *ask) {
    buffer_text(sql, sql_server);
    buffer_text(sql, ask->size ? "pg_database_size(current_database())" : "-1");
    buffer_text(sql, sql_schema);
    if (ask->owner == NULL) {
        buffer_text(sql, "session_user");
    } else {
        quote_text(sql, ask->owner);
    }
    buffer_text(sql, sql_from);
    if (ask->ledger && ask->without_heads) {
        identity_sql_tenant(sql, &ask->tenant);
    } else if (ask->ledger) {
        identity_sql_ledger(sql, &ask->tenant);
    }
}

static void sql_where_tenant(buffer_t *sql, const ident_t *tenant) {
    if (tenant != NULL && !ident_is_null(tenant)) {
        buffer_text(sql, " WHERE tenant_id = ");
        quote_ident(sql, tenant);
    }
}

void identity_sql_tenant(buffer_t *sql, const ident_t *tenant) {
    buffer_text(sql, "SELECT v.schema_version, t.tenant_id, t.name, t.system_identifier, "
                     "t.database_oid FROM (SELECT max(version) AS schema_version FROM "
                     "drover.schema_version) AS v LEFT JOIN drover.tenant AS t ON ");
    if (tenant != NULL && !ident_is_null(tenant)) {
        buffer_text(sql, "t.tenant_id = ");
        quote_ident(sql, tenant);
    } else {
        buffer_text(sql, "true");
    }
    buffer_format(sql, " LIMIT %d;\n", IDENTITY_TENANTS);
}

void identity_sql_ledger(buffer_t *sql, const ident_t *tenant) {
    identity_sql_tenant(sql, tenant);
    /* The fence has a row for each application, the ledger's last row stands beside it. */
    buffer_format(sql,
                  "SELECT f.tenant_id AS fence_tenant, f.application AS fence_application, "
                  "f.epoch AS fence_epoch, f.incarnation AS fence_incarnation, f.attempt AS "
                  "fence_attempt, h.seq IS NOT NULL AS has_row, h.standing, (SELECT v.version FROM "
                  "drover.history AS v WHERE v.tenant_id = f.tenant_id AND v.application = "
                  "f.application AND v.position = h.standing AND v.kind IN ('apply', 'baseline', "
                  "'restore', 'adopt') ORDER BY v.seq DESC LIMIT 1) AS standing_version, h.* FROM "
                  "(SELECT * FROM drover.fence");
    sql_where_tenant(sql, tenant);
    buffer_format(sql,
                  ") AS f LEFT JOIN LATERAL (SELECT %s, CASE WHEN kind = 'undo' THEN position - 1 "
                  "ELSE position END AS standing FROM drover.history WHERE tenant_id = f.tenant_id "
                  "AND application = f.application ORDER BY seq DESC LIMIT 1) AS h ON true LIMIT "
                  "%d;\n",
                  LEDGER_COLUMNS, IDENTITY_APPLICATIONS + 1);
}

const identity_head_t *identity_head(const identity_t *identity, const char *application) {
    for (int i = 0; i < identity->head_count; i++) {
        if (strcmp(identity->heads[i].row.application, application) == 0) {
            return &identity->heads[i];
        }
    }
    return NULL;
}

/* ---- judgement ---- */

static status_t judge_session(const identity_t *id, const identity_rules_t *rules, error_t *err) {
    const char *owner = rules->owner != NULL ? rules->owner : id->login;
    if (id->server_version < 130000) {
        return error_set(err, ERROR_DB_TOO_OLD, "the server is PostgreSQL %d",
                         id->server_version / 10000);
    }
    if (rules->writable && (id->in_recovery || id->read_only)) {
        return error_set(err, ERROR_DB_READ_ONLY, "database '%s' %s", id->database,
                         id->in_recovery ? "is on a standby" : "takes no writes");
    }
    if (id->superuser && !rules->allow_superuser) {
        return error_set(err, ERROR_DB_SUPERUSER, "login '%s' is a superuser", id->login);
    }
    if (!id->owner_member && !id->superuser) {
        return error_set(err, ERROR_DB_RIGHTS,
                         "login '%s' may not SET ROLE to '%s', the owner role of the scripts in "
                         "database '%s'",
                         id->login, owner, id->database);
    }
    if (id->owner_superuser && !rules->allow_superuser) {
        return error_set(err, ERROR_DB_SUPERUSER,
                         "'%s', the owner role of the scripts in database '%s', is a superuser",
                         owner, id->database);
    }
    return STATUS_OK;
}

static status_t judge_schema(const identity_t *id, const identity_rules_t *rules, error_t *err) {
    if (!id->has_schema) {
        if (rules->needs_ledger) {
            return error_set(err, ERROR_TENANT_NO_LEDGER, "database '%s' has no ledger",
                             id->database);
        }
        if (id->schema_owner[0] != '\0' && strcmp(id->schema_owner, id->login) != 0) {
            return error_set(err, ERROR_DB_RIGHTS,
                             "schema 'drover' exists and belongs to '%s', not to '%s'",
                             id->schema_owner, id->login);
        }
        return STATUS_OK;
    }
    if (strcmp(id->schema_owner, id->login) != 0) {
        return error_set(err, ERROR_DB_RIGHTS, "schema 'drover' belongs to '%s', not to '%s'",
                         id->schema_owner, id->login);
    }
    if (!id->append_only) {
        return error_set(err, ERROR_LEDGER_EDITED,
                         "the trigger that keeps drover.history append-only is gone or disabled");
    }
    return STATUS_OK;
}

static status_t judge_tenant(const identity_t *id, const identity_rules_t *rules, error_t *err) {
    char is[IDENT_TEXT_SIZE];
    char wanted[IDENT_TEXT_SIZE];
    if (!id->has_schema) {
        return STATUS_OK;
    }
    if (ident_is_null(&id->tenant)) {
        return rules->needs_ledger
                   ? error_set(err, ERROR_TENANT_NO_LEDGER,
                               "database '%s' holds no tenant that is asked for", id->database)
                   : STATUS_OK;
    }
    if (!ident_is_null(&rules->tenant) && !ident_equal(&rules->tenant, &id->tenant)) {
        return error_set(err, ERROR_TENANT_MISMATCH, "database '%s' is tenant %s, not %s",
                         id->database, ident_text(&id->tenant, is),
                         ident_text(&rules->tenant, wanted));
    }
    if (id->bound_system_identifier != id->system_identifier ||
        id->bound_database_oid != id->database_oid) {
        return error_set(err, ERROR_TENANT_CLONE,
                         "tenant %s was stamped in database %" PRId64 " of cluster %" PRId64
                         "; this is database %" PRId64 " of cluster %" PRId64,
                         ident_text(&id->tenant, is), id->bound_database_oid,
                         id->bound_system_identifier, id->database_oid, id->system_identifier);
    }
    return STATUS_OK;
}

status_t identity_judge(const identity_t *identity, const identity_rules_t *rules, error_t *err) {
    TRY(judge_session(identity, rules, err));
    TRY(judge_schema(identity, rules, err));
    return judge_tenant(identity, rules, err);
}

/* ---- stamping ---- */

static const char sql_here[] =
    "(SELECT system_identifier FROM pg_catalog.pg_control_system()), (SELECT oid FROM "
    "pg_catalog.pg_database WHERE datname = pg_catalog.current_database())";

void identity_sql_stamp(buffer_t *sql, const identity_stamp_t *stamp) {
    buffer_text(sql, "INSERT INTO drover.tenant (tenant_id, name, system_identifier, "
                     "database_oid, created_us) SELECT ");
    quote_ident(sql, &stamp->tenant);
    buffer_text(sql, ", ");
    quote_text(sql, stamp->name);
    buffer_format(sql, ", %s, ", sql_here);
    quote_number(sql, stamp->created_us);
}

void identity_sql_rebind(buffer_t *sql, const ident_t *tenant) {
    buffer_format(sql,
                  "UPDATE drover.tenant SET (system_identifier, database_oid) = (SELECT %s) WHERE "
                  "tenant_id = ",
                  sql_here);
    quote_ident(sql, tenant);
}
