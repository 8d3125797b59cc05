/* enrolment.c: invitations, requests, cards: what comes in, once, and what does not. */
#include "coordinator/store/store_agent.h"
#include "tests/unit/coordinator/trust/office.h"

#include <sodium.h>

static agent_key_t new_key(void) {
    agent_key_t key;
    randombytes_buf(key.bytes, sizeof key.bytes);
    return key;
}

/* The way over the wire: invited, asked, accepted by name. */
static void invited_host_becomes_agent(void **state) {
    office_t *o = *state;
    agent_key_t key = new_key();
    enrolment_state_t asked = ENROLMENT_REVOKED;
    enrolment_verdict_t verdict;
    GOOD(o, office_open(o));
    uint64_t changes = keeper_changes(o->keeper);
    GOOD(o, office_invite(o, &key, "agent-1", NOW_US));
    assert_true(keeper_changes(o->keeper) > changes);
    GOOD(o, office_ask(o, &key, office_request(&o->host, 5), NOW_US, &asked));
    assert_int_equal(asked, ENROLMENT_PENDING);
    assert_int_equal(office_state(o, &o->host), ENROLMENT_PENDING);
    GOOD(o, office_accept(o, NULL, office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA)),
                          &verdict));
    assert_int_equal(verdict.state, ENROLMENT_ACCEPTED);
    assert_int_equal(verdict.tally.needed, 1);
    assert_int_equal(office_state(o, &o->host), ENROLMENT_ACCEPTED);
    GOOD(o, office_ask(o, &key, office_request(&o->host, 5), NOW_US + 1, &asked));
    assert_int_equal(asked, ENROLMENT_ACCEPTED); /* the same request hears how it stands */
}

static void invitation_is_for_one_request(void **state) {
    office_t *o = *state;
    agent_key_t key = new_key();
    agent_key_t unknown = new_key();
    enrolment_state_t asked;
    host_t liar = o->other;
    liar.name = "agent-1";
    GOOD(o, office_open(o));
    GOOD(o, office_invite(o, &key, "agent-1", NOW_US));
    BAD(o, ENROLMENT, office_ask(o, &unknown, office_request(&o->host, 5), NOW_US, &asked));
    BAD(o, ENROLMENT, office_ask(o, &key, office_request(&o->other, 5), NOW_US, &asked));
    BAD(o, ENROLMENT, office_ask(o, &key, office_request(&o->host, 5), NOW_US + DAY_US, &asked));
    GOOD(o, office_ask(o, &key, office_request(&o->host, 5), NOW_US, &asked));
    BAD(o, ENROLMENT, office_ask(o, &key, office_request(&liar, 5), NOW_US, &asked));
    assert_int_equal(office_state(o, &liar), 0);
    assert_non_null(strstr(o->err.message, "'drover agents reject agent-1'"));
    liar.curve = o->host.curve; /* its name and transport key, and another signing key */
    BAD(o, ENROLMENT, office_ask(o, &key, office_request(&liar, 6), NOW_US, &asked));
    liar = o->host;
    liar.curve = o->other.curve; /* its own signing key and name, and another transport key */
    BAD(o, ENROLMENT, office_ask(o, &key, office_request(&liar, 6), NOW_US, &asked));
    assert_non_null(strstr(o->err.message, "'drover agents invite agent-1 --out FILE'"));
    assert_int_equal(office_state(o, &o->other), 0);
}

static size_t size_of_card(office_t *o, bool draft) {
    CLEANUP(arena_free) arena_t arena = {0};
    enrolment_row_t row;
    GOOD(o, store_enrolment_get(o->fixture->store, &o->host.key, &arena, &row, &o->err));
    return draft ? row.draft.size : row.card.size;
}

/* Which request a host is known by, and that the catalog has its bytes. */
static digest_t known_by(office_t *o) {
    CLEANUP(arena_free) arena_t arena = {0};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    enrolment_row_t row;
    GOOD(o, store_enrolment_get(o->fixture->store, &o->host.key, &arena, &row, &o->err));
    GOOD(o, document_decode(row.request.bytes, row.request.size, &document, &o->err));
    assert_true(digest_equal(&row.fingerprint, &document->id));
    return row.fingerprint;
}

