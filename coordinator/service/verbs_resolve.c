/*
 * verbs_resolve.c: an outcome that nobody can read any more, because the agent or the database is
 * gone for good, is ruled on by a person. Never where evidence can still be read: then an agent has
 * the last word. What the ledger last said is shown first, and the ruling stands in the audit log.
 */
#include "coordinator/service/lookup.h"
#include "coordinator/service/names.h"
#include "coordinator/service/orders.h"
#include "coordinator/service/reach.h"
#include "coordinator/service/status.h"
#include "coordinator/service/verbs.h"
#include "coordinator/store/store_tenant.h"

#include <string.h>

enum { WORDS_BYTES = 768 };

/* A tenant's part in a rollout, and what is known about it. */
typedef struct doubt {
    call_t *call;
    lookup_rollout_t found;
    const task_t *task;
    fleet_t fleet;
    tenant_row_t tenant;   /* zeroed: inventory has lost it */
    const char *reader;    /* agent that can read its ledger, or NULL */
    bool suspended;        /* that agent is: it does so once a person lets it go on */
    char why[WORDS_BYTES]; /* why nobody can */
} doubt_t;

static void doubt_free(doubt_t *doubt) {
    lookup_rollout_free(&doubt->found);
}

static const task_t *find_task(const rollout_t *rollout, const char *name) {
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        char id[IDENT_TEXT_SIZE];
        if (strcmp(rollout->tasks[i].tenant_name, name) == 0 ||
            strcmp(ident_text(&rollout->tasks[i].tenant, id), name) == 0) {
            return &rollout->tasks[i];
        }
    }
    return NULL;
}

static status_t find_tenant(doubt_t *doubt, error_t *err) {
    char id[IDENT_TEXT_SIZE];
    call_t *call = doubt->call;
    if (store_tenant_get(call->store, ident_text(&doubt->task->tenant, id), &call->arena,
                         &doubt->tenant, err) == STATUS_OK) {
        return STATUS_OK;
    }
    if (err->code != ERROR_NOT_FOUND) {
        return STATUS_ERROR;
    }
    error_clear(err);
    return STATUS_OK;
}

/* An agent that is connected and reads the cluster can read the ledger, unless the tenant is gone:
 * the cluster's holder, or the one that had the task. */
static void find_reader(doubt_t *doubt) {
    const call_t *call = doubt->call;
    const task_t *task = doubt->task;
    const cluster_row_t *cluster = fleet_cluster(&doubt->fleet, task->system_identifier);
    bool fine = cluster != NULL && *cluster->problem == '\0';
    const char *problem = "";
    agent_key_t holder = {0};
    CLEANUP(buffer_free) buffer_t why = {0};
    if (doubt->tenant.gone) {
        (void)snprintf(doubt->why, sizeof doubt->why,
                       "its database is no more, as its agent's inventory says");
        return;
    }
    if (fine && engine_holder(call->engine, task->system_identifier, &holder) &&
        reach_agent(call, &holder, &problem)) {
        doubt->reader = fleet_agent_name(&doubt->fleet, &holder);
        doubt->suspended = reach_suspended(call, &doubt->fleet, task->system_identifier) != NULL;
    } else if (fine && fleet_agent(&doubt->fleet, &task->agent) != NULL &&
               reach_agent(call, &task->agent, &problem)) {
        doubt->reader = fleet_agent_name(&doubt->fleet, &task->agent);
    } else {
        reach_blocker(call, &doubt->fleet, task->system_identifier, &why);
        (void)snprintf(doubt->why, sizeof doubt->why, "%s", buffer_string(&why));
    }
}

