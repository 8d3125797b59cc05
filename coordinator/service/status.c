/* status.c: see status.h. All counts come from the tasks as they are now. */
#include "coordinator/service/status.h"
#include "coordinator/service/awaits.h"
#include "coordinator/service/names.h"
#include "coordinator/service/reach.h"
#include "coordinator/store/store_rollout.h"

#include <string.h>

enum {
    SHOWN_FAILURES = 20,
    FAILURE_KINDS = 256, /* different failures that are told apart */
};

/* What tasks add up to, of a wave or of all. */
typedef struct sums {
    uint32_t by_state[TASK_STATE_COUNT];
    uint32_t settled;
    uint32_t failed;
    uint32_t in_flight;
    uint32_t touched;
    uint32_t short_of;
    uint32_t by_evidence[NAMES_EVIDENCE_COUNT];
    int64_t oldest_us; /* reading that somebody's standing rests on alone; 0: none */
} sums_t;

static void add_evidence(sums_t *sums, const rollout_t *rollout, const task_t *task) {
    names_evidence_t evidence = names_evidence(rollout, task);
    sums->by_evidence[evidence]++;
    if (evidence == NAMES_EVIDENCE_INVENTORY && task->observed_us != 0 &&
        (sums->oldest_us == 0 || task->observed_us < sums->oldest_us)) {
        sums->oldest_us = task->observed_us;
    }
}

static void add_task(sums_t *sums, const rollout_t *rollout, const task_t *task) {
    bool over = task_state_is_final(task->state);
    bool there =
        task->state == TASK_SUCCEEDED || task->state == TASK_NOT_NEEDED || task->state == TASK_GONE;
    sums->by_state[task->state]++;
    sums->settled += over;
    sums->failed += task_state_is_failure(task->state);
    sums->in_flight += task_state_is_in_flight(task->state);
    sums->touched += task->touched;
    sums->short_of += over && !there;
    add_evidence(sums, rollout, task);
}

static sums_t sum_up(const rollout_t *rollout, uint32_t first, uint32_t count) {
    sums_t sums = {0};
    for (uint32_t i = first; i < first + count; i++) {
        add_task(&sums, rollout, &rollout->tasks[i]);
    }
    return sums;
}

static int64_t soak_left(const wave_t *wave, int64_t now_us) {
    int64_t left = wave->soak_us + wave->soak_for_us - now_us;
    return wave->state == WAVE_SOAKING && left > 0 ? left : 0;
}

static void add_wave(const call_t *call, const rollout_t *rollout, uint32_t number, row_t *list,
                     const bundle_t *bundle) {
    const wave_t *wave = &rollout->waves[number];
    sums_t sums = sum_up(rollout, wave->first, wave->count);
    uint32_t target = wave->target_position != 0 ? wave->target_position : rollout->target_position;
    row_t row = row_new();
    row_number(&row, "number", number);
    row_text(&row, "name", wave->name);
    row_text(&row, "state", names_wave_state(wave->state));
    row_flag(&row, "canary", wave->canary);
    row_number(&row, "tasks", wave->count);
    names_counts(&row, "counts", sums.by_state);
    row_number(&row, "settled", sums.settled);
    row_number(&row, "failed", sums.failed);
    row_number(&row, "in_flight", sums.in_flight);
    row_number(&row, "budget", wave->budget);
    row_number(&row, "forgiven", wave->forgiven);
    row_flag(&row, "needs_approval", wave->needs_approval);
    row_text(&row, "on_failure", names_on_failure(wave->on_failure));
    row_number(&row, "soak_us", wave->soak_for_us);
    row_number(&row, "soak_left_us", soak_left(wave, call->question->now_us));
    row_time(&row, "opened", wave->opened_us);
    row_time(&row, "finished", wave->finished_us);
    row_number(&row, "target", target);
    row_text(&row, "target_version", names_version(bundle, target));
    row_append(list, &row);
    row_free(&row);
}

