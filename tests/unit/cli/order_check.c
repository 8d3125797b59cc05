/* Tests of cli/order_check.c: an honest draft passes; with a lie in any one field it does not. */
#include "cli/order_check.h"
#include "common/base/cleanup.h"
#include "tests/unit/cli/drafts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_US INT64_C(1800000000000000)
#define ID "aaaaaaaa-0000-4000-8000-000000000009"

static const sign_public_t OWN = {{7}};
static const sign_public_t OTHER = {{8}};

/* All that a check looks at, before it is told a lie. */
typedef struct stage {
    json_t *plan;
    json_t *arguments;
    drafts_order_t draft;
    order_asked_t asked;
    const char *digest; /* told in place of the draft's own */
} stage_t;

static void stage_free(stage_t *stage) {
    json_decref(stage->plan);
    json_decref(stage->arguments);
}

static void stage_begin(const char *kind, order_kind_t order, stage_t *stage) {
    *stage = (stage_t){.plan = drafts_plan(kind), .arguments = json_object()};
    drafts_fill(stage->plan, order, NOW_US, &stage->draft);
    stage->draft.order.proposer = OWN;
    stage->asked = (order_asked_t){.kind = order,
                                   .plan_kind = kind,
                                   .arguments = stage->arguments,
                                   .key = &OWN,
                                   .asked_us = NOW_US,
                                   .now_us = NOW_US};
}

static status_t check(stage_t *stage, error_t *err) {
    CLEANUP(document_destroy_p) document_t *paper = drafts_write(&stage->draft);
    CLEANUP(order_destroy_p) order_t *order = NULL;
    *err = (error_t){0};
    assert_int_equal(order_read(paper, &order, err), STATUS_OK);
    drafts_add(stage->plan, paper);
    if (stage->digest != NULL) {
        (void)json_object_set_new(stage->plan, "draft_digest", json_string(stage->digest));
    }
    const order_shown_t shown = {.answer = stage->plan, .document = stage->plan};
    return order_check_draft(&stage->asked, &shown, order, err);
}

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        fail_msg("%s: %s", error_code_text(err->code), err->message);
    }
}

static const struct {
    const char *plan;
    order_kind_t order;
} KINDS[] = {{"forward", ORDER_ROLLOUT},   {"undo", ORDER_ROLLBACK}, {"restore", ORDER_RESTORE},
             {"baseline", ORDER_BASELINE}, {"backup", ORDER_BACKUP}, {"backup_check", ORDER_BACKUP},
             {"prune", ORDER_PRUNE}};

static void test_honest(void **state) {
    error_t err;
    (void)state;
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        CLEANUP(stage_free) stage_t stage = {0};
        stage_begin(KINDS[i].plan, KINDS[i].order, &stage);
        must(check(&stage, &err), &err);
    }
}

/* --- lies in the order ----------------------------------------------------------------------- */

