/* notary.c: see notary.h. */
#include "agent/notary.h"
#include "agent/bundles.h"
#include "agent/crew.h"
#include "agent/link.h"
#include "agent/loop.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/trust/release.h"
#include "common/wire/field.h"

#include <stdio.h>
#include <string.h>

enum { POLICY_LOOK_S = 5 };
#define HOUR_US (INT64_C(3600) * US_PER_S)

status_t notary_open(agent_t *agent, const char *papers_dir, error_t *err) {
    const agent_config_t *config = agent->config;
    TRY(keeper_open(config->trust.root, agent->journal, &agent->keeper, err));
    TRY(papers_new(papers_dir, &agent->papers, err));
    court_rooms_t rooms = {
        .keeper = agent->keeper, .papers = agent->papers, .journal = agent->journal};
    TRY(court_new(&rooms, &agent->court, err));
    if (config->trust.policy != NULL) {
        TRY(policy_load(config->trust.policy, agent->problems, &agent->policy, err));
    }
    agent->shared.policy = agent->policy;
    return STATUS_OK;
}

void notary_close(agent_t *agent) {
    court_destroy(&agent->court);
    papers_destroy(&agent->papers);
    keeper_destroy(&agent->keeper);
    policy_destroy(&agent->policy);
}

status_t notary_knows(const agent_t *agent, const sign_public_t *coordinator, error_t *err) {
    trust_view_t view = keeper_view(agent->keeper, clock_wall_us());
    return trust_coordinator(&view, coordinator, err);
}

/* ---- judging ---- */

static warrant_job_t job_of(const run_t *run) {
    const run_job_t *what = &run->what;
    return (warrant_job_t){
        .kind = what->kind,
        .tenant = what->tenant,
        .application = what->application,
        .bundle = what->bundle,
        .target = what->target,
        .accept_data_loss = what->accept_data_loss,
        .recovery_kind = what->recovery_kind,
        .recovery_reason = what->recovery_reason,
        .trial_restore = what->trial_restore,
        .reference = what->recovery_reference,
        .prune_keep_us = what->prune_keep_us,
        .prune_keep_count = what->prune_keep_count,
        .order = what->order_digest,
        .order_id = what->order,
        .ticket = what->ticket,
        .proof = what->proof,
        .proof_size = what->proof_size,
        .coordinator = what->coordinator,
        .take_back = what->take_back,
    };
}

/* The labels of agent.yaml: the cluster's, the tenant's own over them. labels has room for all. */
static size_t fill_labels(const run_t *run, const agent_config_tenant_t *listed,
                          selector_label_t *labels) {
    static const yaml_map_t none;
    const yaml_map_t *own = listed != NULL ? &listed->labels : &none;
    const yaml_map_t *common = &run->cluster->tenants.labels;
    size_t count = 0;
    for (size_t i = 0; i < own->count; i++) {
        labels[count++] = (selector_label_t){own->items[i].key, own->items[i].value};
    }
    for (size_t i = 0; i < common->count; i++) {
        if (yaml_map_get(own, common->items[i].key) == NULL) {
            labels[count++] = (selector_label_t){common->items[i].key, common->items[i].value};
        }
    }
    return count;
}

/* A baseline stamps a database with the id that it is given. The one that this agent found out, or
 * chose, for the database must be that id: the order names no database. Every other job reads the
 * stamp (agent/steps/load.c). */
static status_t check_unstamped(const run_t *run, const inventory_tenant_t *seen, error_t *err) {
    if (run->what.kind != JOB_KIND_BASELINE) {
        return STATUS_OK;
    }
    bool known = seen != NULL && !ident_is_null(&seen->tenant);
    if (known && ident_equal(&seen->tenant, &run->what.tenant)) {
        return STATUS_OK;
    }
    (void)error_set(err, ERROR_TENANT_MISMATCH,
                    known ? "database %s is another tenant than the job names"
                          : "database %s was not read yet: its tenant is not known",
                    run->what.database);
    if (!known) {
        err->retry = RETRY_TRANSIENT;
    }
    return STATUS_ERROR;
}

/* Who the tenant is, as this host's configuration and its own look have it; what the job says of it
 * counts for nothing. ERROR_TENANT_MISMATCH. */
static status_t fill_subject(const agent_t *agent, const run_t *run, selector_label_t *labels,
                             selector_subject_t *subject, error_t *err) {
    const agent_config_tenant_t *listed = NULL;
    const char *database = run->what.database;
    if (!agent_config_admits(run->cluster, database, &listed)) {
        return error_set(err, ERROR_TENANT_MISMATCH,
                         "database %s is no tenant in this agent's configuration", database);
    }
    const inventory_tenant_t *seen =
        inventory_find(agent->inventory, run->what.system_identifier, database);
    TRY(check_unstamped(run, seen, err));
    *subject = (selector_subject_t){
        .name = listed != NULL ? listed->name : database,
        .cluster = run->cluster->name,
        .database = database,
        .agent = agent->config->name,
        .labels = labels,
        .label_count = fill_labels(run, listed, labels),
    };
    for (size_t i = 0; seen != NULL && i < seen->application_count; i++) {
        const inventory_application_t *application = &seen->applications[i];
        if (strcmp(application->application, run->what.application) == 0) {
            subject->version = application->standing.version;
        }
    }
    return STATUS_OK;
}

