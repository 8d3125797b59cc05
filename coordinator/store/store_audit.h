/* store_audit.h: who did what, when, from where, with which result. Rows are only ever added. */
#ifndef DROVER_STORE_STORE_AUDIT_H
#define DROVER_STORE_STORE_AUDIT_H

#include "coordinator/store/store.h"

#include "common/base/digest.h"

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
} audit_row_t;

MUST_CHECK status_t store_audit_append(store_t *store, const audit_row_t *row, error_t *err);

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
