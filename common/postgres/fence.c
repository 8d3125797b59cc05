/* fence.c: see fence.h. */
#include "common/postgres/fence.h"
#include "common/crypto/hash.h"
#include "common/postgres/quote.h"

#include <inttypes.h>

#define LOCK_DOMAIN "drover/lock/1"

bool fence_passes(const fence_token_t *stands, const fence_token_t *token) {
    return stands->epoch < token->epoch || (stands->epoch == token->epoch &&
                                            ident_equal(&stands->incarnation, &token->incarnation));
}

int64_t fence_lock_key(const fence_key_t *key) {
    hash_t hash;
    hash_begin(&hash, LOCK_DOMAIN);
    hash_add(&hash, key->tenant.bytes, IDENT_BYTES);
    hash_add_text(&hash, key->application);
    digest_t digest = hash_end(&hash);
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = value << 8 | digest.bytes[i];
    }
    return (int64_t)value;
}

static void sql_advisory(buffer_t *sql, const char *function, const fence_key_t *key) {
    buffer_format(sql, "SELECT pg_catalog.%s(", function);
    quote_number(sql, fence_lock_key(key));
    buffer_text(sql, ") AS locked");
}

void fence_sql_lock(buffer_t *sql, const fence_key_t *key) {
    sql_advisory(sql, "pg_try_advisory_lock", key);
}

void fence_sql_unlock(buffer_t *sql, const fence_key_t *key) {
    sql_advisory(sql, "pg_advisory_unlock", key);
}

void fence_sql_holds(buffer_t *sql, const fence_key_t *key) {
    uint64_t number = (uint64_t)fence_lock_key(key);
    buffer_format(sql,
                  "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND "
                  "pid = pg_catalog.pg_backend_pid() AND granted AND mode = 'ExclusiveLock' AND "
                  "objsubid = 1 AND classid = %" PRIu64 "::oid AND objid = %" PRIu64
                  "::oid) AS locked",
                  number >> 32, number & UINT32_MAX);
}

void fence_sql_is_lock(buffer_t *sql, const fence_key_t *key) {
    uint64_t number = (uint64_t)fence_lock_key(key);
    buffer_format(
        sql,
        "l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid = %" PRIu64
        "::oid AND l.objid = %" PRIu64 "::oid AND l.database = (SELECT d.oid FROM "
        "pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())",
        number >> 32, number & UINT32_MAX);
}

void fence_sql_key(buffer_t *sql, const fence_key_t *key) {
    buffer_text(sql, "tenant_id = ");
    quote_ident(sql, &key->tenant);
    buffer_text(sql, " AND application = ");
    quote_text(sql, key->application);
}

void fence_sql_passes(buffer_t *sql, const fence_token_t *token) {
    buffer_text(sql, "(f.epoch < ");
    quote_number(sql, token->epoch);
    buffer_text(sql, " OR (f.epoch = ");
    quote_number(sql, token->epoch);
    buffer_text(sql, " AND f.incarnation = ");
    quote_ident(sql, &token->incarnation);
    buffer_text(sql, "))");
}

void fence_sql_update(buffer_t *sql, const fence_key_t *key, const fence_token_t *token,
                      const char *guard) {
    buffer_text(sql, "UPDATE drover.fence AS f SET epoch = ");
    quote_number(sql, token->epoch);
    buffer_text(sql, ", incarnation = ");
    quote_ident(sql, &token->incarnation);
    buffer_text(sql, ", attempt = ");
    quote_ident(sql, &token->attempt);
    if (guard != NULL) {
        buffer_format(sql, " FROM %s WHERE %s.ok AND f.", guard, guard);
    } else {
        buffer_text(sql, " WHERE f.");
    }
    fence_sql_key(sql, key);
    buffer_text(sql, " AND ");
    fence_sql_passes(sql, token);
    buffer_text(sql, " RETURNING f.epoch");
}

void fence_sql_pass(buffer_t *sql, const fence_key_t *key, const fence_token_t *token) {
    fence_sql_update(sql, key, token, NULL);
}

void fence_sql_establish(buffer_t *sql, const fence_key_t *key, const fence_token_t *token) {
    buffer_text(sql, "INSERT INTO drover.fence AS f (tenant_id, application, epoch, incarnation, "
                     "attempt) VALUES (");
    quote_ident(sql, &key->tenant);
    buffer_text(sql, ", ");
    quote_text(sql, key->application);
    buffer_text(sql, ", ");
    quote_number(sql, token->epoch);
    buffer_text(sql, ", ");
    quote_ident(sql, &token->incarnation);
    buffer_text(sql, ", ");
    quote_ident(sql, &token->attempt);
    buffer_text(sql, ") ON CONFLICT (tenant_id, application) DO UPDATE SET epoch = EXCLUDED.epoch, "
                     "incarnation = EXCLUDED.incarnation, attempt = EXCLUDED.attempt WHERE ");
    fence_sql_passes(sql, token);
    buffer_text(sql, " RETURNING f.epoch");
}

void fence_sql_is(buffer_t *sql, const fence_key_t *key, const fence_token_t *token) {
    buffer_text(sql, "EXISTS (SELECT FROM drover.fence WHERE ");
    fence_sql_key(sql, key);
    buffer_text(sql, " AND epoch = ");
    quote_number(sql, token->epoch);
    buffer_text(sql, " AND incarnation = ");
    quote_ident(sql, &token->incarnation);
    buffer_text(sql, ")");
}