/* Failures of one code and SQLSTATE. */
typedef struct failure {
    error_code_t code;
    const char *sqlstate;
    const task_t *first;
    uint32_t count;
} failure_t;

static int most_first(const void *a, const void *b) {
    uint32_t left = ((const failure_t *)a)->count;
    uint32_t right = ((const failure_t *)b)->count;
    return left < right ? 1 : left > right ? -1 : 0;
}

static size_t gather_failures(const rollout_t *rollout, failure_t *failures) {
    size_t count = 0;
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        const task_t *task = &rollout->tasks[i];
        size_t at = 0;
        if (!task_state_is_failure(task->state) && task->state != TASK_WAITING &&
            !task_is_left_out(task)) {
            continue;
        }
        while (at < count && (failures[at].code != task->error_code ||
                              strcmp(failures[at].sqlstate, task->sqlstate) != 0)) {
            at++;
        }
        if (at == count && count < FAILURE_KINDS) {
            failures[count++] =
                (failure_t){.code = task->error_code, .sqlstate = task->sqlstate, .first = task};
        }
        if (at < count) {
            failures[at].count++;
        }
    }
    return count;
}

static void add_failures(call_t *call, const rollout_t *rollout, const fleet_t *fleet) {
    names_task_context_t context = {.call = call, .fleet = fleet, .rollout = rollout};
    failure_t failures[FAILURE_KINDS];
    size_t count = gather_failures(rollout, failures);
    row_t list = row_list();
    qsort(failures, count, sizeof failures[0], most_first);
    for (size_t i = 0; i < count && i < SHOWN_FAILURES; i++) {
        const failure_t *failure = &failures[i];
        bool coded = failure->code != ERROR_NONE;
        CLEANUP(buffer_free) buffer_t error = {0};
        row_t row = row_new();
        names_error(&context, failure->first, &error);
        row_text(&row, "code", coded ? error_code_text(failure->code) : "");
        row_text(&row, "sqlstate", failure->sqlstate);
        row_number(&row, "count", failure->count);
        row_text(&row, "tenant", failure->first->tenant_name);
        row_text(&row, "error", buffer_string(&error));
        row_text(&row, "hint", coded ? error_code_hint(failure->code) : "");
        row_append(&list, &row);
        row_free(&row);
    }
    row_take(&call->document, "failures", &list);
    row_free(&list);
}

/* Tenants finished a minute, over what the rollout has worked so far. */
static double rate_of(const call_t *call, const rollout_t *rollout) {
    uint32_t done = 0;
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        done += rollout->tasks[i].state == TASK_SUCCEEDED;
    }
    int64_t end_us = rollout->finished_us != 0 ? rollout->finished_us : call->question->now_us;
    int64_t took_us = end_us - rollout->started_us;
    return rollout->started_us != 0 && took_us > 0
               ? (double)done * 60.0 * (double)US_PER_S / (double)took_us
               : 0.0;
}

static status_t add_child(void *context, const rollout_child_t *child, error_t *err) {
    (void)err;
    call_t *call = context;
    json_t *list = json_object_get(call->document.json, "children");
    const rollout_t *fresh = engine_rollout(call->engine, &child->id);
    rollout_state_t state = fresh != NULL ? fresh->state : child->state;
    row_t row = row_new();
    row_t place = {.json = json_incref(list)};
    row_ident(&row, "rollout", &child->id);
    row_text(&row, "name", child->name);
    row_text(&row, "kind", names_kind(child->kind));
    row_text(&row, "state", names_rollout_state(state));
    row_append(&place, &row);
    call->document.failed = call->document.failed || place.failed;
    row_free(&row);
    row_free(&place);
    return STATUS_OK;
}

/* Work that lies on each cluster, and whether anybody may do it. */
typedef struct lane_sum {
    uint64_t cluster;
    uint32_t in_flight;
    uint32_t ready;
    const agent_row_t *suspended; /* that has work which nobody has word of, or is to get some */
    uint32_t given_back;          /* of the ready ones: unbegun, and nothing came of them since */
    const task_t *waiter;         /* one of those */
} lane_sum_t;