static void lie_kind(stage_t *s) {
    s->draft.order.kind = ORDER_BASELINE, s->draft.order.target_position = 0,
    s->draft.order.undo_authorized = false;
}
static void lie_application(stage_t *s) {
    s->draft.order.application = "bill";
    drafts_roots(s->plan, NOW_US, &s->draft);
}
static void lie_bundle(stage_t *s) {
    s->draft.order.bundle.bytes[0] ^= 1;
}
static void lie_target(stage_t *s) {
    s->draft.order.target_position = 43;
}
static void lie_recovery(stage_t *s) {
    s->draft.order.recovery_kind = "none";
}
static void lie_reason(stage_t *s) {
    s->draft.order.recovery_reason = "because";
}
static void lie_trial(stage_t *s) {
    s->draft.order.trial_restore = "never";
}
static void lie_loses_undo(stage_t *s) {
    s->draft.order.undo_authorized = false;
}
static void lie_proposer(stage_t *s) {
    s->draft.order.proposer = OTHER;
}
static void lie_plan(stage_t *s) {
    s->draft.order.plan.bytes[31] ^= 1;
}
static void lie_no_plan(stage_t *s) {
    s->draft.order.plan = (digest_t){{0}};
}
static void lie_root(stage_t *s) {
    s->draft.waves[0].root.bytes[0] ^= 1;
}
static void lie_last_root(stage_t *s) {
    s->draft.waves[1].root.bytes[31] ^= 1;
}
static void lie_count(stage_t *s) {
    s->draft.waves[1].count++;
}
static void lie_budget(stage_t *s) {
    s->draft.waves[1].budget_count++;
}
static void lie_share(stage_t *s) {
    s->draft.waves[1].budget_percent_bp = 10000;
}
static void lie_soak(stage_t *s) {
    s->draft.waves[1].soak_us = 0;
}
static void lie_approval(stage_t *s) {
    s->draft.waves[1].needs_approval = false;
}
static void lie_wave_more(stage_t *s) {
    s->draft.waves[2] = s->draft.waves[1];
    s->draft.order.wave_count++;
}
static void lie_wave_less(stage_t *s) {
    s->draft.order.wave_count--;
}
static void lie_number(stage_t *s) {
    drafts_roots(s->plan, NOW_US + 1, &s->draft);
}
static void lie_later(stage_t *s) {
    s->draft.order.not_before_us++;
}
static void issue(stage_t *s, int64_t at_us) {
    drafts_order_t *d = &s->draft;
    d->order.issued_us = d->order.not_before_us = at_us;
    d->order.expires_us = at_us + TRUST_DAY_US;
    drafts_roots(s->plan, at_us, d);
}
static void lie_future(stage_t *s) {
    issue(s, NOW_US + TRUST_SKEW_US + 1);
}
static void lie_past(stage_t *s) {
    issue(s, NOW_US - TRUST_SKEW_US - 1);
}
static void lie_over(stage_t *s) {
    issue(s, NOW_US - TRUST_SKEW_US);
    s->draft.order.expires_us = NOW_US;
}
static void lie_digest(stage_t *s) {
    s->digest = "d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1";
}

/* --- lies in what is shown ------------------------------------------------------------------- */

static json_t *row(stage_t *s, size_t index) {
    return json_array_get(json_object_get(s->plan, "tenants"), index);
}
static void set(json_t *object, const char *name, json_t *value) {
    assert_int_equal(json_object_set_new(object, name, value), 0);
}
static void lie_tenant(stage_t *s) {
    set(row(s, 0), "tenant", json_string(ID));
}
static void lie_tenant_twice(stage_t *s) {
    set(row(s, 1), "tenant", json_incref(json_object_get(row(s, 2), "tenant")));
}
static void lie_no_tenant(stage_t *s) {
    set(row(s, 0), "tenant", json_string("acme"));
}
static void lie_cluster(stage_t *s) {
    set(row(s, 0), "cluster_id", json_string("7300000000000000002"));
}
static void lie_no_cluster(stage_t *s) {
    set(row(s, 0), "cluster_id", json_null());
}
static void lie_cluster_words(stage_t *s) {
    set(row(s, 0), "cluster_id", json_string("7300000000000000001 eu"));
}
static void lie_from(stage_t *s) {
    set(row(s, 0), "from", json_integer(40));
}
static void lie_from_text(stage_t *s) {
    set(row(s, 0), "from", json_string("41"));
}
static void lie_to(stage_t *s) {
    set(row(s, 0), "to", json_integer(41));
}
static void lie_wave(stage_t *s) {
    set(row(s, 0), "wave", json_integer(2));
}
static void lie_order_wave(stage_t *s) {
    set(row(s, 0), "order_wave", json_integer(1));
}
static void lie_no_order_wave(stage_t *s) {
    set(row(s, 0), "order_wave", json_integer(-1));
}
static void lie_shown_target(stage_t *s) {
    set(s->plan, "target", json_integer(41));
}
static void lie_negative_wave(stage_t *s) {
    set(row(s, 0), "wave", json_integer(-1));
}
static void lie_row_missing(stage_t *s) {
    assert_int_equal(json_array_remove(json_object_get(s->plan, "tenants"), 0), 0);
}
static void lie_look_missing(stage_t *s) {
    assert_int_equal(json_array_clear(json_object_get(s->plan, "looked_at")), 0);
}
static void lie_row_more(stage_t *s) {
    json_t *more = json_deep_copy(row(s, 0));
    set(more, "tenant", json_string(ID));
    assert_int_equal(json_array_append_new(json_object_get(s->plan, "tenants"), more), 0);
}
static void lie_shown_kind(stage_t *s) {
    set(s->plan, "kind", json_string("undo"));
}
static void lie_no_wave_shown(stage_t *s) {
    assert_int_equal(json_array_remove(json_object_get(s->plan, "waves"), 2), 0);
}

