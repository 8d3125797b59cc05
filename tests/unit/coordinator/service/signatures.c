/* signatures.c: who may ask, and what happens as signatures come one by one: under orders,
 * approvals, stops and holds. */
#include "coordinator/store/store_signed_order.h"
#include "tests/unit/coordinator/service/papers.h"

/* --- signatures that come one by one --------------------------------------------------------- */

static char *shown_order(world_t *w, who_t who) {
    return strdup(text_of(as(w, who, "order.show", "{\"rollout\":\"first\"}"), "order"));
}

/* The stored order as a draft again, so that others can sign it. */
static char *approve_arguments(const char *paper) {
    return with("{\"rollout\":\"first\"}", "order", paper);
}

static void two_signatures_start_it(void **state) {
    world_t *w = *state;
    world_rules(w, &(signers_rules_t){.operators = 2});
    world_put_many(w, 5, 0);
    w->by_hand = true;
    char *draft = draft_of(w, "rollout.start", SPEC);
    assert_int_equal(number_of(w->document, "signatures_needed"), 2);
    char *one = SIGNED(draft, ADA);
    char *other = SIGNED(draft, BEN);
    start_refused(w, "TRUST_THRESHOLD", "rollout.start", SPEC, other); /* not its proposer's */
    json_t *answer = start(w, "rollout.start", SPEC, one);
    assert_string_equal(text_of(answer, "state"), "planned");
    assert_int_equal(number_of(answer, "signatures.needed"), 2);
    assert_int_equal(number_of(answer, "signatures.have"), 1);
    assert_string_equal(text_of(answer, "signatures.by.0"), "ada");

    /* it waits, through a restart, and keeps its tenants meanwhile */
    assert_int_equal(world_dispatch(w), 0);
    world_restart(w);
    assert_int_equal(world_dispatch(w), 0);
    refused(w, "TENANT_IN_ROLLOUT", "order.draft", "{\"verb\":\"rollout.start\",\"arguments\":%s}",
            SPEC);
    json_t *status = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(status, "state"), "planned");
    assert_int_equal(number_of(status, "signatures.have"), 1);
    assert_string_equal(text_of(status, "awaits.0.kind"), "signatures");
    assert_non_null(strstr(text_of(status, "awaits.0.command"), "drover rollout approve "));
    json_t *list = ask(w, "rollout.list", "{}");
    assert_int_equal(number_of(list, "rollouts.0.signatures.needed"), 2);
    assert_string_equal(text_of(list, "rollouts.0.awaits.0.kind"), "signatures");

    /* what is shown to the second person is what the first one signed */
    char *shown = shown_order(w, BEN);
    assert_string_equal(shown, one);
    order_t *order = signers_read(draft);
    rows_fit(w->document, order);

    char *text = approve_arguments(other);
    answer = as(w, BEN, "rollout.approve", text);
    assert_string_equal(text_of(answer, "state"), "running");
    assert_int_equal(number_of(answer, "signatures.have"), 2);
    assert_int_equal(world_dispatch(w), 2);
    refused_as(w, BEN, "ROLLOUT_STATE", "rollout.approve", text);
    status = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_true(json_is_null(json_object_get(status, "signatures")));
    assert_int_equal(size_of(status, "awaits"), 0);
    order_destroy(&order);
    free(text);
    free(shown);
    free(other);
    free(one);
    free(draft);
}

static void signatures_that_add_nothing_are_refused(void **state) {
    world_t *w = *state;
    world_rules(w, &(signers_rules_t){.operators = 2});
    world_put_many(w, 5, 0);
    w->by_hand = true;
    char *draft = draft_of(w, "rollout.start", SPEC);
    char *again = draft_of(w, "rollout.start", SPEC); /* another id and time */
    char *one = SIGNED(draft, ADA);
    start(w, "rollout.start", SPEC, one);
    char *text = approve_arguments(one);
    refused(w, "TRUST_SIGNED", "rollout.approve", "%s", text);
    free(text);
    char *paper = SIGNED(draft, GATE);
    text = approve_arguments(paper);
    refused_as(w, GATE, "TRUST_KEY", "rollout.approve", text);
    free(text);
    free(paper);
    paper = SIGNED(draft, STAGE);
    text = approve_arguments(paper);
    refused(w, "TRUST_KEY", "rollout.approve", "%s", text);
    refused_as(w, STAGE, "TRUST_KEY", "rollout.approve", text);
    refused_as(w, EYE, "TRUST_KEY", "rollout.approve", text);
    free(text);
    free(paper);
    paper = SIGNED(again, ADA, BEN);
    text = approve_arguments(paper);
    refused_as(w, BEN, "TRUST_MERGE", "rollout.approve", text);
    free(text);
    free(paper);
    refused_as(w, BEN, "INVALID", "rollout.approve", "{\"rollout\":\"first\"}");
    assert_int_equal(world_dispatch(w), 0);
    ask(w, "rollout.stop", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(w->document, "state"), "stopped");
    free(one);
    free(again);
    free(draft);
}

