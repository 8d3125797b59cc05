/* verbs_order.c: orders drafted for signing, and those that were signed, shown. */
#include "coordinator/service/lookup.h"
#include "coordinator/service/names.h"
#include "coordinator/service/orders.h"
#include "coordinator/service/plan_page.h"
#include "coordinator/service/standing.h"
#include "coordinator/service/start.h"
#include "coordinator/service/verbs.h"

#include <string.h>

/* --- order.draft: what a verb would start, as a plan and as an order ------------------------- */

static status_t write_draft(row_t *into, const document_t *document, uint32_t needed,
                            error_t *err) {
    digest_t none = {0};
    if (document != NULL) {
        orders_row_bytes(into, "draft", document->body, document->body_size);
    } else {
        row_text(into, "draft", "");
    }
    row_digest(into, "draft_digest", document != NULL ? &document->id : &none);
    row_number(into, "signatures_needed", needed);
    return row_check(into, err);
}

static status_t add_draft(call_t *call, const plan_t *plan, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    order_setting_t setting;
    uint32_t needed = 0;
    start_check_t check = {.roles = call->verb->roles};
    TRY(start_check(call, plan, &check, err));
    if (!order_draft_needed(plan)) {
        return write_draft(&call->document, NULL, 0, err);
    }
    order_kind_t kind = order_draft_kind(plan->kind);
    TRY(orders_fresh(call, kind, err));
    TRY(orders_needed(call, kind, plan->application, &needed, err));
    TRY(start_setting(call, plan, &check, &setting, err));
    TRY(order_draft_of(plan, &setting, &document, err));
    return write_draft(&call->document, document, needed, err);
}

/* The arguments of the verb that is meant take the place of the question's own. */
static status_t go_inside(call_t *call, const verb_t *verb, json_t *arguments, error_t *err) {
    json_t *inner = arguments != NULL ? json_copy(arguments) : json_object();
    json_t *after = json_object_get(call->arguments, "after");
    if (inner == NULL || json_object_del(inner, "after") == -2 ||
        (after != NULL && json_object_set(inner, "after", after) != 0)) {
        json_decref(inner);
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a question");
    }
    json_decref(call->arguments);
    call->arguments = inner;
    call->verb = verb;
    return call_check_names(call, verb->arguments, err);
}

status_t verbs_order_draft(call_t *call, error_t *err) {
    const char *name = NULL;
    json_t *arguments = NULL;
    TRY(call_need(call, "verb", &name, err));
    TRY(call_object(call, "arguments", &arguments, err));
    const start_verb_t *start = start_verb_find(name);
    if (start == NULL) {
        return error_set(err, ERROR_INVALID, "'%.64s' starts nothing that is signed for", name);
    }
    const verb_t *verb = verbs_find(start->name);
    TRY(orders_allow(call, verb->roles, "", err));
    TRY(go_inside(call, verb, arguments, err));
    /* pages of one verb are no pages of another that has the same arguments */
    if (json_object_set_new(call->arguments, "verb", json_string(start->name)) != 0) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a question");
    }
    return plan_page_with(call, start->make, add_draft, err);
}

/* --- order.blank: orders without tenants ----------------------------------------------------- */

static status_t read_kind(call_t *call, order_kind_t *ret_kind, error_t *err) {
    static const order_kind_t KINDS[] = {ORDER_STOP, ORDER_HOLD, ORDER_RELEASE_HOLD,
                                         ORDER_APPROVE_WAVE};
    const char *word = NULL;
    TRY(call_need(call, "kind", &word, err));
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if (strcmp(order_kind_text(KINDS[i]), word) == 0) {
            *ret_kind = KINDS[i];
            return STATUS_OK;
        }
    }
    return error_set(
        err, ERROR_INVALID,
        "argument 'kind' must be stop, hold, release_hold or approve_wave, not '%.64s'", word);
}

static status_t read_standing(call_t *call, const char *name, order_about_t *about,
                              digest_t *ret_subject, error_t *err) {
    standing_row_t row = {0};
    TRY(standing_find(call, name, &row, err));
    about->application = row.application;
    *ret_subject = row.digest;
    return STATUS_OK;
}

/* A sweep's order is no rollout's own: a signed stop of it would end the standing order on every
 * agent. */
static status_t check_own_order(call_t *call, const rollout_t *rollout, error_t *err) {
    standing_row_t row = {0};
    char digest[DIGEST_TEXT_SIZE];
    error_t none = {0};
    if (digest_is_null(&rollout->order_digest) ||
        standing_find(call, digest_text(&rollout->order_digest, digest), &row, &none) !=
            STATUS_OK) {
        return STATUS_OK;
    }
    return error_set(err, ERROR_STANDING_STATE,
                     "rollout '%s' is a sweep of standing order '%s': the order is all sweeps', "
                     "and 'drover standing end' stops it",
                     rollout->name, row.name);
}

