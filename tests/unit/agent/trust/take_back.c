/*
 * take_back.c: jobs that an agent makes itself: which take-back sets them off, and what none does.
 */
#include "tests/unit/agent/trust/host.h"

static int start(void **state) {
    host_t *host = calloc(1, sizeof *host);
    host_open(host);
    *state = host;
    return 0;
}

static int stop(void **state) {
    host_close(*state);
    free(*state);
    return 0;
}

/* A host that has its order's first tenant at the target. */
static host_t *done(void **state) {
    host_t *host = *state;
    host_start(host);
    host_order(host);
    host_grant(host);
    error_t err = {0};
    MUST(journal_commit(host->journal, &err));
    return host;
}

/* An order about another, as it comes; signed by one person of the role rollback. */
static order_t about(const host_t *host, order_kind_t kind, const digest_t *subject) {
    static uint8_t serial;
    order_t order = host->world.plan_approval;
    order.kind = kind;
    order.subject = *subject;
    order.subject_wave = 0;
    order.issued_us = order.not_before_us = host->world.now_us;
    order.expires_us = host->world.now_us + TRUST_DAY_US;
    order.proposer = *world_public(ROLLBACK_A);
    memset(order.id.bytes, ++serial, IDENT_BYTES);
    return order;
}

static document_t *sign_order(const order_t *order) {
    document_t *document = NULL;
    signers_t signers;
    error_t err = {0};
    SIGN_BY(&signers, ROLLBACK_A);
    MUST(order_write(order, &document, &err));
    MUST(world_sign(document, &signers, &err));
    return document;
}

/* Hand it over as a file of this environment; NULL: as if by the wire. */
static status_t take(host_t *host, const document_t *document, const char *environment,
                     keeper_news_t *ret_news, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode(document, &bytes, err));
    keeper_paper_t paper = {.bytes = bytes.data,
                            .size = bytes.size,
                            .now_us = host->world.now_us,
                            .environment = environment};
    TRY(keeper_take(host->keeper, &paper, ret_news, err));
    papers_name_t name = {.kind = PAPERS_ORDER, .digest = document->id};
    return papers_bring(host->papers, &name, &bytes, err);
}

/* The same of what must be taken; its digest. */
static digest_t taken(host_t *host, const order_t *order) {
    CLEANUP(document_destroy_p) document_t *document = sign_order(order);
    keeper_news_t news = KEEPER_KNOWN;
    error_t err = {0};
    MUST(take(host, document, "prod", &news, &err));
    assert_int_not_equal(news, KEEPER_KNOWN);
    return document->id;
}

/* The undo that the agent makes of its forward job. */
static void turn_around(host_t *host, const digest_t *take_back) {
    host->job.kind = JOB_KIND_UNDO;
    host->job.target = host->world.leaves[0].from_position;
    host->job.coordinator = (sign_public_t){{0}};
    host->job.take_back = *take_back;
}

static host_t *taken_back(void **state) {
    host_t *host = done(state);
    order_t order = about(host, ORDER_TAKE_BACK, &host->world.order->digest);
    digest_t digest = taken(host, &order);
    turn_around(host, &digest);
    return host;
}

static void test_an_undo_of_its_own(void **state) {
    host_t *host = taken_back(state);
    size_t asked = host->asked;
    host_grant(host);
    assert_false(host->warrant.main);
    assert_int_equal(host->warrant.number, host->world.leaves[0].number);
    assert_int_equal(host->asked, asked); /* nobody was asked for a paper */
}

static void test_after_a_restart(void **state) {
    host_t *host = taken_back(state);
    error_t err = {0};
    MUST(host_restart(host, &err));
    assert_true(keeper_knows(host->keeper, &host->job.take_back));
    host_grant(host);
}

static void test_nobody_signed_and_nothing_is_taken_back(void **state) {
    host_t *host = done(state);
    turn_around(host, &(digest_t){{0}});
    host_refuses(host, ERROR_TRUST_KEY);
    turn_around(host, &(digest_t){{5}});
    error_t err = {0};
    assert_int_equal(court_judge(host->court, &host->job, &host->facts, &host->warrant, &err),
                     COURT_REFUSED); /* it does not wait for a paper */
    assert_int_equal(err.code, ERROR_ORDER_MISSING);
}

static void test_only_the_way_back(void **state) {
    host_t *host = taken_back(state);
    host->job.kind = JOB_KIND_FORWARD;
    host->job.target = host->world.order->target_position;
    host_refuses(host, ERROR_ORDER_SCOPE);
    host->job.kind = JOB_KIND_LOOK;
    host_refuses(host, ERROR_ORDER_SCOPE);
}

