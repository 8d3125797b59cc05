/* crew.c: see crew.h. */
#include "agent/crew.h"
#include "agent/bundles.h"
#include "agent/notary.h"
#include "agent/reports.h"
#include "agent/steps/baseline.h"
#include "agent/steps/check.h"
#include "agent/steps/protect.h"
#include "agent/steps/restore.h"
#include "agent/steps/settle.h"
#include "agent/steps/verify.h"
#include "agent/steps/work.h"
#include "agent/loop.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/crypto/random.h"

#include <string.h>

/* ---- what steps call ---- */

static void on_report(void *context, run_t *run, const run_report_t *report) {
    agent_t *agent = context;
    error_t err = {0};
    if (reports_add(agent, run, report, false, &err) != STATUS_OK) {
        log_error("report lost", &err); /* the ledger still says what was committed */
    }
}

/* The machine takes the event in loop_settle; nothing to do but be seen. */
static void on_over(void *context, run_t *run, job_event_t event) {
    (void)context;
    (void)run;
    (void)event;
}

void crew_attach(agent_t *agent) {
    agent->shared.context = agent;
    agent->shared.report = on_report;
    agent->shared.over = on_over;
    agent->shared.held = crew_holds;
}

bool crew_holds(const backup_manifest_t *manifest, void *context) {
    const agent_t *agent = context;
    for (const run_t *run = agent->runs; run != NULL; run = run->next_run) {
        bool changes = run->what.kind != JOB_KIND_PRUNE && run->what.kind != JOB_KIND_BACKUP_CHECK;
        if (changes && ident_equal(&run->what.tenant, &manifest->tenant_id)) {
            return true;
        }
    }
    return false;
}

/* ---- machines ---- */

static bool wants(const table_row_t *row, job_effect_t effect) {
    for (size_t i = 0; i < TABLE_EFFECTS; i++) {
        if (row->effects[i] == (uint8_t)effect) {
            return true;
        }
    }
    return false;
}

static status_t keep_progress(agent_t *agent, const run_t *run, error_t *err) {
    return journal_progress(agent->journal,
                            &(journal_progress_t){.attempt = run->what.attempt,
                                                  .state = run->machine.state,
                                                  .tries = run->machine.tries,
                                                  .cancelled = run->machine.cancelled,
                                                  .finished = run->finished},
                            err);
}

/* Whether the end of such a job may be committed with others'. Killed before, the agent finds out
 * from the ledger that nothing is left to do; a backup would be taken again. */
static bool end_may_wait(job_kind_t kind) {
    return kind == JOB_KIND_FORWARD || kind == JOB_KIND_UNDO || kind == JOB_KIND_BASELINE ||
           kind == JOB_KIND_LOOK;
}

/*
 * Whether the job goes back unbegun, since something has to be waited for: a hold, a window, a
 * ticket, a database that was not read yet, or a cluster whose lease ended. That is no try of it. A
 * job that was in hand before a restart had begun, else its intent would not be in the journal.
 */
static bool is_held_back(const run_t *run) {
    static const unsigned BEFORE =
        IN(JOB_ACCEPTED) | IN(JOB_CHECKING) | IN(JOB_PROTECTING) | IN(JOB_WAITING);
    bool unbegun = !run->resumed && !run->machine.begun && (BEFORE & IN(run->last_state)) != 0;
    return run->machine.state == JOB_TRANSIENT &&
           (run->held_back || (unbegun && run->machine.leaseless));
}