static status_t fill_pace(agent_t *agent, const run_t *run, warrant_facts_t *facts, error_t *err) {
    if (agent->policy == NULL) {
        return STATUS_OK;
    }
    (void)policy_refresh(agent->policy);
    facts->deed.killed = policy_killed(agent->policy);
    return journal_count_begun(agent->journal, &run->what.tenant, facts->now_us - HOUR_US,
                               &facts->deed.begun_last_hour, err);
}

/* The number, and the pace, are committed with the job's intent, before anything is done. */
static status_t bind_run(agent_t *agent, run_t *run, const selector_subject_t *subject,
                         const warrant_t *warrant, error_t *err) {
    warrant_job_t job = job_of(run);
    char *name = strdup(subject->name); /* what the job calls it reaches no command and no row */
    if (name == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a job");
    }
    free(run->what.tenant_name);
    run->what.tenant_name = name;
    TRY(court_accept(agent->court, &job, warrant, err));
    if (warrant->number != 0) {
        crew_supersede(agent, run);
    }
    if (job.kind == JOB_KIND_FORWARD) {
        TRY(journal_set_begun(agent->journal, &job.tenant, clock_wall_us(), err));
    }
    run->what.order_wave = warrant->wave;
    run->main_action = warrant->main;
    run->standing_order = warrant->standing;
    run->claimed_from = warrant->claimed_from;
    return STATUS_OK;
}

court_answer_t notary_judge(agent_t *agent, run_t *run, error_t *err) {
    selector_label_t labels[2 * LIMIT_LABELS];
    release_t release;
    warrant_t warrant;
    warrant_job_t job = job_of(run);
    warrant_facts_t facts = {
        .now_us = clock_wall_us(),
        .cluster = inventory_cluster(agent->inventory, run->cluster_index)->system_identifier,
        .environment = agent->config->environment,
        .policy = agent->policy};
    if (job.kind == JOB_KIND_NONE || job.kind >= JOB_KIND_COUNT) {
        (void)error_set(err, ERROR_WIRE_INVALID, "a job of kind %d", (int)job.kind);
        return COURT_REFUSED;
    }
    if (run->bundle != NULL) {
        release_of(run->bundle, &release);
        facts.bundle = &release.claim;
    }
    if (warrant_named(&job, err) != STATUS_OK ||
        fill_subject(agent, run, labels, &facts.labels, err) != STATUS_OK ||
        fill_pace(agent, run, &facts, err) != STATUS_OK) {
        return COURT_REFUSED;
    }
    court_answer_t answer = court_judge(agent->court, &job, &facts, &warrant, err);
    if (answer == COURT_GRANTED &&
        bind_run(agent, run, &facts.labels, &warrant, err) != STATUS_OK) {
        return COURT_REFUSED;
    }
    return answer;
}

status_t notary_recheck(agent_t *agent, const run_t *run, error_t *err) {
    warrant_job_t job = job_of(run);
    warrant_facts_t facts = {.now_us = clock_wall_us(), .environment = agent->config->environment};
    return court_recheck(agent->court, &job, &facts, err);
}

/* ---- what the coordinator brings ---- */

/* Jobs of an order that was stopped: what has not begun is cancelled, what is at work finishes its
 * step. Those whose order was not read yet are found out when they would begin. */
static void carry_stops(agent_t *agent) {
    for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
        const order_t *order = court_order(
            agent->court, crew_is_own(run) ? &run->what.take_back : &run->what.order_digest);
        if (order == NULL || run->machine.cancelled) {
            continue;
        }
        bool forward = run->what.kind > JOB_KIND_NONE && run->what.kind < JOB_KIND_COUNT &&
                       warrant_is_forward(run->what.kind);
        if (keeper_stopped(agent->keeper, order) ||
            (forward && keeper_taken_back(agent->keeper, order))) {
            crew_stop(agent, run);
        }
    }
}

/* The journal's own trouble ends the agent: what else was gathered went with it. */
static bool is_store_trouble(const error_t *err) {
    return err->code == ERROR_STORE || err->code == ERROR_DISK_FULL;
}

