/* verbs_standing.c: standing orders: drafted, started, listed, approved, resumed, ended. */
#include "coordinator/service/approve.h"
#include "coordinator/service/planner.h"
#include "coordinator/service/standing.h"
#include "coordinator/service/verbs.h"

#include <string.h>

enum { NAMES_SHOWN = 20 };

/* What a question asks for, planned. Release with asked_free. */
typedef struct asked {
    const char *name; /* what it is called; in the call's arena */
    int64_t until_us;
    rollout_spec_t *spec; /* pinned */
    plan_t *plan;
} asked_t;

static void asked_free(asked_t *asked) {
    rollout_spec_destroy(&asked->spec);
    plan_destroy(&asked->plan);
}

/* One name stands for one that is not over: it is what people type. */
static status_t check_name(call_t *call, const char *name, error_t *err) {
    standing_list_t list = {0};
    if (strlen(name) > LIMIT_NAME_BYTES / 2) { /* its sweeps' names are longer */
        return error_set(err, ERROR_BOUND, "a name of %zu bytes, at most %d", strlen(name),
                         (int)LIMIT_NAME_BYTES / 2);
    }
    TRY(store_standing_list(call->store, false, &call->arena, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(list.rows[i].name, name) == 0 &&
            list.rows[i].expires_us > call->question->now_us) {
            return error_set(err, ERROR_STANDING_STATE,
                             "there is a standing order '%s' already: end it, or give another name",
                             name);
        }
    }
    return STATUS_OK;
}

static status_t read_asked(call_t *call, asked_t *asked, error_t *err) {
    planner_standing_t wish = {0};
    const char *name = NULL;
    int64_t now_us = call->question->now_us;
    TRY(call_need(call, "spec", &wish.spec, err));
    TRY(call_text(call, "bundle", &wish.bundle, err));
    TRY(call_text(call, "name", &name, err));
    TRY(call_number(call, &(call_number_t){.key = "until_us", .most = INT64_MAX}, &asked->until_us,
                    err));
    if (asked->until_us <= now_us || asked->until_us > now_us + ORDER_LIFE_US) {
        return error_set(err, ERROR_INVALID,
                         "a standing order ends after now, and within %d days: 'until_us' is not "
                         "in between",
                         (int)(ORDER_LIFE_US / TRUST_DAY_US));
    }
    TRY(planner_standing(call, &wish, &asked->spec, &asked->plan, err));
    name = name != NULL ? name : asked->plan->name;
    TRY(arena_text(&call->arena, name, strlen(name), &asked->name, err));
    TRY(orders_allow(call, call->verb->changes ? call->verb->roles : MAY(OPERATOR),
                     asked->plan->application, err));
    return check_name(call, asked->name, err);
}

/* --- standing.draft -------------------------------------------------------------------------- */

/* Who matches today; the order says nothing of them. */
static void write_today(const plan_t *plan, row_t *into) {
    uint32_t behind = 0;
    row_t names = row_list();
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan->rows[i].outcome == PLAN_WORK && behind++ < NAMES_SHOWN) {
            row_append_text(&names, plan->rows[i].name);
        }
    }
    row_number(into, "matching", plan->count);
    row_number(into, "behind", behind);
    row_take(into, "first", &names);
    row_free(&names);
}

status_t verbs_standing_draft(call_t *call, error_t *err) {
    CLEANUP(asked_free) asked_t asked = {0};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    order_setting_t setting = orders_setting(call);
    uint32_t needed = 0;
    TRY(read_asked(call, &asked, err));
    const plan_t *plan = asked.plan;
    TRY(orders_fresh(call, ORDER_ROLLOUT, err));
    TRY(orders_needed(call, ORDER_ROLLOUT, plan->application, &needed, err));
    standing_draft_t draft = {
        .plan = plan, .selector = asked.spec->select, .until_us = asked.until_us};
    TRY(standing_draft_of(&draft, &setting, &document, err));
    row_t *into = &call->document;
    row_text(into, "name", asked.name);
    row_text(into, "application", plan->application);
    row_digest(into, "bundle", &plan->bundle);
    row_number(into, "target", plan->target);
    row_text(into, "target_version", plan_version(plan, plan->target));
    row_text(into, "selector", asked.spec->select);
    row_time(into, "expires", asked.until_us);
    write_today(plan, into);
    orders_row_bytes(into, "draft", document->body, document->body_size);
    row_digest(into, "draft_digest", &document->id);
    row_number(into, "signatures_needed", needed);
    return row_check(into, err);
}

