/*
 * restore_plan.h: what a real restore knows of the databases that it deals with, and the texts by
 * which it knows them again. Pure but for memory.
 *
 *   NAME                     the tenant's
 *   NAME_drover_new_JOB      built beside it; its comment's phase is "new", then "ready"
 *   NAME_drover_old_JOB      the tenant's as it was, kept after the swap; phase "kept"
 *
 * JOB is the first half of the job's id without dashes, NAME is cut where the whole would be longer
 * than PostgreSQL's 63 bytes.
 */
#ifndef DROVER_AGENT_STEPS_RESTORE_PLAN_H
#define DROVER_AGENT_STEPS_RESTORE_PLAN_H

#include "common/base/buffer.h"
#include "common/postgres/identity.h"

enum { RESTORE_PLAN_LEFTOVERS = 8, RESTORE_PLAN_EARLIER = 16 };

typedef enum restore_phase {
    RESTORE_NEW,   /* being filled: worth nothing yet */
    RESTORE_READY, /* checked, its ledger's new generation is open: waits for the swap */
    RESTORE_KEPT,  /* the old one, after the swap */
    RESTORE_PHASE_COUNT
} restore_phase_t;

typedef struct restore_plan {
    char built[IDENTITY_NAME_SIZE]; /* NAME_drover_new_JOB */
    char kept[IDENTITY_NAME_SIZE];  /* NAME_drover_old_JOB */
    bool settling;                  /* only look, and open what was closed */

    /* as the survey found them */
    bool has_tenant;
    bool has_built;
    bool built_is_ready;
    bool has_kept;
    bool tenant_is_closed;
    bool limit_is_known; /* by the marker of one that is ready */
    int64_t limit;
    char leftovers[RESTORE_PLAN_LEFTOVERS][IDENTITY_NAME_SIZE];
    size_t leftover_count;
    char earlier[RESTORE_PLAN_EARLIER][IDENTITY_NAME_SIZE]; /* kept by restores before this one */
    size_t earlier_count;                                   /* may be more than have room */

    ledger_row_t *rows; /* owned: the restored ledger */
    size_t row_count;
    ledger_standing_t standing; /* of the restored ledger */
    digest_t old_head;          /* of the tenant's ledger as it is now */
    int32_t generation;         /* that the restore opens */
    char **carried;             /* owned: statements that carry the database's settings over */
    size_t carried_count;
    size_t carried_at;
    bool rebuilt;    /* a ready one was out of date and dropped: once is enough */
    unsigned rounds; /* of waiting for others to leave */
    unsigned swaps;  /* tries to rename */
    bool closed;     /* the tenant takes no connections: it must be opened again */
} restore_plan_t;

/* Names for this database and job. ERROR_NO_MEMORY. */
typedef struct restore_names {
    const char *database;
    const ident_t *job;
} restore_names_t;
MUST_CHECK status_t restore_plan_new(const restore_names_t *names, restore_plan_t **ret_plan,
                                     error_t *err);
void restore_plan_destroy(restore_plan_t **plan_p);

/* What every marker of this tenant's restores begins with. */
void restore_marker_start(const ident_t *tenant, buffer_t *out);

/* A whole marker: limit is the tenant's connection limit before it was closed. */
typedef struct restore_marker {
    ident_t tenant;
    ident_t job;
    restore_phase_t phase;
    int64_t limit;
} restore_marker_t;
void restore_marker_text(const restore_marker_t *marker, buffer_t *out);

/* Read one; false where the text is none. */
bool restore_marker_parse(const char *text, restore_marker_t *ret_marker);

#endif