static status_t find_doubt(call_t *call, doubt_t *doubt, error_t *err) {
    const char *name = NULL;
    const char *rollout = NULL;
    doubt->call = call;
    TRY(call_need(call, "tenant", &name, err));
    TRY(call_need(call, "rollout", &rollout, err));
    TRY(lookup_rollout(call, &doubt->found, err));
    doubt->task = find_task(doubt->found.rollout, name);
    if (doubt->task == NULL) {
        return error_set(err, ERROR_NOT_FOUND, "rollout '%s' has no tenant '%s'",
                         doubt->found.rollout->name, name);
    }
    call->tenant = doubt->task->tenant;
    TRY(fleet_load(call, &doubt->fleet, err));
    TRY(find_tenant(doubt, err));
    find_reader(doubt);
    return STATUS_OK;
}

static bool is_in_doubt(const task_t *task) {
    return task->state == TASK_UNKNOWN || task->state == TASK_OUTSTANDING;
}

/* --- what is known --------------------------------------------------------------------------- */

static void write_ledger(doubt_t *doubt) {
    const application_row_t *known =
        fleet_application(&doubt->tenant, doubt->found.rollout->application);
    if (known == NULL) {
        row_text(&doubt->call->document, "ledger", NULL);
        return;
    }
    CLEANUP(row_free) row_t row = row_new();
    row_text(&row, "application", known->application);
    row_text(&row, "version", known->version);
    row_text(&row, "said", known->position > 0 ? known->version : "nothing applied");
    row_number(&row, "position", known->position);
    row_number(&row, "generation", known->generation);
    row_number(&row, "ledger_sequence", known->ledger_sequence);
    row_digest(&row, "ledger_digest", &known->ledger_digest);
    row_time(&row, "observed", known->observed_us);
    row_take(&doubt->call->document, "ledger", &row);
}

static void write_doubt(doubt_t *doubt) {
    call_t *call = doubt->call;
    const rollout_t *rollout = doubt->found.rollout;
    const bundle_t *bundle = NULL;
    error_t unknown = {0};
    if (digest_is_null(&rollout->bundle) ||
        call_bundle_by_digest(call, &rollout->bundle, &bundle, &unknown) != STATUS_OK) {
        bundle = NULL; /* versions are not known then */
    }
    names_task_context_t context = {
        .fleet = &doubt->fleet, .rollout = rollout, .bundle = bundle, .call = call};
    CLEANUP(row_free) row_t task = names_task(&context, doubt->task);
    row_ident(&call->document, "rollout", &rollout->id);
    row_text(&call->document, "name", rollout->name);
    row_text(&call->document, "kind", names_kind(rollout->kind));
    row_take(&call->document, "task", &task);
    write_ledger(doubt);
    row_flag(&call->document, "gone", doubt->tenant.gone);
    row_flag(&call->document, "in_doubt", is_in_doubt(doubt->task));
    row_text(&call->document, "reader", doubt->reader);
    row_text(&call->document, "blocker", doubt->why);
}

status_t verbs_task_show(call_t *call, error_t *err) {
    CLEANUP(doubt_free) doubt_t doubt = {0};
    TRY(find_doubt(call, &doubt, err));
    write_doubt(&doubt);
    return STATUS_OK;
}

/* --- the ruling ------------------------------------------------------------------------------ */

typedef struct ruling {
    const char *word;
    task_event_t event;
} ruling_t;

static const ruling_t *find_ruling(const char *word) {
    static const ruling_t RULINGS[] = {{"applied", TASK_EVENT_RULED_DONE},
                                       {"not-applied", TASK_EVENT_RULED_NOT},
                                       {"gone", TASK_EVENT_RULED_GONE}};
    for (size_t i = 0; i < sizeof RULINGS / sizeof RULINGS[0]; i++) {
        if (strcmp(RULINGS[i].word, word) == 0) {
            return &RULINGS[i];
        }
    }
    return NULL;
}