/* --- standing.start -------------------------------------------------------------------------- */

/* The order must be what would be drafted of this now, but for its own id and time. */
static status_t check_order(call_t *call, const asked_t *asked, const order_t *order,
                            error_t *err) {
    CLEANUP(document_destroy_p) document_t *wanted = NULL;
    order_setting_t setting = orders_setting(call);
    signed_order_row_t row = {0};
    error_t why = {0};
    setting.id = order->id;
    setting.issued_us = order->issued_us;
    standing_draft_t draft = {
        .plan = asked->plan, .selector = asked->spec->select, .until_us = asked->until_us};
    TRY(standing_draft_of(&draft, &setting, &wanted, err));
    if (!digest_equal(&wanted->id, &order->digest)) {
        return error_set(err, ERROR_ORDER_INVALID,
                         "the order is not what would be drafted of this standing order now: draft "
                         "it anew");
    }
    if (store_signed_order_get(call->store, &order->digest, &call->arena, &row, &why) ==
        STATUS_OK) {
        return error_set(err, ERROR_ORDER_INVALID, "this order was given before");
    }
    if (why.code != ERROR_NOT_FOUND) {
        *err = why;
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

static status_t keep(call_t *call, const asked_t *asked, const order_t *order, bool accepted,
                     error_t *err) {
    CLEANUP(buffer_free) buffer_t spec = {0};
    rollout_spec_print(asked->spec, &spec);
    TRY(buffer_check(&spec, err));
    standing_row_t row = {.digest = order->digest,
                          .order_id = order->id,
                          .name = asked->name,
                          .application = order->application,
                          .bundle = order->bundle,
                          .selector = order->standing,
                          .target = order->target_position,
                          .target_version = plan_version(asked->plan, asked->plan->target),
                          .spec = buffer_string(&spec),
                          .actor = call->question->actor,
                          .issued_us = order->issued_us,
                          .expires_us = order->expires_us,
                          .created_us = call->question->now_us,
                          .accepted_us = accepted ? call->question->now_us : 0};
    return store_standing_insert(call->store, &row, err);
}

/* What a verb that changed one answers. */
static status_t write_short(call_t *call, const standing_row_t *row, error_t *err) {
    standing_verdict_t verdict;
    TRY(standing_judge(call, row, &verdict, err));
    call->digest = row->bundle;
    row_text(&call->document, "name", row->name);
    row_text(&call->document, "state", standing_state_text(verdict.state));
    row_text(&call->document, "reason", verdict.reason);
    row_text(&call->document, "command", verdict.command);
    row_digest(&call->document, "order_digest", &row->digest);
    return row_check(&call->document, err);
}

static status_t write_found(call_t *call, const digest_t *digest, error_t *err) {
    char text[DIGEST_TEXT_SIZE];
    standing_row_t row = {0};
    TRY(standing_find(call, digest_text(digest, text), &row, err));
    return write_short(call, &row, err);
}

status_t verbs_standing_start(call_t *call, error_t *err) {
    CLEANUP(asked_free) asked_t asked = {0};
    CLEANUP(orders_paper_free) orders_paper_t paper = {0};
    orders_signatures_t signatures = {0};
    const char *text = NULL;
    TRY(read_asked(call, &asked, err));
    TRY(call_text(call, "order", &text, err));
    if (text == NULL) {
        return error_set(err, ERROR_ORDER_UNSIGNED,
                         "a standing order is nothing without its "
                         "signed order");
    }
    TRY(orders_take(call, "order", &paper, err));
    TRY(check_order(call, &asked, paper.order, err));
    TRY(orders_verify(call, paper.order, &signatures, err));
    orders_keep_t kept = {.paper = &paper, .accepted = signatures.reached};
    TRY(orders_store(call, &kept, err));
    TRY(keep(call, &asked, paper.order, signatures.reached, err));
    buffer_format(&call->detail, "'%s': %s to %s, signed by %u of %u", asked.name,
                  paper.order->standing, plan_version(asked.plan, asked.plan->target),
                  signatures.have, signatures.needed);
    orders_row_signatures(&call->document, &signatures);
    return write_found(call, &paper.order->digest, err);
}

/* --- looking --------------------------------------------------------------------------------- */

static status_t fill_row(call_t *call, const standing_row_t *standing, row_t *into, error_t *err) {
    standing_verdict_t verdict;
    TRY(standing_judge(call, standing, &verdict, err));
    row_text(into, "name", standing->name);
    row_text(into, "state", standing_state_text(verdict.state));
    row_text(into, "reason", verdict.reason);
    row_text(into, "command", verdict.command);
    row_text(into, "application", standing->application);
    row_digest(into, "bundle", &standing->bundle);
    row_text(into, "selector", standing->selector);
    row_number(into, "target", standing->target);
    row_text(into, "target_version", standing->target_version);
    row_number(into, "sweeps", standing->sweeps);
    row_text(into, "actor", standing->actor);
    row_time(into, "issued", standing->issued_us);
    row_time(into, "expires", standing->expires_us);
    row_time(into, "ended", standing->ended_us);
    row_text(into, "ended_by", standing->ended_by);
    row_digest(into, "order_digest", &standing->digest);
    return row_check(into, err);
}

status_t verbs_standing_list(call_t *call, error_t *err) {
    standing_list_t list = {0};
    bool all = false;
    TRY(call_flag(call, "all", false, &all, err));
    TRY(store_standing_list(call->store, all, &call->arena, &list, err));
    call_array(call, "standing");
    for (size_t i = 0; i < list.count; i++) {
        CLEANUP(row_free) row_t row = row_new();
        TRY(fill_row(call, &list.rows[i], &row, err));
        TRY(call_add(call, "standing", &row, err));
    }
    return STATUS_OK;
}

status_t verbs_standing_show(call_t *call, error_t *err) {
    CLEANUP(orders_paper_free) orders_paper_t paper = {0};
    CLEANUP(asked_free) asked_t asked = {0};
    standing_row_t row = {0};
    signed_order_row_t kept = {0};
    const char *name = NULL;
    TRY(call_need(call, "standing", &name, err));
    TRY(standing_find(call, name, &row, err));
    TRY(fill_row(call, &row, &call->document, err));
    TRY(orders_load(call, &row.digest, &kept, &paper, err));
    orders_signatures_t signatures = orders_count(call, paper.order, NULL);
    orders_row_signatures(&call->document, &signatures);
    planner_standing_t wish = {.spec = row.spec};
    TRY(planner_standing(call, &wish, &asked.spec, &asked.plan, err));
    write_today(asked.plan, &call->document);
    return orders_row_document(&call->document, "order", paper.document, err);
}

/* --- changing -------------------------------------------------------------------------------- */

static status_t find_named(call_t *call, standing_row_t *row, error_t *err) {
    const char *name = NULL;
    TRY(call_need(call, "standing", &name, err));
    TRY(standing_find(call, name, row, err));
    return orders_allow(call, call->verb->roles, row->application, err);
}

static status_t check_open(call_t *call, const standing_row_t *row, error_t *err) {
    standing_verdict_t verdict;
    TRY(standing_judge(call, row, &verdict, err));
    bool over = verdict.state == STANDING_ENDED || verdict.state == STANDING_EXPIRED;
    return over ? error_set(err, ERROR_STANDING_STATE, "standing order '%s' is over: %s", row->name,
                            verdict.reason)
                : STATUS_OK;
}

status_t verbs_standing_approve(call_t *call, error_t *err) {
    CLEANUP(orders_paper_free) orders_paper_t paper = {0};
    CLEANUP(orders_paper_free) orders_paper_t kept = {0};
    standing_row_t row = {0};
    signed_order_row_t stored = {0};
    orders_signatures_t found = {0};
    TRY(find_named(call, &row, err));
    TRY(check_open(call, &row, err));
    TRY(orders_take(call, "order", &paper, err));
    if (row.accepted_us != 0 || !digest_equal(&paper.order->digest, &row.digest)) {
        return error_set(err, row.accepted_us != 0 ? ERROR_STANDING_STATE : ERROR_TRUST_MERGE,
                         row.accepted_us != 0
                             ? "the order of standing order '%s' waits for no signature"
                             : "the signatures are under another order than '%s'",
                         row.name);
    }
    TRY(orders_load(call, &row.digest, &stored, &kept, err));
    orders_signatures_t before = orders_count(call, kept.order, NULL);
    TRY(orders_merge(&paper, kept.document, err));
    TRY(orders_verify(call, paper.order, &found, err));
    if (!found.reached && found.have <= before.have) {
        return error_set(err, ERROR_TRUST_SIGNED,
                         "the signature of %s adds nothing to the %u of %u that this order has",
                         call->question->actor, found.have, found.needed);
    }
    orders_keep_t keep_it = {.paper = &paper, .accepted = found.reached};
    TRY(orders_store(call, &keep_it, err));
    row.accepted_us = found.reached ? call->question->now_us : 0;
    TRY(store_standing_update(call->store, &row, err));
    buffer_format(&call->detail, "'%s': signed by %u of %u", row.name, found.have, found.needed);
    orders_row_signatures(&call->document, &found);
    return write_short(call, &row, err);
}

static status_t note(call_t *call, const standing_row_t *row, error_t *err) {
    const char *reason = NULL;
    TRY(call_text(call, "reason", &reason, err));
    buffer_format(&call->detail, "%s'%s'%s%.500s", call->detail.size > 0 ? "; " : "", row->name,
                  reason != NULL ? ": " : "", reason != NULL ? reason : "");
    return STATUS_OK;
}

status_t verbs_standing_resume(call_t *call, error_t *err) {
    standing_row_t row = {0};
    standing_trouble_t trouble = {0};
    TRY(find_named(call, &row, err));
    TRY(check_open(call, &row, err));
    TRY(store_standing_trouble(call->store, &row, &call->arena, &trouble, err));
    if (ident_is_null(&trouble.rollout)) {
        standing_verdict_t verdict;
        TRY(standing_judge(call, &row, &verdict, err));
        return error_set(err, ERROR_STANDING_STATE, "no sweep of '%s' ended badly: it is %s%s%s",
                         row.name, standing_state_text(verdict.state),
                         verdict.reason[0] != '\0' ? ": " : "", verdict.reason);
    }
    TRY(note(call, &row, err));
    row.excused_us = call->question->now_us;
    call_changes(call);
    TRY(store_standing_update(call->store, &row, err));
    return write_short(call, &row, err);
}

/* What its open sweeps have in hand finishes; nothing more of them is given out. */
static status_t stop_sweeps(call_t *call, const standing_row_t *row, error_t *err) {
    for (size_t i = 0; i < engine_rollout_count(call->engine); i++) {
        const rollout_t *rollout = engine_rollout_at(call->engine, i);
        if (!digest_equal(&rollout->order_digest, &row->digest) ||
            rollout_state_is_final(rollout->state)) {
            continue;
        }
        event_t event = call_event(call, EVENT_STOP, &rollout->id);
        engine_step(call->engine, &event, call->effects);
    }
    return call->effects->failed
               ? error_set(err, ERROR_NO_MEMORY, "out of memory for a rollout's effects")
               : STATUS_OK;
}

status_t verbs_standing_end(call_t *call, error_t *err) {
    standing_row_t row = {0};
    const char *order = NULL;
    TRY(find_named(call, &row, err));
    TRY(call_text(call, "order", &order, err));
    if (row.ended_us != 0 && order == NULL) {
        return error_set(err, ERROR_STANDING_STATE, "standing order '%s' was ended by %s", row.name,
                         row.ended_by);
    }
    approve_subject_t subject = {
        .digest = row.digest, .application = row.application, .name = row.name};
    TRY(order != NULL ? approve_stop_of(call, &subject, err) : STATUS_OK);
    TRY(note(call, &row, err));
    call_changes(call);
    if (row.ended_us == 0) {
        row.ended_us = call->question->now_us;
        row.ended_by = call->question->actor;
        TRY(store_standing_update(call->store, &row, err));
        TRY(stop_sweeps(call, &row, err));
    }
    return write_short(call, &row, err);
}
