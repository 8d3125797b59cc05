/* identity_read.c: the answers to identity_sql; see identity.h. */
#include "common/postgres/identity.h"
#include "common/postgres/result.h"
#include "common/postgres/sqlstate.h"

#include <stdlib.h>
#include <string.h>

/* A standby's is a number, a primary's the first eight hexadecimal digits of a WAL file's name. */
static status_t read_timeline(result_row_t row, identity_t *id, error_t *err) {
    char text[32] = "";
    char *end = NULL;
    TRY(result_copy(row, "timeline", text, sizeof text, err));
    if (!id->in_recovery) {
        text[strlen(text) == 24 ? 8 : 0] = '\0';
    }
    id->timeline = (int64_t)strtoull(text, &end, id->in_recovery ? 10 : 16);
    if (end == text || *end != '\0') {
        return error_set(err, ERROR_DB_SQL, "the server's answer names no timeline");
    }
    return STATUS_OK;
}

static status_t read_server(result_row_t row, identity_t *id, error_t *err) {
    int64_t version = 0;
    TRY(result_number(row, "server_version", &version, err));
    id->server_version = (int)version;
    TRY(result_number(row, "system_identifier", &id->system_identifier, err));
    TRY(result_bool(row, "in_recovery", &id->in_recovery, err));
    TRY(read_timeline(row, id, err));
    TRY(result_bool(row, "read_only", &id->read_only, err));
    TRY(result_number(row, "database_oid", &id->database_oid, err));
    TRY(result_copy(row, "database", id->database, sizeof id->database, err));
    TRY(result_number(row, "size_bytes", &id->size_bytes, err));
    return STATUS_OK;
}

static status_t read_rights(result_row_t row, identity_t *id, error_t *err) {
    TRY(result_copy(row, "login", id->login, sizeof id->login, err));
    TRY(result_bool(row, "superuser", &id->superuser, err));
    TRY(result_bool(row, "owner_member", &id->owner_member, err));
    TRY(result_bool(row, "owner_superuser", &id->owner_superuser, err));
    TRY(result_bool(row, "may_create_schema", &id->may_create_schema, err));
    TRY(result_copy(row, "search_path", id->search_path, sizeof id->search_path, err));
    TRY(result_bool(row, "has_schema", &id->has_schema, err));
    TRY(result_copy(row, "schema_owner", id->schema_owner, sizeof id->schema_owner, err));
    TRY(result_bool(row, "append_only", &id->append_only, err));
    return STATUS_OK;
}

static status_t read_tenant(const PGresult *result, identity_t *id, error_t *err) {
    result_row_t row = {result, 0};
    const char *text = NULL;
    TRY(result_text(row, "schema_version", &text, err));
    id->schema_version = text == NULL ? 0 : atoi(text);
    TRY(result_text(row, "tenant_id", &text, err));
    id->tenant_count = text == NULL ? 0 : PQntuples(result);
    if (id->tenant_count != 1) {
        return STATUS_OK;
    }
    TRY(result_ident(row, "tenant_id", &id->tenant, err));
    TRY(result_copy(row, "name", id->tenant_name, sizeof id->tenant_name, err));
    TRY(result_number(row, "system_identifier", &id->bound_system_identifier, err));
    TRY(result_number(row, "database_oid", &id->bound_database_oid, err));
    return STATUS_OK;
}

static status_t read_head(const PGresult *result, int index, identity_head_t *head, error_t *err) {
    result_row_t row = {result, index};
    int64_t standing = 0;
    TRY(result_number(row, "fence_epoch", &head->fence.epoch, err));
    TRY(result_ident(row, "fence_incarnation", &head->fence.incarnation, err));
    TRY(result_ident(row, "fence_attempt", &head->fence.attempt, err));
    TRY(result_bool(row, "has_row", &head->has_row, err));
    if (head->has_row) {
        TRY(ledger_read(result, index, &head->row, err));
        TRY(result_number(row, "standing", &standing, err));
        head->position = (int32_t)standing;
        return result_copy(row, "standing_version", head->version, sizeof head->version, err);
    }
    TRY(result_ident(row, "fence_tenant", &head->row.tenant, err));
    return result_copy(row, "fence_application", head->row.application,
                       sizeof head->row.application, err);
}

static int compare_heads(const void *a, const void *b) {
    const identity_head_t *left = a;
    const identity_head_t *right = b;
    int order = strcmp(left->row.application, right->row.application);
    return order != 0 ? order : ident_compare(&left->row.tenant, &right->row.tenant);
}

static status_t read_heads(const PGresult *result, identity_t *id, error_t *err) {
    int count = PQntuples(result);
    if (count > IDENTITY_APPLICATIONS) {
        return error_set(err, ERROR_BOUND, "more than %d applications in one database",
                         IDENTITY_APPLICATIONS);
    }
    for (int i = 0; i < count; i++) {
        TRY(read_head(result, i, &id->heads[i], err));
    }
    id->head_count = count;
    qsort(id->heads, (size_t)count, sizeof id->heads[0], compare_heads);
    return STATUS_OK;
}

/* The schema that was thought to be there is not: no error, but an answer. */
static bool is_absence(const PGresult *result) {
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state != NULL && (strcmp(state, "42P01") == 0 || strcmp(state, "3F000") == 0);
}

status_t identity_read_ledger(PGresult *const *results, size_t count, identity_t *identity,
                              error_t *err) {
    if (count > 0 && is_absence(results[0])) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        if (PQresultStatus(results[i]) != PGRES_TUPLES_OK) {
            return sqlstate_result(results[i], SQLSTATE_RUNNING, err);
        }
    }
    if (count == 0 || PQntuples(results[0]) == 0) {
        return error_set(err, ERROR_DB_SQL, "the server's answer about the ledger is incomplete");
    }
    TRY(read_tenant(results[0], identity, err));
    return count > 1 ? read_heads(results[1], identity, err) : STATUS_OK;
}

status_t identity_read(PGresult *const *results, size_t count, identity_t *ret_identity,
                       error_t *err) {
    if (count == 0 || PQresultStatus(results[0]) != PGRES_TUPLES_OK || PQntuples(results[0]) != 1) {
        return count > 0 && PQresultStatus(results[0]) == PGRES_FATAL_ERROR
                   ? sqlstate_result(results[0], SQLSTATE_RUNNING, err)
                   : error_set(err, ERROR_DB_SQL, "the server's answer about itself is incomplete");
    }
    identity_t identity = {0};
    TRY(read_server((result_row_t){results[0], 0}, &identity, err));
    TRY(read_rights((result_row_t){results[0], 0}, &identity, err));
    if (count > 1) {
        TRY(identity_read_ledger(results + 1, count - 1, &identity, err));
    }
    *ret_identity = identity;
    return STATUS_OK;
}
