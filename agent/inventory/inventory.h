/*
 * inventory.h: which tenants there are in the agent's clusters, and how they stand: read in the
 * background, kept in memory, told to the coordinator.
 *
 * Each cluster's maintenance database is asked every inventory_refresh who it is and which
 * databases it has (a probe). A tenant is connected to when it is new, when the last try failed
 * (with backoff), when its cluster changed its timeline, and when what is known is older than ten
 * refreshes; otherwise it is left alone. At most agent_config_parallel connections a cluster, one
 * while jobs run there.
 *
 * What is known is a memory with a time, never a verification. A cluster that is a standby is not
 * read: a replica's ledger lags behind, and would look like a tenant that went back in time.
 *
 * Nothing blocks and no event loop is owned: whoever does polls the sessions and calls
 * inventory_tick. Errors are kept as text, redacted, never with a password.
 */
#ifndef DROVER_AGENT_INVENTORY_INVENTORY_H
#define DROVER_AGENT_INVENTORY_INVENTORY_H

#include "agent/journal/journal.h"
#include "common/config/agent_config.h"
#include "common/postgres/connection.h"
#include "common/postgres/identity.h"
#include "proto/drover.pb-c.h"

typedef struct inventory inventory_t;

/* Called from inside tick, ready and note; may not call back into the inventory. */
typedef struct inventory_callbacks {
    void *context;
    void (*cluster_changed)(void *context, size_t cluster); /* anything that ClusterSeen tells */
    void (*tenants_changed)(void *context);                 /* there is news to tell */
    /* The list names a database that the cluster has not; said once. May be NULL. */
    void (*database_missing)(void *context, size_t cluster, const agent_config_tenant_t *listed);
} inventory_callbacks_t;

/* Both clocks as read by the loop for this turn. */
typedef struct inventory_now {
    int64_t boot_us;
    int64_t wall_us;
} inventory_now_t;

/* config and journal are borrowed and outlive it. Nothing is connected to before the first tick.
 * ERROR_BOUND where a tenant would have more than LIMIT_LABELS labels. */
MUST_CHECK status_t inventory_new(const agent_config_t *config, journal_t *journal,
                                  const inventory_callbacks_t *callbacks,
                                  inventory_t **ret_inventory, error_t *err);
/* Every reading must have ended before. */
void inventory_destroy(inventory_t **inventory_p);
DEFINE_CLEANUP(inventory_t, inventory_destroy)

/* ---- clusters, by their index in the configuration ---- */

typedef struct inventory_cluster {
    const char *name;
    uint64_t system_identifier; /* 0 until the first probe that succeeded; kept afterwards */
    bool writable;              /* as the last probe that succeeded found it */
    uint32_t server_version;    /* 150020 */
    uint32_t timeline;
    uint32_t parallel;
    error_code_t problem_code; /* ERROR_NONE where the last probe succeeded */
    char problem[ERROR_TEXT_MAX];
    int64_t last_seen_us; /* wall clock of the last probe that succeeded; 0: never */
} inventory_cluster_t;

size_t inventory_cluster_count(const inventory_t *inventory);
const inventory_cluster_t *inventory_cluster(const inventory_t *inventory, size_t index);

/* Fill a message that borrows from the inventory: pack it before the next call. */
void inventory_cluster_seen(const inventory_t *inventory, size_t index,
                            Drover__ClusterSeen *ret_seen);

/* While jobs run in a cluster, one connection at most is made to it. */
void inventory_set_busy(inventory_t *inventory, size_t index, bool busy);

/* Probe now: something said that the cluster or its databases changed. */
void inventory_refresh(inventory_t *inventory, size_t index);

/* ---- time and sockets ---- */

/* Start what is due and end what took too long. */
void inventory_tick(inventory_t *inventory, const inventory_now_t *now);

/* When inventory_tick must be called next, on the boot clock. */
int64_t inventory_due_us(const inventory_t *inventory);

/*
 * The places for connections: a fixed number for the inventory's life, most of them empty. After
 * each tick, ready or set_busy compare each with what is registered, as with a run's connection:
 * where generation, fd or wants differ, register anew (fd -1: end the old registration).
 */
typedef struct inventory_session inventory_session_t;

/* For the loop alone; zeroed but for fd = -1 at the start. */
typedef struct inventory_watch {
    int fd;
    unsigned generation;
    int events;
} inventory_watch_t;

size_t inventory_session_count(const inventory_t *inventory);
inventory_session_t *inventory_session(inventory_t *inventory, size_t index);
int inventory_session_fd(const inventory_session_t *session); /* -1: nothing to watch */
unsigned inventory_session_generation(const inventory_session_t *session);
int inventory_session_wants(const inventory_session_t *session); /* CONNECTION_READ, _WRITE */
inventory_watch_t *inventory_session_watch(inventory_session_t *session);

