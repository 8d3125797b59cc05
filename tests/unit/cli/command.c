/* Tests of cli/command{,_help}.c and of the tree itself. */
#include "cli/handlers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS = 12 };

static command_input_t input;

/* Parse a line of words, ended by NULL. */
static status_t parse(const char *const words[WORDS], error_t *err) {
    char *argv[WORDS + 1] = {(char[]){"drover"}};
    static char copies[WORDS][128];
    int argc = 1;
    for (int i = 0; i < WORDS && words[i] != NULL; i++) {
        (void)strncpy(copies[i], words[i], sizeof copies[i] - 1);
        argv[argc++] = copies[i];
    }
    return command_parse(&CLI_TREE, (command_line_t){.argc = argc, .argv = argv}, &input, err);
}

static void test_parses(void **state) {
    error_t err = {0};
    (void)state;
    assert_int_equal(parse((const char *const[WORDS]){"rollout", "start", "spec.yaml", "--wait",
                                                      "--timeout=5min", "-ojson", "-y"},
                           &err),
                     STATUS_OK);
    assert_string_equal(command_chosen(&input)->name, "start");
    assert_string_equal(command_argument(&input, 0), "spec.yaml");
    assert_null(command_argument(&input, 1));
    assert_true(command_switch(&input, "wait"));
    assert_true(command_switch(&input, "yes"));
    assert_false(command_switch(&input, "no-color"));
    assert_string_equal(command_text(&input, "output"), "json");
    assert_true(command_duration_us(&input, "timeout", 0) == INT64_C(300000000));
    assert_null(command_text(&input, "config"));
    assert_int_equal(parse((const char *const[WORDS]){"--config", "x.yaml", "rollout", "retry",
                                                      "r1", "-t", "a", "--tenant", "b"},
                           &err),
                     STATUS_OK);
    assert_string_equal(command_text(&input, "config"), "x.yaml");
    assert_string_equal(command_nth(&input, "tenant", 0), "a");
    assert_string_equal(command_nth(&input, "tenant", 1), "b");
    assert_null(command_nth(&input, "tenant", 2));
    assert_int_equal(parse((const char *const[WORDS]){"new", "--", "--words"}, &err), STATUS_OK);
    assert_string_equal(command_argument(&input, 0), "--words");
    assert_string_equal(command_text(&input, "dir"), "migrations"); /* the default */
    assert_int_equal(parse((const char *const[WORDS]){"tenants", "--limit", "7"}, &err), STATUS_OK);
    assert_int_equal(command_number(&input, "limit", 0), 7);
    assert_int_equal(parse((const char *const[WORDS]){"rollout", "nonsense", "--help"}, &err),
                     STATUS_OK);
    assert_true(input.help);
    assert_string_equal(command_chosen(&input)->name, "rollout");
}

