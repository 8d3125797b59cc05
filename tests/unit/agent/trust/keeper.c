/*
 * keeper.c: whom an agent believes, from the pin on: nothing older than what it has seen, nothing
 * that is not in the journal, and what takes rights away for good.
 */
#include "tests/unit/agent/trust/host.h"

#include <sqlite3.h>

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

/* The next trust file, of the version that the world plans. */
static status_t take_next(host_t *host, keeper_news_t *ret_news, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(world_write_trust(&host->world, &document, err));
    return host_take(host, document, ret_news, err);
}

static void advance(host_t *host) {
    keeper_news_t news = KEEPER_KNOWN;
    error_t err = {0};
    host->world.plan.version++;
    host->world.plan.issued_us += TRUST_DAY_US;
    MUST(take_next(host, &news, &err));
    assert_int_equal(news, KEEPER_TRUST);
}

static int64_t version(const host_t *host) {
    return keeper_view(host->keeper, NOW_US).trust->version;
}

static void refuses(host_t *host, document_t *document, error_code_t code) {
    keeper_news_t news = KEEPER_KNOWN;
    error_t err = {0};
    uint64_t changes = keeper_changes(host->keeper);
    assert_int_equal(host_take(host, document, &news, &err), STATUS_ERROR);
    if (err.code != code) {
        host_must(STATUS_ERROR, &err);
    }
    assert_int_equal(keeper_changes(host->keeper), changes);
}

/* ---- trust files ---- */

static void test_newer_ones_are_kept(void **state) {
    host_t *host = *state;
    keeper_news_t news = KEEPER_TRUST;
    error_t err = {0};
    host_start(host);
    assert_int_equal(version(host), 4);
    advance(host);
    advance(host);
    assert_int_equal(version(host), 6);
    MUST(take_next(host, &news, &err)); /* once more */
    assert_int_equal(news, KEEPER_KNOWN);
    MUST(host_restart(host, &err));
    assert_int_equal(version(host), 6);
    MUST(take_next(host, &news, &err));
    assert_int_equal(news, KEEPER_KNOWN);
}

/* What came before is passed over in silence, wherever it was seen; another of its version is not.
 */
static void test_older_ones_and_forks(void **state) {
    host_t *host = *state;
    CLEANUP(document_destroy_p) document_t *fourth = NULL;
    CLEANUP(document_destroy_p) document_t *other = NULL;
    CLEANUP(document_destroy_p) document_t *older = NULL;
    keeper_news_t news = KEEPER_TRUST;
    error_t err = {0};
    host_start(host);
    MUST(world_write_trust(&host->world, &fourth, &err));
    advance(host);
    MUST(host_take(host, fourth, &news, &err));
    assert_int_equal(news, KEEPER_KNOWN);
    assert_int_equal(version(host), 5);
    host->world.plan.expires_us++;
    MUST(world_write_trust(&host->world, &other, &err));
    refuses(host, other, ERROR_TRUST_FORK);
    host->world.plan.version = 4;
    MUST(world_write_trust(&host->world, &older, &err));
    refuses(host, older, ERROR_TRUST_ROLLBACK);
    MUST(host_restart(host, &err));
    refuses(host, other, ERROR_TRUST_FORK);
    refuses(host, older, ERROR_TRUST_ROLLBACK);
}

static void test_a_jump_and_a_stranger(void **state) {
    host_t *host = *state;
    CLEANUP(document_destroy_p) document_t *jump = NULL;
    CLEANUP(document_destroy_p) document_t *short_of = NULL;
    CLEANUP(document_destroy_p) document_t *strange = NULL;
    error_t err = {0};
    host_start(host);
    host->world.plan.version = 6;
    MUST(world_write_trust(&host->world, &jump, &err));
    refuses(host, jump, ERROR_TRUST_VERSION);
    host->world.plan.version = 5;
    SIGN_BY(&host->world.roots, ROOT_A);
    MUST(world_write_trust(&host->world, &short_of, &err));
    refuses(host, short_of, ERROR_TRUST_THRESHOLD);
    SIGN_BY(&host->world.roots, STRANGER);
    MUST(world_write_trust(&host->world, &strange, &err));
    refuses(host, strange, ERROR_TRUST_THRESHOLD);
}

