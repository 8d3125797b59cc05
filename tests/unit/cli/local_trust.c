/* Tests of cli/local_trust*.c, trust_draft.c and outside.c: what the handlers write, and what they
 * refuse without writing. */
#include "cli/outside.h"
#include "cli/trust_draft.h"
#include "cli/trust_paper.h"
#include "tests/unit/cli/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* One person's chain: an edit is a draft of the next version, and nothing that is refused leaves a
 * file. */
static void test_chain(void **state) {
    (void)state;
    ROOM_OK("trust", "init", "--solo", "--no-passphrase", "--out", "@t");
    ROOM_OK("key", "new", "@ops", "--kind", "operator", "--name", "dora");
    ROOM_REFUSED(ERROR_USAGE, "trust", "add", "@t/fleet.trust", "@ops.pub", "--role", "operator");
    ROOM_REFUSED(ERROR_USAGE, "trust", "add", "@t/fleet.trust", "@ops.pub", "-e", "test", "--out",
                 "@2");
    ROOM_REFUSED(ERROR_TRUST_RULES, "trust", "add", "@t/fleet.trust", "@ops.pub", "--role",
                 "release", "--out", "@2");
    ROOM_REFUSED(ERROR_TRUST_RULES, "trust", "add", "@t/fleet.trust", "@ops.pub", "--role",
                 "operator", "-l", "tier=(", "--out", "@2");
    ROOM_REFUSED(ERROR_TRUST_RULES, "trust", "rotate", "@t/fleet.trust", "--threshold", "2",
                 "--out", "@2");
    ROOM_REFUSED(ERROR_TRUST_CHOICE, "trust", "threshold", "@t/fleet.trust", "viewer", "--count",
                 "0", "--out", "@2");
    assert_false(room_has("2"));
    ROOM_OK("trust", "add", "@t/fleet.trust", "@ops.pub", "--role", "operator", "--out", "@2");
    ROOM_REFUSED(ERROR_INVALID, "trust", "renew", "@t/fleet.trust", "--out", "@2");
    ROOM_OK("trust", "revoke", "@2", "DORA", "--reason", "left");
    ROOM_REFUSED(ERROR_TRUST_CHOICE, "trust", "revoke", "@2", "dora", "--reason", "left");
    ROOM_REFUSED(ERROR_USAGE, "trust", "sign", "@2", "--key", "@t/root.key", "--yes");
    ROOM_REFUSED(ERROR_CONFIRMATION, "trust", "sign", "@2", "--previous", "@t/fleet.trust", "--key",
                 "@t/root.key");
    ROOM_REFUSED(ERROR_TRUST_VERSION, "trust", "show", "@t/fleet.trust", "--previous",
                 "@t/fleet.trust");
    ROOM_OK("trust", "sign", "@2", "--previous", "@t/fleet.trust", "--key", "@t/root.key", "--yes");
    ROOM_OK("trust", "verify", "--pin", "@t/fleet.trust", "@2");
    ROOM_REFUSED(ERROR_TRUST_VERSION, "trust", "verify", "--pin", "@t/fleet.trust", "@2", "@2");
}

/* A draft's lists hold what was put there, in their bounds. */
static void test_draft(void **state) {
    CLEANUP(trust_draft_free) trust_draft_t draft = {0};
    key_public_t key = {.kind = KEY_OPERATOR, .name = "ann", .bytes = {1}};
    trust_key_t *row = NULL;
    error_t err;
    (void)state;
    room_must(trust_draft_begin(NULL, &draft, &err), &err);
    draft.trust.issued_us = 1000;
    room_must(trust_draft_key(&draft, &key, &row, &err), &err);
    for (int i = 0; i < 2; i++) { /* the second time it stands there */
        room_must(
            trust_draft_grant(&draft, row, &(trust_grant_t){ROLE_ADMIN, "", "", "", NULL}, &err),
            &err);
    }
    assert_int_equal(row->grant_count, 1);
    key.kind = KEY_AGENT;
    key.bytes[0] = 2;
    assert_int_equal(trust_draft_key(&draft, &key, &row, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_CHOICE);
    for (uint8_t i = 0; i < 3; i++) { /* out of order: the list ascends all the same */
        const sign_public_t agent = {.bytes = {(uint8_t)(i * 7 % 5)}};
        room_must(trust_draft_agent(&draft, &agent, &err), &err);
    }
    assert_int_equal(draft.agents[0].bytes[0], 0);
    assert_int_equal(draft.agents[1].bytes[0], 2);
    assert_int_equal(draft.agents[2].bytes[0], 4);
    assert_int_equal(trust_draft_agent(&draft, &draft.agents[1], &err), STATUS_ERROR);
}

static void test_words(void **state) {
    static const struct {
        const char *text;
        const char *words[4];
    } CASES[] = {{"a b", {"a", "b"}},
                 {" a\t'b c'  ", {"a", "b c"}},
                 {"a\"b c\"d \"it's\"", {"ab cd", "it's"}},
                 {"a $x;|'' ", {"a", "$x;|"}}};
    outside_words_t words;
    error_t err;
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const outside_command_t command = {.flag = "--x", .text = CASES[i].text};
        room_must(outside_split(&command, &words, &err), &err);
        for (size_t j = 0; CASES[i].words[j] != NULL; j++) {
            assert_true(j < words.count);
            assert_string_equal(words.items[j], CASES[i].words[j]);
        }
        assert_int_equal(words.count, 2);
    }
    for (size_t i = 0; i < 3; i++) {
        const outside_command_t command = {.flag = "--x",
                                           .text = ((const char *[]){"", "''", "a 'b"})[i]};
        assert_int_equal(outside_split(&command, &words, &err), STATUS_ERROR);
        assert_int_equal(err.code, ERROR_USAGE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_chain), cmocka_unit_test(test_draft),
                                       cmocka_unit_test(test_words)};
    return cmocka_run_group_tests(tests, room_set_up, room_tear_down);
}