enum { SHOWN_CLUSTERS = 256 };

/* Why work that lies on the cluster does not go on: nobody acts on it, or who does has to wait. */
static void add_blocker(const call_t *call, const rollout_t *rollout, const fleet_t *fleet,
                        const lane_sum_t *lane, row_t *row) {
    CLEANUP(buffer_free) buffer_t text = {0};
    error_code_t code = ERROR_NONE;
    if (!rollout_state_is_final(rollout->state) && lane->ready + lane->in_flight > 0) {
        reach_blocker(call, fleet, lane->cluster, &text);
        code = text.size > 0 ? ERROR_AGENT_UNREACHABLE : ERROR_NONE;
        if (text.size == 0 && lane->suspended != NULL) {
            code = ERROR_AGENT_SUSPENDED;
            reach_suspension(lane->suspended, &text);
        }
    }
    bool given_back = text.size == 0 && lane->waiter != NULL;
    if (given_back) {
        code = lane->waiter->error_code;
        buffer_format(&text, "given back unbegun, and tried again: %s",
                      lane->waiter->error != NULL ? lane->waiter->error : "no reason was told");
    }
    row_text(row, "blocker", buffer_string(&text));
    row_number(row, "given_back", given_back ? lane->given_back : 0);
    row_text(row, "code", code != ERROR_NONE ? error_code_text(code) : "");
    row_text(row, "hint", code != ERROR_NONE ? error_code_hint(code) : "");
}

/* What the task adds to its cluster's lane. */
static void sum_task(const call_t *call, const rollout_t *rollout, const fleet_t *fleet,
                     const task_t *task, lane_sum_t *lane) {
    bool ready = task->state == TASK_READY || task->state == TASK_WAITING;
    lane->in_flight += task_state_is_in_flight(task->state);
    lane->ready += ready;
    if (ready && task->given_back > 0) {
        lane->given_back++;
        lane->waiter = task;
    }
    if (lane->suspended != NULL || !rollout_goes_forward(rollout)) {
        return; /* what it takes back, or only looks at, it is given all the same */
    }
    const agent_row_t *agent = ready ? reach_suspended(call, fleet, task->system_identifier)
                               : task->state == TASK_UNKNOWN ? fleet_agent(fleet, &task->agent)
                                                             : NULL;
    lane->suspended = agent != NULL && agent->status == AGENT_SUSPENDED ? agent : NULL;
}

