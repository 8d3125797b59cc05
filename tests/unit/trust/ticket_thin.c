/*
 * ticket_thin.c: whatever agents said, in whatever documents, a ticket without what is not needed
 * has the same verdict; and what a later word takes back is not left in it.
 */
#include "tests/unit/trust/world.h"

#include "tests/unit/base/cmocka_all.h"

enum { SAID = 10, ROUNDS = 300 };

typedef struct talk {
    world_t world;
    ticket_statement_t statements[SAID];
    document_t *documents[SAID];
    document_t *cards[2];
    uint64_t state;
} talk_t;

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint32_t chance(talk_t *talk, uint32_t below) {
    talk->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = talk->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> 31)) >> 33) % below;
}

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        fail_msg("%s", err->message);
    }
}

static void begin(talk_t *talk, uint32_t seed) {
    error_t err = {0};
    *talk = (talk_t){.state = seed};
    world_open(&talk->world);
    world_t *world = &talk->world;
    world->waves[0].budget_percent_bp = 10000;
    world->waves[0].silence_passes = chance(talk, 2) == 0;
    must(world_verify(world, &err), &err);
    for (int i = 0; i < 2; i++) { /* they speak for all clusters */
        world->cards[i].clusters = NULL;
        world->cards[i].cluster_count = 0;
        must(world_write_card(world, i, &talk->cards[i], &err), &err);
    }
}

static void finish(talk_t *talk) {
    for (size_t i = 0; i < SAID; i++) {
        document_destroy(&talk->documents[i]);
    }
    document_destroy(&talk->cards[0]);
    document_destroy(&talk->cards[1]);
    world_close(&talk->world);
}

/* One of the agents about some of the wave's tenants, and of one that is none of them. */
static void say(talk_t *talk, size_t place) {
    static const which_t AGENTS[] = {AGENT_A, AGENT_B};
    error_t err = {0};
    world_t *world = &talk->world;
    uint32_t agent = chance(talk, 2);
    result_entry_t entries[WAVE_0 + 1];
    result_t result = world->results[0];
    signers_t signer = {.keys = {AGENTS[agent]}, .count = 1};
    result.order = world->order->digest;
    result.entries = entries;
    result.entry_count = 0;
    result.issued_us = NOW_US - TRUST_MINUTE_US + chance(talk, 4);
    for (uint32_t i = 0; i <= WAVE_0; i++) {
        if (chance(talk, 2) == 0 || (i == WAVE_0 && result.entry_count == 0)) {
            entries[result.entry_count++] =
                (result_entry_t){.tenant = world->leaves[i].tenant,
                                 .outcome = (result_outcome_t)(1 + chance(talk, RESULT_FAILED))};
        }
    }
    must(result_write(&result, &talk->documents[place], &err), &err);
    must(world_sign(talk->documents[place], &signer, &err), &err);
    talk->statements[place] =
        (ticket_statement_t){.card = talk->cards[agent], .result = talk->documents[place]};
}

/* What the ticket of so many statements comes to. */
static uint32_t failures_of(talk_t *talk, const ticket_statement_t *statements, size_t count) {
    error_t err = {0};
    CLEANUP(buffer_free) buffer_t bytes = {0};
    world_t *world = &talk->world;
    ticket_parts_t parts = world->parts;
    ticket_verdict_t verdict = {0};
    parts.order = world->order->digest;
    parts.statements = statements;
    parts.statement_count = count;
    must(ticket_encode(&parts, &bytes, &err), &err);
    ticket_claim_t claim = {.wave = 1, .bytes = bytes.data, .size = bytes.size};
    must(ticket_verify(&world->authority, &claim, &verdict, &err), &err);
    return verdict.failures;
}

static void test_verdict_is_the_same(void **state) {
    (void)state;
    size_t left_out = 0;
    uint32_t failures = 0;
    for (uint32_t seed = 1; seed <= ROUNDS; seed++) {
        talk_t talk;
        error_t err = {0};
        size_t needed = 0;
        begin(&talk, seed);
        for (size_t i = 0; i < SAID; i++) {
            say(&talk, i);
        }
        leaves_t leaves = world_leaves(&talk.world, 0);
        uint32_t before = failures_of(&talk, talk.statements, SAID);
        must(ticket_thin(&leaves, talk.statements, SAID, &needed, &err), &err);
        assert_int_equal(failures_of(&talk, talk.statements, needed), before);
        left_out += SAID - needed;
        failures += before;
        size_t again = 0;
        must(ticket_thin(&leaves, talk.statements, needed, &again, &err), &err);
        assert_int_equal(again, needed);
        finish(&talk);
    }
    assert_true(left_out > ROUNDS && left_out < (SAID - 1) * ROUNDS);
    assert_true(failures > 0 && failures < WAVE_0 * ROUNDS);
}

/* One tenant each time, of agent A: failed, failed again, and done in the end. */
static void test_last_word_alone(void **state) {
    (void)state;
    talk_t talk;
    error_t err = {0};
    size_t needed = 0;
    signers_t signer = {.keys = {AGENT_A}, .count = 1};
    begin(&talk, 1);
    for (int i = 0; i < 3; i++) {
        result_t result = talk.world.results[0];
        result_entry_t entry = {.tenant = talk.world.leaves[0].tenant,
                                .outcome = i < 2 ? RESULT_FAILED : RESULT_DONE};
        result.order = talk.world.order->digest;
        result.entries = &entry;
        result.entry_count = 1;
        result.issued_us = NOW_US - TRUST_MINUTE_US + i;
        must(result_write(&result, &talk.documents[i], &err), &err);
        must(world_sign(talk.documents[i], &signer, &err), &err);
        talk.statements[i] =
            (ticket_statement_t){.card = talk.cards[0], .result = talk.documents[i]};
    }
    leaves_t leaves = world_leaves(&talk.world, 0);
    must(ticket_thin(&leaves, talk.statements, 3, &needed, &err), &err);
    assert_int_equal(needed, 1);
    assert_ptr_equal(talk.statements[0].result, talk.documents[2]);
    finish(&talk);
}

static void test_nothing_said(void **state) {
    (void)state;
    talk_t talk;
    error_t err = {0};
    size_t needed = 9;
    begin(&talk, 1);
    leaves_t leaves = world_leaves(&talk.world, 0);
    must(ticket_thin(&leaves, talk.statements, 0, &needed, &err), &err);
    assert_int_equal(needed, 0);
    finish(&talk);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdict_is_the_same),
        cmocka_unit_test(test_last_word_alone),
        cmocka_unit_test(test_nothing_said),
    };
    world_keys();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