static bool is_known_by(office_t *o, int64_t issued_us) {
    digest_t known = known_by(o);
    CLEANUP(document_destroy_p) document_t *request = office_request(&o->host, issued_us);
    return digest_equal(&known, &request->id);
}

/* A host whose state folder was lost asks with the same keys and name, by another request. While it
 * waits, the newer one is compared; an agent stays an agent; and a used invitation lets nobody in.
 */
static void one_that_lost_its_request_asks_again(void **state) {
    office_t *o = *state;
    agent_key_t key = new_key();
    enrolment_state_t asked = ENROLMENT_REVOKED;
    enrolment_verdict_t verdict;
    card_plan_t first = {.serial = 1};
    bool known = false;
    office_pin(o, &(plan_t){.version = 1, .admins = 2});
    GOOD(o, office_open(o));
    GOOD(o, office_invite(o, &key, "agent-1", NOW_US));
    GOOD(o, office_ask(o, &key, office_request(&o->host, 5), NOW_US, &asked));
    GOOD(o, office_accept(o, NULL, office_card(o, &o->host, &first, BY(ADA)), &verdict));
    GOOD(o, office_ask(o, &key, office_request(&o->host, 6), NOW_US, &asked));
    assert_int_equal(asked, ENROLMENT_PENDING);
    assert_true(is_known_by(o, 6));
    assert_int_equal(size_of_card(o, true), 0); /* she had signed by the other fingerprint */
    GOOD(o, office_ask(o, &key, office_request(&o->host, 4), NOW_US, &asked));
    assert_true(is_known_by(o, 6)); /* no old one comes back */
    GOOD(o, office_accept(o, NULL, office_card(o, &o->host, &first, BY(ADA, ALAN)), &verdict));
    assert_int_equal(verdict.state, ENROLMENT_ACCEPTED);
    uint64_t changes = keeper_changes(o->keeper);
    GOOD(o, office_ask(o, &key, office_request(&o->host, 7), NOW_US, &asked));
    assert_int_equal(asked, ENROLMENT_ACCEPTED);
    assert_int_equal(keeper_changes(o->keeper), changes); /* it is told, and nothing else */
    assert_true(is_known_by(o, 6));
    GOOD(o, office_revoke(o, office_revocation(o, &o->host.key, BY(ADA, ALAN)), &known));
    GOOD(o, office_ask(o, &key, office_request(&o->host, 8), NOW_US, &asked));
    assert_int_equal(asked, ENROLMENT_REVOKED);
    assert_int_equal(office_state(o, &o->host), ENROLMENT_REVOKED);
}

/* By an invitation that nobody used yet: an agent does not use it up, either. */
static void an_agent_uses_no_invitation(void **state) {
    office_t *o = *state;
    agent_key_t keys[] = {new_key(), new_key()};
    enrolment_state_t asked = ENROLMENT_REVOKED;
    enrolment_verdict_t verdict;
    GOOD(o, office_open(o));
    GOOD(o, office_invite(o, &keys[0], "agent-1", NOW_US));
    GOOD(o, office_invite(o, &keys[1], "agent-1", NOW_US));
    GOOD(o, office_ask(o, &keys[0], office_request(&o->host, 5), NOW_US, &asked));
    GOOD(o, office_accept(o, NULL, office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA)),
                          &verdict));
    GOOD(o, office_ask(o, &keys[1], office_request(&o->host, 6), NOW_US, &asked));
    assert_int_equal(asked, ENROLMENT_ACCEPTED);
    host_t twin = o->other;
    twin.name = o->host.name; /* another host with that name, by the same invitation */
    BAD(o, ENROLMENT, office_ask(o, &keys[1], office_request(&twin, 6), NOW_US, &asked));
    assert_non_null(strstr(o->err.message, "'drover agents revoke agent-1 --reason TEXT'"));
    assert_int_equal(office_state(o, &twin), 0);
    twin = o->host;
    twin.name = "agent-9"; /* the same host under another name */
    keys[0] = new_key();
    GOOD(o, office_invite(o, &keys[0], twin.name, NOW_US));
    BAD(o, ENROLMENT, office_ask(o, &keys[0], office_request(&twin, 6), NOW_US, &asked));
}

