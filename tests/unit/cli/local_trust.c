/* Tests of cli/local_trust*.c, trust_draft.c and outside.c: what the handlers write, and what they
 * refuse without writing. */
#include "cli/handlers.h"
#include "cli/outside.h"
#include "cli/trust_draft.h"
#include "cli/trust_paper.h"
#include "common/crypto/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORDS = 20, FOLDER = 64 };

static char folder[FOLDER];

/* Run a line of words; "@x" is x in the test's folder. */
static status_t run(const char *const words[WORDS], error_t *err) {
    static command_input_t input;
    static char copies[WORDS][FOLDER + 64];
    char *argv[WORDS + 1] = {(char[]){"drover"}};
    int argc = 1;
    for (int i = 0; i < WORDS && words[i] != NULL; i++) {
        (void)snprintf(copies[i], sizeof copies[i], "%s%s%s", words[i][0] == '@' ? folder : "",
                       words[i][0] == '@' ? "/" : "", words[i] + (words[i][0] == '@' ? 1 : 0));
        argv[argc++] = copies[i];
    }
    *err = (error_t){0};
    if (command_parse(&CLI_TREE, (command_line_t){.argc = argc, .argv = argv}, &input, err) !=
        STATUS_OK) {
        return STATUS_ERROR;
    }
    return command_chosen(&input)->run(&input, err);
}

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        fail_msg("%s", err->message);
    }
}

#define OK(...)                                                                                    \
    do {                                                                                           \
        error_t err_;                                                                              \
        must(run((const char *const[WORDS]){__VA_ARGS__}, &err_), &err_);                          \
    } while (0)
#define REFUSED(wanted, ...)                                                                       \
    do {                                                                                           \
        error_t err_;                                                                              \
        assert_int_equal(run((const char *const[WORDS]){__VA_ARGS__}, &err_), STATUS_ERROR);       \
        if (err_.code != (wanted)) {                                                               \
            fail_msg("%s: %s", error_code_text(err_.code), err_.message);                          \
        }                                                                                          \
    } while (0)

static bool exists(const char *name) {
    char path[2 * FOLDER + 64];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

/* One person's chain: an edit is a draft of the next version, and nothing that is refused leaves a
 * file. */
static void test_chain(void **state) {
    (void)state;
    OK("trust", "init", "--solo", "--no-passphrase", "--out", "@t");
    OK("key", "new", "@ops", "--kind", "operator", "--name", "dora");
    REFUSED(ERROR_USAGE, "trust", "add", "@t/fleet.trust", "@ops.pub", "--role", "operator");
    REFUSED(ERROR_USAGE, "trust", "add", "@t/fleet.trust", "@ops.pub", "-e", "test", "--out", "@2");
    REFUSED(ERROR_TRUST_RULES, "trust", "add", "@t/fleet.trust", "@ops.pub", "--role", "release",
            "--out", "@2");
    REFUSED(ERROR_TRUST_RULES, "trust", "add", "@t/fleet.trust", "@ops.pub", "--role", "operator",
            "-l", "tier=(", "--out", "@2");
    REFUSED(ERROR_TRUST_RULES, "trust", "rotate", "@t/fleet.trust", "--threshold", "2", "--out",
            "@2");
    REFUSED(ERROR_TRUST_CHOICE, "trust", "threshold", "@t/fleet.trust", "viewer", "--count", "0",
            "--out", "@2");
    assert_false(exists("2"));
    OK("trust", "add", "@t/fleet.trust", "@ops.pub", "--role", "operator", "--out", "@2");
    REFUSED(ERROR_INVALID, "trust", "renew", "@t/fleet.trust", "--out", "@2");
    OK("trust", "revoke", "@2", "DORA", "--reason", "left");
    REFUSED(ERROR_TRUST_CHOICE, "trust", "revoke", "@2", "dora", "--reason", "left");
    REFUSED(ERROR_USAGE, "trust", "sign", "@2", "--key", "@t/root.key", "--yes");
    REFUSED(ERROR_CONFIRMATION, "trust", "sign", "@2", "--previous", "@t/fleet.trust", "--key",
            "@t/root.key");
    REFUSED(ERROR_TRUST_VERSION, "trust", "show", "@t/fleet.trust", "--previous", "@t/fleet.trust");
    OK("trust", "sign", "@2", "--previous", "@t/fleet.trust", "--key", "@t/root.key", "--yes");
    OK("trust", "verify", "--pin", "@t/fleet.trust", "@2");
    REFUSED(ERROR_TRUST_VERSION, "trust", "verify", "--pin", "@t/fleet.trust", "@2", "@2");
}

/* A draft's lists hold what was put there, in their bounds. */
static void test_draft(void **state) {
    CLEANUP(trust_draft_free) trust_draft_t draft = {0};
    key_public_t key = {.kind = KEY_OPERATOR, .name = "ann", .bytes = {1}};
    trust_key_t *row = NULL;
    error_t err;
    (void)state;
    must(trust_draft_begin(NULL, &draft, &err), &err);
    draft.trust.issued_us = 1000;
    must(trust_draft_key(&draft, &key, &row, &err), &err);
    for (int i = 0; i < 2; i++) { /* the second time it stands there */
        must(trust_draft_grant(&draft, row, &(trust_grant_t){ROLE_ADMIN, "", "", "", NULL}, &err),
             &err);
    }
    assert_int_equal(row->grant_count, 1);
    key.kind = KEY_AGENT;
    key.bytes[0] = 2;
    assert_int_equal(trust_draft_key(&draft, &key, &row, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_CHOICE);
    for (uint8_t i = 0; i < 3; i++) { /* out of order: the list ascends all the same */
        const sign_public_t agent = {.bytes = {(uint8_t)(i * 7 % 5)}};
        must(trust_draft_agent(&draft, &agent, &err), &err);
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
        must(outside_split(&command, &words, &err), &err);
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

static int set_up(void **state) {
    error_t err;
    (void)state;
    (void)strcpy(folder, "/tmp/drover_trust_XXXXXX");
    return mkdtemp(folder) == NULL || random_start(&err) != STATUS_OK ? -1 : 0;
}

static int tear_down(void **state) {
    static const char *const FILES[] = {"t/root.key",
                                        "t/root.key.pub",
                                        "t/release.key",
                                        "t/release.key.pub",
                                        "t/operator.key",
                                        "t/operator.key.pub",
                                        "t/fleet.trust",
                                        "t",
                                        "ops",
                                        "ops.pub",
                                        "2"};
    (void)state;
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        char path[FOLDER + 64];
        (void)snprintf(path, sizeof path, "%s/%s", folder, FILES[i]);
        (void)remove(path);
    }
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_chain), cmocka_unit_test(test_draft),
                                       cmocka_unit_test(test_words)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
