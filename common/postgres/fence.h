/*
 * fence.h: who may write to a tenant: the lock and the fencing token.
 *
 * Token = (epoch, incarnation). A fence is passed by a higher epoch, or by the same epoch of the
 * same incarnation; an equal epoch of another incarnation is a copy of the catalog and loses. The
 * row's UPDATE is what stops a stale writer (a SELECT would let it commit): it takes the row lock
 * and is judged again after a wait. Pure: builds SQL, reads nothing.
 * Source: M. Kleppmann, "How to do distributed locking" (fencing tokens); PostgreSQL manual,
 * "Advisory Locks", "Read Committed Isolation Level".
 */
#ifndef DROVER_POSTGRES_FENCE_H
#define DROVER_POSTGRES_FENCE_H

#include "common/base/buffer.h"
#include "common/base/ident.h"

/* What ledger, fence and lock are keyed by. */
typedef struct fence_key {
    ident_t tenant;
    const char *application; /* borrowed */
} fence_key_t;

typedef struct fence_token {
    int64_t epoch;
    ident_t incarnation;
    ident_t attempt; /* who passed last; no part of the order */
} fence_token_t;

/* Whether `token` passes a fence that stands at `stands`. */
bool fence_passes(const fence_token_t *stands, const fence_token_t *token);

/* The advisory lock's key: a digest, so that other users of advisory locks are met by chance only
 * (2^-64 each). Locks are per database already. */
int64_t fence_lock_key(const fence_key_t *key);

/* SELECT … AS locked: try the session's lock / drop it once / whether this session holds it. */
void fence_sql_lock(buffer_t *sql, const fence_key_t *key);
void fence_sql_unlock(buffer_t *sql, const fence_key_t *key);
void fence_sql_holds(buffer_t *sql, const fence_key_t *key);

/* The condition that a row of pg_locks with the alias l is this lock, of whatever session. */
void fence_sql_is_lock(buffer_t *sql, const fence_key_t *key);

/* UPDATE … RETURNING epoch: one row where the token passed, none where it is stale. No ";". */
void fence_sql_pass(buffer_t *sql, const fence_key_t *key, const fence_token_t *token);

/* The same; where guard is the name of a CTE with a boolean column `ok`, only if that is true. */
void fence_sql_update(buffer_t *sql, const fence_key_t *key, const fence_token_t *token,
                      const char *guard);

/* INSERT … ON CONFLICT DO UPDATE … RETURNING epoch: makes the row at baseline; same judgement. */
void fence_sql_establish(buffer_t *sql, const fence_key_t *key, const fence_token_t *token);

/* fence_passes as a condition on a fence row with the alias f. */
void fence_sql_passes(buffer_t *sql, const fence_token_t *token);

/* The condition that the fence row still is this token, for a WHERE clause. */
void fence_sql_is(buffer_t *sql, const fence_key_t *key, const fence_token_t *token);

/* "tenant_id = … AND application = …" */
void fence_sql_key(buffer_t *sql, const fence_key_t *key);

#endif
