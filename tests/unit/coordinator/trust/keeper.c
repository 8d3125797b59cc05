/* keeper.c: the pin and what follows it, forks and rollbacks, revocations, what is given up. */
#include "tests/unit/coordinator/trust/office.h"

#include <unistd.h>

static const trust_t *trust_of(const office_t *o) {
    return keeper_view(o->keeper, NOW_US).trust;
}

static status_t count_file(void *context, const trust_file_row_t *file, error_t *err) {
    int64_t *versions = context;
    (void)err;
    *versions = *versions * 10 + file->version;
    return STATUS_OK;
}

/* The versions in the catalog as digits: 123. */
static int64_t files_of(office_t *o) {
    int64_t versions = 0;
    GOOD(o, store_trust_file_each(o->fixture->store, 0, count_file, &versions, &o->err));
    return versions;
}

static void pin_is_kept_and_used(void **state) {
    office_t *o = *state;
    GOOD(o, office_open(o));
    assert_int_equal(trust_of(o)->version, 1);
    assert_int_equal(files_of(o), 1);
    assert_string_equal(keeper_environment(o->keeper), "prod");
    assert_int_equal(keeper_order_life_us(o->keeper), 7 * DAY_US);
    GOOD(o, office_open(o)); /* again, on the same catalog */
    assert_int_equal(files_of(o), 1);
}

static void pin_must_hold(void **state) {
    office_t *o = *state;
    document_t *document = office_trust(o, &(plan_t){.version = 1}, BY(ROOT_ONE));
    GOOD(o, trust_file_write(document, o->pin, &o->err));
    document_destroy(&document);
    BAD(o, TRUST_THRESHOLD, office_open(o));
    assert_int_equal(unlink(o->pin), 0);
    BAD(o, NOT_FOUND, office_open(o));
    assert_int_equal(files_of(o), 0);
}

static void newer_files_are_followed(void **state) {
    office_t *o = *state;
    bool known = true;
    GOOD(o, office_open(o));
    uint64_t changes = keeper_changes(o->keeper);
    GOOD(o, office_publish(o, office_trust(o, &(plan_t){.version = 2}, ROOTS), &known));
    assert_false(known);
    assert_int_equal(trust_of(o)->version, 2);
    assert_true(keeper_changes(o->keeper) > changes);
    changes = keeper_changes(o->keeper);
    GOOD(o, office_publish(o, office_trust(o, &(plan_t){.version = 2}, ROOTS), &known));
    assert_true(known);
    assert_int_equal(keeper_changes(o->keeper), changes);
    GOOD(o, office_publish(o, office_trust(o, &(plan_t){.version = 3}, ROOTS), &known));
    assert_int_equal(files_of(o), 123);
    GOOD(o, office_open(o)); /* from the pin, version 1, up again */
    assert_int_equal(trust_of(o)->version, 3);
}

static void what_does_not_follow_is_refused(void **state) {
    office_t *o = *state;
    bool known = false;
    GOOD(o, office_open(o));
    GOOD(o, office_publish(o, office_trust(o, &(plan_t){.version = 2}, ROOTS), &known));
    BAD(o, TRUST_THRESHOLD,
        office_publish(o, office_trust(o, &(plan_t){.version = 3}, BY(ROOT_ONE)), &known));
    BAD(o, TRUST_VERSION,
        office_publish(o, office_trust(o, &(plan_t){.version = 4}, ROOTS), &known));
    BAD(o, TRUST_ROLLBACK,
        office_publish(o, office_trust(o, &(plan_t){.version = 1}, ROOTS), &known));
    BAD(o, TRUST_FORK,
        office_publish(o, office_trust(o, &(plan_t){.version = 2, .admins = 2}, ROOTS), &known));
    BAD(o, TRUST_FLEET,
        office_publish(o, office_trust(o, &(plan_t){.version = 3, .other_fleet = true}, ROOTS),
                       &known));
    BAD(o, TRUST_TIME,
        office_publish(
            o, office_trust(o, &(plan_t){.version = 3, .issued_us = NOW_US + DAY_US}, ROOTS),
            &known));
    BAD(o, TRUST_THRESHOLD,
        office_publish(o, office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA)), &known));
    assert_int_equal(trust_of(o)->version, 2);
    assert_int_equal(files_of(o), 12);
}