/* Where the trust file says so, two others than the proposer are wanted. */
static void a_proposer_may_not_count(void **state) {
    world_t *w = *state;
    world_rules(w, &(signers_rules_t){.operators = 1, .proposer_apart = true});
    world_put_many(w, 3, 0);
    w->by_hand = true;
    char *draft = draft_of(w, "rollout.start", SPEC);
    char *one = SIGNED(draft, ADA);
    char *two = SIGNED(draft, BEN);
    json_t *answer = start(w, "rollout.start", SPEC, one);
    assert_string_equal(text_of(answer, "state"), "planned");
    assert_int_equal(number_of(answer, "signatures.have"), 0);
    char *text = approve_arguments(two);
    answer = as(w, BEN, "rollout.approve", text);
    assert_string_equal(text_of(answer, "state"), "running");
    assert_string_equal(text_of(answer, "signatures.by.0"), "ben");
    free(text);
    free(two);
    free(one);
    free(draft);
}

#define BACK "{\"rollout\":\"first\",\"name\":\"back\"}"

/* What the rollout of the last answer takes back. */
static const rollout_t *world_parent(world_t *w) {
    const rollout_t *parent = engine_rollout(w->engine, &world_rollout(w)->parent);
    assert_non_null(parent);
    return parent;
}

/* A rollback that waits for signatures leaves what it takes back alone until it has them. */
static void a_planned_rollback_stops_nothing(void **state) {
    world_t *w = *state;
    world_put_many(w, 5, 0);
    ask(w, "rollout.start", SPEC);
    (void)world_dispatch(w);
    world_work(w, (const world_outcome_t[]){
                      {"tenant00000", TASK_EVENT_FAILED, 2, true, ERROR_DB_SQL}, {.tenant = NULL}});
    states_are(w, "paused", "pending");
    world_rules(w, &(signers_rules_t){.operators = 2});
    w->by_hand = true;
    char *draft = draft_of(w, "rollback.start", BACK);
    char *one = SIGNED(draft, ADA);
    char *two = SIGNED(draft, BEN);
    order_t *order = signers_read(draft);
    start(w, "rollback.start", BACK, one);
    assert_string_equal(text_of(w->document, "state"), "planned");
    assert_int_equal(number_of(w->document, "signatures.have"), 1); /* of two, as operators */
    assert_int_equal(number_of(w->document, "signatures.needed"), 2);
    assert_true(digest_equal(&order->subject, &world_parent(w)->order_digest));
    states_are(w, "paused", "pending");
    /* the night alone could have ordered it, but not what an operator proposed */
    char *night = SIGNED(draft, NIGHT);
    char *text = with("{\"rollout\":\"back\"}", "order", night);
    refused_as(w, NIGHT, "TRUST_KEY", "rollout.approve", text);
    free(text);
    free(night);
    text = with("{\"rollout\":\"back\"}", "order", two);
    as(w, BEN, "rollout.approve", text);
    assert_string_equal(text_of(w->document, "state"), "running");
    states_are(w, "stopped", "cancelled");
    order_destroy(&order);
    free(text);
    free(two);
    free(one);
    free(draft);
}

/* --- who may ask ----------------------------------------------------------------------------- */

/* It speaks for itself: whoever may ask anything may bring it. */
static void anybody_of_the_trust_file_publishes(void **state) {
    world_t *w = *state;
    as(w, EYE, "trust.show", "{}");
    char *text = with("{}", "document", text_of(w->document, "document"));
    as(w, EYE, "trust.publish", text);
    assert_true(json_is_true(json_object_get(w->document, "known")));
    refused_as(w, STRANGER, "TRUST_KEY", "trust.publish", text);
    free(text);
}

