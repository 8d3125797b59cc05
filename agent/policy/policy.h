/*
 * policy.h: what this host permits, whoever signed it: the last of an agent's checks before a job
 * starts. The file is local (agent.yaml `trust.policy`); nothing on the wire can change it.
 *
 * policy_judge is pure: the time, the counts, the tenant's labels and whether the kill switch is
 * there are arguments. policy_load, policy_refresh and policy_killed do what I/O there is
 * (policy_load.c).
 *
 * Invariants:
 *   - A file that somebody other than root or the agent's own user could change is not read. That
 *     holds for each folder and link on its path, too.
 *   - A file that became unreadable, writable by others or wrong leaves nothing of its former
 *     contents in force: every job is refused with ERROR_POLICY_FILE until it is mended.
 *   - A policy only ever takes away: what it permits, the other checks may still refuse.
 *
 * NULL stands for a host without a policy file wherever a `const policy_t *` is taken: it permits
 * everything, and whether a superuser may work is agent.yaml's alone.
 */
#ifndef DROVER_AGENT_POLICY_POLICY_H
#define DROVER_AGENT_POLICY_POLICY_H

#include "agent/engine/job.h"
#include "common/config/policy_config.h"
#include "common/selector/selector.h"

typedef struct policy policy_t;

/* What is about to be done, and all that the judgement rests on. Borrowed. */
typedef struct policy_deed {
    job_kind_t kind;
    selector_subject_t tenant; /* as agent.yaml and the host's own look know it */
    int64_t now_us;            /* wall clock */
    int64_t begun_last_hour; /* FORWARD: tenants that a forward job began in the 60 min before now,
                                this one not counted */
    bool killed;             /* policy_killed at that time */
    bool login_superuser;    /* as far as it is known: see policy_allows_superuser */
    bool owner_superuser;    /* the role that scripts run as */
    /* The bundle holds statements that no parser read. Always false today: bundle_build refuses
     * what it cannot parse, and format 1 of a bundle has no mark for such a script. */
    bool unparsed;
    const char *recovery; /* FORWARD: "dump", "external", "none", as in the order; NULL: none */
} policy_deed_t;

/*
 * Whether this host permits the deed. The message names the file, the line and its key. In this
 * order: ERROR_POLICY_FILE (the file is not usable: transient), POLICY_KILLED (transient),
 * POLICY_KIND, POLICY_TENANT, POLICY_SUPERUSER, POLICY_UNPARSED, POLICY_RECOVERY, POLICY_WINDOW
 * (transient; says when the next one opens), POLICY_RATE (transient). What is permanent comes
 * first, so that nobody waits for a window to learn that the job can never run. UNPARSED binds
 * FORWARD, UNDO and nothing else; RECOVERY, WINDOW and RATE bind FORWARD alone (WINDOW also UNDO
 * and RESTORE with `windows_bind_undo`). A window says when a job may begin, not when it must end.
 */
MUST_CHECK status_t policy_judge(const policy_t *policy, const policy_deed_t *deed, error_t *err);

/* For who finds out about roles later than the judgement: whether a superuser may work here. To be
 * had beside the cluster's allow_superuser of agent.yaml, not instead of it. False where the file
 * is not usable. */
bool policy_allows_superuser(const policy_t *policy);

/*
 * Read the file for the first time. ERROR_POLICY_FILE names the file, its owner and its rights
 * where they are too wide, or why it cannot be read; ERROR_CONFIG_INVALID what is wrong in it, all
 * of which goes to problems (may be NULL). BOUND, NO_MEMORY. The caller destroys it.
 */
MUST_CHECK status_t policy_load(const char *path, problems_t *problems, policy_t **ret_policy,
                                error_t *err);

/*
 * Read the file again and go by what it says now. To be asked before every job: it is small, and
 * a change that shows in neither time nor inode is not missed. A file that is replaced should be
 * replaced whole (rename): what an editor has written half may be a policy, too. Answers whether
 * anything changed, for the log; policy_problem says how it went. NULL is fine.
 */
bool policy_refresh(policy_t *policy);

/* Why the file is not usable since the last look, or NULL where it is. */
const error_t *policy_problem(const policy_t *policy);

/* All mistakes of the file, of which policy_problem is the first; empty where it is usable or could
 * not be read. NULL is fine. Borrowed until the next policy_refresh. */
const problems_t *policy_problems(const policy_t *policy);

/* Whether the kill switch's file is there. What keeps us from looking counts as there. */
bool policy_killed(const policy_t *policy);

/* The path that it was read from. */
const char *policy_path(const policy_t *policy);

/* A policy that was parsed elsewhere, for tests of who judges by it: it has no file to refresh from
 * and consumes the configuration. NULL where there is no memory; then the caller keeps it. */
policy_t *policy_new(policy_config_t **config_p);

void policy_destroy(policy_t **policy_p);
DEFINE_CLEANUP(policy_t, policy_destroy)

#endif
