/*
 * tenant.h: a tenant as baseline leaves it, and migrations on it, for tests: the calls that an
 * agent makes, over connection_run.
 */
#ifndef DROVER_TESTS_TENANT_H
#define DROVER_TESTS_TENANT_H

#include "common/postgres/connection.h"
#include "common/postgres/ledger.h"
#include "common/postgres/transaction.h"

typedef struct tenant {
    ident_t id;
    const char *application;
    fence_token_t token;
    ledger_row_t head; /* last row that was written */
    sign_public_t key;
    sign_secret_t secret;
    const char *login;
    const char *owner;
    bool chain;    /* fence and record are prepared by the first migration, executed by the next */
    bool prepared; /* they are, in the session that tenant_apply used last … */
    fence_token_t prepared_token; /* … with this token */
} tenant_t;

/* Install the schema, stamp the tenant, establish the fence, write the baseline. Aborts on
 * failure. */
void tenant_baseline(tenant_t *tenant, connection_t *c);

/* The row that would follow the head. */
ledger_row_t tenant_next(const tenant_t *tenant, ledger_kind_t kind);

typedef struct tenant_run {
    char xid[24];
    error_t err;
    bool opened;
    bool recorded;
} tenant_run_t;

/* Open and run a script; then, where that went well, record. Not yet committed; rolled back on
 * failure (err says which). */
tenant_run_t tenant_apply(tenant_t *tenant, connection_t *c, const char *script, ledger_row_t *row);

/* tenant_apply and COMMIT; STATUS_OK moves the head. */
status_t tenant_migrate(tenant_t *tenant, connection_t *c, const char *script, error_t *err);

#endif