static void roles_open_doors(void **state) {
    world_t *w = *state;
    world_put_many(w, 3, 3);
    refused_as(w, STRANGER, "TRUST_KEY", "tenants.list", "{}");
    refused_as(w, ROOT, "TRUST_KEY", "tenants.list", "{}");
    refused_as(w, STAGE, "TRUST_KEY", "tenants.list", "{}"); /* another environment */
    as(w, EYE, "tenants.list", "{}");
    as(w, EYE, "baseline.plan", "{\"select\":\"all\",\"at\":\"V001\",\"bundle\":\"app\"}");
    refused_as(w, EYE, "TRUST_KEY", "rollout.start", SPEC);
    assert_non_null(strstr(w->answer.error.message, "operator"));
    assert_non_null(strstr(w->answer.error.message, FLEET_ENVIRONMENT));
    refused_as(w, NIGHT, "TRUST_KEY", "rollout.start", SPEC);
    refused_as(w, DESK, "TRUST_KEY", "backup.create", "{\"select\":\"all\"}");
    refused_as(w, SHOP, "TRUST_KEY", "rollout.start", SPEC);
    assert_non_null(strstr(w->answer.error.message, "application app"));
    refused_as(w, GATE, "TRUST_KEY", "rollback.start", "{\"select\":\"all\",\"to\":\"V001\"}");
    as(w, ADA, "rollout.start", SPEC);
    refused_as(w, EYE, "TRUST_KEY", "rollout.pause", "{\"rollout\":\"first\"}");
    refused_as(w, SHOP, "TRUST_KEY", "rollout.pause", "{\"rollout\":\"first\"}");
    as(w, NIGHT, "rollout.pause", "{\"rollout\":\"first\"}");
    refused_as(w, NIGHT, "TRUST_KEY", "rollout.resume", "{\"rollout\":\"first\"}");
    refused_as(w, NIGHT, "TRUST_KEY", "rollout.retry", "{\"rollout\":\"first\"}");
    as(w, NIGHT, "rollout.stop", "{\"rollout\":\"first\"}");
    as(w, NIGHT, "rollback.start", "{\"select\":\"all\",\"to\":\"V001\"}");
    /* the refusals stand in the log */
    json_t *log = ask(w, "audit.list", "{\"actor\":\"eye\"}");
    assert_int_equal(size_of(log, "rows"), 2);
}

/* One person's draft is not another's to start. */
static void who_proposes_starts(void **state) {
    world_t *w = *state;
    world_put_many(w, 3, 0);
    w->by_hand = true;
    w->asker = BEN;
    char *draft = draft_of(w, "rollout.start", SPEC);
    char *order = SIGNED(draft, ADA, BEN);
    w->asker = ADA;
    start_refused(w, "ORDER_INVALID", "rollout.start", SPEC, order);
    assert_non_null(strstr(w->answer.error.message, "proposer"));
    w->asker = BEN;
    start(w, "rollout.start", SPEC, order);
    free(order);
    free(draft);
}

static void an_expired_trust_file_lets_only_stops_through(void **state) {
    world_t *w = *state;
    world_rules(w, &(signers_rules_t){.expires_us = w->now_us + 60 * TRUST_MINUTE_US});
    world_put_many(w, 5, 0);
    ask(w, "rollout.start", GATED);
    w->by_hand = true;
    char *draft = draft_of(w, "backup.create", "{\"select\":\"all\",\"application\":\"app\"}");
    char *order = SIGNED(draft, ADA);
    w->now_us += 70 * TRUST_MINUTE_US;
    start_refused(w, "TRUST_EXPIRED", "backup.create",
                  "{\"select\":\"all\",\"application\":\"app\"}", order);
    refused(w, "TRUST_EXPIRED", "order.draft", "{\"verb\":\"backup.create\",\"arguments\":%s}",
            "{\"select\":\"all\",\"application\":\"app\"}");
    refused_as(w, GATE, "TRUST_EXPIRED", "order.blank",
               "{\"kind\":\"approve_wave\",\"rollout\":\"first\",\"wave\":1}");
    refused(w, "TRUST_EXPIRED", "order.blank", "{\"kind\":\"release_hold\"}");
    ask(w, "rollout.list", "{}");
    ask(w, "rollout.stop", "{\"rollout\":\"first\"}");
    free(order);
    free(draft);
}

