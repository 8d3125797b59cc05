/*
 * store_audit.h: who did what, when, from where, with which result. Rows are only ever added.
 *
 * Each row cites the digest of the row before it (common/audit/chain.h), and the coordinator signs
 * the chain's head now and then, so that an edit shows, and a cut tail against a head that somebody
 * kept. Rows that an older program wrote are in no chain; it begins behind them.
 */
#ifndef DROVER_STORE_STORE_AUDIT_H
#define DROVER_STORE_STORE_AUDIT_H

#include "coordinator/store/store.h"

#include "common/audit/chain.h"

typedef struct audit_row {
    int64_t sequence; /* given by the store: 1, 2, … without gaps */
    int64_t time_us;
    const char *actor;   /* operator, agent or "coordinator" */
    const char *origin;  /* address and key it came from */
    const char *action;  /* verb, or machine and row id */
    ident_t rollout;     /* or null */
    ident_t tenant;      /* or null */
    digest_t sql_digest; /* or all zeros */
    const char *result;  /* "ok" or an error code */
    const char *detail;
    /* given by the store */
    bool chained;          /* false: written before there was a chain */
    digest_t previous;     /* of the row before; null where the chain begins */
    const char *signature; /* a signed head as audit_head_text has it, or "" */
} audit_row_t;

/* Texts that are no UTF-8 are written with '?' in place of the bytes that are none, so that every
 * reader computes the same digest. Signs the head where that is due (store_audit_sign_with). */
MUST_CHECK status_t store_audit_append(store_t *store, const audit_row_t *row, error_t *err);

/* Who signs heads from here on; borrowed for the store's life. The first row after this is signed,
 * then one every AUDIT_HEAD_ROWS or AUDIT_HEAD_US. */
typedef struct store_audit_signer {
    const sign_secret_t *secret;
    sign_public_t key;
    store_identity_t identity;
} store_audit_signer_t;

enum { AUDIT_HEAD_ROWS = 1000 };
#define AUDIT_HEAD_US (INT64_C(10) * 60 * 1000 * 1000)

void store_audit_sign_with(store_t *store, const store_audit_signer_t *signer);

/* The signed head as it stands, the open transaction's rows included. INTERNAL without signer. */
MUST_CHECK status_t store_audit_head(store_t *store, int64_t now_us, audit_head_t *ret_head,
                                     error_t *err);

/* Sign the last row where it is not signed: before the program ends. Within a transaction. */
MUST_CHECK status_t store_audit_seal(store_t *store, int64_t now_us, error_t *err);

/* Sequence of the row whose head was signed last by this run; 0: none yet. */
int64_t store_audit_signed(const store_t *store);

/* Where the log stands, for store.c: it goes on in memory, and a rollback takes it back. */
typedef struct store_audit_end {
    int64_t next;    /* sequence of the next row */
    digest_t digest; /* of the row before that; null where it is in no chain */
    int64_t signed_sequence;
    int64_t signed_us;
} store_audit_end_t;

MUST_CHECK status_t store_audit_find_end(store_t *store, store_audit_end_t *ret_end, error_t *err);

/* All conditions that are given must hold. */
typedef struct audit_page {
    ident_t tenant;     /* null: any */
    ident_t rollout;    /* null: any */
    const char *actor;  /* NULL or "": any */
    const char *action; /* NULL or "": any; else the whole word */
    int64_t since_us;   /* included; 0: from the beginning */
    int64_t until_us;   /* not included; 0: to the end */
    int64_t before;     /* sequence; 0 begins with the newest */
    uint32_t limit;
} audit_page_t;

typedef status_t store_audit_fn(void *context, const audit_row_t *row, error_t *err);

/* A page, newest first. */
MUST_CHECK status_t store_audit_each(store_t *store, const audit_page_t *page, store_audit_fn *fn,
                                     void *context, error_t *err);

#endif
