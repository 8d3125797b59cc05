/*
 * restore_side.h: a database built beside a tenant's: what a trial restore (protect_trial.c) and a
 * real one (restore.c) have in common. It is made like the tenant's database, filled by a
 * pg_restore child, looked at on a session of its own, and dropped or kept.
 *
 * The state hangs at run->restore. Whatever stands beside is recognised by its name and by its
 * comment, a marker: a JSON object that begins with what it is for and whose it is.
 */
#ifndef DROVER_AGENT_STEPS_RESTORE_SIDE_H
#define DROVER_AGENT_STEPS_RESTORE_SIDE_H

#include "agent/steps/restore_plan.h"
#include "agent/steps/run.h"

typedef struct restore_side {
    connection_t *tenant;              /* owned: the tenant's session, set aside, its lock held */
    char database[IDENTITY_NAME_SIZE]; /* the one beside */
    char *marker;                      /* owned: the comment that it gets when it is made */
    backup_manifest_t manifest;        /* of the backup in hand */
    char manifest_path[4096];
    bool unreported; /* taken by this run and not told of yet: it goes with this state */

    /* facts of the tenant's database */
    char owner[IDENTITY_NAME_SIZE];
    char lsn[BACKUP_LSN_MAX];
    char *options;            /* owned: of a CREATE DATABASE that makes one like it */
    char *comment;            /* owned: NULL where it has none */
    int64_t connection_limit; /* -1: none */
    bool backup_lacks_rights; /* roles.backup cannot read the ledger's tables yet */

    error_t err;          /* of what was asked for last; code NONE where it worked */
    run_next_fn *next;    /* takes its end */
    run_next_fn *then;    /* takes the end of the whole: of a trial, a build, a swap */
    run_next_fn *carried; /* of carrying over */

    /* of a trial: what is known of the tenant, kept over the look at the copy */
    fingerprint_t fingerprint;
    char stamp[FINGERPRINT_STAMP_SIZE];

    restore_plan_t *plan; /* owned; NULL in a trial */
} restore_side_t;

/* A fresh state at run->restore, in place of any earlier one. ERROR_NO_MEMORY. */
MUST_CHECK status_t restore_side_new(run_t *run, error_t *err);

/* The state; there must be one. */
restore_side_t *restore_side_of(run_t *run);

/* Release it: the session that was set aside is closed, and a backup that nobody was told of is
 * removed. Safe where there is none. */
void restore_side_free(run_t *run);

/* Read the facts on the tenant's session, then call next; an error ends the step. */
void restore_side_facts(run_t *run, run_next_fn *next);

/* ---- each of these calls next in any case, with the outcome in side->err ---- */

/* Make side->database like the tenant's, as roles.restore, with its marker and closed to PUBLIC. */
void restore_side_create(run_t *run, run_next_fn *next);

/* pg_restore the backup of side->manifest_path into side->database, in a child. trial: without the
 * owners and grants of the original; all of it then belongs to the database's owner. */
void restore_side_fill(run_t *run, bool trial, run_next_fn *next);

/* Drop a database on the session in hand, its sessions with it; none of that name is fine. */
void restore_side_drop(run_t *run, const char *database, run_next_fn *next);

/* ---- the tenant's session ---- */

/* Set it aside, idle and locked, so that another can take its place in run->connection. */
void restore_side_park(run_t *run);
/* Close the session in hand and take that one back. */
void restore_side_unpark(run_t *run);
/* Take that one in hand, and set aside the one that was. */
void restore_side_exchange(run_t *run);

/* ---- small things ---- */

/* Find this tenant's backup by its id: fills manifest and manifest_path. NOT_FOUND, or why it
 * cannot be used. */
MUST_CHECK status_t restore_side_find(run_t *run, const ident_t *backup, error_t *err);

/* libpq's words for a child: the cluster and a database of it, and by what name it is known there;
 * never a password. */
MUST_CHECK status_t restore_side_conninfo(const run_t *run, const char *database, buffer_t *out,
                                          error_t *err);

/* The connection that a child gets; conninfo is borrowed. */
backup_connection_t restore_side_connection(const char *conninfo);

/* Folder of pg_dump and pg_restore for a server: of its major or the next newer one that is there.
 */
void restore_side_tools(const agent_config_t *config, int64_t server_version, char folder[4096]);

/* Whose manifests are believed: this agent's. */
backup_trust_t restore_side_trust(const run_t *run);

/* "SET ROLE roles.restore" or "RESET ROLE" where there is none; local: of the transaction only. */
void restore_side_role(const run_t *run, buffer_t *sql, bool local);

/* Replace an owned text by a copy of another; ERROR_NO_MEMORY. NULL is fine. */
MUST_CHECK status_t restore_side_keep(char **text_p, const char *text, error_t *err);

#endif
