/*
 * model.h: what the coordinator's engine knows. Plain data, no behaviour.
 *
 * The engine owns these and changes them in place; the store writes them as rows (see
 * migrations/catalog) and builds them again at start. Strings are owned by the struct that holds
 * them. Times are microseconds: *_us on the wall clock, *_boot_us on the boot clock.
 */
#ifndef DROVER_COORDINATOR_ENGINE_MODEL_H
#define DROVER_COORDINATOR_ENGINE_MODEL_H

#include "common/base/digest.h"
#include "common/base/ident.h"
#include "common/base/limits.h"

/* A CURVE public key: the authenticated identity of an agent. */
typedef struct agent_key {
    uint8_t bytes[32];
} agent_key_t;

/* Numbers are stored in the catalog: never reordered, new ones go before the COUNT. */
typedef enum rollout_state {
    ROLLOUT_PLANNED, /* stored, not started */
    ROLLOUT_RUNNING,
    ROLLOUT_PAUSED,    /* nothing new is dispatched; what is in hand finishes */
    ROLLOUT_STOPPING,  /* stop asked, jobs in hand finish */
    ROLLOUT_REVERTING, /* the wave failed; once its jobs in hand end, it is rolled back */
    ROLLOUT_STOPPED,
    ROLLOUT_SUCCEEDED,  /* every tenant stands at the target */
    ROLLOUT_INCOMPLETE, /* every wave is over, some tenants are not at the target */
    ROLLOUT_FAILED,     /* the wave failed and a rollback of it was started */
    ROLLOUT_STATE_COUNT
} rollout_state_t;

typedef enum wave_state {
    WAVE_PENDING,
    WAVE_OPEN,
    WAVE_SOAKING,
    WAVE_PASSED,
    WAVE_FAILED, /* the error budget is spent */
    WAVE_CANCELLED,
    WAVE_AWAITING, /* its turn has come; the evidence or approval that opens it is missing */
    WAVE_STATE_COUNT
} wave_state_t;

typedef enum task_state {
    TASK_PENDING,    /* its wave is not open */
    TASK_READY,      /* waits for an agent with room */
    TASK_DISPATCHED, /* committed and sent, no word yet */
    TASK_RUNNING,    /* the agent reported a step */
    TASK_WAITING,    /* failed for a passing reason; tried again when due */
    TASK_UNKNOWN,    /* silence, or an outcome that nobody has evidence for */
    TASK_SUCCEEDED,
    TASK_NOT_NEEDED, /* stood at the target already */
    TASK_FAILED,
    TASK_REFUSED,     /* found unfit before anything was touched */
    TASK_SKIPPED,     /* never started: stopped, or out of reach and the spec says skip */
    TASK_OUTSTANDING, /* unknown, and no longer waited for */
    TASK_GONE,        /* the tenant is no more */
    TASK_STATE_COUNT
} task_state_t;

typedef enum failure_policy {
    ON_FAILURE_PAUSE,
    ON_FAILURE_ROLLBACK_WAVE,
    ON_FAILURE_CONTINUE,
    ON_FAILURE_COUNT
} failure_policy_t;

typedef enum unreachable_policy {
    UNREACHABLE_WAIT,
    UNREACHABLE_SKIP,
    UNREACHABLE_COUNT_AS_FAILURE,
    UNREACHABLE_POLICY_COUNT
} unreachable_policy_t;

/* Same numbers as JobKind on the wire; a test compares them. */
typedef enum rollout_kind {
    KIND_FORWARD = 1,
    KIND_UNDO,
    KIND_RESTORE,
    KIND_BASELINE,
    KIND_BACKUP,
    KIND_LOOK,
    KIND_BACKUP_CHECK,
    KIND_PRUNE,
    KIND_END
} rollout_kind_t;

/* One tenant's part in a rollout. */
typedef struct task {
    ident_t job;
    ident_t tenant;
    char *tenant_name;
    uint64_t system_identifier;
    char *database;
    uint32_t rollout; /* index in the engine, not stored */
    uint32_t wave;
    uint32_t ordinal; /* index in its rollout's tasks */
    task_state_t state;
    ident_t attempt;
    uint32_t attempts;
    uint32_t given_back; /* unbegun, so often in a row: the wait grows by it; not stored */
    agent_key_t agent;   /* who has, or had, the attempt */
    uint32_t from_position;
    uint32_t to_position; /* as the signed order has it */
    uint32_t position;    /* as the last report left it */
    bool touched;         /* something was, or may have been, committed by this rollout */
    uint32_t step;        /* Step of the wire, last one reported */
    error_code_t error_code;
    char sqlstate[6];
    char *error;     /* redacted message with its chain, or NULL */
    char *reference; /* recovery point taken before the first change, or for a restore the one to
                        use; or NULL */
    char *notes;     /* lines for the operator, or NULL */
    int64_t started_us;
    int64_t finished_us;
    int64_t due_us;      /* WAITING: when it is tried again, wall clock */
    int64_t observed_us; /* of the inventory that the plan rested on, wall clock; 0: none */
    uint32_t next_ready; /* engine's ready queue: ordinal + 1 of the next one, 0 ends */
    bool queued;         /* stands in a ready queue */
    bool dirty;          /* changed since it was stored */
} task_t;

