/* service.c: see service.h. From a question to its verb, and what every order leaves behind. */
#include "coordinator/service/service.h"
#include "coordinator/service/launch.h"
#include "coordinator/service/orders.h"
#include "coordinator/service/planner.h"
#include "coordinator/service/standing.h"
#include "coordinator/service/verbs.h"
#include "coordinator/store/store_audit.h"
#include "coordinator/store/store_order.h"

#include <stdlib.h>
#include <string.h>

enum {
    PAGE_ROWS = 500,
    PAGE_BYTES = 256 * 1024,
    ATTEMPTS = 3,
    DETAIL_MAX = 1000,
};

static const int64_t LATE_US = 15 * 60 * US_PER_S;

service_t *service_new(store_t *store, engine_t **engine_p, const service_options_t *options) {
    INVARIANT(options->keeper != NULL); /* there is no service that everybody may use */
    service_t *service = calloc(1, sizeof *service);
    if (service == NULL) {
        return NULL;
    }
    *service = (service_t){.store = store, .engine_p = engine_p, .options = *options};
    service_options_t *set = &service->options;
    set->page_rows = set->page_rows > 0 ? set->page_rows : PAGE_ROWS;
    set->page_bytes = set->page_bytes > 0 ? set->page_bytes : PAGE_BYTES;
    set->attempts = set->attempts > 0 ? set->attempts : ATTEMPTS;
    set->inventory_late_us = set->inventory_late_us > 0 ? set->inventory_late_us : LATE_US;
    return service;
}

void service_destroy(service_t **self) {
    if (self == NULL || *self == NULL) {
        return;
    }
    bundle_destroy(&(*self)->bundle);
    plan_destroy(&(*self)->plan);
    free(*self);
    *self = NULL;
}

void service_answer_free(service_answer_t *answer) {
    free(answer->document);
    free(answer->next);
    *answer = (service_answer_t){0};
}

bool service_verb_changes(const char *name) {
    const verb_t *verb = verbs_find(name);
    return verb != NULL && verb->changes;
}

/* Whether an error says that the catalog or memory failed, rather than that the question is bad. */
static bool is_ours(const call_t *call, const error_t *err) {
    return call->changed || err->code == ERROR_STORE || err->code == ERROR_DISK_FULL ||
           err->code == ERROR_NO_MEMORY || err->code == ERROR_INTERNAL;
}

static status_t read_arguments(call_t *call, const verb_t *verb, error_t *err) {
    const char *text = call->question->arguments;
    json_error_t why;
    call->arguments =
        json_loads(text != NULL && text[0] != '\0' ? text : "{}", JSON_REJECT_DUPLICATES, &why);
    if (call->arguments == NULL) {
        return error_set(err, ERROR_INVALID, "the arguments are no JSON: %s, at byte %d", why.text,
                         why.position);
    }
    if (!json_is_object(call->arguments)) {
        return error_set(err, ERROR_INVALID, "the arguments must be a JSON object");
    }
    return call_check_names(call, verb->arguments, err);
}

/* The key of the question: one that is none of the trust file's finds no door open. */
static void name_asker(call_t *call) {
    error_t why = {0};
    const char *key = call->question->key;
    call->known = key != NULL &&
                  hex_parse(key, sizeof call->asker.bytes, call->asker.bytes, &why) == STATUS_OK;
}

static status_t run_verb(call_t *call, const verb_t *verb, error_t *err) {
    name_asker(call);
    call->verb = verb;
    TRY(orders_allow(call, verb->roles, "", err));
    TRY(read_arguments(call, verb, err));
    TRY(verbs_refill_permits(call, err));
    TRY(verb->run(call, err));
    TRY(row_check(&call->document, err));
    TRY(buffer_check(&call->next, err));
    return buffer_check(&call->detail, err);
}

static call_t begin_call(service_t *service, const service_question_t *question,
                         effects_t *effects) {
    return (call_t){.service = service,
                    .store = service->store,
                    .engine = *service->engine_p,
                    .question = question,
                    .effects = effects,
                    .document = row_new(),
                    .row_limit = service->options.page_rows};
}

static status_t write_audit(call_t *call, const error_t *refusal, error_t *err) {
    char detail[DETAIL_MAX];
    bool ok = refusal->code == ERROR_NONE;
    (void)snprintf(detail, sizeof detail, "%s",
                   ok ? buffer_string(&call->detail) : refusal->message);
    audit_row_t row = {.time_us = call->question->now_us,
                       .actor = call->question->actor,
                       .origin = call->question->origin,
                       .action = call->question->verb,
                       .rollout = call->rollout,
                       .tenant = call->tenant,
                       .sql_digest = call->digest,
                       .result = ok ? "ok" : error_code_text(refusal->code),
                       .detail = detail};
    return store_audit_append(call->store, &row, err);
}