/* The attempt is over: its last report, and the journal's mark, in one commit. */
static status_t finish(agent_t *agent, run_t *run, const table_row_t *row, error_t *err) {
    job_outcome_t outcome = job_outcome_of(run->machine.state);
    bool good = outcome == JOB_OUTCOME_DONE || outcome == JOB_OUTCOME_NOT_NEEDED;
    if (!good && run->error.code == ERROR_NONE) {
        bool leaseless = outcome == JOB_OUTCOME_TRANSIENT;
        (void)error_set(&run->error, leaseless ? ERROR_LEASE_ENDED : ERROR_CANCELLED, "%s",
                        row->why);
    }
    run->finished = true;
    run_report_t report = {
        .step = job_step_of(run->what.kind, run->last_state),
        .outcome = outcome,
        .started_us = run->step_started_us,
        .finished_us = clock_wall_us(),
        .has_state = true,
        .error = good ? NULL : &run->error,
        .version = run->change.migration != NULL && !good ? run->change.migration->version : NULL,
        .notes = run->notes,
        .held_back = is_held_back(run)};
    agent->must_commit = agent->must_commit || !good || !end_may_wait(run->what.kind);
    TRY(reports_add(agent, run, &report, true, err));
    return keep_progress(agent, run, err);
}

static status_t doubt(agent_t *agent, run_t *run, error_t *err) {
    run_report_t report = {.step = JOB_STEP_SETTLE,
                           .outcome = JOB_OUTCOME_UNKNOWN,
                           .started_us = run->step_started_us,
                           .finished_us = clock_wall_us(),
                           .error = run->error.code != ERROR_NONE ? &run->error : NULL};
    agent->must_commit = true;
    return reports_add(agent, run, &report, false, err);
}

/* One event into one machine; what it wants done is kept until the commit. */
static status_t take(agent_t *agent, run_t *run, job_event_t event, error_t *err) {
    job_state_t before = run->machine.state;
    const table_row_t *row = job_take(&run->machine, event, random_u32());
    bool intent = wants(row, JOB_DO_WORK) || wants(row, JOB_DO_SETTLE);
    memcpy(run->planned, row->effects, sizeof run->planned);
    if (!job_state_is_final(before)) {
        run->last_state = before;
    }
    if (wants(row, JOB_DO_ARM)) {
        run->wait_until_boot_us = clock_boot_us() + run->machine.wait_ms * US_PER_MS;
    }
    if (wants(row, JOB_DO_DOUBT)) {
        TRY(doubt(agent, run, err));
    }
    if (wants(row, JOB_DO_FINISH)) {
        return finish(agent, run, row, err);
    }
    if (!intent) {
        return STATUS_OK;
    }
    agent->must_commit = true;
    return keep_progress(agent, run, err);
}

status_t crew_take_events(agent_t *agent, error_t *err) {
    for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
        if (run->over) {
            run->over = false;
            TRY(take(agent, run, run->over_event, err));
        }
    }
    return STATUS_OK;
}

/* ---- carrying out ---- */

static void start_work(run_t *run) {
    switch (run->what.kind) {
    case JOB_KIND_FORWARD:
    case JOB_KIND_UNDO:
        work_begin(run);
        return;
    case JOB_KIND_RESTORE:
        restore_begin(run);
        return;
    case JOB_KIND_BASELINE:
        baseline_begin(run);
        return;
    case JOB_KIND_BACKUP_CHECK:
        protect_check_begin(run);
        return;
    case JOB_KIND_PRUNE:
        protect_prune_begin(run);
        return;
    case JOB_KIND_NONE:
    case JOB_KIND_BACKUP:
    case JOB_KIND_LOOK:
    case JOB_KIND_COUNT:
        break;
    }
    INVARIANT(run->what.kind == JOB_KIND_FORWARD); /* the other kinds have no work */
}

/* A job that is unfit does nothing; but what an attempt before a restart left is found out all the
 * same, where its tenant can be reached: reading a ledger needs no warrant. */
static bool refuse(run_t *run, job_effect_t effect) {
    bool looks = effect == JOB_DO_SETTLE && run->refused && run->cluster != NULL;
    if (run->unfit.code == ERROR_NONE || looks) {
        return false;
    }
    job_event_t event = run_event_of(&run->unfit);
    run->error = run->unfit;
    run->held_back = event == JOB_EVENT_TRANSIENT && !run->resumed;
    run_over(run, event == JOB_EVENT_FAILED && !run->resumed ? JOB_EVENT_REFUSED : event);
    return true;
}

