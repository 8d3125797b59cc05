/*
 * run.h: one job at work: what its steps share, and how a step talks to its tenant.
 *
 * A step is a chain of functions: each sends one request and names the function that takes the
 * answer; the last one calls run_over with the event that the job's machine is to take (see
 * agent/engine/job.h). Nothing blocks. A step that ends leaves no transaction open and no child
 * running.
 *
 * Everything here is borrowed from the agent but what the comment says is owned.
 */
#ifndef DROVER_AGENT_STEPS_RUN_H
#define DROVER_AGENT_STEPS_RUN_H

#include "agent/backup/backup.h"
#include "agent/engine/job.h"
#include "agent/policy/policy.h"
#include "common/config/agent_config.h"
#include "common/migration/bundle.h"
#include "common/postgres/connection.h"
#include "common/postgres/fingerprint.h"
#include "common/postgres/identity.h"
#include "common/postgres/ledger.h"
#include "common/postgres/progress.h"
#include "common/postgres/transaction.h"
#include "common/postgres/shape.h"

typedef struct run run_t;

/* What the order and the job say. Texts are owned. */
typedef struct run_job {
    ident_t job;
    ident_t attempt;
    ident_t tenant;
    ident_t rollout;
    ident_t order;
    uint32_t wave;
    job_kind_t kind;
    uint64_t system_identifier;
    char *tenant_name;
    char *database;
    char *application;
    digest_t bundle;
    uint32_t target;
    char *recovery_kind;   /* "dump", "external", "none" */
    char *recovery_reason; /* or "" */
    bool trial_restore;
    int64_t lock_timeout_ms;      /* 0: the agent's own */
    int64_t statement_timeout_ms; /* 0: the agent's own */
    int64_t deadline_ms;          /* for the whole attempt; 0: none */
    bool accept_data_loss;
    ident_t recovery_reference; /* RESTORE, BACKUP_CHECK: the backup */
    uint32_t generation_floor;
    int64_t sequence_floor;
    int64_t prune_keep_us;
    uint32_t prune_keep_count;
    fence_token_t token;
    digest_t order_digest;     /* of the signed order; zero: it came without */
    uint32_t order_wave;       /* of that order */
    digest_t ticket;           /* zero: none */
    uint8_t *proof;            /* owned */
    size_t proof_size;         /* 0: none */
    sign_public_t coordinator; /* the key that signed the batch it came in */
    digest_t take_back; /* by which this agent made the job itself; zero: a coordinator's job */
} run_job_t;

/* One thing worth telling the coordinator. Borrowed for the call. */
typedef struct run_report {
    job_step_t step;
    job_outcome_t outcome;
    int64_t started_us;
    int64_t finished_us;
    bool has_state;            /* the tenant's ledger head is known: run->head and friends */
    const error_t *error;      /* NULL: none */
    const char *version;       /* migration that it is about, or NULL */
    const digest_t *sql;       /* script that ran, or NULL */
    const char *notes;         /* lines for the operator, or NULL */
    const char *recovery_kind; /* NULL: no recovery point in it */
    const char *recovery_reference;
    const char *recovery_lsn;
    const char *recovery_verified;
    int64_t recovery_time_us;
    int64_t recovery_size_bytes;
    bool held_back; /* final: something has to be waited for, and nothing was begun */
} run_report_t;

/* What runs share at one agent. */
typedef struct run_shared {
    const agent_config_t *config;
    ledger_signer_t signer;
    backup_keys_t backup_keys;
    const policy_t *policy; /* NULL: whatever was signed */
    shape_t *shapes;
    const char *texts_dir; /* canonical schema texts, one file a strict digest */
    uint64_t mask;         /* rare catalogs seen last: a guess that saves a round trip */
    uint64_t load_mask;    /* what the ledger read last had its stamp over: tenants of one wave
                              stand alike, so the next one's stamp is read over the same */
    void *context;
    /* To be journaled and sent. */
    void (*report)(void *context, run_t *run, const run_report_t *report);
    /* The step in hand ended: the loop lets the machine take the event. */
    void (*over)(void *context, run_t *run, job_event_t event);
    /* Backups of these rollouts must stay; for pruning. */
    bool (*held)(const backup_manifest_t *manifest, void *context);
} run_shared_t;

typedef void run_got_fn(run_t *run, connection_answer_t *answer);
typedef void run_next_fn(run_t *run);

/* What the change of one migration in one direction needs while it is under way; see change.h. */
typedef struct run_change {
    const bundle_migration_t *migration;
    const bundle_script_t *script;
    bool undo;
    run_next_fn *next; /* after a committed change */
    char xid[24];
    ledger_row_t row;
    bool last;             /* of its chain: the schema is read, whatever is remembered */
    transaction_way_t way; /* of the opening */
    digest_t before;       /* strict fingerprint before it; null: not known */
    int64_t started_us;
    char *opening;          /* owned: the text in front of the script, for error positions */
    size_t statement;       /* piecewise: index of the one in hand */
    progress_found_t found; /* piecewise: how far an earlier attempt came */
} run_change_t;

struct run {
    run_job_t what;
    job_machine_t machine;
    run_shared_t *shared;
    const agent_config_cluster_t *cluster;
    char owner[IDENTITY_NAME_SIZE]; /* role for scripts; "" until known */
    const bundle_t *bundle; /* borrowed from the agent's cache; NULL for kinds without one */