static void add_clusters(call_t *call, const rollout_t *rollout, const fleet_t *fleet) {
    lane_sum_t lanes[SHOWN_CLUSTERS];
    size_t count = 0;
    row_t list = row_list();
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        const task_t *task = &rollout->tasks[i];
        size_t at = 0;
        while (at < count && lanes[at].cluster != task->system_identifier) {
            at++;
        }
        if (at == count && count < SHOWN_CLUSTERS) {
            lanes[count++] = (lane_sum_t){.cluster = task->system_identifier};
        }
        if (at < count) {
            sum_task(call, rollout, fleet, task, &lanes[at]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        agent_key_t holder = {0};
        row_t row = row_new();
        row_cluster(&row, "cluster_id", lanes[i].cluster);
        row_text(&row, "cluster", fleet_cluster_name(fleet, lanes[i].cluster));
        row_number(&row, "in_flight", lanes[i].in_flight);
        row_number(&row, "ready", lanes[i].ready);
        row_flag(&row, "held", engine_holder(call->engine, lanes[i].cluster, &holder));
        add_blocker(call, rollout, fleet, &lanes[i], &row);
        row_append(&list, &row);
        row_free(&row);
    }
    row_take(&call->document, "clusters", &list);
    row_free(&list);
}

static void write_head(call_t *call, const rollout_t *rollout) {
    row_t *into = &call->document;
    row_ident(into, "rollout", &rollout->id);
    row_text(into, "name", rollout->name);
    row_text(into, "kind", names_kind(rollout->kind));
    row_text(into, "application", rollout->application);
    row_digest(into, "bundle", &rollout->bundle);
    row_number(into, "target", rollout->target_position);
    row_text(into, "target_version", rollout->target_version);
    row_text(into, "state", names_rollout_state(rollout->state));
    row_text(into, "reason", rollout->reason != NULL ? rollout->reason : "");
    row_text(into, "actor", rollout->actor);
    row_ident(into, "parent", &rollout->parent);
    row_digest(into, "order_digest", &rollout->order_digest);
    row_flag(into, "over", rollout_state_is_final(rollout->state));
    row_number(into, "current_wave", rollout->current_wave);
    row_time(into, "created", rollout->created_us);
    row_time(into, "started", rollout->started_us);
    row_time(into, "finished", rollout->finished_us);
    row_time(into, "updated", rollout->updated_us);
    row_time(into, "now", call->question->now_us);
}

static const bundle_t *bundle_of(call_t *call, const rollout_t *rollout) {
    const bundle_t *bundle = NULL;
    error_t inner = {0};
    bool found = !digest_is_null(&rollout->bundle) &&
                 call_bundle_by_digest(call, &rollout->bundle, &bundle, &inner) == STATUS_OK;
    return found ? bundle : NULL;
}

/* How many of those at the target were visited, and how old the others' reading is. */
static void write_evidence(call_t *call, const sums_t *sums) {
    row_t row = row_new();
    row_number(&row, "verified", sums->by_evidence[NAMES_EVIDENCE_VERIFIED]);
    row_number(&row, "inventory", sums->by_evidence[NAMES_EVIDENCE_INVENTORY]);
    row_number(&row, "ruled", sums->by_evidence[NAMES_EVIDENCE_RULED]);
    row_time(&row, "oldest", sums->oldest_us);
    row_number(&row, "age_us", sums->oldest_us != 0 ? call->question->now_us - sums->oldest_us : 0);
    row_take(&call->document, "evidence", &row);
    row_free(&row);
}

status_t status_write(call_t *call, const rollout_t *rollout, error_t *err) {
    sums_t sums = sum_up(rollout, 0, rollout->task_count);
    const bundle_t *bundle = bundle_of(call, rollout);
    fleet_t fleet = {0};
    TRY(fleet_load(call, &fleet, err));
    row_t waves = row_list();
    write_head(call, rollout);
    names_counts(&call->document, "counts", sums.by_state);
    row_number(&call->document, "tasks", rollout->task_count);
    row_number(&call->document, "settled", sums.settled);
    row_number(&call->document, "in_flight", sums.in_flight);
    row_number(&call->document, "touched", sums.touched);
    row_number(&call->document, "not_at_target", sums.short_of);
    write_evidence(call, &sums);
    row_real(&call->document, "rate_per_minute", rate_of(call, rollout));
    add_failures(call, rollout, &fleet);
    for (uint32_t i = 0; i < rollout->wave_count; i++) {
        add_wave(call, rollout, i, &waves, bundle);
    }
    row_take(&call->document, "waves", &waves);
    row_free(&waves);
    add_clusters(call, rollout, &fleet);
    TRY(awaits_write(call, rollout, &call->document, err));
    call_array(call, "children");
    TRY(row_check(&call->document, err));
    return store_rollout_children(call->store, &rollout->id, add_child, call, err);
}

void status_write_short(call_t *call, const rollout_t *rollout) {
    row_ident(&call->document, "rollout", &rollout->id);
    row_text(&call->document, "name", rollout->name);
    row_text(&call->document, "state", names_rollout_state(rollout->state));
    row_text(&call->document, "reason", rollout->reason != NULL ? rollout->reason : "");
    row_number(&call->document, "in_flight", rollout->in_flight);
}