static void test_not_further_than_its_leaf(void **state) {
    host_t *host = taken_back(state);
    host->job.target--;
    host_refuses(host, ERROR_ORDER_TENANT);
}

static void test_a_stop_is_no_take_back(void **state) {
    host_t *host = taken_back(state);
    digest_t digest = host->job.take_back;
    order_t order = about(host, ORDER_STOP, &digest);
    digest_t other = taken(host, &order);
    host->job.take_back = other;
    host_refuses(host, ERROR_ORDER_SCOPE);
}

static void test_a_take_back_of_another_order(void **state) {
    host_t *host = done(state);
    order_t order = about(host, ORDER_TAKE_BACK, &(digest_t){{9}});
    digest_t digest = taken(host, &order);
    turn_around(host, &digest);
    host_refuses(host, ERROR_ORDER_SCOPE);
}

static void test_nothing_forward_under_it_any_more(void **state) {
    host_t *host = done(state);
    order_t order = about(host, ORDER_TAKE_BACK, &host->world.order->digest);
    (void)taken(host, &order);
    host_refuses(host, ERROR_CANCELLED);
    host->job.kind = JOB_KIND_UNDO; /* a coordinator's, too */
    host->job.target = host->world.leaves[0].from_position;
    host_grant(host);
}

static void test_a_stopped_rollout_is_taken_back(void **state) {
    host_t *host = taken_back(state);
    order_t order = about(host, ORDER_STOP, &host->world.order->digest);
    (void)taken(host, &order);
    host_grant(host);
}

static void test_a_take_back_is_stopped(void **state) {
    host_t *host = taken_back(state);
    digest_t digest = host->job.take_back;
    order_t order = about(host, ORDER_STOP, &digest);
    (void)taken(host, &order);
    host_refuses(host, ERROR_CANCELLED);
}

/* A newer trust file may be what the dead coordinator was to bring. */
static void test_past_the_trust_files_end(void **state) {
    host_t *host = *state;
    host->world.plan.expires_us = NOW_US + TRUST_DAY_US;
    host->world.plan_order.expires_us = NOW_US + 30 * TRUST_DAY_US;
    (void)done(state);
    host->world.now_us = NOW_US + 2 * TRUST_DAY_US;
    order_t order = about(host, ORDER_TAKE_BACK, &host->world.order->digest);
    digest_t digest = taken(host, &order);
    host_refuses(host, ERROR_TRUST_EXPIRED); /* forward */
    turn_around(host, &digest);
    host_grant(host);
}

static void refused(host_t *host, const order_t *order, const char *environment,
                    error_code_t code) {
    CLEANUP(document_destroy_p) document_t *document = sign_order(order);
    keeper_news_t news = KEEPER_KNOWN;
    error_t err = {0};
    assert_int_equal(take(host, document, environment, &news, &err), STATUS_ERROR);
    assert_int_equal(err.code, code);
    assert_false(keeper_knows(host->keeper, &document->id));
}

static void test_not_by_the_wire(void **state) {
    host_t *host = done(state);
    order_t order = about(host, ORDER_TAKE_BACK, &host->world.order->digest);
    refused(host, &order, NULL, ERROR_TRUST_KIND);
}

static void test_of_another_environment(void **state) {
    host_t *host = done(state);
    order_t order = about(host, ORDER_TAKE_BACK, &host->world.order->digest);
    refused(host, &order, "staging", ERROR_ORDER_SCOPE);
}

static void test_a_known_one_is_known(void **state) {
    host_t *host = done(state);
    order_t order = about(host, ORDER_TAKE_BACK, &host->world.order->digest);
    CLEANUP(document_destroy_p) document_t *document = sign_order(&order);
    keeper_news_t news = KEEPER_KNOWN;
    error_t err = {0};
    MUST(take(host, document, "prod", &news, &err));
    assert_int_equal(news, KEEPER_TAKEN_BACK);
    MUST(host_restart(host, &err));
    MUST(take(host, document, "prod", &news, &err));
    assert_int_equal(news, KEEPER_KNOWN);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(test_an_undo_of_its_own),
        TEST(test_after_a_restart),
        TEST(test_nobody_signed_and_nothing_is_taken_back),
        TEST(test_only_the_way_back),
        TEST(test_not_further_than_its_leaf),
        TEST(test_a_stop_is_no_take_back),
        TEST(test_a_take_back_of_another_order),
        TEST(test_nothing_forward_under_it_any_more),
        TEST(test_a_stopped_rollout_is_taken_back),
        TEST(test_a_take_back_is_stopped),
        TEST(test_past_the_trust_files_end),
        TEST(test_not_by_the_wire),
        TEST(test_of_another_environment),
        TEST(test_a_known_one_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