/* One document: where the journal fails the agent has given up. */
static status_t take(agent_t *agent, const keeper_paper_t *paper, error_t *err) {
    keeper_news_t news = KEEPER_KNOWN;
    if (keeper_take(agent->keeper, paper, &news, err) != STATUS_OK) {
        if (is_store_trouble(err)) {
            loop_give_up(agent, err);
        }
        return STATUS_ERROR;
    }
    if (news != KEEPER_KNOWN) {
        trust_view_t view = keeper_view(agent->keeper, 0);
        log_info("trust changed", "what", keeper_news_text(news), "trust_version",
                 LOG_NUMBER(view.trust->version));
    }
    return STATUS_OK;
}

status_t notary_take_file(agent_t *agent, const void *bytes, size_t size, error_t *err) {
    keeper_paper_t paper = {.bytes = bytes,
                            .size = size,
                            .now_us = clock_wall_us(),
                            .environment = agent->config->environment};
    TRY(take(agent, &paper, err));
    carry_stops(agent);
    link_judge_coordinator(agent);
    return STATUS_OK;
}

void notary_take_trust(agent_t *agent, const Drover__Trust *trust) {
    for (size_t i = 0; i < trust->n_documents && !agent->stopped; i++) {
        keeper_paper_t paper = {.bytes = trust->documents[i].data,
                                .size = trust->documents[i].len,
                                .now_us = clock_wall_us()};
        error_t err = {0};
        if (take(agent, &paper, &err) != STATUS_OK && !agent->stopped) {
            log_error("a document of the coordinator's was refused", &err);
        }
    }
    if (agent->stopped) {
        return;
    }
    carry_stops(agent);
    link_judge_coordinator(agent);
}

void notary_take_chunk(agent_t *agent, const Drover__PaperChunk *chunk) {
    papers_chunk_t taken = {.digest = field_digest(chunk->digest),
                            .offset = chunk->offset,
                            .total = chunk->total,
                            .data = chunk->data.data,
                            .size = chunk->data.len};
    papers_take(agent->papers, &taken);
}

/* ---- time ---- */

static void tell_freshness(agent_t *agent) {
    trust_view_t view = keeper_view(agent->keeper, clock_wall_us());
    trust_freshness_t freshness = trust_freshness(&view);
    if (freshness == agent->freshness_told) {
        return;
    }
    agent->freshness_told = freshness;
    const char *version = LOG_NUMBER(view.trust->version);
    switch (freshness) {
    case TRUST_FRESH:
        log_info("the trust file is in time", "trust_version", version);
        return;
    case TRUST_WARNING:
        log_warning("the trust file expires within a week", "trust_version", version, "hint",
                    error_code_hint(ERROR_TRUST_EXPIRED));
        return;
    case TRUST_EXPIRED:
        log_warning("the trust file has expired: nothing forward starts", "code",
                    error_code_text(ERROR_TRUST_EXPIRED), "trust_version", version, "hint",
                    error_code_hint(ERROR_TRUST_EXPIRED));
        return;
    }
}

/* Every mistake at once, as a start of the agent shows them: the file is mended in one go. */
static void tell_mistakes(const policy_t *policy) {
    const problems_t *problems = policy_problems(policy);
    for (size_t i = 0; i < problems->count; i++) {
        const problem_t *problem = &problems->items[i];
        log_warning("mistake in the policy", "file", problems->file, "line",
                    LOG_NUMBER(problem->line), "column", LOG_NUMBER(problem->column), "message",
                    problem->message);
    }
    if (problems->more > 0) {
        log_warning("mistakes in the policy not shown", "file", problems->file, "count",
                    LOG_NUMBER((int64_t)problems->more));
    }
}

static void tell_policy(agent_t *agent, int64_t boot_us) {
    if (agent->policy == NULL || boot_us < agent->policy_due_boot_us) {
        return;
    }
    agent->policy_due_boot_us = boot_us + POLICY_LOOK_S * US_PER_S;
    (void)policy_refresh(agent->policy);
    const error_t *problem = policy_problem(agent->policy);
    error_code_t code = problem != NULL ? problem->code : ERROR_NONE;
    if (code == agent->policy_told) {
        return;
    }
    agent->policy_told = code;
    if (problem != NULL) {
        log_error("the policy is not usable: every job is refused", problem);
        tell_mistakes(agent->policy);
    } else {
        log_info("the policy is in force", "file", policy_path(agent->policy));
    }
}

static bool has_bundle(const void *context, const bundle_t *bundle) {
    const agent_t *agent = context;
    for (const run_t *run = agent->runs; run != NULL; run = run->next_run) {
        if (run->bundle == bundle) {
            return true;
        }
    }
    return false;
}

void notary_tick(agent_t *agent) {
    bundles_sweep(agent->bundles, has_bundle, agent);
    tell_freshness(agent);
    tell_policy(agent, clock_boot_us());
}

status_t notary_forget(agent_t *agent, error_t *err) {
    int64_t now_us = clock_wall_us();
    papers_forget(agent->papers, now_us - ORDER_LIFE_US - 8 * TRUST_DAY_US);
    return keeper_forget(agent->keeper, now_us, err);
}