#define BACKUP "{\"select\":\"all\"}"

static void an_order_ends(void **state) {
    world_t *w = *state;
    world_rules(w, &(signers_rules_t){.operators = 2});
    world_put_many(w, 5, 3);
    w->by_hand = true;
    char *draft = draft_of(w, "rollout.start", SPEC);
    char *one = SIGNED(draft, ADA);
    char *two = SIGNED(draft, BEN);
    char *backup = draft_of(w, "backup.create", BACKUP);
    char *late = SIGNED(backup, ADA);
    start(w, "rollout.start", SPEC, one);
    w->now_us += 8 * TRUST_DAY_US;
    char *text = approve_arguments(two);
    refused_as(w, BEN, "ORDER_EXPIRED", "rollout.approve", text);
    /* neither is one taken that is short of signatures, too */
    start_refused(w, "ORDER_EXPIRED", "backup.create", BACKUP, late);
    json_t *status = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(status, "awaits.0.kind"), "order");
    free(late);
    free(backup);
    free(text);
    free(two);
    free(one);
    free(draft);
}

static void a_paused_rollout_whose_order_ended_stays_paused(void **state) {
    world_t *w = *state;
    world_put_many(w, 5, 0);
    ask(w, "rollout.start", SPEC);
    ask(w, "rollout.pause", "{\"rollout\":\"first\"}");
    w->now_us += 8 * TRUST_DAY_US;
    refused(w, "ORDER_EXPIRED", "rollout.resume", "{\"rollout\":\"first\"}");
    refused(w, "ORDER_EXPIRED", "rollout.retry", "{\"rollout\":\"first\"}");
    ask(w, "rollout.stop", "{\"rollout\":\"first\"}");
}

/* --- waves ----------------------------------------------------------------------------------- */

#define APPROVE_B "{\"kind\":\"approve_wave\",\"rollout\":\"first\",\"wave\":1}"

static char *approval_arguments(const char *paper) {
    return with("{\"rollout\":\"first\",\"wave\":1}", "approval", paper);
}

static void a_wave_opens_by_its_approval(void **state) {
    world_t *w = *state;
    world_put_many(w, 5, 0);
    ask(w, "rollout.start", GATED);
    assert_true(world_rollout(w)->ticketed);
    assert_true(world_rollout(w)->waves[1].needs_approval);
    assert_false(world_rollout(w)->waves[0].needs_approval);
    world_work(w, NULL);
    states_are(w, "running", "awaiting");
    json_t *status = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(status, "awaits.0.kind"), "approval");
    assert_non_null(strstr(text_of(status, "awaits.0.command"), "--wave 'b'"));
    assert_int_equal(number_of(status, "awaits.0.wave"), 1);
    refused(w, "TRUST_KEY", "order.blank", APPROVE_B); /* an operator is no approver */
    char *paper = BLANK(w, GATE, APPROVE_B, GATE);
    char *text = approval_arguments(paper);
    refused_as(w, ADA, "TRUST_KEY", "rollout.approve", text);
    char *other = with("{\"rollout\":\"first\",\"wave\":0}", "approval", paper);
    refused_as(w, GATE, "INVALID", "rollout.approve", other);
    uint32_t asked = w->ticket_asked;
    json_t *answer = as(w, GATE, "rollout.approve", text);
    assert_int_equal(number_of(answer, "signatures.needed"), 1);
    assert_string_equal(text_of(answer, "signatures.by.0"), "gate");
    assert_int_equal(w->ticket_asked, asked + 1);
    states_are(w, "running", "open");
    refused_as(w, GATE, "ROLLOUT_STATE", "rollout.approve", text);
    world_work(w, NULL);
    states_are(w, "succeeded", "passed");
    free(other);
    free(text);
    free(paper);
}

