/*
 * backup.h: backups, restores, checks and external recovery points, as jobs that a single event
 * loop starts and is told the end of.
 *
 * The heavy work (compression, encryption, file, fsync, reading back) is done by a worker process:
 * this very program, started again as `PROGRAM backup-worker` (see backup_worker.h), which in turn
 * runs pg_dump or pg_restore. The loop polls one descriptor per job, a pidfd, and then asks for the
 * result; nothing here blocks on a dump. The request, secrets included, travels in a memfd that the
 * worker wipes, never in arguments or environment.
 *
 * What a death leaves: a killed worker, or a killed agent (its workers die with the thread that
 * started them: start jobs from the loop's thread), leaves a file with the suffix .partial and
 * nothing else; backup_sweep (backup_store.h) removes it. The program must not reap children that
 * are not its own (no waitpid(-1), no SIGCHLD set to ignore).
 *
 * Sources: pidfd_open(2), memfd_create(2), PR_SET_PDEATHSIG in prctl(2).
 */
#ifndef DROVER_AGENT_BACKUP_H
#define DROVER_AGENT_BACKUP_H

#include "agent/backup/backup_manifest.h"
#include "common/base/cleanup.h"

/* How pg_dump and pg_restore reach a database. Paths are absolute. */
typedef struct backup_connection {
    const char *conninfo;     /* libpq keywords without a password (refused) */
    const char *role;         /* --role: SET ROLE after the login; NULL none */
    const char *passfile;     /* PGPASSFILE; NULL none */
    const char *service_file; /* PGSERVICEFILE; NULL none */
} backup_connection_t;

/* The PostgreSQL programs of one major. */
typedef struct backup_programs {
    const char *bin_dir;     /* folder of pg_dump and pg_restore, absolute */
    int64_t server_version;  /* server_version_num of the database */
    bool allow_known_faulty; /* take a minor older than those that let a dump run code */
} backup_programs_t;

/* The agent's own keys; members may be NULL where a job does not need them. */
typedef struct backup_keys {
    const sign_public_t *sign_public; /* the agent key: signs the manifest */
    const sign_secret_t *sign_secret;
    const seal_public_t *seal_public; /* the backup key: opens backups */
    const seal_secret_t *seal_secret;
} backup_keys_t;

typedef struct backup_request {
    backup_connection_t connection;
    backup_programs_t programs;
    backup_keys_t keys; /* the sign pair; the seal pair if it is a recipient */
    const char *dir;    /* backup directory, absolute, exists */
    const seal_public_t *recipients;
    size_t recipient_count;
    const backup_manifest_t *facts; /* the caller's part of the manifest */
    uint64_t room_bytes;            /* room demanded on dir's disk at the start; 0 not looked at */
    int32_t lock_wait_ms;           /* --lock-wait-timeout; 0 waits without end */
    int32_t level;                  /* of zstd; 0 is BACKUP_LEVEL */
} backup_request_t;

enum { BACKUP_LEVEL = 3, BACKUP_REFERENCE_MAX = 1024 };

typedef struct backup_restore_request {
    backup_connection_t connection; /* of the new, empty database; never the tenant's own */
    backup_programs_t programs;
    backup_keys_t keys;        /* the seal pair that opens */
    backup_trust_t trust;      /* whose manifests are believed */
    const char *manifest_path; /* the sealed file stands beside it */
    const ident_t *tenant_id;  /* must be the manifest's */
    bool owner_is_role;        /* --no-owner: all belongs to role; else owners are restored */
    bool no_privileges;        /* --no-privileges: for trial restores */
} backup_restore_request_t;

typedef struct backup_check_request {
    backup_programs_t programs; /* for pg_restore --list */
    backup_keys_t keys;
    backup_trust_t trust;
    const char *manifest_path;
} backup_check_request_t;

/* A recovery point made by a command of the agent's own configuration; no shell in between. */
typedef struct backup_external_request {
    const char *const *argv; /* argv[0] is an absolute path; NULL-ended, at most 63 */
    const char *facts_json;  /* one JSON object, given on its stdin */
    const ident_t *tenant_id;
    const ident_t *backup_id; /* also in its environment: DROVER_TENANT_ID, DROVER_BACKUP_ID */
    int64_t timeout_ms;
} backup_external_request_t;

typedef enum backup_kind {
    BACKUP_DUMP,
    BACKUP_RESTORE,
    BACKUP_CHECK,
    BACKUP_EXTERNAL,
    BACKUP_KIND_COUNT
} backup_kind_t;

typedef struct backup_result {
    backup_kind_t kind;
    backup_manifest_t manifest;           /* dump, restore, check */
    char path[4096];                      /* dump: the manifest's path */
    int64_t list_entries;                 /* dump, check: what pg_restore --list counted */
    char reference[BACKUP_REFERENCE_MAX]; /* external */
    char lsn[BACKUP_LSN_MAX];             /* external */
    int64_t elapsed_us;
} backup_result_t;

typedef struct backup_job backup_job_t;

/*
 * Start a job. The request is copied; nothing in it need outlive the call. An error here means that
 * nothing was started: ERROR_INVALID (a password in conninfo, a path that is not absolute, no
 * recipient), ERROR_IO. What fails later comes from backup_result.
 */
MUST_CHECK status_t backup_start(const backup_request_t *request, backup_job_t **ret_job,
                                 error_t *err);
MUST_CHECK status_t backup_restore_start(const backup_restore_request_t *request,
                                         backup_job_t **ret_job, error_t *err);
MUST_CHECK status_t backup_check_start(const backup_check_request_t *request,
                                       backup_job_t **ret_job, error_t *err);
MUST_CHECK status_t backup_external_start(const backup_external_request_t *request,
                                          backup_job_t **ret_job, error_t *err);

/* The descriptor to poll for POLLIN: readable once the job has ended. Owned by the job. */
int backup_fd(const backup_job_t *job);

/* Whether it has ended; does not block. */
bool backup_ready(const backup_job_t *job);

/*
 * What came of an ended job; to be called once, after backup_ready. Errors of a dump: BACKUP_TOOL
 * (pg_dump missing, too old), BACKUP_FAILED (with pg_dump's message), BACKUP_NO_ROOM, DISK_FULL,
 * BACKUP_CORRUPT (read back differs), CANCELLED, IO. Of a restore: RESTORE_FAILED, BACKUP_CORRUPT,
 * SIGNATURE, TENANT_MISMATCH. Of an external command:
 * BACKUP_FAILED with "timed out". A worker that died of a signal is BACKUP_FAILED, its partial file
 * removed.
 */
MUST_CHECK status_t backup_result(backup_job_t *job, backup_result_t *ret_result, error_t *err);

/* End the job's processes; backup_fd becomes readable and backup_result says CANCELLED. */
void backup_cancel(backup_job_t *job);

/* Cancel where it still runs, reap, remove its partial file, release. Safe on NULL. */
void backup_destroy(backup_job_t **job_p);

DEFINE_CLEANUP(backup_job_t, backup_destroy)

#endif
