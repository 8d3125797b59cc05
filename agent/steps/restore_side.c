/* restore_side.c: see restore_side.h. */
#include "agent/steps/restore_side.h"
#include "agent/backup/backup_store.h"
#include "agent/inventory/conninfo.h"
#include "common/postgres/quote.h"
#include "common/postgres/result.h"

#include <stdio.h>
#include <string.h>

enum {
    DATABASE_MS = 600000, /* CREATE and DROP DATABASE may wait for a checkpoint */
    NEWER_MAJORS = 8,     /* how far a pg_dump may be ahead of the server */
};

/* ---- the state ---- */

status_t restore_side_new(run_t *run, error_t *err) {
    restore_side_free(run);
    run->restore = calloc(1, sizeof(restore_side_t));
    return run->restore != NULL ? STATUS_OK
                                : error_set(err, ERROR_NO_MEMORY, "no memory for a restore");
}

restore_side_t *restore_side_of(run_t *run) {
    INVARIANT(run->restore != NULL);
    return run->restore;
}

void restore_side_free(run_t *run) {
    restore_side_t *side = run->restore;
    if (side == NULL) {
        return;
    }
    if (side->unreported) {
        error_t err;
        (void)(backup_remove(side->manifest_path, &err) ==
               STATUS_OK); /* else retention's to find */
    }
    connection_destroy(&side->tenant);
    restore_plan_destroy(&side->plan);
    free(side->marker);
    free(side->options);
    free(side->comment);
    free(side);
    run->restore = NULL;
}

void restore_side_park(run_t *run) {
    restore_side_t *side = restore_side_of(run);
    INVARIANT(side->tenant == NULL);
    side->tenant = TAKE(run->connection);
    run->locked = false;
}

void restore_side_unpark(run_t *run) {
    restore_side_t *side = restore_side_of(run);
    INVARIANT(side->tenant != NULL);
    run_disconnect(run);
    run->connection = TAKE(side->tenant);
    run->locked = true;
}

void restore_side_exchange(run_t *run) {
    restore_side_t *side = restore_side_of(run);
    connection_t *in_hand = run->connection;
    INVARIANT(side->tenant != NULL && in_hand != NULL);
    run->connection = side->tenant;
    side->tenant = in_hand;
    run->locked = !run->locked;
}

status_t restore_side_keep(char **text_p, const char *text, error_t *err) {
    free(*text_p);
    *text_p = text != NULL ? strdup(text) : NULL;
    return text == NULL || *text_p != NULL
               ? STATUS_OK
               : error_set(err, ERROR_NO_MEMORY, "no memory for a restore");
}

void restore_side_role(const run_t *run, buffer_t *sql, bool local) {
    if (run->cluster->roles.restore == NULL) {
        buffer_text(sql, "RESET ROLE");
        return;
    }
    buffer_text(sql, local ? "SET LOCAL ROLE " : "SET ROLE ");
    quote_name(sql, run->cluster->roles.restore);
}

/* ---- facts ---- */

/* Version-dependent columns are read through JSON, which answers NULL where they are not. */
static const char sql_facts[] =
    "SELECT pg_get_userbyid(d.datdba) AS owner, pg_current_wal_lsn() AS lsn, "
    "d.datconnlimit AS connection_limit, shobj_description(d.oid, 'pg_database') AS comment, "
    "format(' OWNER %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', "
    "pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), d.datcollate, d.datctype) || "
    "CASE j->>'datlocprovider' "
    "WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', COALESCE(j->>'datlocale', "
    "j->>'daticulocale')) || COALESCE(format(' ICU_RULES %L', j->>'daticurules'), '') "
    "WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', j->>'datlocale') "
    "ELSE '' END || CASE WHEN t.spcname = 'pg_default' THEN '' ELSE "
    "format(' TABLESPACE %I', t.spcname) END AS options, ";

static const char sql_facts_from[] =
    " AS backup_lacks_rights FROM pg_database AS d JOIN pg_tablespace AS t ON t.oid = "
    "d.dattablespace CROSS JOIN LATERAL to_jsonb(d) AS j WHERE d.datname = current_database()";

static status_t take_facts(restore_side_t *side, const PGresult *result, error_t *err) {
    result_row_t row = {result, 0};
    const char *text = NULL;
    TRY(result_copy(row, "owner", side->owner, sizeof side->owner, err));
    TRY(result_copy(row, "lsn", side->lsn, sizeof side->lsn, err));
    TRY(result_number(row, "connection_limit", &side->connection_limit, err));
    TRY(result_bool(row, "backup_lacks_rights", &side->backup_lacks_rights, err));
    TRY(result_text(row, "comment", &text, err));
    TRY(restore_side_keep(&side->comment, text, err));
    TRY(result_text(row, "options", &text, err));
    return restore_side_keep(&side->options, text, err);
}