    connection_t *connection; /* owned; NULL between sessions */
    bool locked;              /* the tenant's session lock is ours */
    bool dirty_session;       /* a script has run since the last reset */
    bool prepared;            /* it holds our prepared statements, and no others */
    bool plain;               /* a script took them away: not in this session again */
    struct {                  /* script of questions under way; see proof.h */
        bool in_transaction;
        error_code_t failure;
        char version[LEDGER_TEXT_SIZE];
    } proof_options;
    identity_t identity;
    ledger_row_t *rows; /* owned: the ledger as it was loaded, and what was added */
    size_t row_count;
    size_t row_room;
    ledger_standing_t standing;
    fingerprint_t fingerprint; /* of the schema as it is now; strict null: not known */
    char stamp[FINGERPRINT_STAMP_SIZE];
    int64_t size_bytes;
    bool unfit_index;          /* some index was INVALID when the ledger was read */
    bool touched;              /* this attempt committed something, or may have */
    uint32_t checked_position; /* position whose check script this attempt has asked */

    run_got_fn *got;     /* takes the answer under way */
    run_got_fn *good;    /* run_query: takes it where it is no error */
    run_next_fn *next;   /* after a connect */
    run_next_fn *loaded; /* after a load */
    run_next_fn *looked; /* after a look */
    run_next_fn *proved; /* after a script of questions */
    run_change_t change;
    uint64_t mask; /* fingerprint query under way */
    bool look_in_transaction;
    char *notes;              /* owned; lines gathered for the final report */
    backup_job_t *backup;     /* owned; a child at work */
    run_next_fn *backup_over; /* takes its end */
    void *restore;            /* owned by restore.c while one is under way */

    error_t error;           /* of the step that ended last, where it failed */
    error_t pending;         /* kept while a rollback is sent */
    int64_t step_started_us; /* wall clock */
    job_event_t over_event;  /* what the step in hand ended with … */
    bool over;               /* … and nobody has taken yet */

    /* the crew's */
    run_t *next_run;
    size_t cluster_index; /* in the configuration; meaningless where cluster is NULL */
    bool given_back;      /* begun without a lease: it is settled where it must be, and ends */
    bool begun;           /* has a slot */
    bool resumed;         /* was in hand before the agent was restarted */
    bool finished;        /* the final report is journaled */
    uint8_t planned[TABLE_EFFECTS]; /* effects that wait for the commit */
    job_state_t last_state;         /* before the final one: which step the end is reported for */
    bool main_action;               /* it does what its order is for, by a warrant */
    bool standing_order;            /* its order stands open: standing.h judges where it stood */
    uint32_t claimed_from;          /* of standing_order: where its job says that it stood */
    bool worked;                    /* its work was let begin, in this process */
    bool refused;                   /* unfit: its warrant was refused; what it left may be read */
    error_t unfit;                  /* why it cannot even begin: its bundle, cluster, warrant */
    bool held_back;                 /* what was signed, or this host, has it wait */
    bool expired;                   /* it came after the end of its batch: its work never begins */
    int64_t begun_boot_us;
    int64_t wait_until_boot_us; /* WAITING */
    int fd_polled;              /* descriptors that the loop has registered; -1: none */
    short fd_events;
    unsigned fd_generation;
    int child_polled;
};

/* Release everything; a connection is closed at once, a child is ended. */
void run_destroy(run_t **run_p);

/* ---- the session ---- */

/* Make sure that an idle session to the tenant's database is there, then call next. Ends the step
 * itself where none can be had. */
void run_connect(run_t *run, run_next_fn *next);

/* A session to another database of the same cluster, in the place of the tenant's. */
void run_connect_to(run_t *run, const char *database, run_next_fn *next);

/* Close the session; the tenant's lock goes with it. */
void run_disconnect(run_t *run);

typedef struct run_request {
    sqlstate_phase_t phase;
    int64_t timeout_ms; /* 0: the agent's statement timeout and a margin */
    bool discard_rows;
    size_t keep_first; /* discard_rows, but for so many leading statements */
} run_request_t;

/* Send SQL; got takes the answer, errors included. A buffer that failed ends the step. */
void run_send(run_t *run, const buffer_t *sql, const run_request_t *request, run_got_fn *got);

/* Send short SQL that must work: an error ends the step (see run_fail). */
void run_query(run_t *run, const buffer_t *sql, run_got_fn *got);

/* ---- the end of a step ---- */

/* The step ended with this event. */
void run_over(run_t *run, job_event_t event);

/* The step ended with this error: the event follows from its code and retry class. */
void run_fail(run_t *run, const error_t *err);

/* A transaction may be open: roll it back first, then as run_fail. */
void run_roll_back(run_t *run, const error_t *err);

/* The event that an error means. */
job_event_t run_event_of(const error_t *err);

/* ---- small things ---- */

fence_key_t run_key(const run_t *run);
fence_token_t run_token(const run_t *run);

/* Role that scripts run as, or NULL where it is the login itself. */
const char *run_role(const run_t *run);

int64_t run_lock_timeout_ms(const run_t *run, const bundle_script_t *script);
int64_t run_statement_timeout_ms(const run_t *run, const bundle_script_t *script);

/* Append one line to the notes of the final report. */
void run_note(run_t *run, const char *format, ...) PRINTF_LIKE(2, 3);

/* Tell the coordinator of a finished part of a step. */
void run_tell(run_t *run, const run_report_t *report);

/* A ledger row with what every row of this job says: whose it is, by whose order, when (begun with
 * the step), by whom, and the schema as it was last read. The caller adds what was done, and seals.
 */
ledger_row_t run_row(const run_t *run, ledger_kind_t kind);

/* Keep a row that was committed: rows, standing and fingerprint follow. */
MUST_CHECK status_t run_keep_row(run_t *run, const ledger_row_t *row, error_t *err);

/* The row that brought the tenant to this position, as the ledger stands; NULL where none did. */
const ledger_row_t *run_row_at(const run_t *run, int32_t position);

#endif