/* The last look before the first work of an attempt; what was begun is brought to an end. */
static bool work_is_refused(run_t *run) {
    error_t err = {0};
    if (run->worked || run->resumed) {
        return false;
    }
    if (notary_recheck(run->shared->context, run, &err) == STATUS_OK) {
        run->worked = true;
        return false;
    }
    run->held_back = run_event_of(&err) == JOB_EVENT_TRANSIENT;
    run_fail(run, &err);
    return true;
}

static void start(run_t *run, job_effect_t effect) {
    if (refuse(run, effect) || (effect == JOB_DO_WORK && work_is_refused(run))) {
        return;
    }
    run->step_started_us = clock_wall_us();
    switch (effect) {
    case JOB_DO_CHECK:
        FAILPOINT("agent.step.check");
        check_begin(run);
        break;
    case JOB_DO_PROTECT:
        FAILPOINT("agent.step.protect");
        protect_begin(run);
        break;
    case JOB_DO_WORK:
        FAILPOINT("agent.step.work");
        start_work(run);
        break;
    case JOB_DO_VERIFY:
        FAILPOINT("agent.step.verify");
        verify_begin(run);
        break;
    case JOB_DO_SETTLE:
        FAILPOINT("agent.step.settle");
        settle_begin(run);
        break;
    case JOB_DO_NOTHING:
    case JOB_DO_ARM:
    case JOB_DO_DOUBT:
    case JOB_DO_TRUST:
    case JOB_DO_FINISH:
    case JOB_EFFECT_COUNT:
        break;
    }
}

static bool carry_out(run_t *run) {
    uint8_t planned[TABLE_EFFECTS];
    memcpy(planned, run->planned, sizeof planned);
    memset(run->planned, 0, sizeof run->planned);
    bool any = false;
    for (size_t i = 0; i < TABLE_EFFECTS; i++) {
        if (planned[i] >= JOB_DO_CHECK && planned[i] <= JOB_DO_SETTLE) {
            start(run, (job_effect_t)planned[i]);
            any = true;
        }
    }
    return any;
}

void crew_refuse_expired(run_t *run) {
    (void)error_set(&run->unfit, ERROR_JOB_EXPIRED,
                    "the job came after the end of the batch that it was sent in");
    run->refused = true;
}

/* Whether the warrant has spoken, either way; a refusal begins, to be reported. */
static bool is_judged(agent_t *agent, run_t *run) {
    error_t err = {0};
    if (run->expired) {
        crew_refuse_expired(run);
        return true;
    }
    court_answer_t answer = notary_judge(agent, run, &err);
    run->refused = answer == COURT_REFUSED;
    if (run->refused && err.code == ERROR_CANCELLED) {
        run->machine.cancelled = true;
    } else if (run->refused) {
        run->unfit = err;
    }
    return answer != COURT_COMING;
}

bool crew_is_own(const run_t *run) {
    return !digest_is_null(&run->what.take_back);
}

/* Another job of the tenant's is at work: it stops at its next seam, and then tells what it left.
 */
static bool is_crowded(const agent_t *agent, const run_t *run) {
    for (const run_t *other = agent->runs; other != NULL; other = other->next_run) {
        if (other != run && other->begun && !other->finished &&
            ident_equal(&other->what.tenant, &run->what.tenant)) {
            return true;
        }
    }
    return false;
}

/*
 * Whether the cluster is ours to work on. A job of our own needs no lease: a lease says which of
 * several agents a coordinator gives jobs to, and where there is no coordinator nobody grants one.
 * Two agents on one tenant, or a job of a coordinator's that comes meanwhile, are kept apart by
 * what keeps them apart when leases overlap: the tenant's lock, its ledger's head, the fence with
 * the highest epoch seen, and that only a writable primary is worked on.
 */
static bool is_ours(const agent_t *agent, const run_t *run) {
    return crew_is_own(run) ? !is_crowded(agent, run)
                            : agent->leases[run->cluster_index].until_boot_us > clock_boot_us();
}

/*
 * Whether another agent works on the cluster now. What waits here for its turn would wait for ever:
 * it begins without a lease, which gives it back; what an attempt before a restart may have left is
 * read first, as far as the cluster can be reached.
 */