static void on_facts(run_t *run, connection_answer_t *answer) {
    restore_side_t *side = restore_side_of(run);
    error_t err = {0};
    if (take_facts(side, answer->results[0], &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    side->next(run);
}

void restore_side_facts(run_t *run, run_next_fn *next) {
    const char *backup = run->cluster->roles.backup;
    CLEANUP(buffer_free) buffer_t sql = {0};
    restore_side_of(run)->next = next;
    buffer_text(&sql, sql_facts);
    if (backup != NULL) {
        buffer_text(&sql, "NOT has_schema_privilege(");
        quote_text(&sql, backup);
        buffer_text(&sql, ", 'drover', 'USAGE') OR EXISTS (SELECT FROM pg_class AS c WHERE "
                          "c.relnamespace = 'drover'::regnamespace AND c.relkind = 'r' AND NOT "
                          "has_table_privilege(");
        quote_text(&sql, backup);
        buffer_text(&sql, ", c.oid, 'SELECT'))");
    } else {
        buffer_text(&sql, "false");
    }
    buffer_text(&sql, sql_facts_from);
    run_query(run, &sql, on_facts);
}

/* ---- make and drop ---- */

static void end(run_t *run, const error_t *err) {
    restore_side_t *side = restore_side_of(run);
    run_next_fn *next = side->next;
    side->next = NULL;
    side->err = *err;
    next(run);
}

static void on_marked(run_t *run, connection_answer_t *answer) {
    end(run, &answer->error);
}

/* A refused CREATE leaves the role set: it is put back before anybody else uses the session. */
static void on_role_reset(run_t *run, connection_answer_t *answer) {
    (void)answer;
    end(run, &run->pending);
}

static void on_created(run_t *run, connection_answer_t *answer) {
    const restore_side_t *side = restore_side_of(run);
    CLEANUP(buffer_free) buffer_t sql = {0};
    buffer_text(&sql, "RESET ROLE");
    if (answer->error.code != ERROR_NONE) {
        run->pending = answer->error;
        (void)error_context(&run->pending, "creating database %s", side->database);
        run_send(run, &sql, &(run_request_t){0}, on_role_reset);
        return;
    }
    buffer_text(&sql, ";COMMENT ON DATABASE ");
    quote_name(&sql, side->database);
    buffer_text(&sql, " IS ");
    quote_text(&sql, side->marker);
    buffer_text(&sql, ";REVOKE ALL ON DATABASE ");
    quote_name(&sql, side->database);
    buffer_text(&sql, " FROM PUBLIC");
    run_send(run, &sql, &(run_request_t){0}, on_marked);
}

static void on_role(run_t *run, connection_answer_t *answer) {
    const restore_side_t *side = restore_side_of(run);
    CLEANUP(buffer_free) buffer_t sql = {0};
    if (answer->error.code != ERROR_NONE) {
        end(run, &answer->error);
        return;
    }
    buffer_text(&sql, "CREATE DATABASE ");
    quote_name(&sql, side->database);
    buffer_text(&sql, side->options);
    run_send(run, &sql, &(run_request_t){.timeout_ms = DATABASE_MS}, on_created);
}

void restore_side_create(run_t *run, run_next_fn *next) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    restore_side_of(run)->next = next;
    restore_side_role(run, &sql, false);
    run_send(run, &sql, &(run_request_t){0}, on_role);
}

static void on_dropped(run_t *run, connection_answer_t *answer) {
    error_t err = answer->error;
    if (err.code != ERROR_NONE) {
        (void)error_context(&err, "dropping a database of ours");
    }
    end(run, &err);
}

void restore_side_drop(run_t *run, const char *database, run_next_fn *next) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    restore_side_of(run)->next = next;
    buffer_text(&sql, "DROP DATABASE IF EXISTS ");
    quote_name(&sql, database);
    buffer_text(&sql, " WITH (FORCE)");
    run_send(run, &sql, &(run_request_t){.timeout_ms = DATABASE_MS}, on_dropped);
}

/* ---- fill ---- */

status_t restore_side_conninfo(const run_t *run, const char *database, buffer_t *out,
                               error_t *err) {
    TRY(conninfo_of_cluster(run->cluster, out, err));
    buffer_format(out, "%sdbname='", out->size > 0 ? " " : "");
    for (const char *c = database; *c != '\0'; c++) {
        if (*c == '\'' || *c == '\\') {
            buffer_char(out, '\\');
        }
        buffer_char(out, *c);
    }
    buffer_char(out, '\'');
    conninfo_add_tool(run->shared->config->name, out);
    return buffer_check(out, err);
}

