/*
 * inventory_internal.h: what the inventory's files share.
 *
 *     inventory.c          making, time, sockets, which session works on what
 *     inventory_probe.c    the cluster and its list of databases
 *     inventory_read.c     one tenant
 *     inventory_list.c     the list becomes entries
 *     inventory_cache.c    entries: changed, due, departed
 *     inventory_find.c     entries found, and told what a job left
 *     inventory_tell.c     entries as messages
 *     inventory_left.c     what was left behind
 *
 * An entry lives until it has departed, that was told, and neither a session nor a reading points
 * to it.
 */
#ifndef DROVER_AGENT_INVENTORY_INTERNAL_H
#define DROVER_AGENT_INVENTORY_INTERNAL_H

#include "agent/inventory/inventory.h"
#include "common/wire/bounds.h"

enum { STALE_REFRESHES = 10 }; /* what is older is read again */

typedef struct entry {
    inventory_tenant_t seen; /* first, so that the public pointer is the entry */
    uint64_t change;         /* when it changed last, as inventory->change counts */
    int64_t due_us;          /* boot clock: read it then */
    int64_t gone_us;         /* boot clock: when it departed */
    int failures;            /* readings that failed since the last that did not */
    bool in_hand;            /* a session works on it */
    bool announced;          /* its id stood in a part of a reading */
    bool has_ledger;         /* at the last reading: ask for everything in one round trip */
} entry_t;

typedef struct entries {
    entry_t **items;
    size_t count;
    size_t room;
} entries_t;

/* A cluster. */
typedef struct site {
    inventory_cluster_t seen;
    const agent_config_cluster_t *config;
    agent_config_cluster_t pattern;       /* config without its list: the list is searched sorted */
    const agent_config_tenant_t **listed; /* by database */
    bool *missed;                         /* of each: the last listing had no such database */
    size_t index;
    char *conninfo;
    entries_t entries; /* by database, each once */
    inventory_session_t *sessions;
    size_t session_count;
    size_t active;
    bool busy;
    bool probing;
    bool probed; /* the list of databases was taken at least once */
    int probe_failures;
    int64_t probe_due_us;
    int64_t probe_floor_us; /* not sooner, whoever asks */
    int64_t next_due_us;    /* no entry is due sooner */
    leftovers_t *left;      /* behind in the cluster; NULL: nothing */
    size_t cursor;          /* where the search for a due entry goes on */
} site_t;

struct inventory_session {
    inventory_t *inventory;
    site_t *site;
    connection_t *connection;
    entry_t *entry; /* NULL: a probe */
    identity_t identity;
    inventory_now_t observed; /* before the first question */
    unsigned serial;          /* so that two connections never have the same generation here */
    bool active;
    inventory_watch_t watch;
};

struct inventory {
    const agent_config_t *config;
    journal_t *journal;
    inventory_callbacks_t callbacks;
    inventory_now_t now;
    site_t *sites;
    size_t site_count;
    inventory_session_t *sessions; /* of all sites, one after the other */
    size_t session_count;
    entries_t departed;
    uint64_t change; /* counts changes that are worth telling */
    uint64_t told;
    size_t readings; /* open ones */
    entry_t **by_id; /* sorted, rebuilt when wanted */
    size_t id_count;
    bool ids_changed;
};

/* ---- inventory.c ---- */

/* A connection for the session's work; its `done` may run before this returns. */
void session_connect(inventory_session_t *session, const char *database, connection_done_fn *done);
/* Ask; results come to done. A buffer that failed comes as an answer with an error. */
void session_ask(inventory_session_t *session, const buffer_t *sql, connection_done_fn *done);
/* The session's work is over. */
void session_close(inventory_session_t *session);
/* A probe is wanted, but not at once after the last. */
void site_probe_soon(const inventory_t *inventory, site_t *site);
void site_changed(const inventory_t *inventory, const site_t *site);

/* ---- inventory_probe.c ---- */

void probe_start(inventory_session_t *session);

/* ---- inventory_read.c ---- */

void read_start(inventory_session_t *session);

/* ---- inventory_left.c ---- */

enum { LEFTOVERS_MOST = WIRE_LEFTOVERS };

/* Append the question to another one. */
void leftovers_sql_cluster(buffer_t *sql, const char *agent);
/* The whole question. */
void leftovers_sql_tenant(buffer_t *sql, const inventory_tenant_t *tenant, bool has_ledger);
/* Take an answer in place of what was known; whether it is another one. */
bool leftovers_take(leftovers_t **left_p, const PGresult *result);
/* As messages, borrowed until the next take. */
size_t leftovers_list(const leftovers_t *left, Drover__Leftover ***ret_list);

/* ---- inventory_list.c ---- */

/* The databases of a site as the server lists them, sorted by name. */
typedef struct listing_row {
    const char *database; /* borrowed from the result */
    const char *owner;
    uint32_t oid;
    bool open; /* takes connections, and is no template */
} listing_row_t;
typedef struct listing {
    listing_row_t *rows;
    size_t count;
} listing_t;

/* Take a listing: new databases become entries, missing ones depart. */
MUST_CHECK status_t cache_take_listing(inventory_t *inventory, site_t *site,
                                       const listing_t *listing, error_t *err);

/* ---- inventory_find.c ---- */

entry_t *cache_find(const site_t *site, const char *database);

/* ---- inventory_cache.c ---- */

MUST_CHECK status_t entries_reserve(entries_t *list, size_t more, error_t *err);
/* Told by the wall clock, ordered by the boot clock: a wall clock that is set back must not make
 * what is read from then on look older than what was read before. */
void cache_set_observed(entry_t *entry, const inventory_now_t *at);
/* The entry is gone from its place; departed must have room. */
void cache_depart(inventory_t *inventory, entry_t *entry);
/* Every entry of the site departs: another server answers in its place. */
MUST_CHECK status_t cache_depart_all(inventory_t *inventory, site_t *site, error_t *err);
/* Every entry of the site is due: the cluster's past may have changed. */
void cache_all_due(const inventory_t *inventory, site_t *site);
/* Let this time pass until the entry is read again. */
void cache_due_in(const inventory_t *inventory, site_t *site, entry_t *entry, int64_t wait_us);
/* The entry that is due now, or NULL. */
entry_t *cache_next_due(const inventory_t *inventory, site_t *site);
/* Give the entry this id; another one that was told departs. */
MUST_CHECK status_t cache_set_id(inventory_t *inventory, entry_t *entry, const ident_t *id,
                                 error_t *err);
/* The id that is stamped in the database, as it was read there; kept for a restart. */
MUST_CHECK status_t cache_set_stamped(inventory_t *inventory, entry_t *entry, const ident_t *id,
                                      error_t *err);

/* The id that a baseline will stamp. */
MUST_CHECK status_t cache_set_provisional(inventory_t *inventory, entry_t *entry, error_t *err);
/* NULL or ERROR_NONE: nothing sets it aside. Answers whether that is new. */
bool cache_set_problem(inventory_t *inventory, entry_t *entry, const error_t *err);
MUST_CHECK status_t cache_set_application(entry_t *entry,
                                          const inventory_application_t *application, error_t *err);
void cache_clear_applications(entry_t *entry);
void cache_changed(inventory_t *inventory, entry_t *entry);
/* Free entries that departed, were told, and are not pointed to. */
void cache_sweep(inventory_t *inventory);
void cache_free(inventory_t *inventory);

/* "[28P01] connecting: password refused": a redacted error without its code, as valid text. */
void problem_text(const error_t *err, char *text, size_t size);

#endif