static void approvals_are_merged(void **state) {
    world_t *w = *state;
    world_rules(w, &(signers_rules_t){.approvers = 2});
    world_put_many(w, 5, 0);
    ask(w, "rollout.start", GATED);
    world_work(w, NULL);
    char *draft = strdup(text_of(as(w, GATE, "order.blank", APPROVE_B), "draft"));
    char *one = SIGNED(draft, GATE);
    char *two = SIGNED(draft, GATE_TWO);
    char *text = approval_arguments(one);
    json_t *answer = as(w, GATE, "rollout.approve", text);
    assert_int_equal(number_of(answer, "signatures.have"), 1);
    assert_int_equal(number_of(answer, "signatures.needed"), 2);
    states_are(w, "running", "awaiting");
    answer = as(w, GATE_TWO, "order.show", "{\"rollout\":\"first\",\"wave\":1}");
    assert_string_equal(text_of(answer, "approval"), one);
    free(text);
    text = approval_arguments(two);
    answer = as(w, GATE_TWO, "rollout.approve", text);
    assert_int_equal(number_of(answer, "signatures.have"), 2);
    states_are(w, "running", "open");
    free(text);
    free(two);
    free(one);
    free(draft);
}

/* An approval may come with the resume that accepts the failures of the wave before. */
static void a_resume_brings_an_approval(void **state) {
    world_t *w = *state;
    w->tickets_wait = true;
    world_put_many(w, 5, 0);
    ask(w, "rollout.start", SPEC);
    world_work(w,
               (const world_outcome_t[]){{"tenant00000", TASK_EVENT_FAILED, 0, false, ERROR_DB_SQL},
                                         {.tenant = NULL}});
    states_are(w, "paused", "pending");
    char *paper = BLANK(w, GATE, APPROVE_B, GATE);
    char *text = with("{\"rollout\":\"first\"}", "approval", paper);
    refused_as(w, GATE, "TRUST_KEY", "rollout.resume", text); /* an approver resumes nothing */
    refused_as(w, ADA, "TRUST_KEY", "rollout.resume", text);  /* an operator approves nothing */
    char *wave = approval_arguments(paper);
    as(w, GATE, "rollout.approve", wave); /* before its turn has come */
    states_are(w, "paused", "pending");
    ask(w, "rollout.resume", "{\"rollout\":\"first\"}");
    states_are(w, "running", "open");
    free(wave);
    free(text);
    free(paper);
}

static void the_tables_rollback_runs_under_its_order(void **state) {
    world_t *w = *state;
    world_put_many(w, 3, 2);
    ask(w, "rollout.start", TAKEN_BACK);
    ident_t id = world_rollout(w)->id;
    digest_t order = world_rollout(w)->order_digest;
    world_work(w, (const world_outcome_t[]){
                      {"tenant00000", TASK_EVENT_FAILED, 4, true, ERROR_DB_SQL}, {.tenant = NULL}});
    const rollout_t *back = NULL;
    for (size_t i = 0; i < engine_rollout_count(w->engine); i++) {
        const rollout_t *rollout = engine_rollout_at(w->engine, i);
        back = ident_equal(&rollout->parent, &id) ? rollout : back;
    }
    assert_non_null(back);
    assert_true(digest_equal(&back->order_digest, &order));
    assert_false(back->ticketed);
    assert_int_equal(back->tasks[0].to_position, 2);
    char text[IDENT_TEXT_SIZE];
    refused(w, "INVALID", "order.show", "{\"rollout\":\"%s\"}", ident_text(&back->id, text));
}

/* What the plan refused has no leaf: no retry reaches it. */
static void what_is_not_ordered_is_not_retried(void **state) {
    world_t *w = *state;
    world_put_many(w, 3, 0);
    world_put(
        w, &(world_tenant_t){.n = 90, .name = "sick", .position = 0, .problem_code = "DRV-3021"});
    ask(w, "rollout.start", TAKEN_BACK);
    refused(w, "ROLLOUT_STATE", "rollout.retry", "{\"rollout\":\"first\",\"tenants\":[\"sick\"]}");
    assert_non_null(strstr(w->answer.error.message, "no signed order names it"));
    refused(w, "ROLLOUT_STATE", "rollout.retry", "{\"rollout\":\"first\"}");
}

/* --- stops and holds ------------------------------------------------------------------------- */