/* The session's fd is ready. */
void inventory_ready(inventory_t *inventory, inventory_session_t *session,
                     const inventory_now_t *now);

/* ---- tenants ---- */

/* What the ledger of one application said. Fingerprints are those that its last row recorded. */
typedef struct inventory_application {
    char application[LEDGER_TEXT_SIZE];
    ledger_standing_t standing;
    digest_t strict;
    digest_t logical;
} inventory_application_t;

typedef struct leftovers leftovers_t; /* inventory_left.c */

typedef struct inventory_tenant {
    size_t cluster; /* index */
    uint64_t system_identifier;
    char database[IDENTITY_NAME_SIZE];
    const char *name;               /* borrowed from the configuration, or the database's */
    char owner[IDENTITY_NAME_SIZE]; /* role of the scripts: configured, or the database's owner */
    uint32_t database_oid;
    const agent_config_tenant_t *listed; /* its entry in agent.yaml, or NULL */
    ident_t tenant; /* null until read for the first time, or until it is known unreadable */
    bool stamped;   /* else the id is the one that a baseline will stamp */
    bool read;      /* has been read, or noted, since the agent started */
    bool gone;
    int64_t size_bytes;
    fence_token_t fence;                   /* the highest of its applications, as last read */
    int64_t observed_us;                   /* wall clock, taken before the reading began; to tell */
    int64_t observed_boot_us;              /* boot clock, likewise: which of two is the newer */
    inventory_application_t *applications; /* by name */
    size_t application_count;
    error_code_t problem_code; /* what sets it aside; ERROR_NONE: nothing */
    char *problem;             /* NULL: nothing */
    leftovers_t *left;         /* behind by an earlier run; NULL: nothing */
} inventory_tenant_t;

/* The tenant in this database, or NULL. Borrowed until the next call. */
const inventory_tenant_t *inventory_find(const inventory_t *inventory, uint64_t system_identifier,
                                         const char *database);

/* The tenant of this id in this cluster; one that is no clone is preferred. NULL: none. */
const inventory_tenant_t *inventory_find_id(inventory_t *inventory, uint64_t system_identifier,
                                            const ident_t *tenant);

typedef void inventory_tenant_fn(const inventory_tenant_t *tenant, void *context);
/* Every tenant that is not gone, clusters in order, databases by name. */
void inventory_each(const inventory_t *inventory, inventory_tenant_fn *take, void *context);

/* What a job left behind: the cache follows without a connection. */
typedef struct inventory_facts {
    ident_t tenant;
    const char *application;
    const ledger_standing_t *standing; /* NULL: the tenant is known to be there, no more */
    digest_t strict;
    digest_t logical;
    int64_t size_bytes;       /* 0: not read */
    inventory_now_t observed; /* not before the facts were true */
} inventory_facts_t;
void inventory_note(inventory_t *inventory, uint64_t system_identifier, const char *database,
                    const inventory_facts_t *facts);

/* ---- telling ---- */

/*
 * Whether every cluster was probed and every tenant there was read, so that absence means
 * something. Until then no inventory may be sent as full: a coordinator takes a tenant that a full
 * one does not name for gone. An agent on a standby is never complete.
 */
bool inventory_is_complete(const inventory_t *inventory);

/* Whether anything changed since the last reading that was told to its end. */
bool inventory_has_news(const inventory_t *inventory);

/*
 * A reading is the list of tenants to tell in one Inventory of several parts: those that are gone
 * first, then the others, clones last (so that a catalog meets an id at its own place before it
 * meets the copy). Its parts may be filled over a long time: each tells what is known then.
 *
 *     inventory_reading_new → inventory_reading_part until ret_part.last → inventory_reading_told
 *
 * or inventory_reading_destroy where the connection was lost before the last acknowledgement: the
 * news then stays news.
 */
typedef struct inventory_reading inventory_reading_t;

MUST_CHECK status_t inventory_reading_new(inventory_t *inventory, bool everything,
                                          inventory_reading_t **ret_reading, error_t *err);
/* What it listed was told. Consumes the reading. */
void inventory_reading_told(inventory_reading_t **reading_p);
void inventory_reading_destroy(inventory_reading_t **reading_p);
DEFINE_CLEANUP(inventory_reading_t, inventory_reading_destroy)

typedef struct inventory_part {
    Drover__TenantSeen **tenants; /* for Inventory.tenants; borrowed until the next part or end */
    size_t count;
    bool last; /* no part follows; a reading of nothing has one empty part */
} inventory_part_t;

/* Fill the next part: at most `most` tenants, fewer where the message would become too large.
 * Pack it before any other call. */
MUST_CHECK status_t inventory_reading_part(inventory_reading_t *reading, size_t most,
                                           inventory_part_t *ret_part, error_t *err);

/* Whether the reading was begun with everything, of an inventory that was complete then: then, and
 * only then, Inventory.full may be said. */
bool inventory_reading_is_full(const inventory_reading_t *reading);

#endif