/* Refusals name the command that helps: it depends on whether that agent is suspended. */
static void an_agents_name_is_not_invited(void **state) {
    office_t *o = *state;
    agent_key_t key = new_key();
    enrolment_verdict_t verdict;
    error_t err = {0};
    GOOD(o, office_open(o));
    GOOD(o,
         office_accept(o, office_request(&o->host, 5),
                       office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA)), &verdict));
    BAD(o, ENROLMENT, office_invite(o, &key, o->host.name, NOW_US));
    assert_non_null(strstr(o->err.message, "'drover agents revoke agent-1 --reason TEXT'"));
    const agent_row_t hello = {
        .key = o->host.curve, .name = o->host.name, .software = "1", .last_seen_us = NOW_US};
    agent_hello_t known;
    const agent_standing_t suspended = {.status = AGENT_SUSPENDED, .since_us = 1, .why = "x"};
    assert_int_equal(store_begin(o->fixture->store, &err), STATUS_OK);
    assert_int_equal(store_agent_hello(o->fixture->store, &hello, &known, &err), STATUS_OK);
    assert_int_equal(store_agent_set_status(o->fixture->store, &o->host.curve, &suspended, &err),
                     STATUS_OK);
    assert_int_equal(store_commit(o->fixture->store, &err), STATUS_OK);
    BAD(o, ENROLMENT, office_invite(o, &key, o->host.name, NOW_US));
    assert_non_null(strstr(o->err.message, "'drover agents resume agent-1 --reason TEXT'"));
}

static void request_is_its_own_keys(void **state) {
    office_t *o = *state;
    agent_key_t key = new_key();
    enrolment_state_t asked;
    error_t err = {0};
    GOOD(o, office_open(o));
    GOOD(o, office_invite(o, &key, "agent-1", NOW_US));
    document_t *request = office_request(&o->host, 5);
    assert_int_equal(document_sign(request, &o->other.secret, &err), STATUS_OK);
    BAD(o, REQUEST_INVALID, office_ask(o, &key, request, NOW_US, &asked));
    BAD(o, TRUST_KIND,
        office_ask(o, &key, office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA)), NOW_US,
                   &asked));
    assert_int_equal(office_state(o, &o->host), 0);
}

static void invitations_make_sense(void **state) {
    office_t *o = *state;
    agent_key_t key = new_key();
    agent_key_t none = {0};
    enrolment_verdict_t verdict;
    GOOD(o, office_open(o));
    BAD(o, INVALID, office_invite(o, &key, "a name", NOW_US));
    BAD(o, INVALID, office_invite(o, &none, "agent-1", NOW_US));
    BAD(o, ENROLMENT, office_invite(o, &o->curves[OLGA], "agent-1", NOW_US));
    invitation_row_t long_one = {
        .curve = key, .name = "a", .made_us = NOW_US, .expires_us = NOW_US + 32 * DAY_US};
    BAD(o, INVALID, enrolment_invite(o->keeper, &long_one, &o->err));
    long_one.expires_us = NOW_US;
    BAD(o, INVALID, enrolment_invite(o->keeper, &long_one, &o->err));
    GOOD(o, office_invite(o, &key, "agent-1", NOW_US));
    BAD(o, INVALID, office_invite(o, &key, "agent-1", NOW_US)); /* a key is invited once */
    GOOD(o,
         office_accept(o, office_request(&o->other, 5),
                       office_card(o, &o->other, &(card_plan_t){.serial = 1}, BY(ADA)), &verdict));
    key = new_key();
    BAD(o, ENROLMENT, office_invite(o, &key, "agent-2", NOW_US)); /* that is an agent's name */
    BAD(o, ENROLMENT, office_invite(o, &o->other.curve, "agent-3", NOW_US));
}