static status_t count_accepted(void *context, const signed_order_row_t *row, error_t *err) {
    uint32_t *count = context;
    (void)err;
    *count += row->accepted_us != 0;
    return STATUS_OK;
}

static void a_stop_is_kept_for_agents(void **state) {
    world_t *w = *state;
    world_put_many(w, 5, 0);
    ask(w, "rollout.start", SPEC);
    digest_t subject = world_rollout(w)->order_digest;
    char *paper = BLANK(w, NIGHT, "{\"kind\":\"stop\",\"rollout\":\"first\"}", NIGHT);
    char *text = with("{\"rollout\":\"first\"}", "order", paper);
    char *hold = BLANK(w, NIGHT, "{\"kind\":\"hold\"}", NIGHT);
    char *wrong = with("{\"rollout\":\"first\"}", "order", hold);
    refused_as(w, NIGHT, "ORDER_INVALID", "rollout.stop", wrong);
    char *approval = BLANK(w, GATE, APPROVE_B, GATE);
    char *about_it = with("{\"rollout\":\"first\"}", "order", approval);
    refused_as(w, NIGHT, "ORDER_INVALID", "rollout.stop", about_it);
    ask(w, "backup.create", "{\"select\":\"all\",\"application\":\"app\",\"name\":\"other\"}");
    char *other = with("{\"rollout\":\"other\"}", "order", paper);
    refused_as(w, NIGHT, "ORDER_INVALID", "rollout.stop", other);
    states_are(w, "running", "pending");
    json_t *answer = as(w, NIGHT, "rollout.stop", text);
    assert_string_equal(text_of(answer, "state"), "stopped");
    assert_int_equal(number_of(answer, "signatures.have"), 1);
    as(w, NIGHT, "rollout.stop", text); /* once more, of a rollout that is over */
    signed_order_about_t about = {.subject = subject, .kind = ORDER_STOP};
    uint32_t accepted = 0;
    OK(w, store_signed_order_about(w->store, &about, count_accepted, &accepted, &w->err));
    assert_int_equal(accepted, 1);
    free(other);
    free(about_it);
    free(approval);
    free(wrong);
    free(hold);
    free(text);
    free(paper);
}

static void hold_as(world_t *w, const char *verb, const char *paper, bool held) {
    char *text = with("{}", "order", paper);
    json_t *answer = ask(w, verb, "%s", text);
    assert_int_equal(number_of(answer, "held"), held);
    assert_int_equal(number_of(ask(w, "coordinator.show", "{}"), "held"), held);
    free(text);
}

static void a_hold_holds_until_it_is_released(void **state) {
    world_t *w = *state;
    world_put_many(w, 5, 0);
    char *early = BLANK(w, ADA, "{\"kind\":\"release_hold\"}", ADA);
    char *hold = BLANK(w, ADA, "{\"kind\":\"hold\"}", ADA);
    char *release = BLANK(w, ADA, "{\"kind\":\"release_hold\"}", ADA);
    char *text = with("{}", "order", release);
    refused_as(w, NIGHT, "TRUST_KEY", "fleet.release", text);
    refused(w, "ORDER_INVALID", "fleet.hold", "%s", text);
    free(text);
    hold_as(w, "fleet.hold", hold, true);
    hold_as(w, "fleet.hold", hold, true); /* the same again is the same */
    ask(w, "rollout.start", SPEC);
    assert_string_equal(text_of(w->document, "state"), "running");
    json_t *status = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(status, "awaits.0.kind"), "release");
    assert_string_equal(text_of(status, "awaits.0.command"), "drover fleet release");
    text = with("{}", "order", early); /* was issued before the hold */
    refused(w, "ORDER_SUPERSEDED", "fleet.release", "%s", text);
    free(text);
    w->now_us += TRUST_MINUTE_US;
    hold_as(w, "fleet.release", release, false);
    text = with("{}", "order", hold);
    refused(w, "ORDER_SUPERSEDED", "fleet.hold", "%s", text);
    free(text);
    status = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_int_equal(size_of(status, "awaits"), 0);
    free(release);
    free(hold);
    free(early);
}