backup_connection_t restore_side_connection(const char *conninfo) {
    /* Set by connection_clear_environment: libpq knows no keyword for it. */
    const char *service_file = getenv("PGSERVICEFILE");
    bool usable = service_file != NULL && service_file[0] == '/';
    return (backup_connection_t){.conninfo = conninfo,
                                 .service_file = usable ? service_file : NULL};
}

static bool has_tools(const char *folder) {
    char path[4200];
    (void)snprintf(path, sizeof path, "%s/pg_dump", folder);
    return access(path, X_OK) == 0;
}

void restore_side_tools(const agent_config_t *config, int64_t server_version, char folder[4096]) {
    int major = (int)(server_version / 10000);
    for (int m = major; m <= major + NEWER_MAJORS; m++) {
        const char *configured = agent_config_tools(config, m);
        if (configured != NULL) {
            (void)snprintf(folder, 4096, "%s", configured);
            return;
        }
        (void)snprintf(folder, 4096, "/usr/lib/postgresql/%d/bin", m);
        if (has_tools(folder)) {
            return;
        }
    }
    /* What is missing is named by the worker. */
    (void)snprintf(folder, 4096, "/usr/lib/postgresql/%d/bin", major);
}

backup_trust_t restore_side_trust(const run_t *run) {
    return (backup_trust_t){.keys = run->shared->backup_keys.sign_public, .count = 1};
}

static void on_filled(run_t *run) {
    backup_result_t result;
    error_t err = {0};
    run->backup_over = NULL;
    (void)(backup_result(run->backup, &result, &err) == STATUS_OK);
    backup_destroy(&run->backup);
    end(run, &err);
}

static status_t start_fill(run_t *run, bool trial, error_t *err) {
    restore_side_t *side = restore_side_of(run);
    CLEANUP(buffer_free) buffer_t conninfo = {0};
    char folder[4096];
    int64_t version = run->identity.server_version;
    TRY(restore_side_conninfo(run, side->database, &conninfo, err));
    restore_side_tools(run->shared->config, version, folder);
    backup_restore_request_t request = {
        .connection = restore_side_connection(buffer_string(&conninfo)),
        .programs = {.bin_dir = folder, .server_version = version},
        .keys = run->shared->backup_keys,
        .trust = restore_side_trust(run),
        .manifest_path = side->manifest_path,
        .tenant_id = &run->what.tenant,
        .owner_is_role = trial,
        .no_privileges = trial,
    };
    /* A real one runs as the login: only that may give the ledger back to the login and all else
     * back to its owners. */
    request.connection.role = trial ? side->owner : NULL;
    return backup_restore_start(&request, &run->backup, err);
}

void restore_side_fill(run_t *run, bool trial, run_next_fn *next) {
    error_t err = {0};
    restore_side_of(run)->next = next;
    if (start_fill(run, trial, &err) != STATUS_OK) {
        end(run, &err);
        return;
    }
    run->backup_over = on_filled;
}

/* ---- backups ---- */

static status_t choose(run_t *run, const backup_list_t *list, const ident_t *backup, error_t *err) {
    restore_side_t *side = restore_side_of(run);
    char id[IDENT_TEXT_SIZE];
    (void)ident_text(backup, id);
    for (size_t i = 0; i < list->count; i++) {
        const backup_entry_t *entry = &list->entries[i];
        bool untrusted = entry->state == BACKUP_UNTRUSTED;
        /* What an untrusted manifest says is not known; its name says whose it should be. */
        if (untrusted ? strstr(entry->path, id) == NULL
                      : !ident_equal(&entry->manifest.backup_id, backup)) {
            continue;
        }
        if (entry->state != BACKUP_PRESENT) {
            *err = entry->why;
            return untrusted ? error_context(err, "reading %s", strrchr(entry->path, '/') + 1)
                             : STATUS_ERROR;
        }
        side->manifest = entry->manifest;
        (void)snprintf(side->manifest_path, sizeof side->manifest_path, "%s", entry->path);
        return STATUS_OK;
    }
    return error_set(err, ERROR_NOT_FOUND, "tenant %s has no backup %s in %s",
                     run->what.tenant_name, id, run->shared->config->backup.directory);
}

status_t restore_side_find(run_t *run, const ident_t *backup, error_t *err) {
    CLEANUP(backup_list_free) backup_list_t list = {0};
    backup_trust_t trust = restore_side_trust(run);
    const char *folder = run->shared->config->backup.directory;
    if (folder == NULL) {
        return error_set(err, ERROR_RECOVERY_POINT,
                         "this agent keeps no backups: backup.directory is not set");
    }
    TRY(backup_list_read(folder, &run->what.tenant, &trust, &list, err));
    return choose(run, &list, backup, err);
}
