/*
 * identity.h: which server, database and tenant a session is in, and how it stands, in one round
 * trip.
 *
 * identity_sql gives one statement that works on any database; with `ledger` set two more follow
 * that need the schema `drover` (ask so where it is known to be; where it is not after all, the
 * server's 42P01 or 3F000 is read as "no ledger"). A tenant is bound to (system identifier,
 * database oid): the same id at another place is a clone or a restored copy.
 */
#ifndef DROVER_POSTGRES_IDENTITY_H
#define DROVER_POSTGRES_IDENTITY_H

#include "common/postgres/ledger.h"

enum {
    IDENTITY_NAME_SIZE = 64,
    IDENTITY_PATH_SIZE = 512,
    IDENTITY_APPLICATIONS = 16,
    IDENTITY_TENANTS = 100
};

/* One application's ledger head and fence in this tenant. */
typedef struct identity_head {
    bool has_row; /* whether the ledger has a row at all; else row is zeroed but for its key */
    ledger_row_t row;
    int32_t position; /* where the tenant stands after row (undo folded) */
    char version[LEDGER_TEXT_SIZE];
    fence_token_t fence;
} identity_head_t;

typedef struct identity {
    /* server and session */
    int server_version; /* 150020 */
    int64_t system_identifier;
    int64_t timeline;
    bool in_recovery; /* a standby */
    bool read_only;   /* transaction_read_only */
    int64_t database_oid;
    char database[IDENTITY_NAME_SIZE];
    char login[IDENTITY_NAME_SIZE]; /* session_user */
    bool superuser;
    bool owner_member;                    /* the login may SET ROLE to the owner asked for */
    bool owner_superuser;                 /* the owner role itself is a superuser */
    bool may_create_schema;               /* CREATE on this database */
    char search_path[IDENTITY_PATH_SIZE]; /* what the owner role's own sessions would start with */
    int64_t size_bytes;                   /* pg_database_size; -1 where not asked for */
    /* the schema */
    bool has_schema;                       /* `drover` exists with its tables */
    char schema_owner[IDENTITY_NAME_SIZE]; /* must be the login: else somebody else made it */
    bool append_only;                      /* the ledger's trigger stands and always fires */
    int schema_version;                    /* 0 where not read */
    /* the tenant; null id: none, or several (see tenant_count) */
    int tenant_count; /* rows in drover.tenant; counted to IDENTITY_TENANTS */
    ident_t tenant;
    char tenant_name[LEDGER_TEXT_SIZE];
    int64_t bound_system_identifier;
    int64_t bound_database_oid;
    /* applications, at most IDENTITY_APPLICATIONS, ordered by name in C */
    int head_count;
    identity_head_t heads[IDENTITY_APPLICATIONS];
} identity_t;

typedef struct identity_ask {
    const char *owner;  /* role of the scripts; NULL: the login itself */
    bool size;          /* pg_database_size reads the disk's directory: not for free */
    bool ledger;        /* read the schema too: one round trip where it is known to exist */
    bool without_heads; /* of the ledger, leave out what heads says */
    ident_t tenant;     /* the ledger's part for this tenant only; null: all in the database */
} identity_ask_t;

void identity_sql(buffer_t *sql, const identity_ask_t *ask);
/* Only the ledger's part, where the first answer said has_schema. */
void identity_sql_ledger(buffer_t *sql, const ident_t *tenant);
/* The same without heads. */
void identity_sql_tenant(buffer_t *sql, const ident_t *tenant);

/* Read what came back: results[0] is the first statement's, then the ledger's if asked for. */
MUST_CHECK status_t identity_read(PGresult *const *results, size_t count, identity_t *ret_identity,
                                  error_t *err);
MUST_CHECK status_t identity_read_ledger(PGresult *const *results, size_t count,
                                         identity_t *identity, error_t *err);

typedef struct identity_rules {
    ident_t tenant;       /* null: any */
    bool writable;        /* refuse a standby or read-only session */
    bool needs_ledger;    /* refuse where there is no baseline */
    bool allow_superuser; /* agent.yaml's allow_superuser */
    const char *owner;    /* as identity_ask_t.owner: to name it */
} identity_rules_t;

/*
 * Judge a database before work: DB_TOO_OLD, DB_READ_ONLY, DB_SUPERUSER, DB_RIGHTS (schema of
 * another owner, owner role not granted), TENANT_NO_LEDGER, TENANT_MISMATCH, TENANT_CLONE.
 */
MUST_CHECK status_t identity_judge(const identity_t *identity, const identity_rules_t *rules,
                                   error_t *err);

/* The head of an application, or NULL. */
const identity_head_t *identity_head(const identity_t *identity, const char *application);

/* INSERT of the tenant's row, bound to where the session is; part of a baseline's transaction. */
typedef struct identity_stamp {
    ident_t tenant;
    const char *name;
    int64_t created_us;
} identity_stamp_t;
void identity_sql_stamp(buffer_t *sql, const identity_stamp_t *stamp);
/* UPDATE that binds an existing tenant row to where the session is (adopt, restore). */
void identity_sql_rebind(buffer_t *sql, const ident_t *tenant);

#endif