static void requests_are_bounded(void **state) {
    office_t *o = *state;
    agent_key_t key = new_key();
    enrolment_state_t asked;
    GOOD(o, office_open(o));
    GOOD(o, office_invite(o, &key, "agent-1", NOW_US));
    fixture_exec(o->fixture,
                 "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
                 "INSERT INTO enrolment (sign_key, curve_key, name, state, request, fingerprint, "
                 "card, draft, asked_us) SELECT printf('%064d', i), printf('%064d', i), 'n' || i, "
                 "1, x'', '', x'', x'', 1 FROM n");
    BAD(o, ENROLMENT, office_ask(o, &key, office_request(&o->host, 5), NOW_US, &asked));
    fixture_exec(o->fixture, "DELETE FROM enrolment WHERE name = 'n7'");
    GOOD(o, office_ask(o, &key, office_request(&o->host, 5), NOW_US, &asked));
}

/* The way by a file: an admin brings request and card together. */
static void carried_request_becomes_agent(void **state) {
    office_t *o = *state;
    enrolment_verdict_t verdict;
    GOOD(o, office_open(o));
    BAD(o, ENROLMENT,
        office_accept(o, NULL, office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA)),
                      &verdict)); /* nobody asked with that key */
    BAD(o, ENROLMENT,
        office_accept(o, office_request(&o->other, 5),
                      office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA)), &verdict));
    BAD(o, TRUST_THRESHOLD,
        office_accept(o, office_request(&o->host, 5),
                      office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(OLGA)), &verdict));
    assert_int_equal(office_state(o, &o->host), 0);
    GOOD(o,
         office_accept(o, office_request(&o->host, 5),
                       office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA)), &verdict));
    assert_int_equal(office_state(o, &o->host), ENROLMENT_ACCEPTED);
}

static void card_says_what_was_asked(void **state) {
    office_t *o = *state;
    enrolment_verdict_t verdict;
    agent_key_t curve = new_key();
    GOOD(o, office_open(o));
    BAD(o, ENROLMENT,
        office_accept(o, office_request(&o->host, 5),
                      office_card(o, &o->host, &(card_plan_t){.name = "agent-9"}, BY(ADA)),
                      &verdict));
    BAD(o, ENROLMENT,
        office_accept(o, office_request(&o->host, 5),
                      office_card(o, &o->host, &(card_plan_t){.curve = &curve}, BY(ADA)),
                      &verdict));
    BAD(o, CARD_TIME,
        office_accept(
            o, office_request(&o->host, 5),
            office_card(o, &o->host, &(card_plan_t){.issued_us = NOW_US + DAY_US}, BY(ADA)),
            &verdict));
    assert_int_equal(office_state(o, &o->host), 0);
}

/* The same name and transport key by another signing key: the card is for one of them. */
static void card_is_for_the_asking_key(void **state) {
    office_t *o = *state;
    enrolment_verdict_t verdict;
    host_t twin = o->host;
    twin.key = o->other.key;
    twin.secret = o->other.secret;
    GOOD(o, office_open(o));
    BAD(o, ENROLMENT,
        office_accept(o, office_request(&twin, 5),
                      office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA)), &verdict));
    assert_int_equal(office_state(o, &twin), 0);
    assert_int_equal(office_state(o, &o->host), 0);
}

/* Two admins are wanted: the first one's card waits for the second one's. */
static void signatures_are_gathered(void **state) {
    office_t *o = *state;
    enrolment_verdict_t verdict;
    card_plan_t plan = {.serial = 1};
    office_pin(o, &(plan_t){.version = 1, .admins = 2});
    GOOD(o, office_open(o));
    GOOD(o, office_accept(o, office_request(&o->host, 5), office_card(o, &o->host, &plan, BY(ADA)),
                          &verdict));
    assert_int_equal(verdict.state, ENROLMENT_PENDING);
    assert_int_equal(verdict.tally.count, 1);
    assert_int_equal(verdict.tally.needed, 2);
    assert_int_equal(office_state(o, &o->host), ENROLMENT_PENDING);
    assert_true(size_of_card(o, true) > 0);
    assert_int_equal(size_of_card(o, false), 0);
    GOOD(o, office_accept(o, NULL, office_card(o, &o->host, &plan, BY(ADA)), &verdict));
    assert_int_equal(verdict.tally.count, 1); /* the same person again */
    GOOD(o, office_accept(o, NULL, office_card(o, &o->host, &plan, BY(ALAN)), &verdict));
    assert_int_equal(verdict.state, ENROLMENT_ACCEPTED);
    assert_int_equal(size_of_card(o, true), 0);
    assert_true(size_of_card(o, false) > 0);
}