static void test_refuses(void **state) {
    static const struct {
        const char *words[WORDS];
        const char *message;
    } CASES[] = {
        {{"rolout"}, "drover: unknown command 'rolout'; did you mean 'rollout'?"},
        {{"rollout", "strat"}, "drover rollout: unknown command 'strat'; did you mean 'start'?"},
        {{"rollout"}, "drover rollout: a command is expected"},
        {{"rollout", "plan"}, "drover rollout plan: the argument SPEC is missing"},
        {{"rollout", "plan", "a", "b"}, "drover rollout plan: one argument too many: 'b'"},
        {{"rollout", "start", "a", "--wiat"}, "unknown flag '--wiat'; did you mean '--wait'?"},
        {{"rollout", "start", "a", "--timeout"}, "--timeout needs a value"},
        {{"rollout", "start", "a", "--timeout", "5"}, "--timeout takes a duration as in 30s"},
        {{"rollout", "start", "a", "--wait=yes"}, "--wait takes no value"},
        {{"rollout", "start", "a", "--wait", "--wait"}, "--wait is given twice"},
        {{"tenants", "--limit", "-3"}, "--limit takes a whole number, not '-3'"},
        {{"tenants", "-o", "jsn"},
         "--output is one of table, json, not 'jsn'; did you mean 'json'?"},
        {{"tenants", "-x"}, "unknown flag '-x'"},
        {{"rollback", "r", "--method", "rstore"}, "did you mean 'restore'?"},
        {{"baseline", "--at", "empty", "--bundle", "b"}, "--select is missing"},
        {{"clusters", "all"}, "drover clusters: one argument too many: 'all'"},
        {{"agents", "all"}, "drover agents: unknown command 'all'"},
        {{"agents", "acept"}, "drover agents: unknown command 'acept'; did you mean 'accept'?"},
        {{"fleet"}, "drover fleet: a command is expected"},
        {{"rollout", "stop", ""}, "drover rollout stop: the argument ROLLOUT is empty"},
        {{"rollout", "status", ""}, "drover rollout status: the argument ROLLOUT is empty"},
        {{"tenants", "--select", ""}, "--select is empty: give SELECTOR, or leave it out"},
        {{"tenants", "--select="}, "--select is empty: give SELECTOR, or leave it out"},
        {{"rollout", "retry", "r", "-t", "a", "-t", ""}, "--tenant is empty: give TENANT"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        error_t err = {0};
        if (parse(CASES[i].words, &err) == STATUS_OK) {
            fail_msg("accepted: %s", CASES[i].message);
        }
        assert_int_equal(err.code, ERROR_USAGE);
        if (strstr(err.message, CASES[i].message) == NULL) {
            fail_msg("says: %s\nnot:  %s", err.message, CASES[i].message);
        }
    }
}

/* Every command has what help and reference need, and no two flags of one command collide. */
static void check_command(const command_t *command, size_t depth) {
    assert_true(depth <= COMMAND_DEPTH);
    assert_non_null(command->summary);
    assert_true(command->summary[0] >= 'a' && command->summary[0] <= 'z');
    assert_true(command->run != NULL || command->child_count > 0);
    for (size_t i = 0; i < command->flag_count + COMMAND_GLOBAL_FLAG_COUNT; i++) {
        const command_flag_t *a = i < command->flag_count
                                      ? &command->flags[i]
                                      : &COMMAND_GLOBAL_FLAGS[i - command->flag_count];
        assert_non_null(a->help);
        assert_true((a->kind == FLAG_SWITCH) == (a->value == NULL));
        for (size_t j = 0; j < i; j++) {
            const command_flag_t *b = j < command->flag_count
                                          ? &command->flags[j]
                                          : &COMMAND_GLOBAL_FLAGS[j - command->flag_count];
            assert_string_not_equal(a->name, b->name);
            assert_true(a->letter == '\0' || a->letter != b->letter);
        }
    }
    for (size_t i = 0; i < command->argument_count; i++) {
        bool last = i + 1 == command->argument_count;
        assert_true(last || (!command->arguments[i].optional && !command->arguments[i].repeats));
    }
    for (size_t i = 0; i < command->child_count; i++) {
        check_command(&command->children[i], depth + 1);
    }
}

static void test_tree(void **state) {
    (void)state;
    check_command(&CLI_TREE, 1);
}

static void test_help(void **state) {
    error_t err = {0};
    buffer_t help = {0};
    (void)state;
    assert_int_equal(parse((const char *const[WORDS]){"rollback", "--help"}, &err), STATUS_OK);
    command_help((command_path_t){.items = input.path, .depth = input.depth}, &help);
    assert_non_null(strstr(buffer_string(&help), "Usage: drover rollback [ROLLOUT] [--select "
                                                 "SELECTOR] [--to VERSION]"));
    assert_non_null(strstr(buffer_string(&help), "--accept-data-loss"));
    assert_non_null(strstr(buffer_string(&help), "(default undo)"));
    assert_non_null(strstr(buffer_string(&help), "-h, --help"));
    buffer_free(&help);
}

static void test_documents(void **state) {
    buffer_t first = {0};
    buffer_t second = {0};
    buffer_t completion = {0};
    (void)state;
    command_reference(&CLI_TREE, &first);
    command_reference(&CLI_TREE, &second);
    assert_string_equal(buffer_string(&first), buffer_string(&second));
    assert_non_null(strstr(buffer_string(&first), "### drover rollout plan\n"));
    assert_non_null(strstr(buffer_string(&first), "## drover tenants\n"));
    assert_null(strstr(buffer_string(&first), "drover doc\n")); /* hidden */
    command_completion(&CLI_TREE, &completion);
    assert_non_null(strstr(buffer_string(&completion), "\"drover bundle\") words=\"build sign "));
    buffer_free(&first);
    buffer_free(&second);
    buffer_free(&completion);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parses),    cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_tree),      cmocka_unit_test(test_help),
        cmocka_unit_test(test_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