/* --- what was asked for ---------------------------------------------------------------------- */

static void lie_asked_application(stage_t *s) {
    set(s->arguments, "application", json_string("bill"));
}
static void lie_asked_bundle(stage_t *s) {
    set(s->arguments, "bundle", json_string("b0b1"));
}
static void lie_asked_older(stage_t *s) {
    set(s->arguments, "bundle", json_string("apple@V041"));
}

typedef struct lie {
    void (*tell)(stage_t *stage);
    const char *words;
} lie_t;

/* clang-format off */
static const lie_t LIES[] = {
    {lie_kind, "of kind baseline"}, {lie_application, "application 'bill'"}, {lie_bundle, "another bundle"},
    {lie_target, "position"}, {lie_recovery, "recovery point"}, {lie_reason, "recovery point"},
    {lie_trial, "recovery point"}, {lie_loses_undo, "its own undo"}, {lie_proposer, "proposer"},
    {lie_plan, "another plan"}, {lie_no_plan, "another plan"}, {lie_root, "wave 1 has other tenants"},
    {lie_last_root, "wave 2 has other tenants"}, {lie_count, "wave 2 has 4 tenants, 3 are shown"},
    {lie_budget, "may have 3 failures, 2 are shown"}, {lie_share, "may have 3 failures"}, {lie_soak, "soaks"},
    {lie_approval, "needs an approval"}, {lie_wave_more, "it has 3 waves, 2 are shown"},
    {lie_wave_less, "more are shown"}, {lie_number, "has other tenants"}, {lie_later, "begins later"},
    {lie_future, "not issued now"}, {lie_past, "not issued now"}, {lie_over, "does not end within"},
    {lie_digest, "its digest"}, {lie_tenant, "wave 1 has other tenants"}, {lie_tenant_twice, "twice"},
    {lie_no_tenant, "has no id"}, {lie_cluster, "has other tenants"}, {lie_no_cluster, "on no cluster"},
    {lie_cluster_words, "on no cluster"}, {lie_from, "has other tenants"}, {lie_from_text, "no way from"},
    {lie_to, "is shown to go to position 41"}, {lie_wave, "wave 1 has 1 tenants, 4 are shown"},
    {lie_order_wave, "is shown in wave 2"}, {lie_no_order_wave, "in no wave of the order"},
    {lie_shown_target, "it goes to position 42, 41 is shown"}, {lie_negative_wave, "in no wave"}, {lie_row_missing, "wave 1 has 1 tenants, 3 are shown"},
    {lie_look_missing, "wave 2 has 3 tenants, 2 are shown"}, {lie_row_more, "wave 1 has 1 tenants, 2 are shown"},
    {lie_shown_kind, "the plan is of kind 'undo'"}, {lie_no_wave_shown, "not among the waves"},
    {lie_asked_application, "asked for was 'bill'"}, {lie_asked_bundle, "another bundle than was asked"},
    {lie_asked_older, "another bundle than was asked"},
};
/* clang-format on */

static void test_lies(void **state) {
    error_t err;
    (void)state;
    for (size_t i = 0; i < sizeof LIES / sizeof LIES[0]; i++) {
        CLEANUP(stage_free) stage_t stage = {0};
        stage_begin("forward", ORDER_ROLLOUT, &stage);
        LIES[i].tell(&stage);
        if (check(&stage, &err) == STATUS_OK) {
            fail_msg("signed in spite of a lie: %s", LIES[i].words);
        }
        assert_int_equal(err.code, ERROR_ORDER_DIFFERS);
        if (strstr(err.message, LIES[i].words) == NULL) {
            fail_msg("no '%s' in: %s", LIES[i].words, err.message);
        }
    }
}

/* --- other kinds ----------------------------------------------------------------------------- */