/* A new card for an agent: until it has all signatures the old one stands. */
static void cards_are_renewed(void **state) {
    office_t *o = *state;
    enrolment_verdict_t verdict;
    card_plan_t second = {.serial = 2, .expires_us = NOW_US + DAY_US};
    office_pin(o, &(plan_t){.version = 1, .admins = 2});
    GOOD(o, office_open(o));
    GOOD(o, office_accept(o, office_request(&o->host, 5),
                          office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA, ALAN)),
                          &verdict));
    BAD(o, ENROLMENT,
        office_accept(o, NULL, office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA, ALAN)),
                      &verdict)); /* not newer */
    host_t moved = o->host;
    moved.curve = o->other.curve;
    BAD(o, ENROLMENT,
        office_accept(o, office_request(&moved, 6), office_card(o, &moved, &second, BY(ADA, ALAN)),
                      &verdict));
    assert_non_null(strstr(o->err.message, "'drover agents revoke agent-1 --reason TEXT'"));
    moved = o->host;
    moved.name = "agent-9";
    BAD(o, ENROLMENT,
        office_accept(o, office_request(&moved, 6), office_card(o, &moved, &second, BY(ADA, ALAN)),
                      &verdict));
    /* its state folder was lost, and so its request: one of another time is as good */
    GOOD(o, office_accept(o, office_request(&o->host, 6),
                          office_card(o, &o->host, &second, BY(ADA)), &verdict));
    assert_int_equal(office_state(o, &o->host), ENROLMENT_ACCEPTED);
    assert_true(is_known_by(o, 6));
    GOOD(o, office_accept(o, office_request(&o->host, 4),
                          office_card(o, &o->host, &second, BY(ADA)), &verdict));
    assert_true(is_known_by(o, 6)); /* no old one comes back */
    assert_non_null(office_peer(o, &o->host.curve, NOW_US + 2 * DAY_US));
    GOOD(o, office_accept(o, NULL, office_card(o, &o->host, &second, BY(ALAN)), &verdict));
    assert_non_null(office_peer(o, &o->host.curve, NOW_US));
    assert_null(office_peer(o, &o->host.curve, NOW_US + 2 * DAY_US));
}

static void a_name_means_one_host(void **state) {
    office_t *o = *state;
    enrolment_verdict_t verdict;
    host_t twin = o->other;
    bool known = false;
    twin.name = o->host.name;
    GOOD(o, office_open(o));
    GOOD(o,
         office_accept(o, office_request(&o->host, 5),
                       office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA)), &verdict));
    BAD(o, ENROLMENT,
        office_accept(o, office_request(&twin, 5),
                      office_card(o, &twin, &(card_plan_t){.serial = 1}, BY(ADA)), &verdict));
    twin.name = "agent-2";
    twin.curve = o->host.curve; /* another's transport key */
    BAD(o, ENROLMENT,
        office_accept(o, office_request(&twin, 5),
                      office_card(o, &twin, &(card_plan_t){.serial = 1}, BY(ADA)), &verdict));
    twin.curve = o->curves[OLGA];
    BAD(o, ENROLMENT,
        office_accept(o, office_request(&twin, 5),
                      office_card(o, &twin, &(card_plan_t){.serial = 1}, BY(ADA)), &verdict));
    GOOD(o, office_revoke(o, office_revocation(o, &o->host.key, BY(ADA)), &known));
    twin = o->other;
    twin.name = o->host.name; /* free again, for another key */
    GOOD(o, office_accept(o, office_request(&twin, 5),
                          office_card(o, &twin, &(card_plan_t){.serial = 1}, BY(ADA)), &verdict));
    BAD(o, CARD_REVOKED,
        office_accept(o, office_request(&o->host, 6),
                      office_card(o, &o->host, &(card_plan_t){.serial = 2}, BY(ADA)), &verdict));
}