/* Of one application: another's goes on, and only what does not go forward waits for nothing. */
static void a_hold_has_its_application(void **state) {
    world_t *w = *state;
    world_put_many(w, 5, 0);
    char *other = BLANK(w, ADA, "{\"kind\":\"hold\",\"application\":\"other\"}", ADA);
    char *held = BLANK(w, ADA, "{\"kind\":\"hold\",\"application\":\"app\"}", ADA);
    w->now_us += TRUST_MINUTE_US;
    char *narrow = BLANK(w, ADA, "{\"kind\":\"release_hold\",\"application\":\"other\"}", ADA);
    hold_as(w, "fleet.hold", other, true);
    json_t *shown = ask(w, "coordinator.show", "{}");
    assert_string_equal(text_of(shown, "held_applications.0"), "other");
    ask(w, "rollout.start", SPEC);
    json_t *status = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_int_equal(size_of(status, "awaits"), 0);
    hold_as(w, "fleet.hold", held, true);
    status = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(status, "awaits.0.kind"), "release");
    hold_as(w, "fleet.release", narrow, true);
    shown = ask(w, "coordinator.show", "{}");
    assert_int_equal(size_of(shown, "held_applications"), 1);
    assert_string_equal(text_of(shown, "held_applications.0"), "app");
    char *fleet = BLANK(w, ADA, "{\"kind\":\"hold\"}", ADA);
    hold_as(w, "fleet.hold", fleet, true);
    assert_int_equal(size_of(ask(w, "coordinator.show", "{}"), "held_applications"), 0);
    free(fleet);
    free(narrow);
    free(held);
    free(other);
}

/* What does not go forward does not wait for a release. */
static void a_held_backup_awaits_nothing(void **state) {
    world_t *w = *state;
    world_put_many(w, 5, 0);
    char *hold = BLANK(w, ADA, "{\"kind\":\"hold\"}", ADA);
    hold_as(w, "fleet.hold", hold, true);
    json_t *started = ask(w, "backup.create", "{\"select\":\"all\"}");
    char *text = with("{}", "rollout", text_of(started, "rollout"));
    json_t *status = ask(w, "rollout.status", "%s", text);
    assert_int_equal(size_of(status, "awaits"), 0);
    free(text);
    free(hold);
}

/* A hold is one person's at night; its release is two operators'. */
static void a_release_waits_for_signatures(void **state) {
    world_t *w = *state;
    world_rules(w, &(signers_rules_t){.operators = 2});
    char *hold = BLANK(w, NIGHT, "{\"kind\":\"hold\"}", NIGHT);
    w->asker = NIGHT;
    hold_as(w, "fleet.hold", hold, true);
    w->asker = ADA;
    char *draft = strdup(text_of(ask(w, "order.blank", "{\"kind\":\"release_hold\"}"), "draft"));
    char *one = SIGNED(draft, ADA);
    char *two = SIGNED(draft, BEN);
    hold_as(w, "fleet.release", one, true);
    assert_true(json_is_true(json_object_get(w->document, "held")));
    w->asker = BEN;
    hold_as(w, "fleet.release", two, false);
    free(two);
    free(one);
    free(draft);
    free(hold);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(two_signatures_start_it),
        WORLD_TEST(anybody_of_the_trust_file_publishes),
        WORLD_TEST(signatures_that_add_nothing_are_refused),
        WORLD_TEST(a_proposer_may_not_count),
        WORLD_TEST(a_planned_rollback_stops_nothing),
        WORLD_TEST(roles_open_doors),
        WORLD_TEST(who_proposes_starts),
        WORLD_TEST(an_expired_trust_file_lets_only_stops_through),
        WORLD_TEST(an_order_ends),
        WORLD_TEST(a_paused_rollout_whose_order_ended_stays_paused),
        WORLD_TEST(a_wave_opens_by_its_approval),
        WORLD_TEST(approvals_are_merged),
        WORLD_TEST(a_resume_brings_an_approval),
        WORLD_TEST(the_tables_rollback_runs_under_its_order),
        WORLD_TEST(what_is_not_ordered_is_not_retried),
        WORLD_TEST(a_stop_is_kept_for_agents),
        WORLD_TEST(a_hold_holds_until_it_is_released),
        WORLD_TEST(a_hold_has_its_application),
        WORLD_TEST(a_held_backup_awaits_nothing),
        WORLD_TEST(a_release_waits_for_signatures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