static void pins_move_forward_only(void **state) {
    office_t *o = *state;
    bool known = false;
    GOOD(o, office_open(o));
    office_pin(o, &(plan_t){.version = 4}); /* by hand, past what the catalog has */
    GOOD(o, office_open(o));
    assert_int_equal(trust_of(o)->version, 4);
    assert_int_equal(files_of(o), 14);
    office_pin(o, &(plan_t){.version = 4, .admins = 2});
    BAD(o, TRUST_FORK, office_open(o));
    office_pin(o, &(plan_t){.version = 1}); /* what leads from 1 to 4 is not there */
    BAD(o, TRUST_VERSION, office_open(o));
    office_pin(o, &(plan_t){.version = 5, .other_fleet = true});
    BAD(o, TRUST_FLEET, office_open(o));
    office_pin(o, &(plan_t){.version = 4});
    GOOD(o, office_open(o));
    GOOD(o, office_publish(o, office_trust(o, &(plan_t){.version = 5}, ROOTS), &known));
    assert_int_equal(files_of(o), 145);
}

static void pin_is_read_again(void **state) {
    office_t *o = *state;
    GOOD(o, office_open(o));
    office_pin(o, &(plan_t){.version = 2});
    uint64_t changes = keeper_changes(o->keeper);
    GOOD(o, store_begin(o->fixture->store, &o->err));
    GOOD(o, keeper_repin(o->keeper, NOW_US, &o->err));
    GOOD(o, store_commit(o->fixture->store, &o->err));
    assert_int_equal(trust_of(o)->version, 2);
    assert_int_equal(files_of(o), 12);
    assert_true(keeper_changes(o->keeper) > changes);
    office_pin(o, &(plan_t){.version = 3, .other_fleet = true});
    GOOD(o, store_begin(o->fixture->store, &o->err));
    BAD(o, TRUST_FLEET, keeper_repin(o->keeper, NOW_US, &o->err));
    store_rollback(o->fixture->store);
    assert_int_equal(trust_of(o)->version, 2);
}

/* Somebody who writes the catalog writes no trust file. */
static void catalog_is_not_believed(void **state) {
    office_t *o = *state;
    bool known = false;
    GOOD(o, office_open(o));
    GOOD(o, office_publish(o, office_trust(o, &(plan_t){.version = 2}, ROOTS), &known));
    document_t *forged = office_trust(o, &(plan_t){.version = 3}, BY(ADA, ALAN));
    CLEANUP(buffer_free) buffer_t bytes = {0};
    GOOD(o, document_encode(forged, &bytes, &o->err));
    trust_file_row_t row = {.version = 3,
                            .digest = forged->id,
                            .document = {.bytes = bytes.data, .size = bytes.size},
                            .published_by = "eve"};
    GOOD(o, store_begin(o->fixture->store, &o->err));
    GOOD(o, store_trust_file_insert(o->fixture->store, &row, &known, &o->err));
    GOOD(o, store_commit(o->fixture->store, &o->err));
    document_destroy(&forged);
    BAD(o, TRUST_THRESHOLD, keeper_reload(o->keeper, &o->err));
    assert_int_equal(trust_of(o)->version, 2);
    BAD(o, TRUST_THRESHOLD, office_open(o));
}

static void revocations_hold(void **state) {
    office_t *o = *state;
    bool known = true;
    GOOD(o, office_open(o));
    GOOD(o, office_revoke(o, office_revocation(o, &o->keys[OLGA], BY(ADA)), &known));
    assert_false(known);
    trust_view_t view = keeper_view(o->keeper, NOW_US);
    assert_true(trust_is_revoked(&view, &o->keys[OLGA]));
    GOOD(o, office_revoke(o, office_revocation(o, &o->keys[OLGA], BY(ADA, ALAN)), &known));
    assert_true(known);
    BAD(o, TRUST_THRESHOLD,
        office_revoke(o, office_revocation(o, &o->keys[ALAN], BY(OLGA)), &known));
    BAD(o, TRUST_KEY, office_revoke(o, office_revocation(o, &o->keys[ROOT_ONE], BY(ADA)), &known));
    GOOD(o, office_open(o));
    view = keeper_view(o->keeper, NOW_US);
    assert_true(trust_is_revoked(&view, &o->keys[OLGA]));
    assert_false(trust_is_revoked(&view, &o->keys[ALAN]));
}