/* --- orders: carried out once, answered as often as asked */

static status_t insert_order(const call_t *call, bool *ret_new, error_t *err) {
    const service_question_t *question = call->question;
    order_row_t order = {.id = question->order,
                         .verb = question->verb,
                         .actor = question->actor,
                         .key = question->key,
                         .payload = question->payload,
                         .payload_size = question->payload_size,
                         .signature = question->signature,
                         .received_us = question->now_us};
    if (ident_is_null(&question->order)) {
        return error_set(err, ERROR_INVALID, "an order needs an id of its own");
    }
    return store_order_insert(call->store, &order, ret_new, err);
}

/* What was answered, as the order keeps it. */
static status_t keep_answer(const call_t *call, const service_answer_t *answer, error_t *err) {
    CLEANUP(row_free) row_t row = row_new();
    bool ok = answer->error.code == ERROR_NONE;
    row_text(&row, "code", ok ? "" : error_code_text(answer->error.code));
    row_text(&row, "message", answer->error.message);
    row_text(&row, "document", answer->document);
    TRY(row_check(&row, err));
    CLEANUP(free_p) char *text = json_dumps(row.json, JSON_COMPACT);
    if (text == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for an answer");
    }
    return store_order_set_answer(call->store, &call->question->order, text, err);
}

static status_t read_kept(const char *text, service_answer_t *ret_answer, error_t *err) {
    json_t *kept = json_loads(text, 0, NULL);
    const char *code = json_string_value(json_object_get(kept, "code"));
    const char *message = json_string_value(json_object_get(kept, "message"));
    const char *document = json_string_value(json_object_get(kept, "document"));
    status_t status = STATUS_OK;
    if (code == NULL) {
        status = error_set(err, ERROR_STORE, "the answer that was kept for an order is unreadable");
    } else if (code[0] != '\0') {
        (void)error_set(&ret_answer->error, error_code_parse(code), "%s",
                        message != NULL ? message : "");
    } else {
        ret_answer->document = strdup(document != NULL ? document : "{}");
        status = ret_answer->document != NULL
                     ? STATUS_OK
                     : error_set(err, ERROR_NO_MEMORY, "out of memory for an answer");
    }
    json_decref(kept);
    return status;
}

/* The same order again: the same answer. An id that stands for other bytes is refused. */
static status_t answer_again(call_t *call, service_answer_t *ret_answer, error_t *err) {
    order_row_t order = {0};
    const service_question_t *question = call->question;
    TRY(store_order_get(call->store, &question->order, &call->arena, &order, err));
    bool same = order.payload_size == question->payload_size &&
                strcmp(order.key, question->key) == 0 &&
                (order.payload_size == 0 ||
                 memcmp(order.payload, question->payload, order.payload_size) == 0);
    if (!same) {
        (void)error_set(&ret_answer->error, ERROR_INVALID,
                        "this id belongs to another order, '%s' by %s", order.verb, order.actor);
        return STATUS_OK;
    }
    return read_kept(order.answer, ret_answer, err);
}

/* --- answering */

static status_t take_document(call_t *call, service_answer_t *ret_answer, error_t *err) {
    char *text = json_dumps(call->document.json, JSON_COMPACT);
    if (text == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for an answer");
    }
    ret_answer->document = text;
    ret_answer->more = call->more;
    ret_answer->next = call->more ? buffer_take(&call->next) : NULL;
    return STATUS_OK;
}

/* Run the verb; a refusal goes into the answer. */
static status_t answer_fresh(call_t *call, const verb_t *verb, service_answer_t *ret_answer,
                             error_t *err) {
    error_t why = {0};
    if (run_verb(call, verb, &why) == STATUS_OK) {
        return take_document(call, ret_answer, err);
    }
    if (is_ours(call, &why)) {
        *err = why;
        return STATUS_ERROR;
    }
    ret_answer->error = why;
    return STATUS_OK;
}

static status_t answer_order(call_t *call, const verb_t *verb, service_answer_t *ret_answer,
                             error_t *err) {
    bool fresh = false;
    error_t why = {0};
    if (insert_order(call, &fresh, &why) != STATUS_OK) {
        if (is_ours(call, &why)) {
            *err = why;
            return STATUS_ERROR;
        }
        ret_answer->error = why;
        return STATUS_OK;
    }
    if (!fresh) {
        return answer_again(call, ret_answer, err);
    }
    TRY(answer_fresh(call, verb, ret_answer, err));
    TRY(write_audit(call, &ret_answer->error, err));
    return keep_answer(call, ret_answer, err);
}