static status_t check_ruling(const doubt_t *doubt, const ruling_t *ruling, error_t *err) {
    char state[NAMES_STATE_MAX];
    const task_t *task = doubt->task;
    if (!is_in_doubt(task)) {
        return error_set(err, ERROR_ROLLOUT_STATE,
                         "tenant '%s' is %s in rollout '%s': its outcome is not in doubt",
                         task->tenant_name, names_task_state(task->state, state),
                         doubt->found.rollout->name);
    }
    if (doubt->reader != NULL) {
        return error_set(err, ERROR_EVIDENCE_READABLE,
                         "agent '%s' is connected and reads the cluster of tenant '%s': what "
                         "happened stands in its ledger%s",
                         doubt->reader, task->tenant_name,
                         doubt->suspended ? "; the agent is suspended, and reads it once 'drover "
                                            "agents resume' lets it go on"
                                          : "");
    }
    if (doubt->tenant.gone && ruling->event != TASK_EVENT_RULED_GONE) {
        return error_set(err, ERROR_INVALID,
                         "the database of tenant '%s' is no more: it can be ruled gone only",
                         task->tenant_name);
    }
    return STATUS_OK;
}

/* The rollout in the engine, from which closed ones are away. */
static status_t adopt(doubt_t *doubt, error_t *err) {
    call_t *call = doubt->call;
    uint32_t ordinal = doubt->task->ordinal;
    call_changes(call);
    if (doubt->found.owned != NULL) {
        doubt->found.rollout = engine_adopt(call->engine, &doubt->found.owned);
    }
    if (doubt->found.rollout == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a rollout");
    }
    doubt->task = &doubt->found.rollout->tasks[ordinal];
    return STATUS_OK;
}

static status_t rule(doubt_t *doubt, const ruling_t *ruling, const char *words, error_t *err) {
    call_t *call = doubt->call;
    TRY(adopt(doubt, err));
    const rollout_t *rollout = doubt->found.rollout;
    const task_t *task = doubt->task;
    bool done = ruling->event == TASK_EVENT_RULED_DONE;
    uint32_t own = rollout->waves[task->wave].target_position;
    uint32_t target = own != 0 ? own : rollout->target_position;
    report_facts_t facts = {.job = task->job,
                            .event = ruling->event,
                            .has_position = ruling->event != TASK_EVENT_RULED_GONE,
                            .position = done ? target : task->from_position,
                            .touched =
                                done || (task->touched && ruling->event == TASK_EVENT_RULED_GONE),
                            .error_code = ERROR_OUTCOME_RULED,
                            .error = words,
                            .notes = words};
    event_t event = call_event(call, EVENT_RULE, &rollout->id);
    event.report = &facts;
    engine_step(call->engine, &event, call->effects);
    if (ruling->event == TASK_EVENT_RULED_GONE && !ident_is_null(&doubt->tenant.id)) {
        TRY(store_tenant_set_gone(call->store, &task->tenant, call->question->now_us, err));
    }
    return call->effects->failed
               ? error_set(err, ERROR_NO_MEMORY, "out of memory for a rollout's effects")
               : STATUS_OK;
}

status_t verbs_task_resolve(call_t *call, error_t *err) {
    CLEANUP(doubt_free) doubt_t doubt = {0};
    const char *as = NULL;
    const char *reason = NULL;
    char words[WORDS_BYTES];
    TRY(call_need(call, "as", &as, err));
    TRY(call_need(call, "reason", &reason, err));
    const ruling_t *ruling = find_ruling(as);
    if (ruling == NULL) {
        return error_set(err, ERROR_INVALID,
                         "a task is resolved as applied, not-applied or gone, not as '%.40s'", as);
    }
    TRY(find_doubt(call, &doubt, err));
    TRY(orders_allow(call, call->verb->roles, doubt.found.rollout->application, err));
    TRY(check_ruling(&doubt, ruling, err));
    (void)snprintf(words, sizeof words, "%.128s ruled it %s: %.400s", call->question->actor, as,
                   reason);
    buffer_format(&call->detail,
                  "tenant '%.128s' ruled %s, which nobody could read (%.200s): %.300s",
                  doubt.task->tenant_name, as, doubt.why, reason);
    TRY(rule(&doubt, ruling, words, err));
    write_doubt(&doubt);
    return STATUS_OK;
}