static bool is_denied(const agent_t *agent, const run_t *run) {
    return !crew_is_own(run) && agent->leases[run->cluster_index].denied && agent->welcomed;
}

/* A job of our own whose bundle is not here does not wait for somebody to bring it: it comes to its
 * end, and is tried again as its take-back is. */
static bool is_forsaken(const agent_t *agent, run_t *run) {
    if (!crew_is_own(run) || agent->welcomed) {
        return false;
    }
    (void)error_set(&run->unfit, ERROR_BUNDLE_UNKNOWN,
                    "the bundle is not on this host, and no coordinator is there to bring it");
    run->unfit.retry = RETRY_TRANSIENT;
    return true;
}

/* Whether the job may begin now: its cluster is ours, a slot is free, its bundle is here, and what
 * was signed permits it. */
static bool may_begin(agent_t *agent, run_t *run) {
    if (run->begun || run->finished || agent->draining) {
        return false;
    }
    if (run->cluster == NULL && run->unfit.code == ERROR_NONE) {
        crew_place(agent, run);
    }
    if (run->unfit.code != ERROR_NONE || run->cluster == NULL) {
        return run->unfit.code != ERROR_NONE; /* begins, to be refused */
    }
    const agent_lease_t *lease = &agent->leases[run->cluster_index];
    int64_t slots = agent_config_parallel(agent->config, run->cluster);
    if (is_denied(agent, run)) {
        return true; /* begins, to be given back */
    }
    if (lease->running >= slots || !is_ours(agent, run)) {
        return false;
    }
    bundles_state_t bundle = BUNDLES_HERE;
    run->bundle = NULL; /* what it was is dropped where its signers were revoked meanwhile */
    if (!digest_is_null(&run->what.bundle)) {
        bundle = bundles_get(agent->bundles, &run->what.bundle, &run->bundle, &run->unfit);
    }
    if (bundle == BUNDLES_COMING) {
        return is_forsaken(agent, run);
    }
    return bundle == BUNDLES_REFUSED || is_judged(agent, run);
}

static status_t begin(agent_t *agent, run_t *run, error_t *err) {
    run->begun = true;
    run->begun_boot_us = clock_boot_us();
    run->given_back = run->cluster != NULL && is_denied(agent, run);
    run->machine.leaseless = run->given_back;
    if (run->cluster != NULL) {
        agent->leases[run->cluster_index].running++;
        agent->leases[run->cluster_index].queued--;
    }
    return take(agent, run, run->resumed ? JOB_EVENT_RESUMED : JOB_EVENT_BEGUN, err);
}

/* What the job left is what inventory knows from now on. */
static void tell_inventory(agent_t *agent, const run_t *run) {
    if (run->standing.seq == 0) {
        return;
    }
    const ledger_row_t *last = &run->rows[run->row_count - 1];
    inventory_facts_t facts = {
        .tenant = run->what.tenant,
        .application = run->what.application,
        .standing = &run->standing,
        .strict = last->strict,
        .logical = last->logical,
        .observed = {.boot_us = clock_boot_us(), .wall_us = clock_wall_us()}};
    inventory_note(agent->inventory, run->what.system_identifier, run->what.database, &facts);
}

/* Drop runs that are over; their final reports are in the journal, and are sent once it is
 * committed. */
static void dismiss(agent_t *agent) {
    run_t **link = &agent->runs;
    while (*link != NULL) {
        run_t *run = *link;
        if (!run->finished) {
            link = &run->next_run;
            continue;
        }
        *link = run->next_run;
        if (run->cluster != NULL) {
            agent_lease_t *lease = &agent->leases[run->cluster_index];
            lease->running -= run->begun;
            lease->queued -= !run->begun;
        }
        FAILPOINT("agent.job.ended"); /* its end may not be committed yet */
        tell_inventory(agent, run);
        loop_forget(agent, run);
        run_destroy(&run);
    }
    agent->runs_end = link;
}

bool crew_carry_out(agent_t *agent) {
    bool any = false;
    for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
        any = carry_out(run) || any;
    }
    dismiss(agent);
    for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
        error_t err = {0};
        if (may_begin(agent, run)) {
            if (begin(agent, run, &err) != STATUS_OK) {
                log_error("a job could not begin", &err);
            }
            any = true;
        }
    }
    return any;
}