status_t service_answer(service_t *service, const service_question_t *question,
                        service_answer_t *ret_answer, effects_t *effects, error_t *err) {
    INVARIANT(store_in_transaction(service->store));
    const verb_t *verb = verbs_find(question->verb);
    CLEANUP(service_answer_free) service_answer_t answer = {0};
    if (verb == NULL) {
        (void)error_set(&answer.error, ERROR_INVALID, "there is no verb '%s'", question->verb);
    } else {
        CLEANUP(call_free) call_t call = begin_call(service, question, effects);
        TRY(verb->changes ? answer_order(&call, verb, &answer, err)
                          : answer_fresh(&call, verb, &answer, err));
    }
    *ret_answer = answer;
    answer = (service_answer_t){0};
    return STATUS_OK;
}

/* --- rolling back a wave that failed */

/* Tenants were touched, and not one of them can be brought back: that is no rollback. */
static status_t refuse_way_back(const plan_t *plan, error_t *err) {
    const plan_row_t *first = plan->rows;
    while (first->outcome != PLAN_REFUSED) { /* there is one */
        first++;
    }
    return error_set(err, first->code, "none of %u tenants can be rolled back, '%s' first: %s",
                     plan->by_outcome[PLAN_REFUSED], first->name, first->reason);
}

static status_t launch_way_back(call_t *call, const rollout_t *rollout, const plan_t *plan,
                                ident_t *ret_rollout, error_t *err) {
    launch_t launch = {.actor = "coordinator",
                       .order = rollout->order,
                       .order_digest = rollout->order_digest, /* it permits its own undo */
                       .reason = "the wave failed, and its rollout says rollback_wave"};
    rollout_t *made = NULL;
    if (plan->by_outcome[PLAN_WORK] == 0 && plan->by_outcome[PLAN_REFUSED] > 0) {
        return refuse_way_back(plan, err);
    }
    if (plan->by_outcome[PLAN_WORK] == 0) {
        buffer_format(&call->detail, "nothing to roll back: %u tenants not touched, %u refused",
                      plan->by_outcome[PLAN_NOT_NEEDED], plan->by_outcome[PLAN_REFUSED]);
        return STATUS_OK;
    }
    TRY(launch_plan(call, plan, &launch, &made, err));
    *ret_rollout = made->id;
    buffer_format(&call->detail, "'%s': %u tenants, %u to do, %u refused", made->name, plan->count,
                  plan->by_outcome[PLAN_WORK], plan->by_outcome[PLAN_REFUSED]);
    return STATUS_OK;
}

static status_t roll_back_wave(call_t *call, const rollout_t *rollout, uint32_t wave,
                               ident_t *ret_rollout, error_t *err) {
    CLEANUP(plan_destroy_p) plan_t *plan = NULL;
    planner_way_back_t way = {.rollout = rollout, .wave = wave};
    TRY(planner_way_back(call, &way, &plan, err));
    return launch_way_back(call, rollout, plan, ret_rollout, err);
}

status_t service_roll_back_wave(service_t *service, const rollout_t *rollout, uint32_t wave,
                                const service_moment_t *moment, service_way_back_t *ret_way,
                                effects_t *effects, error_t *err) {
    INVARIANT(store_in_transaction(service->store));
    service_question_t question = {.verb = "rollback.start",
                                   .actor = "coordinator",
                                   .origin = "",
                                   .now_us = moment->now_us,
                                   .boot_us = moment->boot_us};
    CLEANUP(call_free) call_t call = begin_call(service, &question, effects);
    service_way_back_t way = {0};
    call.rollout = rollout->id;
    if (roll_back_wave(&call, rollout, wave, &way.rollout, &way.why) != STATUS_OK &&
        is_ours(&call, &way.why)) {
        *err = way.why;
        return STATUS_ERROR;
    }
    TRY(write_audit(&call, &way.why, err));
    *ret_way = way;
    return STATUS_OK;
}

/* --- sweeping along who came since ----------------------------------------------------------- */

static status_t sweep_one(service_t *service, const service_question_t *question,
                          const standing_row_t *row, effects_t *effects, error_t *err) {
    CLEANUP(call_free) call_t call = begin_call(service, question, effects);
    error_t none = {0};
    bool made = false;
    TRY(standing_sweep(&call, row, &made, err));
    return made ? write_audit(&call, &none, err) : STATUS_OK;
}

status_t service_sweep(service_t *service, const service_moment_t *moment, effects_t *effects,
                       error_t *err) {
    INVARIANT(store_in_transaction(service->store));
    service_question_t question = {.verb = "standing.sweep",
                                   .actor = "coordinator",
                                   .origin = "",
                                   .now_us = moment->now_us,
                                   .boot_us = moment->boot_us};
    CLEANUP(arena_free) arena_t arena = {0};
    standing_list_t list = {0};
    TRY(store_standing_list(service->store, false, &arena, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        TRY(sweep_one(service, &question, &list.rows[i], effects, err));
    }
    return STATUS_OK;
}