/* Who signed it has left since: the key does not come back by that. */
static void revocations_outlive_their_signers(void **state) {
    office_t *o = *state;
    bool known = false;
    GOOD(o, office_open(o));
    GOOD(o, office_revoke(o, office_revocation(o, &o->host.key, BY(ALAN)), &known));
    GOOD(o, office_publish(o, office_trust(o, &(plan_t){.version = 2, .without_alan = true}, ROOTS),
                           &known));
    GOOD(o, office_open(o));
    trust_view_t view = keeper_view(o->keeper, NOW_US);
    assert_true(trust_is_revoked(&view, &o->host.key));
}

static void revoked_agents_are_out(void **state) {
    office_t *o = *state;
    bool known = false;
    enrolment_verdict_t verdict;
    GOOD(o, office_open(o));
    GOOD(o,
         office_accept(o, office_request(&o->host, NOW_US),
                       office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA)), &verdict));
    GOOD(o,
         office_accept(o, office_request(&o->other, NOW_US),
                       office_card(o, &o->other, &(card_plan_t){.serial = 1}, BY(ADA)), &verdict));
    GOOD(o, office_revoke(o, office_revocation(o, &o->host.key, BY(ADA)), &known));
    assert_int_equal(office_state(o, &o->host), ENROLMENT_REVOKED);
    assert_int_equal(office_state(o, &o->other), ENROLMENT_ACCEPTED);
    GOOD(o,
         office_publish(
             o, office_trust(o, &(plan_t){.version = 2, .revoked = &o->other.key}, ROOTS), &known));
    assert_int_equal(office_state(o, &o->other), ENROLMENT_REVOKED);
}

/* What a transaction wrote and gave up is forgotten in memory, too. */
static void reload_forgets_what_was_given_up(void **state) {
    office_t *o = *state;
    bool known = false;
    GOOD(o, office_open(o));
    document_t *next = office_trust(o, &(plan_t){.version = 2}, ROOTS);
    document_t *revocation = office_revocation(o, &o->keys[OLGA], BY(ADA));
    keeper_paper_t papers[] = {{.document = next, .by = "x", .now_us = NOW_US},
                               {.document = revocation, .by = "x", .now_us = NOW_US}};
    GOOD(o, store_begin(o->fixture->store, &o->err));
    GOOD(o, keeper_publish(o->keeper, &papers[0], &known, &o->err));
    GOOD(o, keeper_revoke(o->keeper, &papers[1], &known, &o->err));
    assert_int_equal(trust_of(o)->version, 2);
    store_rollback(o->fixture->store);
    uint64_t changes = keeper_changes(o->keeper);
    GOOD(o, keeper_reload(o->keeper, &o->err));
    trust_view_t view = keeper_view(o->keeper, NOW_US);
    assert_int_equal(view.trust->version, 1);
    assert_false(trust_is_revoked(&view, &o->keys[OLGA]));
    assert_true(keeper_changes(o->keeper) > changes);
    document_destroy(&next);
    document_destroy(&revocation);
}

/* The pin's own row was given up: it is written again, in a commit of its own. */
static void reload_saves_the_pin(void **state) {
    office_t *o = *state;
    GOOD(o, office_open(o));
    fixture_exec(o->fixture, "DELETE FROM trust_file");
    GOOD(o, keeper_reload(o->keeper, &o->err));
    assert_false(store_in_transaction(o->fixture->store));
    assert_int_equal(files_of(o), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        OFFICE_TEST(pin_is_kept_and_used),
        OFFICE_TEST(pin_must_hold),
        OFFICE_TEST(newer_files_are_followed),
        OFFICE_TEST(what_does_not_follow_is_refused),
        OFFICE_TEST(pins_move_forward_only),
        OFFICE_TEST(pin_is_read_again),
        OFFICE_TEST(catalog_is_not_believed),
        OFFICE_TEST(revocations_hold),
        OFFICE_TEST(revocations_outlive_their_signers),
        OFFICE_TEST(revoked_agents_are_out),
        OFFICE_TEST(reload_forgets_what_was_given_up),
        OFFICE_TEST(reload_saves_the_pin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