/* Which order a stop or an approval is about. */
static status_t read_subject(call_t *call, order_about_t *about, digest_t *ret_subject,
                             lookup_rollout_t *found, error_t *err) {
    const char *name = NULL;
    int64_t wave = 0;
    TRY(call_text(call, "standing", &name, err));
    if (name != NULL && about->kind == ORDER_STOP) {
        return read_standing(call, name, about, ret_subject, err);
    }
    TRY(call_need(call, "rollout", &name, err));
    TRY(lookup_rollout(call, found, err));
    const rollout_t *rollout = found->rollout;
    TRY(check_own_order(call, rollout, err));
    if (digest_is_null(&rollout->order_digest)) {
        return error_set(err, ERROR_INVALID, "rollout '%s' has no signed order", rollout->name);
    }
    if (about->kind == ORDER_APPROVE_WAVE) {
        TRY(call_number(call, &(call_number_t){.key = "wave", .most = LIMIT_WAVES, .missing = -1},
                        &wave, err));
        TRY(orders_wave(rollout, wave, &about->wave, err));
        row_text(&call->document, "wave_name", rollout->waves[wave].name);
    }
    about->application = rollout->application;
    *ret_subject = rollout->order_digest;
    return STATUS_OK;
}

/* Of a hold or its release: the whole fleet, or one application. */
static status_t read_application(call_t *call, order_about_t *about, error_t *err) {
    const char *application = NULL;
    TRY(call_text(call, "application", &application, err));
    about->application = application != NULL ? application : "";
    return STATUS_OK;
}

status_t verbs_order_blank(call_t *call, error_t *err) {
    CLEANUP(lookup_rollout_free) lookup_rollout_t found = {0};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    order_about_t about = {.application = ""};
    order_setting_t setting = orders_setting(call);
    uint32_t needed = 0;
    TRY(read_kind(call, &about.kind, err));
    bool fleet = about.kind == ORDER_HOLD || about.kind == ORDER_RELEASE_HOLD;
    if (fleet) {
        TRY(read_application(call, &about, err));
    } else {
        TRY(read_subject(call, &about, &setting.subject, &found, err));
    }
    TRY(orders_fresh(call, about.kind, err));
    TRY(orders_needed(call, about.kind, about.application, &needed, err));
    TRY(order_draft_about(&about, &setting, &document, err));
    row_text(&call->document, "kind", order_kind_text(about.kind));
    row_ident(&call->document, "rollout", &call->rollout);
    return write_draft(&call->document, document, needed, err);
}

/* --- order.show ------------------------------------------------------------------------------ */

typedef struct show {
    call_t *call;
    const rollout_t *rollout;
    names_task_context_t context;
    uint32_t order_waves[LIMIT_WAVES]; /* of each wave of the rollout */
} show_t;

static void add_wave(const show_t *show, uint32_t number, row_t *list) {
    const wave_t *wave = &show->rollout->waves[number];
    uint32_t order_wave = show->order_waves[number];
    row_t row = row_new();
    row_number(&row, "number", number);
    row_text(&row, "name", wave->name);
    row_text(&row, "state", names_wave_state(wave->state));
    row_number(&row, "order_wave", order_wave != ORDER_NO_WAVE ? (int64_t)order_wave : -1);
    row_number(&row, "tenants", wave->count);
    row_number(&row, "budget", wave->budget);
    row_text(&row, "on_failure", names_on_failure(wave->on_failure));
    row_number(&row, "soak_us", wave->soak_for_us);
    row_flag(&row, "needs_approval", wave->needs_approval);
    row_append(list, &row);
    row_free(&row);
}

/* The approval that still lacks signatures, for the next one to sign; else the newest. */
static status_t take_approval(void *context, const signed_order_row_t *row, error_t *err) {
    orders_paper_t *into = context;
    bool better = into->document == NULL || row->accepted_us == 0;
    if (!better) {
        return STATUS_OK;
    }
    orders_paper_t paper = {0};
    TRY(orders_open(row, &paper, err));
    orders_paper_free(into);
    *into = paper;
    return STATUS_OK;
}

static status_t write_approval(show_t *show, int64_t wave, const order_t *order, error_t *err) {
    CLEANUP(orders_paper_free) orders_paper_t paper = {0};
    signed_order_about_t about = {.subject = order->digest, .kind = ORDER_APPROVE_WAVE};
    TRY(orders_wave(show->rollout, wave, &about.wave, err));
    TRY(store_signed_order_about(show->call->store, &about, take_approval, &paper, err));
    if (paper.document == NULL) {
        return error_set(err, ERROR_NOT_FOUND, "nobody has signed an approval of wave '%s'",
                         show->rollout->waves[wave].name);
    }
    orders_signatures_t signatures = orders_count(show->call, paper.order, order);
    row_digest(&show->call->document, "approval_digest", &paper.document->id);
    orders_row_signatures(&show->call->document, &signatures);
    return orders_row_document(&show->call->document, "approval", paper.document, err);
}