/* After a theft the host comes back under its name, by a token, with new keys. */
static void a_revoked_name_is_invited_again(void **state) {
    office_t *o = *state;
    enrolment_verdict_t verdict;
    enrolment_state_t asked = ENROLMENT_ACCEPTED;
    host_t anew = o->other;
    const agent_key_t key = {{7, 7}};
    bool known = false;
    anew.name = o->host.name;
    GOOD(o, office_open(o));
    GOOD(o,
         office_accept(o, office_request(&o->host, 5),
                       office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA)), &verdict));
    BAD(o, ENROLMENT, office_invite(o, &key, anew.name, NOW_US));
    GOOD(o, office_revoke(o, office_revocation(o, &o->host.key, BY(ADA)), &known));
    GOOD(o, office_invite(o, &key, anew.name, NOW_US));
    GOOD(o, office_ask(o, &key, office_request(&anew, 6), NOW_US, &asked));
    assert_int_equal(asked, ENROLMENT_PENDING);
    GOOD(o, office_accept(o, NULL, office_card(o, &anew, &(card_plan_t){.serial = 1}, BY(ADA)),
                          &verdict));
    assert_int_equal(verdict.state, ENROLMENT_ACCEPTED);
    assert_int_equal(office_state(o, &o->host), ENROLMENT_REVOKED);
}

static void operators_are_no_agents(void **state) {
    office_t *o = *state;
    enrolment_verdict_t verdict;
    host_t host = o->host;
    host.key = o->keys[OLGA];
    host.secret = o->secrets[OLGA];
    GOOD(o, office_open(o));
    BAD(o, ENROLMENT,
        office_accept(o, office_request(&host, 5),
                      office_card(o, &host, &(card_plan_t){.serial = 1}, BY(ADA)), &verdict));
}

static void hosts_are_rejected(void **state) {
    office_t *o = *state;
    agent_key_t key = new_key();
    enrolment_state_t asked;
    enrolment_verdict_t verdict;
    GOOD(o, office_open(o));
    BAD(o, ENROLMENT, office_reject(o, "agent-1"));
    GOOD(o, office_invite(o, &key, "agent-1", NOW_US));
    GOOD(o, office_ask(o, &key, office_request(&o->host, 5), NOW_US, &asked));
    GOOD(o, office_reject(o, "agent-1"));
    assert_int_equal(office_state(o, &o->host), ENROLMENT_REJECTED);
    BAD(o, ENROLMENT, office_reject(o, "agent-1"));
    GOOD(o, office_ask(o, &key, office_request(&o->host, 5), NOW_US, &asked));
    assert_int_equal(asked, ENROLMENT_REJECTED);
    BAD(o, ENROLMENT,
        office_accept(o, NULL, office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA)),
                      &verdict));
    /* a person may think better of it, with the request in hand */
    GOOD(o,
         office_accept(o, office_request(&o->host, 5),
                       office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA)), &verdict));
    BAD(o, ENROLMENT, office_reject(o, "agent-1")); /* an agent is revoked, not rejected */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        OFFICE_TEST(invited_host_becomes_agent),
        OFFICE_TEST(invitation_is_for_one_request),
        OFFICE_TEST(request_is_its_own_keys),
        OFFICE_TEST(invitations_make_sense),
        OFFICE_TEST(requests_are_bounded),
        OFFICE_TEST(carried_request_becomes_agent),
        OFFICE_TEST(card_says_what_was_asked),
        OFFICE_TEST(card_is_for_the_asking_key),
        OFFICE_TEST(signatures_are_gathered),
        OFFICE_TEST(cards_are_renewed),
        OFFICE_TEST(one_that_lost_its_request_asks_again),
        OFFICE_TEST(an_agent_uses_no_invitation),
        OFFICE_TEST(an_agents_name_is_not_invited),
        OFFICE_TEST(a_name_means_one_host),
        OFFICE_TEST(a_revoked_name_is_invited_again),
        OFFICE_TEST(operators_are_no_agents),
        OFFICE_TEST(hosts_are_rejected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