typedef struct wave {
    char *name;
    wave_state_t state;
    uint32_t first; /* ordinal of its first task; its tasks stand together */
    uint32_t count;
    uint32_t target_position;          /* of its tasks, where it is not the rollout's; 0: it is */
    uint32_t max_parallel;             /* 0: no bound of its own */
    uint32_t max_parallel_per_cluster; /* 0: only the agent's own bound */
    bool canary;                       /* trial restores apply */
    bool needs_approval;               /* opens by an approval only */
    failure_policy_t on_failure;       /* what a spent budget means */
    uint32_t budget;                   /* failures that are tolerated in this wave */
    uint32_t forgiven;                 /* failures that an operator's resume accepted */
    int64_t soak_for_us;
    int64_t opened_us;
    int64_t soak_us; /* when the soak began, wall clock */
    int64_t finished_us;
    uint32_t settled;   /* tasks in a final state; kept by the engine */
    uint32_t failed;    /* tasks that count against the budget; kept by the engine */
    uint32_t in_flight; /* tasks dispatched, running or unknown; kept by the engine */
    bool dirty;         /* changed since it was stored */
} wave_t;

typedef struct rollout {
    ident_t id;
    char *name;
    rollout_kind_t kind;
    char *application;
    digest_t bundle;
    uint32_t target_position;
    char *target_version;
    rollout_state_t state;
    uint32_t current_wave;
    unreachable_policy_t unreachable;
    uint32_t attempts;       /* tries per task, 1 or more */
    char *recovery_kind;     /* "dump", "external", "none" */
    char *recovery_reason;   /* or NULL */
    char *trial_restore;     /* "canary", "sample", "all", "never" */
    uint32_t sample_bp;      /* share of trial restores beside the canaries', 1/100 % */
    int64_t task_timeout_us; /* 0: none */
    bool accept_data_loss;
    int64_t prune_keep_us;     /* PRUNE */
    uint32_t prune_keep_count; /* PRUNE */
    char *spec; /* canonical JSON with all of the above, for the reader and the store */
    digest_t plan;
    ident_t order;         /* the question by which it was asked for */
    digest_t order_digest; /* of the signed order that its jobs are done under; zero: no job */
    bool ticketed;         /* its order's later waves open by a ticket */
    ident_t parent;        /* rollout that this one takes back, or null */
    char *actor;
    char *reason; /* why it stands where it stands */
    int64_t created_us;
    int64_t started_us;
    int64_t finished_us;
    int64_t updated_us;
    wave_t *waves;
    uint32_t wave_count;
    task_t *tasks;
    uint32_t task_count;
    uint32_t in_flight; /* kept by the engine */
    uint32_t short_of;  /* settled tasks that are not at the target; kept by the engine */
    bool dirty;         /* changed since it was stored */
} rollout_t;

/* Release a rollout and all that it owns; NULL and zeroed ones are fine. */
void rollout_destroy(rollout_t **self);

/* Whether a task in this state is over, and whether it counts against the error budget. */
bool task_state_is_final(task_state_t state);
bool task_state_is_failure(task_state_t state);
bool task_state_is_in_flight(task_state_t state);

/*
 * Whether the signed order names the task's tenant, which has a leaf in it then: those that the
 * rollout was launched to visit. What its plan passed over or refused was over at that very moment,
 * finished_us = created_us, and never began; it has no leaf, gets no job, and no retry reaches it,
 * so that this stays as it is.
 */
bool task_is_ordered(const rollout_t *rollout, const task_t *task);

/* Whether it was left out because nobody could reach it, rather than withdrawn with its rollout:
 * a retry means those too. */
bool task_is_left_out(const task_t *task);
bool rollout_state_is_final(rollout_state_t state);

/* Whether it takes tenants back: that goes before everything else. */
bool rollout_takes_back(const rollout_t *rollout);

/* Whether it moves tenants on, which none does while its application is held. Agents say the same.
 */
bool rollout_goes_forward(const rollout_t *rollout);

/* The applications that are held in this fleet, "" among them where all are. Borrowed. */
typedef struct held {
    const char *const *applications;
    size_t count;
} held_t;

/* Whether a hold keeps its jobs back. */
bool rollout_is_held(const rollout_t *rollout, const held_t *held);

/* Whether its jobs are to stop wherever they are: it is ending, or ended without them, and an agent
 * that was away may never have heard of it. */
bool rollout_state_is_called_off(rollout_state_t state);

/* What a row's why says of a rollout of this kind: a backup brings no tenant to a target. Borrowed.
 */
const char *rollout_why(rollout_kind_t kind, const char *why);

#endif