/* A pin from before, or from another fleet, does not take an agent back. */
static void test_an_old_pin(void **state) {
    host_t *host = *state;
    error_t err = {0};
    host_start(host);
    advance(host);
    host->world.plan.version = 7; /* given by hand: newer than all that was seen */
    host_write_pin(host);
    MUST(host_restart(host, &err));
    assert_int_equal(version(host), 7);
    host->world.plan.version = 4;
    host->world.plan.issued_us -= TRUST_DAY_US;
    host_write_pin(host);
    assert_int_equal(host_restart(host, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_ROLLBACK);
    memset(host->world.plan.fleet.bytes, 0xf2, IDENT_BYTES);
    host->world.plan.version = 8;
    host_write_pin(host);
    assert_int_equal(host_restart(host, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_FLEET);
}

static void test_another_pin_of_a_version_that_was_seen(void **state) {
    host_t *host = *state;
    error_t err = {0};
    host_start(host);
    host->world.plan.expires_us++;
    host_write_pin(host);
    assert_int_equal(host_restart(host, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_FORK);
}

static void test_a_pin_that_nobody_signed_enough(void **state) {
    host_t *host = *state;
    keeper_t *keeper = NULL;
    char path[HOST_PATH];
    error_t err = {0};
    SIGN_BY(&host->world.roots, ROOT_A);
    host_write_pin(host);
    host_path(host, "state", path);
    MUST(journal_open(path, &host->journal, &err));
    host_path(host, "trust.root", path);
    assert_int_equal(keeper_open(path, host->journal, &keeper, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_THRESHOLD);
    host_path(host, "none", path);
    assert_int_equal(keeper_open(path, host->journal, &keeper, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
}

/* ---- the journal first ---- */

/* Where the journal cannot take it, it does not count. */
static void test_what_is_not_committed_does_not_count(void **state) {
    host_t *host = *state;
    keeper_news_t news = KEEPER_KNOWN;
    sqlite3 *other = NULL;
    signers_t signers;
    char path[HOST_PATH];
    error_t err = {0};
    host_start(host);
    host_path(host, "state/journal.sqlite", path);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other,
                                  "CREATE TRIGGER full BEFORE INSERT ON paper"
                                  " BEGIN SELECT RAISE (ABORT, 'no room'); END",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    host->world.plan.version++;
    assert_int_equal(take_next(host, &news, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_STORE);
    assert_int_equal(version(host), 4);
    SIGN_BY(&signers, ROLLBACK_A);
    assert_int_equal(host_word(host, ORDER_HOLD, &signers, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_STORE);
    assert_false(keeper_held(host->keeper, NULL));
}

/* And what counts is committed: a power cut right after takes nothing back. */
static void test_what_counts_is_committed(void **state) {
    host_t *host = *state;
    signers_t signers;
    error_t err = {0};
    host_start(host);
    advance(host);
    assert_false(journal_is_dirty(host->journal));
    SIGN_BY(&signers, ROLLBACK_A);
    MUST(host_word(host, ORDER_HOLD, &signers, &err));
    assert_false(journal_is_dirty(host->journal));
}

/* ---- revocations ---- */

static document_t *revocation_of(host_t *host, which_t key) {
    document_t *document = NULL;
    revocation_t revocation = {.fleet = host->world.plan.fleet,
                               .key = *world_public(key),
                               .at_us = NOW_US,
                               .reason = "lost"};
    error_t err = {0};
    MUST(revocation_write(&revocation, &document, &err));
    MUST(world_sign(document, &host->world.admins, &err));
    return document;
}

static void test_a_revocation_stays(void **state) {
    host_t *host = *state;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    keeper_news_t news = KEEPER_KNOWN;
    error_t err = {0};
    host_start(host);
    document = revocation_of(host, OP_B);
    MUST(host_take(host, document, &news, &err));
    assert_int_equal(news, KEEPER_REVOKED);
    MUST(host_take(host, document, &news, &err));
    assert_int_equal(news, KEEPER_KNOWN);
    host->world.keys[ADMIN_A].standing = TRUST_REVOKED; /* who signed it has gone since */
    host->world.keys[ADMIN_A].until_us = NOW_US;
    host->world.thresholds[3].count = 1;
    advance(host);
    MUST(host_restart(host, &err));
    trust_view_t view = keeper_view(host->keeper, NOW_US);
    assert_true(trust_is_revoked(&view, world_public(OP_B)));
    assert_false(trust_is_revoked(&view, world_public(OP_A)));
}

static void test_a_revocation_one_signature_short(void **state) {
    host_t *host = *state;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    host_start(host);
    SIGN_BY(&host->world.admins, ADMIN_A);
    document = revocation_of(host, OP_B);
    refuses(host, document, ERROR_TRUST_THRESHOLD);
}

/* ---- holds and stops ---- */

static bool held(const host_t *host, const char *application, const char *environment) {
    hold_scope_t scope = {.application = application, .environment = environment};
    return keeper_held(host->keeper, &scope);
}

typedef struct word {
    order_kind_t kind;
    const char *application;
    const char *environment;
    int64_t issued_us;
} word_t;

static status_t say(host_t *host, const word_t *word, error_t *err) {
    static uint8_t serial = 100;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    keeper_news_t news = KEEPER_KNOWN;
    signers_t signers;
    SIGN_BY(&signers, OP_A, OP_C);
    order_t order = host->world.plan_approval;
    order.kind = word->kind;
    order.application = word->application;
    order.environment = word->environment;
    order.issued_us = order.not_before_us = word->issued_us;
    order.expires_us = NOW_US + TRUST_DAY_US;
    order.proposer = *world_public(OP_A);
    order.subject_wave = 0;
    memset(order.id.bytes, ++serial, IDENT_BYTES);
    TRY(order_write(&order, &document, err));
    TRY(world_sign(document, &signers, err));
    return host_take(host, document, &news, err);
}

static void test_a_hold_has_its_scope(void **state) {
    host_t *host = *state;
    error_t err = {0};
    host_start(host);
    MUST(say(host, &(word_t){ORDER_HOLD, "app", "", NOW_US - 50}, &err));
    assert_true(held(host, "app", "prod"));
    assert_false(held(host, "shop", "prod"));
    assert_true(keeper_held(host->keeper, NULL));
    MUST(say(host, &(word_t){ORDER_HOLD, "", "prod", NOW_US - 40}, &err));
    assert_true(held(host, "shop", "prod"));
    assert_false(held(host, "shop", "test"));
}

/* A release ends what was held before it, within its own scope: neither a later hold, nor a wider
 * one. */
static void test_a_release_has_its_scope(void **state) {
    host_t *host = *state;
    error_t err = {0};
    host_start(host);
    MUST(say(host, &(word_t){ORDER_RELEASE_HOLD, "", "", NOW_US - 100}, &err));
    MUST(say(host, &(word_t){ORDER_HOLD, "", "", NOW_US - 90}, &err));
    assert_true(held(host, "app", "prod"));
    MUST(say(host, &(word_t){ORDER_RELEASE_HOLD, "app", "", NOW_US - 80}, &err));
    assert_true(held(host, "app", "prod"));
    MUST(say(host, &(word_t){ORDER_RELEASE_HOLD, "", "", NOW_US - 70}, &err));
    assert_false(held(host, "app", "prod"));
    MUST(say(host, &(word_t){ORDER_HOLD, "app", "prod", NOW_US - 75}, &err)); /* sent again, late */
    assert_false(held(host, "app", "prod"));
    MUST(host_restart(host, &err));
    assert_false(keeper_held(host->keeper, NULL));
    MUST(say(host, &(word_t){ORDER_HOLD, "", "", NOW_US - 60}, &err));
    assert_true(keeper_held(host->keeper, NULL));
}

static void test_a_hold_by_one_who_may_not(void **state) {
    host_t *host = *state;
    signers_t signers;
    error_t err = {0};
    host_start(host);
    SIGN_BY(&signers, APPROVER);
    assert_int_equal(host_word(host, ORDER_HOLD, &signers, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_THRESHOLD);
    SIGN_BY(&signers, ROLLBACK_A); /* may hold, and not release */
    MUST(host_word(host, ORDER_HOLD, &signers, &err));
    assert_int_equal(host_word(host, ORDER_RELEASE_HOLD, &signers, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_THRESHOLD);
    assert_true(keeper_held(host->keeper, NULL));
}

/* A stop binds the order that it names, of its own application and environment. */
static void test_a_stop_has_its_order(void **state) {
    host_t *host = *state;
    signers_t signers;
    error_t err = {0};
    host_start(host);
    host_order(host);
    order_t other = *host->world.order;
    assert_false(keeper_stopped(host->keeper, &other));
    SIGN_BY(&signers, ROLLBACK_A);
    MUST(host_word(host, ORDER_STOP, &signers, &err));
    assert_true(keeper_stopped(host->keeper, &other));
    other.application = "shop";
    assert_false(keeper_stopped(host->keeper, &other));
    other.application = "app";
    other.digest.bytes[0] ^= 1;
    assert_false(keeper_stopped(host->keeper, &other));
}

static void test_words_are_forgotten_when_nothing_needs_them(void **state) {
    host_t *host = *state;
    error_t err = {0};
    signers_t signers;
    host_start(host);
    host_order(host);
    SIGN_BY(&signers, ROLLBACK_A);
    MUST(host_word(host, ORDER_STOP, &signers, &err));
    MUST(host_word(host, ORDER_HOLD, &signers, &err));
    MUST(keeper_forget(host->keeper, NOW_US + ORDER_LIFE_US, &err));
    assert_true(keeper_stopped(host->keeper, host->world.order));
    MUST(keeper_forget(host->keeper, NOW_US + ORDER_LIFE_US + 3 * TRUST_DAY_US, &err));
    assert_false(keeper_stopped(host->keeper, host->world.order));
    assert_true(keeper_held(host->keeper, NULL)); /* nobody has released it */
    MUST(host_restart(host, &err));
    assert_false(keeper_stopped(host->keeper, host->world.order));
    assert_true(keeper_held(host->keeper, NULL));
}

/* ---- what is not for it ---- */

static void test_other_documents(void **state) {
    host_t *host = *state;
    CLEANUP(document_destroy_p) document_t *card = NULL;
    error_t err = {0};
    host_start(host);
    host_order(host);
    refuses(host, host->world.order_document, ERROR_TRUST_KIND);
    MUST(world_write_card(&host->world, 0, &card, &err));
    refuses(host, card, ERROR_TRUST_KIND);
    keeper_paper_t noise = {.bytes = "noise", .size = 5, .now_us = NOW_US};
    keeper_news_t news = KEEPER_KNOWN;
    assert_int_equal(keeper_take(host->keeper, &noise, &news, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_DOCUMENT);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_newer_ones_are_kept),
        TEST(test_older_ones_and_forks),
        TEST(test_a_jump_and_a_stranger),
        TEST(test_an_old_pin),
        TEST(test_another_pin_of_a_version_that_was_seen),
        TEST(test_a_pin_that_nobody_signed_enough),
        TEST(test_what_is_not_committed_does_not_count),
        TEST(test_what_counts_is_committed),
        TEST(test_a_revocation_stays),
        TEST(test_a_revocation_one_signature_short),
        TEST(test_a_hold_has_its_scope),
        TEST(test_a_release_has_its_scope),
        TEST(test_a_hold_by_one_who_may_not),
        TEST(test_a_stop_has_its_order),
        TEST(test_words_are_forgotten_when_nothing_needs_them),
        TEST(test_other_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
