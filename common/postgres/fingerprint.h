/*
 * fingerprint.h: the canonical text of a tenant's schema, and its digests. No I/O: SQL goes out,
 * results come in, so that an asynchronous agent can use it.
 *
 *     session_sql → stamp_sql(0) → stamp_read: same stamp as recorded? nothing changed, done.
 *     else sql(mask from the stamp) → from_result → digests (and text, where a diff is wanted),
 *     and stamp_from_result → the stamp of the same snapshot.
 *
 * The text holds one line a fact, "kind TAB identity TAB attribute TAB class TAB value", escaped
 * (\t \n \r \\), ordered by bytes. Classes: L what programs can notice; S strict only (column
 * order, comments, security labels, grants, owners); D the database's own settings, which a plain
 * dump does not carry. logical digests L, strict L and S, database D. All are keyed by the
 * algorithm's version and the server's major.
 *
 * Left out: schema drover, system schemas, temporary objects, TOAST, members of extensions, values
 * of sequences, secrets. Source: PostgreSQL manual, "System Catalogs".
 */
#ifndef DROVER_POSTGRES_FINGERPRINT_H
#define DROVER_POSTGRES_FINGERPRINT_H

#include "common/base/buffer.h"
#include "common/base/digest.h"

#include <libpq-fe.h>
#include <stdint.h>

enum {
    FINGERPRINT_ALGORITHM = 1,       /* of the canonical text; goes into every digest */
    FINGERPRINT_STAMP_SIZE = 96,     /* of a stamp's text, with the terminator */
    FINGERPRINT_TEXT_MAX = 64 << 20, /* bytes of canonical text; more is ERROR_BOUND */
};

typedef struct fingerprint {
    digest_t strict;
    digest_t logical;
    digest_t database; /* ALTER DATABASE …, its owner, grants and comment */
    size_t lines;
} fingerprint_t;

/* Which server and which rare catalogs a query covers. */
typedef struct fingerprint_scope {
    int server_version_num; /* PQserverVersion */
    uint64_t mask;          /* 0, or what fingerprint_stamp_read or fingerprint_probe_read said */
} fingerprint_scope_t;

#define FINGERPRINT_EVERYTHING UINT64_MAX /* mask: look at every catalog, however rare */

/* Objects to leave out: globs (fnmatch) over "kind identity", such as "table public.log_2*"; all
 * that belongs to an object that matches is left out with it. */
typedef struct fingerprint_exceptions {
    const char *const *patterns;
    size_t count;
} fingerprint_exceptions_t;

/*
 * Settings that the queries below need, as one text of SET LOCAL statements (search_path, time
 * zone, formats, jit off). Run it in the same transaction, or, to get the old ones back inside a
 * longer transaction, between SAVEPOINT and ROLLBACK TO. fingerprint_from_result refuses a result
 * that was read under other settings.
 */
const char *fingerprint_session_sql(void);

/* A query for the mask alone: which rare catalogs hold anything. One row, one column. */
MUST_CHECK status_t fingerprint_probe_sql(int server_version_num, buffer_t *text, error_t *err);
MUST_CHECK status_t fingerprint_probe_read(const PGresult *result, uint64_t *ret_mask,
                                           error_t *err);

/* The whole query, appended to text; a pure SELECT over pg_catalog. Same scope, same text: build
 * it once and keep it. */
MUST_CHECK status_t fingerprint_sql(const fingerprint_scope_t *scope, buffer_t *text, error_t *err);

/*
 * Digest a result of fingerprint_sql. exceptions and text may be NULL; text gets the canonical text
 * appended. ERROR_CATALOG_MOVED where the catalogs hold more than the scope covered (something was
 * created since the mask was read): take the mask again. ERROR_INVALID for a result of another
 * query or under other settings.
 */
MUST_CHECK status_t fingerprint_from_result(const PGresult *result,
                                            const fingerprint_scope_t *scope,
                                            const fingerprint_exceptions_t *exceptions,
                                            fingerprint_t *ret_fingerprint, buffer_t *text,
                                            error_t *err);

/*
 * The cheap stamp: changes whenever a catalog row that can matter was written. A change that is
 * none (ANALYZE's never, VACUUM FULL's, a temporary table's) may show; a change never stays unseen.
 * Sums a hash of (catalog, ctid, xmin, owner, privileges) over the rows: xmin survives freezing.
 * Of the settings it needs search_path alone; under quote_all_identifiers it may differ where
 * policies name roles, a change that is none.
 */
MUST_CHECK status_t fingerprint_stamp_sql(const fingerprint_scope_t *scope, buffer_t *text,
                                          error_t *err);

typedef struct fingerprint_stamp {
    char text[FINGERPRINT_STAMP_SIZE]; /* compare as text, store as it is */
    uint64_t mask;                     /* for fingerprint_sql */
    bool complete; /* false: mask holds more than the scope asked; ask again with this mask */
} fingerprint_stamp_t;

MUST_CHECK status_t fingerprint_stamp_read(const PGresult *result, const fingerprint_scope_t *scope,
                                           fingerprint_stamp_t *ret_stamp, error_t *err);

/* The stamp out of a result of fingerprint_sql, as fingerprint_stamp_sql with the mask of what the
 * catalogs hold would say it. Not complete: that mask is wider than the scope, and text is empty.
 */
MUST_CHECK status_t fingerprint_stamp_from_result(const PGresult *result,
                                                  const fingerprint_scope_t *scope,
                                                  fingerprint_stamp_t *ret_stamp, error_t *err);

/* The mask that a recorded stamp was complete with; 0 where the text is no stamp. */
uint64_t fingerprint_stamp_mask(const char *stamp);

typedef struct fingerprint_diff_options {
    bool logical_only;
    size_t most; /* lines; 0 is all. What is beyond is counted in a last line */
} fingerprint_diff_options_t;

/*
 * What differs between two canonical texts, appended to lines, one a line, for people:
 * "table public.orders: column note: missing; was text not null". Order of bytes; empty where
 * nothing differs.
 */
MUST_CHECK status_t fingerprint_diff(const char *was, const char *is,
                                     const fingerprint_diff_options_t *options, buffer_t *lines,
                                     error_t *err);

#endif
