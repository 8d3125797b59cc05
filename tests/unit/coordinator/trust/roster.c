/* roster.c: who may connect, and until when. */
#include "tests/unit/coordinator/trust/office.h"

#include <string.h>

static void enlist(office_t *o, const host_t *host, int64_t expires_us) {
    enrolment_verdict_t verdict;
    card_plan_t plan = {.serial = 1, .expires_us = expires_us};
    GOOD(o,
         office_accept(o, office_request(host, 5), office_card(o, host, &plan, BY(ADA)), &verdict));
}

static void parties_by_their_papers(void **state) {
    office_t *o = *state;
    roster_t roster;
    agent_key_t key = {.bytes = {9}};
    GOOD(o, office_open(o));
    enlist(o, &o->host, 0);
    GOOD(o, office_invite(o, &key, "agent-2", NOW_US));
    const zap_peer_t *olga = office_peer(o, &o->curves[OLGA], NOW_US);
    assert_int_equal(olga->party, PARTY_OPERATOR);
    assert_string_equal(olga->name, "olga"); /* the person */
    assert_true(sign_public_equal(&olga->sign, &o->keys[OLGA]));
    const zap_peer_t *agent = office_peer(o, &o->host.curve, NOW_US);
    assert_int_equal(agent->party, PARTY_AGENT);
    assert_string_equal(agent->name, "agent-1");
    assert_true(sign_public_equal(&agent->sign, &o->host.key));
    const zap_peer_t *newcomer = office_peer(o, &key, NOW_US);
    assert_int_equal(newcomer->party, PARTY_NEWCOMER);
    assert_string_equal(newcomer->name, "agent-2");
    GOOD(o, roster_read(o->keeper, NOW_US, &roster, &o->err));
    assert_int_equal(roster.count, 4);
    assert_int_equal(roster.operators, 2);
    assert_int_equal(roster.agents, 1);
    assert_int_equal(roster.newcomers, 1);
    assert_int_equal(roster.left_out, 0);
    assert_int_equal(roster.until_us, NOW_US + DAY_US); /* the invitation ends */
    roster_free(&roster);
    assert_null(office_peer(o, &key, NOW_US + DAY_US));
}

static void who_is_taken_out_is_out(void **state) {
    office_t *o = *state;
    bool known = false;
    GOOD(o, office_open(o));
    enlist(o, &o->host, 0);
    enlist(o, &o->other, 0);
    GOOD(o, office_revoke(o, office_revocation(o, &o->host.key, BY(ADA)), &known));
    assert_null(office_peer(o, &o->host.curve, NOW_US));
    assert_non_null(office_peer(o, &o->other.curve, NOW_US));
    GOOD(o, office_revoke(o, office_revocation(o, &o->keys[OLGA], BY(ADA)), &known));
    assert_null(office_peer(o, &o->curves[OLGA], NOW_US));
    GOOD(o, office_publish(o, office_trust(o, &(plan_t){.version = 2, .olga_retired = true}, ROOTS),
                           &known));
    assert_null(office_peer(o, &o->curves[OLGA], NOW_US));
    assert_non_null(office_peer(o, &o->curves[ADA], NOW_US));
}

static void retired_operators_are_out(void **state) {
    office_t *o = *state;
    bool known = false;
    GOOD(o, office_open(o));
    GOOD(o, office_publish(o, office_trust(o, &(plan_t){.version = 2, .olga_retired = true}, ROOTS),
                           &known));
    assert_null(office_peer(o, &o->curves[OLGA], NOW_US));
}

static void cards_end(void **state) {
    office_t *o = *state;
    roster_t roster;
    GOOD(o, office_open(o));
    enlist(o, &o->host, NOW_US + DAY_US);
    GOOD(o, roster_read(o->keeper, NOW_US, &roster, &o->err));
    int64_t until_us = roster.until_us;
    roster_free(&roster);
    assert_non_null(office_peer(o, &o->host.curve, until_us - 1));
    assert_null(office_peer(o, &o->host.curve, until_us));
}

/* State "accepted" in the catalog lets nobody in: the card must verify. */
static void catalog_is_not_believed(void **state) {
    office_t *o = *state;
    roster_t roster;
    GOOD(o, office_open(o));
    enlist(o, &o->host, 0);
    enlist(o, &o->other, 0);
    fixture_exec(o->fixture, "UPDATE enrolment SET card = x'00' WHERE name = 'agent-1'");
    assert_null(office_peer(o, &o->host.curve, NOW_US));
    CLEANUP(arena_free) arena_t arena = {0};
    enrolment_row_t row;
    GOOD(o, store_enrolment_get(o->fixture->store, &o->host.key, &arena, &row, &o->err));
    document_t *card = office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(OLGA));
    CLEANUP(buffer_free) buffer_t bytes = {0};
    GOOD(o, document_encode(card, &bytes, &o->err));
    row.card = (store_paper_t){.bytes = bytes.data, .size = bytes.size};
    GOOD(o, store_begin(o->fixture->store, &o->err));
    GOOD(o, store_enrolment_put(o->fixture->store, &row, &o->err));
    GOOD(o, store_commit(o->fixture->store, &o->err));
    document_destroy(&card);
    assert_null(office_peer(o, &o->host.curve, NOW_US));
    GOOD(o, roster_read(o->keeper, NOW_US, &roster, &o->err));
    assert_int_equal(roster.left_out, 1);
    assert_int_equal(roster.agents, 1);
    roster_free(&roster);
}

/* The transport key of an agent becomes an operator's: the operator has it. */
static void operators_come_first(void **state) {
    office_t *o = *state;
    bool known = false;
    GOOD(o, office_open(o));
    enlist(o, &o->host, 0);
    o->curves[OLGA] = o->host.curve;
    GOOD(o, office_publish(o, office_trust(o, &(plan_t){.version = 2}, ROOTS), &known));
    const zap_peer_t *peer = office_peer(o, &o->host.curve, NOW_US);
    assert_int_equal(peer->party, PARTY_OPERATOR);
    assert_string_equal(peer->name, "olga");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        OFFICE_TEST(parties_by_their_papers),   OFFICE_TEST(who_is_taken_out_is_out),
        OFFICE_TEST(retired_operators_are_out), OFFICE_TEST(cards_end),
        OFFICE_TEST(catalog_is_not_believed),   OFFICE_TEST(operators_come_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
