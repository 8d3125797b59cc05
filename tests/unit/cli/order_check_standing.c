/* Tests of order_check_standing in cli/order_check.c: an honest draft of a standing order passes;
 * with a lie in any one field it does not. */
#include "cli/order_check.h"
#include "common/base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW_US INT64_C(1800000000000000)

static const sign_public_t OWN = {{7}};
static const sign_public_t OTHER = {{8}};

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        fail_msg("%s", err->message);
    }
}

#define SPEC                                                                                       \
    "bundle: shop\ntarget: V004\nselect: tier=gold\nwaves:\n  - {name: all, rest: true}\n"         \
    "recovery_point: {policy: none, reason: no rows yet}\n"

/* What was asked for and what came, honest as it comes. */
typedef struct standing {
    rollout_spec_t *spec;
    json_t *answer;
    order_t order;
    order_standing_t asked;
} standing_t;

static void standing_free(standing_t *standing) {
    rollout_spec_destroy(&standing->spec);
    json_decref(standing->answer);
}

static void standing_begin(standing_t *standing) {
    error_t err = {0};
    const yaml_text_t text = {.name = "spec", .bytes = SPEC, .size = strlen(SPEC)};
    *standing = (standing_t){0};
    must(rollout_spec_parse(&text, NULL, &standing->spec, &err), &err);
    standing->order =
        (order_t){.kind = ORDER_ROLLOUT,
                  .application = "shop",
                  .environment = "",
                  .target_position = 4,
                  .recovery_kind = "none",
                  .recovery_reason = "no rows yet",
                  .trial_restore = spec_trial_text(standing->spec->recovery_point.trial_restore),
                  .issued_us = NOW_US,
                  .not_before_us = NOW_US,
                  .expires_us = NOW_US + 30 * TRUST_DAY_US,
                  .proposer = OWN,
                  .undo_authorized = true,
                  .trust_version = 1,
                  .standing = "tier=gold"};
    memset(standing->order.fleet.bytes, 1, IDENT_BYTES);
    memset(standing->order.id.bytes, 2, IDENT_BYTES);
    memset(standing->order.bundle.bytes, 0xb0, DIGEST_BYTES);
    standing->asked = (order_standing_t){.spec = standing->spec,
                                         .until_us = NOW_US + 30 * TRUST_DAY_US,
                                         .key = &OWN,
                                         .asked_us = NOW_US,
                                         .now_us = NOW_US};
}

static status_t standing_check(standing_t *standing, const char *target, error_t *err) {
    CLEANUP(document_destroy_p) document_t *paper = NULL;
    CLEANUP(order_destroy_p) order_t *order = NULL;
    char digest[DIGEST_TEXT_SIZE];
    char bundle[DIGEST_TEXT_SIZE];
    digest_t honest;
    memset(honest.bytes, 0xb0, DIGEST_BYTES);
    *err = (error_t){0};
    must(order_write(&standing->order, &paper, err), err);
    must(order_read(paper, &order, err), err);
    json_decref(standing->answer);
    standing->answer =
        json_pack("{s:s,s:s,s:i,s:s}", "draft_digest", digest_text(&paper->id, digest), "bundle",
                  digest_text(&honest, bundle), "target", 4, "target_version", target);
    standing->asked.answer = standing->answer;
    return order_check_standing(&standing->asked, order, err);
}

static void test_a_standing_order_as_asked(void **state) {
    (void)state;
    error_t err;
    CLEANUP(standing_free) standing_t standing;
    standing_begin(&standing);
    must(standing_check(&standing, "V004", &err), &err);
    standing.asked.bundle = "shop@1.2";
    must(standing_check(&standing, "V004", &err), &err);
}

typedef void standing_lie_fn(standing_t *standing);

static void wider(standing_t *standing) {
    standing->order.standing = "all";
}
static void longer(standing_t *standing) {
    standing->order.expires_us += TRUST_DAY_US;
}
static void further(standing_t *standing) {
    standing->order.target_position = 5;
}
static void elsewhere(standing_t *standing) {
    standing->order.bundle.bytes[3] ^= 1;
}
static void of_another(standing_t *standing) {
    standing->order.application = "bank";
}
static void unprotected(standing_t *standing) {
    standing->order.recovery_kind = "dump";
    standing->order.recovery_reason = "";
}
static void proposed_by_another(standing_t *standing) {
    standing->order.proposer = OTHER;
}
static void of_tomorrow(standing_t *standing) {
    standing->order.issued_us += TRUST_DAY_US;
    standing->order.not_before_us += TRUST_DAY_US;
}

static void test_a_standing_order_with_a_lie(void **state) {
    static standing_lie_fn *const LIES[] = {
        wider,      longer, further, elsewhere, of_another, unprotected, proposed_by_another,
        of_tomorrow};
    (void)state;
    for (size_t i = 0; i < sizeof LIES / sizeof LIES[0]; i++) {
        error_t err;
        CLEANUP(standing_free) standing_t standing;
        standing_begin(&standing);
        LIES[i](&standing);
        if (standing_check(&standing, "V004", &err) == STATUS_OK) {
            fail_msg("lie %zu is believed", i);
        }
        assert_int_equal(err.code, ERROR_ORDER_DIFFERS);
    }
}

static void test_a_standing_order_to_another_version(void **state) {
    error_t err;
    CLEANUP(standing_free) standing_t standing;
    (void)state;
    standing_begin(&standing);
    assert_int_equal(standing_check(&standing, "V005", &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_ORDER_DIFFERS);
}

/* A plan that shows nobody, and an order for everybody. */
static void test_a_standing_order_for_an_empty_plan(void **state) {
    error_t err = {0};
    CLEANUP(standing_free) standing_t standing;
    CLEANUP(document_destroy_p) document_t *paper = NULL;
    CLEANUP(order_destroy_p) order_t *order = NULL;
    (void)state;
    standing_begin(&standing);
    must(order_write(&standing.order, &paper, &err), &err);
    must(order_read(paper, &order, &err), &err);
    standing.answer = json_pack("{s:[]}", "tenants");
    assert_int_equal(order_check_rows(standing.answer, order, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_ORDER_DIFFERS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_standing_order_as_asked),
        cmocka_unit_test(test_a_standing_order_with_a_lie),
        cmocka_unit_test(test_a_standing_order_to_another_version),
        cmocka_unit_test(test_a_standing_order_for_an_empty_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