/* ---- time, leases, cancels ---- */

static void cancel(agent_t *agent, run_t *run) {
    error_t err = {0};
    if (!run->over && take(agent, run, JOB_EVENT_CANCEL, &err) != STATUS_OK) {
        log_error("a cancel could not be journaled", &err);
    }
}

void crew_stop(agent_t *agent, run_t *run) {
    if (!run->finished) {
        run_note(run, "stopped: a signed stop names its order");
        run->machine.cancelled = true;
        cancel(agent, run);
    }
}

void crew_cancel(agent_t *agent, const Drover__Cancel *message) {
    for (size_t i = 0; i < message->n_attempts; i++) {
        for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
            bool meant =
                message->attempts[i].len == IDENT_BYTES &&
                memcmp(message->attempts[i].data, run->what.attempt.bytes, IDENT_BYTES) == 0;
            if (meant && !run->finished && !crew_is_own(run)) {
                run->machine.cancelled = true;
                cancel(agent, run);
            }
        }
    }
}

static void watch_lease(agent_t *agent, run_t *run, int64_t boot_us) {
    if (run->finished || run->over || run->cluster == NULL) {
        return;
    }
    bool held = crew_is_own(run) || agent->leases[run->cluster_index].until_boot_us > boot_us;
    if (run->begun && !held && !run->machine.leaseless) {
        run->machine.leaseless = true;
        cancel(agent, run);
    } else if (held && !run->given_back) {
        run->machine.leaseless = false;
    }
}

void crew_watch_leases(agent_t *agent) {
    int64_t boot_us = clock_boot_us();
    for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
        watch_lease(agent, run, boot_us);
    }
}

void crew_supersede(agent_t *agent, const run_t *by) {
    for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
        bool same = ident_equal(&run->what.tenant, &by->what.tenant) &&
                    strcmp(run->what.application, by->what.application) == 0;
        if (run != by && same && !run->finished && !run->machine.cancelled &&
            !digest_equal(&run->what.order_digest, &by->what.order_digest)) {
            run_note(run, "stopped: a newer order for this tenant was accepted");
            run->machine.cancelled = true;
        }
    }
}

static void tick_run(agent_t *agent, run_t *run, int64_t boot_us) {
    watch_lease(agent, run, boot_us);
    if (run->finished || run->over || run->cluster == NULL) {
        return;
    }
    bool late = run->begun && run->what.deadline_ms > 0 &&
                boot_us - run->begun_boot_us > run->what.deadline_ms * US_PER_MS;
    if (late && !run->machine.cancelled) {
        run_note(run, "stopped: the attempt took longer than its deadline");
        run->machine.cancelled = true;
        cancel(agent, run);
    }
    if (run->machine.state == JOB_WAITING && boot_us >= run->wait_until_boot_us && !run->finished) {
        error_t err = {0};
        if (take(agent, run, JOB_EVENT_DUE, &err) != STATUS_OK) {
            log_error("a wait could not be ended", &err);
        }
    }
}

void crew_tick(agent_t *agent) {
    int64_t boot_us = clock_boot_us();
    for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
        tick_run(agent, run, boot_us);
    }
}

uint32_t crew_room(const agent_t *agent) {
    enum { AHEAD = 2 }; /* jobs kept ready per slot, so that none waits for the wire */
    int64_t room = 0;
    for (size_t i = 0; !agent->draining && i < agent->cluster_count; i++) {
        const agent_lease_t *lease = &agent->leases[i];
        int64_t slots =
            agent_config_parallel(agent->config, agent_config_cluster(agent->config, i));
        int64_t free = slots * (1 + AHEAD) - lease->queued - lease->running;
        room += lease->until_boot_us > 0 && free > 0 ? free : 0;
    }
    return (uint32_t)room;
}

size_t crew_count(const agent_t *agent) {
    size_t count = 0;
    for (const run_t *run = agent->runs; run != NULL; run = run->next_run) {
        count++;
    }
    return count;
}
