/*
 * store_tenant.h: tenants, their labels, and what their ledgers said last.
 *
 * An inventory is read in parts; store_tenant_put takes each tenant of a part and
 * store_tenant_finish_snapshot ends a full one. Three things are told apart here:
 *  - a tenant that went back in time (its ledger's head is older than one known before): its
 *    incarnation is raised and the older head is what counts;
 *  - a late message (an older head, observed earlier): ignored. Agents must take observed_us before
 *    they read, so that a reading that a job overtook is late and not a step back in time. Clocks
 *    may have stood wrong: see sighting_t;
 *  - the same id at a second place while the first still stands: a clone. The first keeps the id;
 *    the newcomer is kept in tenant_clone with DRV-3021. Where the first is gone, the tenant moved.
 */
#ifndef DROVER_STORE_STORE_TENANT_H
#define DROVER_STORE_STORE_TENANT_H

#include "coordinator/engine/model.h"
#include "coordinator/store/store.h"

typedef struct label_row {
    const char *key;
    const char *value;
} label_row_t;

/* What the ledger of (tenant, application) said; a fingerprint of all zeros is none. */
typedef struct application_row {
    const char *application;
    uint32_t generation;
    uint32_t position; /* 0: nothing applied */
    const char *version;
    int64_t ledger_sequence;
    digest_t ledger_digest;
    digest_t fingerprint_strict;
    digest_t fingerprint_logical;
    int64_t observed_us;
} application_row_t;

typedef struct tenant_row {
    ident_t id;
    const char *name;
    uint64_t system_identifier;
    const char *database;
    const char *schema;
    agent_key_t agent; /* that reported it last */
    bool stamped;
    int64_t size_bytes;
    uint32_t incarnation;     /* ignored by put: the store keeps it */
    const char *problem_code; /* "" where nothing sets it aside */
    const char *problem;
    bool gone;
    int64_t observed_us;
    ident_t snapshot;          /* inventory that named it last */
    const label_row_t *labels; /* by key when read */
    size_t label_count;
    const application_row_t *applications; /* by name when read */
    size_t application_count;
} tenant_row_t;

/* How a head that was read stands to the one known. */
typedef enum head_verdict {
    HEAD_NEW, /* none was known */
    HEAD_SAME,
    HEAD_NEWER,
    HEAD_STALE,     /* late message: not written */
    HEAD_REGRESSED, /* the tenant went back in time, or its history forked */
    HEAD_VERDICT_COUNT
} head_verdict_t;

/*
 * When an observation came in. What is known was noted at observed_us, never later than the clock
 * that stood then. Where that lies in the future of the clock that stands now, the clock stood
 * ahead: the note says nothing of when it was, and outweighs no observation. Else a failover that
 * lost a row would be refused until the hour had passed.
 */
typedef struct sighting {
    int64_t now_us; /* wall clock of the coordinator */
    bool late;      /* its agent said hello since: newer heads count, and nothing is taken back */
} sighting_t;

/* Pure; known may be NULL. */
head_verdict_t store_tenant_judge(const application_row_t *known, const application_row_t *seen,
                                  const sighting_t *sighting);

typedef enum tenant_place {
    TENANT_CREATED,
    TENANT_STAYED,
    TENANT_MOVED,  /* the place known before was gone */
    TENANT_CLONED, /* kept aside with DRV-3021; the tenant's own row is as it was */
    TENANT_LATE,   /* observed before what is known: place, name and labels are as they were */
    TENANT_PLACE_COUNT
} tenant_place_t;

typedef struct tenant_change {
    tenant_place_t place;
    bool regressed; /* of any application */
    uint32_t incarnation;
} tenant_change_t;

/* Write one tenant of an inventory that came in at now_us, replacing its labels and adding to its
 * applications. */
MUST_CHECK status_t store_tenant_put(store_t *store, const tenant_row_t *tenant, int64_t now_us,
                                     tenant_change_t *ret_change, error_t *err);

typedef struct tenant_snapshot {
    agent_key_t agent;
    ident_t snapshot;
    int64_t now_us;
} tenant_snapshot_t;

/* A full inventory of an agent is complete: tenants of it that the snapshot did not name are gone,
 * or have moved to where it saw them. */
MUST_CHECK status_t store_tenant_finish_snapshot(store_t *store, const tenant_snapshot_t *snapshot,
                                                 uint32_t *ret_gone, error_t *err);

MUST_CHECK status_t store_tenant_set_gone(store_t *store, const ident_t *tenant, int64_t now_us,
                                          error_t *err);

/* What a report said about a tenant after a step. */
typedef struct tenant_report {
    ident_t tenant;
    const application_row_t *application;
    int64_t size_bytes; /* 0: not read */
    sighting_t sighting;
} tenant_report_t;

/* Write it with the same judgement as an inventory's. NOT_FOUND for an unknown tenant (nothing is
 * written, the transaction stays good). */
MUST_CHECK status_t store_tenant_reported(store_t *store, const tenant_report_t *report,
                                          head_verdict_t *ret_verdict, error_t *err);

/* One tenant by name or id, with labels and applications. NOT_FOUND; INVALID lists the ids where
 * several have the name. A tenant that is gone is found by its id, or where no other has the name.
 */
MUST_CHECK status_t store_tenant_get(store_t *store, const char *name_or_id, arena_t *arena,
                                     tenant_row_t *ret_tenant, error_t *err);

typedef struct tenant_page {
    const char *after_name; /* "" or NULL begins */
    ident_t after_id;
    uint32_t limit;
    bool with_gone;
} tenant_page_t;

typedef status_t store_tenant_fn(void *context, const tenant_row_t *tenant, error_t *err);

/* A page of tenants by (name, id), each with labels and applications. */
MUST_CHECK status_t store_tenant_each(store_t *store, const tenant_page_t *page,
                                      store_tenant_fn *fn, void *context, error_t *err);

typedef struct tenant_list {
    const tenant_row_t *rows; /* by (name, id) */
    size_t count;
} tenant_list_t;

/* Every tenant that is not gone, with labels and with its row of one application (NULL: with all of
 * them), in the arena. */
MUST_CHECK status_t store_tenant_load(store_t *store, const char *application, arena_t *arena,
                                      tenant_list_t *ret_list, error_t *err);

/* Every clone, as tenants with their problem; labels and applications are not kept. */
MUST_CHECK status_t store_tenant_each_clone(store_t *store, store_tenant_fn *fn, void *context,
                                            error_t *err);

#endif