static status_t write_head(show_t *show, int64_t wave, error_t *err) {
    CLEANUP(orders_paper_free) orders_paper_t paper = {0};
    signed_order_row_t kept = {0};
    const rollout_t *rollout = show->rollout;
    row_t *into = &show->call->document;
    row_t waves = row_list();
    row_ident(into, "rollout", &rollout->id);
    row_text(into, "name", rollout->name);
    row_text(into, "kind", names_kind(rollout->kind));
    row_text(into, "application", rollout->application);
    row_digest(into, "bundle", &rollout->bundle);
    row_number(into, "target", rollout->target_position);
    row_text(into, "target_version", rollout->target_version);
    row_text(into, "state", names_rollout_state(rollout->state));
    row_text(into, "actor", rollout->actor);
    row_digest(into, "plan_digest", &rollout->plan);
    row_digest(into, "order_digest", &rollout->order_digest);
    for (uint32_t i = 0; i < rollout->wave_count; i++) {
        add_wave(show, i, &waves);
    }
    row_take(into, "waves", &waves);
    row_free(&waves);
    TRY(orders_load(show->call, &rollout->order_digest, &kept, &paper, err));
    row_time(into, "accepted", kept.accepted_us);
    row_time(into, "expires", kept.expires_us);
    TRY(orders_row_document(into, "order", paper.document, err));
    if (wave >= 0) {
        return write_approval(show, wave, paper.order, err);
    }
    orders_signatures_t signatures = orders_count(show->call, paper.order, NULL);
    orders_row_signatures(into, &signatures);
    return row_check(into, err);
}

/* As the order names the tenant. */
static status_t write_task(show_t *show, const task_t *task, error_t *err) {
    CLEANUP(row_free) row_t row = names_task(&show->context, task);
    row_number(&row, "order_wave", show->order_waves[task->wave]);
    row_number(&row, "to", task->to_position);
    row_text(&row, "to_version", names_version(show->context.bundle, task->to_position));
    return call_add(show->call, "tenants", &row, err);
}

static status_t write_tasks(show_t *show, int64_t after, error_t *err) {
    const rollout_t *rollout = show->rollout;
    call_array(show->call, "tenants");
    for (uint32_t i = (uint32_t)(after + 1); i < rollout->task_count; i++) {
        if (!task_is_ordered(rollout, &rollout->tasks[i])) {
            continue;
        }
        if (call_is_full(show->call)) {
            call_more(show->call, "%lld:", (long long)i - 1);
            return STATUS_OK;
        }
        TRY(write_task(show, &rollout->tasks[i], err));
    }
    return STATUS_OK;
}

/* Its own: a rollback that began by itself runs under the order of what it takes back. */
static status_t check_own(call_t *call, const rollout_t *rollout, error_t *err) {
    signed_order_row_t row = {0};
    char text[IDENT_TEXT_SIZE];
    if (digest_is_null(&rollout->order_digest)) {
        return error_set(err, ERROR_INVALID, "rollout '%s' has no signed order", rollout->name);
    }
    TRY(check_own_order(call, rollout, err));
    TRY(store_signed_order_get(call->store, &rollout->order_digest, &call->arena, &row, err));
    if (!ident_equal(&row.rollout, &rollout->id)) {
        return error_set(err, ERROR_INVALID, "rollout '%s' runs under the order of rollout %s",
                         rollout->name, ident_text(&row.rollout, text));
    }
    return STATUS_OK;
}

status_t verbs_order_show(call_t *call, error_t *err) {
    CLEANUP(lookup_rollout_free) lookup_rollout_t found = {0};
    const char *after = NULL;
    int64_t wave = -1;
    fleet_t fleet = {0};
    call_place_t place = {.number = -1};
    show_t show = {.call = call};
    const bundle_t *bundle = NULL;
    error_t inner = {0};
    TRY(call_limit(call, err));
    TRY(call_number(call, &(call_number_t){.key = "wave", .most = LIMIT_WAVES, .missing = -1},
                    &wave, err));
    TRY(call_after(call, &after, err));
    TRY(after != NULL ? call_place(after, &place, err) : STATUS_OK);
    if (place.number < -1 || place.number >= UINT32_MAX) {
        return error_set(err, ERROR_INVALID, "argument 'after' is not what an answer said");
    }
    TRY(lookup_rollout(call, &found, err));
    show.rollout = found.rollout;
    TRY(check_own(call, show.rollout, err));
    TRY(fleet_load(call, &fleet, err));
    if (!digest_is_null(&show.rollout->bundle) &&
        call_bundle_by_digest(call, &show.rollout->bundle, &bundle, &inner) != STATUS_OK) {
        bundle = NULL; /* positions are told without versions */
    }
    orders_waves(show.rollout, show.order_waves);
    show.context = (names_task_context_t){
        .fleet = &fleet, .rollout = show.rollout, .bundle = bundle, .call = call};
    if (after == NULL) {
        TRY(write_head(&show, wave, err));
    }
    return write_tasks(&show, place.number, err);
}