static void refused(stage_t *stage, const char *words) {
    error_t err;
    assert_int_equal(check(stage, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_ORDER_DIFFERS);
    if (strstr(err.message, words) == NULL) {
        fail_msg("no '%s' in: %s", words, err.message);
    }
    stage_free(stage);
}

static void test_restore(void **state) {
    stage_t stage;
    error_t err;
    (void)state;
    stage_begin("restore", ORDER_RESTORE, &stage);
    stage.draft.order.accept_data_loss = true;
    refused(&stage, "which nobody asked for");
    stage_begin("restore", ORDER_RESTORE, &stage);
    set(stage.arguments, "accept_data_loss", json_true());
    refused(&stage, "does not accept");
    stage_begin("restore", ORDER_RESTORE, &stage);
    set(stage.arguments, "accept_data_loss", json_true());
    stage.draft.order.accept_data_loss = true;
    must(check(&stage, &err), &err);
    stage_free(&stage);
    stage_begin("restore", ORDER_RESTORE, &stage);
    set(row(&stage, 0), "reference", json_string(ID)); /* another backup is shown */
    refused(&stage, "has other tenants");
    stage_begin("restore", ORDER_RESTORE, &stage);
    set(row(&stage, 0), "reference", json_string("yesterday's"));
    refused(&stage, "has no id");
    stage_begin("restore", ORDER_RESTORE, &stage);
    stage.draft.order.subject.bytes[0] = 1;
    must(check(&stage, &err), &err);
    set(stage.plan, "parent", json_null());
    refused(&stage, "takes back another order");
}

static void test_prune(void **state) {
    stage_t stage;
    error_t err;
    (void)state;
    stage_begin("prune", ORDER_PRUNE, &stage);
    stage.draft.order.prune_keep_us = 1;
    refused(&stage, "other backups");
    stage_begin("prune", ORDER_PRUNE, &stage);
    set(stage.arguments, "keep_count", json_integer(3));
    refused(&stage, "other backups");
    stage_begin("prune", ORDER_PRUNE, &stage);
    set(stage.arguments, "keep_us", json_integer(9));
    set(stage.arguments, "keep_count", json_integer(3));
    stage.draft.order.prune_keep_us = 9;
    stage.draft.order.prune_keep_count = 3;
    must(check(&stage, &err), &err);
    stage_free(&stage);
}

#define SPEC(more)                                                                                 \
    "bundle: app\ntarget: latest\nselect: all\nwaves: [{name: all, rest: true}]\n" more

/* The operator's own spec stands above the plan, which nobody may have read. */
static void test_spec(void **state) {
    static const struct {
        const char *text;
        const char *words; /* NULL: it agrees */
    } CASES[] = {
        {SPEC(""), NULL},
        {SPEC("unreachable: skip\n"), "out of reach"},
        {SPEC("recovery_point: {policy: none, reason: x}\n"), "not the spec's"},
        {SPEC("recovery_point: {trial_restore: all}\n"), "not the spec's"},
        {SPEC("application: app\n"), NULL},
        {SPEC("application: bill\n"), "the spec for 'bill'"},
        {"bundle: bill\ntarget: latest\nselect: all\nwaves: [{name: all, rest: true}]\n",
         "than the spec names"},
        {"bundle: b0b0b0b0\ntarget: latest\nselect: all\nwaves: [{name: all, rest: true}]\n", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        CLEANUP(rollout_spec_destroy_p) rollout_spec_t *spec = NULL;
        const yaml_text_t text = {
            .name = "spec", .bytes = CASES[i].text, .size = strlen(CASES[i].text)};
        stage_t stage;
        error_t err;
        must(rollout_spec_parse(&text, NULL, &spec, &err), &err);
        stage_begin("forward", ORDER_ROLLOUT, &stage);
        stage.asked.spec = spec;
        if (CASES[i].words != NULL) {
            refused(&stage, CASES[i].words);
        } else {
            must(check(&stage, &err), &err);
            stage_free(&stage);
        }
    }
}

static void test_pin(void **state) {
    trust_t pin = {.fleet = {{1}}, .version = 3};
    stage_t stage;
    error_t err;
    (void)state;
    stage_begin("forward", ORDER_ROLLOUT, &stage);
    stage.asked.pin = &pin;
    must(check(&stage, &err), &err);
    pin.version = 4;
    assert_int_equal(check(&stage, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_ROLLBACK);
    pin = (trust_t){.fleet = {{2}}, .version = 1};
    assert_int_equal(check(&stage, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_FLEET);
    stage_free(&stage);
}

/* --- orders without tenants ------------------------------------------------------------------ */

typedef struct blank_case {
    const char *words; /* NULL: it is fine */
    order_t order;
    bool fleet;
} blank_case_t;

static order_t about(order_kind_t kind, const order_t *subject) {
    order_t order = {.fleet = subject->fleet,
                     .kind = kind,
                     .application = subject->application,
                     .environment = subject->environment,
                     .issued_us = NOW_US,
                     .not_before_us = NOW_US,
                     .expires_us = NOW_US + TRUST_DAY_US,
                     .proposer = OWN,
                     .subject = subject->digest,
                     .subject_wave = kind == ORDER_APPROVE_WAVE ? 1 : 0,
                     .trust_version = 3};
    return order;
}

static void test_blank(void **state) {
    const order_t subject = {
        .fleet = {{1}}, .application = "app", .environment = "prod", .digest = {.bytes = {9}}};
    const order_t good = about(ORDER_APPROVE_WAVE, &subject);
    blank_case_t cases[] = {{NULL, good, false},
                            {"of kind stop", about(ORDER_STOP, &subject), false},
                            {"proposer", good, false},
                            {"not issued now", good, false},
                            {"another order", good, false},
                            {"another fleet", good, false},
                            {"another application", good, false},
                            {"opens wave 3, asked for was wave 2", good, false},
                            {"the fleet was meant", good, true}};
    error_t err;
    (void)state;
    cases[2].order.proposer = OTHER;
    cases[3].order.issued_us = cases[3].order.not_before_us = NOW_US - TRUST_DAY_US;
    cases[4].order.subject.bytes[1] = 1;
    cases[5].order.fleet.bytes[0] = 2;
    cases[6].order.environment = "test";
    cases[7].order.subject_wave = 2;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const order_blank_t blank = {.kind = ORDER_APPROVE_WAVE,
                                     .subject = cases[i].fleet ? NULL : &subject,
                                     .wave = 1,
                                     .key = &OWN,
                                     .asked_us = NOW_US,
                                     .now_us = NOW_US};
        status_t status = order_check_blank(&blank, &cases[i].order, &err);
        if (cases[i].words == NULL) {
            must(status, &err);
            continue;
        }
        assert_int_equal(status, STATUS_ERROR);
        assert_int_equal(err.code, ERROR_ORDER_DIFFERS);
        if (strstr(err.message, cases[i].words) == NULL) {
            fail_msg("no '%s' in: %s", cases[i].words, err.message);
        }
    }
}

/* Which wave of the order a plan's wave is, by the rows; and a plan that visits nobody. */
static void test_waves(void **state) {
    CLEANUP(stage_free) stage_t stage = {0};
    uint32_t wave = 9;
    (void)state;
    stage_begin("forward", ORDER_ROLLOUT, &stage);
    assert_true(order_check_wave(stage.plan, 0, &wave));
    assert_int_equal(wave, 0);
    assert_false(order_check_wave(stage.plan, 1, &wave));
    assert_true(order_check_wave(stage.plan, 2, &wave));
    assert_int_equal(wave, 1);
    assert_false(order_check_wave(stage.plan, -1, &wave));
    assert_false(order_check_wave(stage.plan, LIMIT_WAVES, &wave));
    assert_false(order_check_empty(stage.plan));
    lie_look_missing(&stage);
    (void)json_array_clear(json_object_get(stage.plan, "tenants"));
    assert_true(order_check_empty(stage.plan));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest), cmocka_unit_test(test_lies),  cmocka_unit_test(test_restore),
        cmocka_unit_test(test_prune),  cmocka_unit_test(test_spec),  cmocka_unit_test(test_pin),
        cmocka_unit_test(test_blank),  cmocka_unit_test(test_waves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
